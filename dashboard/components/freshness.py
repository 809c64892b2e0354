"""How fresh what a page shows is: said at its foot, looked at again on a press and by itself at an interval."""

from typing import Final

import streamlit as st

from dashboard.labels import moment, plain
from dashboard.loading import Runs, fingerprint, read_runs
from dashboard.loading_desk import forget

INTERVAL_SECONDS: Final = 15.0
SYNCING_SECONDS: Final = 2.0


def freshness(runs: Runs, left_out: str = "") -> None:
    """Say how fresh the runs are and what is not shown; look again on a press, and by itself at an interval."""
    every = SYNCING_SECONDS if runs.is_syncing else INTERVAL_SECONDS
    st.fragment(_freshness, run_every=every)(runs, fingerprint(runs), left_out)


def say_stale(runs: Runs) -> None:
    """Say above the answer that it is an old one, while the tracking store does not answer; why stands at the foot."""
    if runs.stale_since is not None and runs.as_of is not None:
        st.caption(f":material/cloud_off: The tracking store does not answer. Shown is what was known at {moment(runs.as_of)}.")


def _freshness(shown: Runs, before: int, left_out: str) -> None:
    now = read_runs(shown.project)
    if fingerprint(now) != before:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"{left_out} {said_fresh(now)}".strip())
        st.button(
            "Read again", key="read_again", on_click=forget, args=(shown.project,), type="tertiary", icon=":material/refresh:"
        )


def said_fresh(runs: Runs) -> str:
    """Say as of when the runs are known, since when the store does not answer, and whether more are coming."""
    as_of = f"{len(runs.table):,} runs as of {moment(runs.as_of)}." if runs.as_of else f"{len(runs.table):,} runs so far."
    if runs.stale_since is not None:
        return f":material/cloud_off: {as_of} Stale since {moment(runs.stale_since)}: {plain(runs.reason)}"
    return f"{as_of} More are being read." if runs.is_syncing and not runs.is_whole else as_of
