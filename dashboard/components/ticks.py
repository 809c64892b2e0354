"""Which runs are ticked for a comparison: two to six, carried by the link under their ids, so that renaming breaks nothing."""

from collections.abc import Collection, Sequence
from typing import Any, Final

import streamlit as st

from dashboard.labels import code, short

PARAM: Final = "compare"
MOST: Final = 6


def ticked(known: Collection[str]) -> list[str]:
    """Run ids that the link ticks and that exist, at most six, in the order of ticking."""
    return [run_id for run_id in _in_link() if run_id in known][:MOST]


def say_unknown(known: Collection[str]) -> None:
    """Say which ticked runs nobody knows, and when more are ticked than fit side by side."""
    gone = [code(short(run_id, 40)) for run_id in _in_link() if run_id not in known]
    if gone:
        st.caption(f":material/link_off: Not among the runs any more, so not compared: {', '.join(gone[:MOST])}.")
    if len(_in_link()) - len(gone) > MOST:
        st.caption(f"Side by side stand at most {MOST} runs; the first {MOST} ticked are shown.")


def tick_rows(key: str, run_ids: Sequence[str]) -> None:
    """Take over what is ticked in the table `key` that shows `run_ids`; ticks on other pages of it stay."""
    state: Any = st.session_state[key]
    here = [run_ids[row] for row in sorted(state["selection"]["rows"]) if row < len(run_ids)]
    before = _in_link()
    kept = [run_id for run_id in before if run_id in here or run_id not in run_ids]
    put([*kept, *(run_id for run_id in here if run_id not in before)])


def put(run_ids: Sequence[str]) -> None:
    """Tick exactly these."""
    if run_ids:
        st.query_params[PARAM] = list(run_ids)
    elif PARAM in st.query_params:
        del st.query_params[PARAM]


def _in_link() -> list[str]:
    return list(dict.fromkeys(st.query_params.get_all(PARAM)))
