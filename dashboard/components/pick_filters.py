"""Which runs to look at: a row everybody uses, and a folded panel for the rest. All of it is in the link."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import loading, ranking
from dashboard.filters import ALL, SHOWN_STATES, Filters, range_columns, states_of
from dashboard.labels import column_text, label_of


def pick_filters(runs: pd.DataFrame, choose_by: str, places: Sequence[DeltaGenerator]) -> tuple[Filters, str]:
    """Return the filters and the metric that ranks; choose_by: the project's own, which is where one starts.

    places: three, where the controls that everybody uses are drawn.
    """
    left, middle, right = places
    options = ranking.rankable(ranking.candidates(runs))
    bakeoff = left.selectbox("Bake-off", [*ranking.bakeoffs(runs), ALL], key="bakeoff", bind="query-params")
    first = options.index(choose_by) if choose_by in options else 0
    by = middle.selectbox(
        "Ranked on validation by", options, index=first, format_func=lambda m: label_of(m).text, key="by", bind="query-params",
        help=" ".join(f"**{label_of(m).text}**: {label_of(m).directed}" for m in options),
    )  # fmt: skip
    text = right.text_input(
        "Find", key="text", bind="query-params", placeholder="name, parameter or id", icon=":material/search:"
    )
    return replace(_more(runs), bakeoff=str(bakeoff), text=text or ""), str(by)


def pick_experiments(project: str, place: DeltaGenerator) -> list[str]:
    """Return further experiments whose runs are to stand beside those of the product; none is the rule."""
    others = [name for name in loading.project_names() if name != project]
    if not others:
        return []
    return place.multiselect(
        "Runs of further experiments", others, key="experiments", bind="query-params", placeholder="none", max_selections=5,
        help="Their runs join the board; they are ranked together only where they were tested on the same rows.",
    )  # fmt: skip


def say_how_many(n_shown: int, filters: Filters, runs: pd.DataFrame) -> None:
    """Say how many runs passed, and offer the way back, when filters keep any out."""
    if filters.n_narrowing == 0:
        return
    usual = [state for state in SHOWN_STATES if state in states_of(runs)]
    n_on = f"{filters.n_narrowing} filter{'s' * (filters.n_narrowing != 1)} on"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f":material/filter_alt: {n_on}; {n_shown:,} runs match, the live one always stays.")
        st.button(
            "Clear", key="clear_filters", on_click=_clear, args=(usual,), type="tertiary", icon=":material/filter_alt_off:"
        )


def _more(runs: pd.DataFrame) -> Filters:
    with st.expander("More filters", icon=":material/tune:"):
        left, middle, right = st.columns(3)
        families = left.multiselect(
            "Family", sorted(set(runs["family"]) - {""}), key="family", bind="query-params", placeholder="all"
        )
        known = states_of(runs)
        states = middle.multiselect(
            "State", known, [s for s in SHOWN_STATES if s in known], key="states", bind="query-params", placeholder="none"
        )
        tag = right.text_input("Tag", key="tag", bind="query-params", placeholder="name or name=value")
        since, until = (_date(place, *of) for place, of in ((left, ("Since", "since")), (middle, ("Until", "until"))))
        metric = right.selectbox(
            "A metric between", range_columns(runs), index=None, format_func=column_text, key="metric", bind="query-params",
            placeholder="any",
        )  # fmt: skip
        low, high = (
            _bound(place, *of, metric) for place, of in ((left, ("at least", "at_least")), (middle, ("at most", "at_most")))
        )
    kept = Filters().states if set(states) == {s for s in SHOWN_STATES if s in known} else tuple(states)
    return Filters(
        families=tuple(families), states=kept, since=since, until=until, tag=tag or "", metric=metric or "",
        at_least=low, at_most=high,
    )  # fmt: skip


def _date(place: DeltaGenerator, label: str, key: str) -> date | None:
    found = place.date_input(label, None, key=key, bind="query-params", format="YYYY-MM-DD", min_value=date(2000, 1, 1))
    return found if isinstance(found, date) else None


def _bound(place: DeltaGenerator, label: str, key: str, metric: str | None) -> float | None:
    found: float | None = place.number_input(
        f"… {label}", value=None, key=key, bind="query-params", format="%.10g", placeholder="any", disabled=metric is None,
    )  # fmt: skip
    return found if metric is not None else None


def _clear(states: list[str]) -> None:
    st.session_state.update(dict.fromkeys(("since", "until", "metric", "at_least", "at_most")))
    st.session_state.update({"family": [], "tag": "", "text": "", "states": states})
