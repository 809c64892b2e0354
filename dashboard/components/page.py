"""How every page begins: its question, its answer in one sentence, and the designed states when there is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import streamlit as st

from dashboard.answers import Answer
from dashboard.labels import moment, plain
from dashboard.loading import Runs, fingerprint, forget, read_runs
from pipeline.registry.tracking_store import TrackingUnavailable

INTERVAL_SECONDS: Final = 15.0
SYNCING_SECONDS: Final = 2.0


def header(title: str, question: str) -> None:
    """Name the page and the question it answers."""
    st.markdown(f"##### {title} :gray[· {question}]", anchors=False)


def answer(found: Answer) -> None:
    """Draw the answer before any control: firm ones plainly, others with a sign that the evidence does not carry them."""
    icon = ":material/check_circle:" if found.is_firm else ":material/info:"
    with st.container(key="answer"):
        st.markdown(f"### {icon} {found.text}", anchors=False)
        if found.detail:
            st.markdown(f":gray[{found.detail}]")


def freshness(runs: Runs, left_out: str = "") -> None:
    """Say how fresh the runs are and what is not shown; look again on a press, and by itself at an interval."""
    every = SYNCING_SECONDS if runs.is_syncing else INTERVAL_SECONDS
    st.fragment(_freshness, run_every=every)(runs, fingerprint(runs), left_out)


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


def nothing_yet(runs: Runs) -> None:
    """No run is known: either none was made, or the first reading still goes on."""
    if runs.is_syncing and runs.as_of is None:
        st.markdown("### :material/hourglass_top: The runs are being read for the first time.", anchors=False)
    else:
        empty_store(runs.project)
    freshness(runs)


@contextmanager
def or_say_why() -> Iterator[None]:
    """Draw what can be drawn: what needs a tracking store that does not answer is replaced by one sentence."""
    try:
        yield
    except TrackingUnavailable as error:
        st.warning(plain(str(error)), icon=":material/cloud_off:")


def empty_store(project: str) -> None:
    """Nothing was ever trained: say what will be here and the command that brings it."""
    _state(
        "There are no runs yet.",
        f"Once a model of {plain(project)} is trained, this page compares the candidates and prices their mistakes.",
        f"python -m pipeline train {project}",
    )


def no_complete_run(project: str, left_out: str) -> None:
    """Runs exist, but none can be believed."""
    _state(
        "There is no complete run to show.",
        f"{left_out} Only runs that finished and wrote all their evidence are compared.",
        f"python -m pipeline train {project}",
    )


def unavailable(message: str) -> None:
    """The tracking store cannot be read."""
    st.error(plain(message), icon=":material/cloud_off:")
    st.button("Try again", key="try_again", icon=":material/refresh:")


def _state(title: str, why: str, command: str) -> None:
    st.markdown(f"### :material/inbox: {title}", anchors=False)
    st.markdown(why)
    st.markdown("This command mends it:")
    st.code(command, language="bash")
