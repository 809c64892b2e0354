"""The cut-off: a slider in per cent, carried by the link, and a button to each named one."""

from collections.abc import Mapping
from typing import Final

import streamlit as st

from dashboard.labels import TERMS, percent
from dashboard.worth import BEST, BEST_F1, CHEAPEST, CHOSEN, ELKAN, LIVE, OWN, Cuts

KEY: Final = "cutoff"
MEANS: Final[Mapping[str, str]] = {
    BEST: "Of least cost on validation within the limits you stated.",
    CHEAPEST: "Of least cost on validation.",
    BEST_F1: "Where F1 is highest on validation; F1 knows nothing of money.",
    ELKAN: TERMS["elkan"].help,
    LIVE: "What decides today.",
    OWN: "The one that this run was recorded with, chosen on validation.",
}
"""What each named cut-off is."""


def pick_cutoff(cuts: Cuts) -> float:
    """Return the cut-off; a value in the link that stands for a named cut-off means exactly that one."""
    first_wins = sorted(cuts.marks, key=lambda mark: mark.name not in CHOSEN)
    named = {_shown(mark.cutoff): mark.cutoff for mark in reversed(first_wins)}
    _seed(cuts)
    value = st.slider(
        "Decline from this PD (%)", 0.0, 100.0, step=0.1, format="%.1f %%", key=KEY, bind="query-params",
        help=TERMS["cutoff"].help,
    )  # fmt: skip
    with st.container(horizontal=True, gap="small"):
        for mark in cuts.marks:
            label = f"{mark.name} {percent(mark.cutoff) if mark.cutoff < float('inf') else 'none'}"
            st.button(
                label, key=f"to_{mark.name}", on_click=_move, args=(mark.cutoff,), type="tertiary",
                icon=":material/arrow_right_alt:", help=MEANS.get(mark.name),
            )  # fmt: skip
    return named.get(float(value), float(value) / 100)


def _seed(cuts: Cuts) -> None:
    """Start at the run's cut-off, unless the link names a usable one; another run starts anew."""
    is_other_run = st.session_state.get("cutoff_of") not in (None, cuts.desk.run_id)
    st.session_state["cutoff_of"] = cuts.desk.run_id
    if is_other_run or (KEY not in st.session_state and not _is_usable(st.query_params.get(KEY))):
        _move(cuts.desk.own)


def _is_usable(text: str | None) -> bool:
    try:
        return text is not None and 0 <= float(text) <= 100
    except ValueError:
        return False


def _move(to: float) -> None:
    st.session_state[KEY] = _shown(to)


def _shown(value: float) -> float:
    return round(100 * min(value, 1.0), 1)
