"""How every page begins: its question, its answer in one sentence, and the designed states when there is none."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from dashboard.answers import Answer
from dashboard.components.freshness import freshness
from dashboard.labels import plain
from dashboard.loading import Runs
from pipeline.registry.tracking_store import TrackingUnavailable

__all__ = [
    "answer", "empty_store", "freshness", "header", "no_complete_run", "nothing_live", "nothing_yet", "or_say_why",
    "state", "unavailable",
]  # fmt: skip


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
    state(
        "There are no runs yet.",
        f"Once a model of {plain(project)} is trained, this page compares the candidates and prices their mistakes.",
        f"python -m pipeline train {project}",
    )


def no_complete_run(project: str, left_out: str) -> None:
    """Runs exist, but none can be believed."""
    state(
        "There is no complete run to show.",
        f"{left_out} Only runs that finished and wrote all their evidence are compared.",
        f"python -m pipeline train {project}",
    )


def nothing_live(project: str, n_waiting: int) -> None:
    """No version decides: say what is missing and the command that mends it."""
    steps: tuple[str, ...]
    if n_waiting:
        why = f"Proposals of {plain(project)} that wait for another person: {n_waiting}."
        steps = f"release history {project}", "release approve NUMBER --as NAME --reason WHY"
    else:
        why = f"A version of {plain(project)} must be trained, pass its gate, be proposed, and be approved by another person."
        steps = f"train {project}", f"gate {project}", f"release propose {project} --as NAME --reason WHY"
    state("Nothing is live yet, so nobody can be scored.", why, "\n".join(f"python -m pipeline {step}" for step in steps))


def unavailable(message: str) -> None:
    """The tracking store cannot be read."""
    st.error(plain(message), icon=":material/cloud_off:")
    st.button("Try again", key="try_again", icon=":material/refresh:")


def state(title: str, why: str, command: str) -> None:
    """Draw a designed state: what is missing, why it matters, and the command that mends it."""
    st.markdown(f"### :material/inbox: {title}", anchors=False)
    st.markdown(why)
    st.markdown("These commands mend it:" if "\n" in command else "This command mends it:")
    st.code(command, language="bash", wrap_lines=True)
