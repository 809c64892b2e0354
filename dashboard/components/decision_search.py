"""The search over all decisions: what to look for, and the list, newest first, in which a tick opens one."""

from datetime import date
from typing import Any, Final

import pandas as pd
import streamlit as st

from dashboard import decision_book, decision_store
from dashboard.decision_book import OUTCOME_WORDS, SOURCE_WORDS, Query
from dashboard.download import as_csv
from pipeline import contract

PARAM: Final = "decision"
BEFORE: Final = "before"
"""Number in the log before which the list begins; absent on its first page."""
PAGE_ROWS: Final = 25


def pick_query(versions: list[int]) -> Query:
    """Return what to look for, all of it in the link; versions: those that ever decided here."""
    left, right = st.columns([3, 2], vertical_alignment="bottom")
    text = left.text_input(
        "Find", key="find", bind="query-params", live=True, placeholder="start of a decision's id, or an applicant's id",
        icon=":material/search:", on_change=first_page,
    )  # fmt: skip
    outcomes = right.pills(
        "Decision", contract.OUTCOMES, selection_mode="multi", format_func=lambda o: OUTCOME_WORDS[o], key="outcome",
        bind="query-params", on_change=first_page,
    )  # fmt: skip
    with st.expander("Dates, version and source", icon=":material/tune:"):
        a, b, c, d = st.columns(4)
        since, until = _day(a, "Since", "since"), _day(b, "Until", "until")
        chosen = c.multiselect(
            "Model version", versions, key="version", bind="query-params", placeholder="all", on_change=first_page
        )
        sources = d.multiselect(
            "From", contract.SOURCES, format_func=lambda s: SOURCE_WORDS[s], key="source", bind="query-params",
            placeholder="all", on_change=first_page,
        )  # fmt: skip
    return Query(text or "", since, until, tuple(outcomes), tuple(int(v) for v in chosen), tuple(sources))


def list_decisions(table: pd.DataFrame, project: str, query: Query, n: int) -> None:
    """Draw the list and its pages; table: at most `PAGE_ROWS` rows of `decision_search.find`, of ``n`` that match."""
    shown = decision_book.results(table)
    state: Any = st.dataframe(
        shown, hide_index=True, on_select="rerun", selection_mode="single-row", key="decision_list", height="content",
        column_config={
            "PD": st.column_config.NumberColumn("PD", format="%.1f %%"),
            "Reasons": st.column_config.TextColumn("Reasons", width="large"),
        },
        alt=f"{len(shown)} decisions, newest first",
    )  # fmt: skip
    if state["selection"]["rows"]:
        st.query_params[PARAM] = str(table["id"].iloc[state["selection"]["rows"][0]])
        st.rerun(scope="app")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{len(shown):,} shown, newest first. Tick a row to open its record.")
        if BEFORE in st.query_params:
            st.button("Newest", key="newest", on_click=first_page, icon=":material/first_page:", type="tertiary")
        if len(table) == PAGE_ROWS:
            last = int(table["seq"].iloc[-1])
            st.button("Older", key="older", on_click=_older, args=(last,), icon=":material/chevron_right:", type="tertiary")
        _take_away(project, query, n)


def _take_away(project: str, query: Query, n: int) -> None:
    """Offer all that match, not this page alone; they are read when they are asked for."""
    most = decision_store.TAKEN_AWAY
    label = f"All {n:,} (CSV)" if n <= most else f"Newest {most:,} (CSV)"
    st.download_button(
        label, lambda: as_csv(decision_store.find_all(project, query).drop(columns=["seq"])), f"{project}-decisions.csv",
        "text/csv", key="download_decisions", icon=":material/download:", type="tertiary", on_click="ignore",
    )  # fmt: skip


def before() -> int | None:
    """Return where the list begins, by the link; nonsense there is the first page."""
    found = st.query_params.get(BEFORE, "")
    return int(found) if found.isascii() and found.isdigit() and len(found) < 19 else None


def first_page() -> None:
    """Begin the list with the newest again."""
    st.query_params.pop(BEFORE, None)


def _older(seq: int) -> None:
    st.query_params[BEFORE] = str(seq)


def _day(place: Any, label: str, key: str) -> date | None:
    found = place.date_input(
        label, None, key=key, bind="query-params", format="YYYY-MM-DD", min_value=date(2000, 1, 1), on_change=first_page
    )
    return found if isinstance(found, date) else None
