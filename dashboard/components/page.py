"""How every page begins: its question, its answer in one sentence, and the designed states when there is none."""

import streamlit as st

from dashboard.answers import Answer
from dashboard.labels import moment, plain
from dashboard.loading import Runs, forget


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
    """Say when the runs were read, what is not shown, and offer to read again."""
    with st.container(horizontal=True, vertical_alignment="center"):
        whole = "" if runs.is_whole else " The store was slow: older runs are missing here; reload to try again."
        st.caption(f"{left_out} Runs read at {moment(runs.as_of)}.{whole}".strip())
        st.button("Read again", key="read_again", on_click=forget, type="tertiary", icon=":material/refresh:")


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
