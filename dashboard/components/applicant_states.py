"""Where the answer stands, and what stands there when there is none: designed states of the Applicant page."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.applicant_answers import VERBS
from dashboard.casework import Case
from dashboard.labels import percent, plain

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

LAYOUT = """<style>
@media (min-width: 641px) {
  [data-testid="stLayoutWrapper"]:has(> .st-key-applicant_answer) {position: sticky; top: 3.5rem}
  .st-key-score_said {display: none}
}
@media (max-width: 640px) {
  .st-key-score_bar {backdrop-filter: blur(12px); border-radius: 0.5rem}
  [data-testid="stColumn"]:has(.st-key-applicant_answer) {order: -1}
}
[data-testid="stLayoutWrapper"]:has(> .st-key-score_bar) {position: sticky; bottom: 0.75rem; z-index: 10}
.st-key-letter code {font-size: 0.75rem}
</style>"""
"""On a wide screen the answer stays in sight while the form scrolls; on a phone it stands above the form, and in short beside
the button, which is always in sight."""


def two_sides() -> "tuple[DeltaGenerator, DeltaGenerator]":
    """Return the places of the form and of the answer."""
    st.html(LAYOUT)
    left, right = st.columns([2, 3], gap="medium")
    return left, right.container(key="applicant_answer")


def faulty_fields(faults: Mapping[str, str]) -> None:
    """List every fault by the label of its field; nothing was scored."""
    n = len(faults)
    _heading("edit_note", f"{n} field{'s' * (n > 1)} need{'s' * (n == 1)} another look; nothing was scored.")
    st.markdown("\n".join(f"- {plain(message)}" for message in faults.values()))


def broken_store(problem: str) -> None:
    """The ledger or the store cannot be read: nothing could be recorded, so nothing is scored."""
    _heading("database_off", "The store cannot be used, so nothing can be recorded or scored.")
    st.markdown(plain(problem))
    st.button("Try again", key="try_again", icon=":material/refresh:")


@contextmanager
def or_say_why(project: str) -> Iterator[None]:
    """Turn what keeps an applicant from being scored into a state in words."""
    from pipeline.registry.tracking_store import TrackingUnavailable
    from pipeline.serving.log_errors import LogError
    from pipeline.serving.records import ServingError
    from pipeline.store.engine import StoreError

    try:
        yield
    except (LogError, StoreError) as error:
        _heading("lock", "The decision could not be recorded, so no score is shown.")
        st.markdown(f"{plain(error)}. Nothing of this application was kept; once the log works, press Score again.")
    except ServingError as error:
        _heading("block", "Nothing is scored now.")
        st.markdown(plain(error))
        st.markdown("This shows what is live, who released it, and whether MLflow agrees:")
        st.code(f"python -m pipeline ledger {project}", language="bash")
    except TrackingUnavailable as error:
        _heading("cloud_off", "The live model cannot be loaded now, so nothing is scored.")
        st.markdown(f"{plain(error)} A model that is loaded goes on scoring without the tracking store; this one is not yet.")


def moved_on(version: int) -> None:
    """The model that made the answer decides no more."""
    st.info(
        f"Version {version} made this answer and decides no more. Score again to see what decides now; the record stays.",
        icon=":material/update:",
    )


def in_short(faults: Mapping[str, str], case: Case | None) -> None:
    """Say beside the button what stands above it."""
    if faults:
        st.caption(f"↑ {len(faults)} to look at again, marked at their fields")
    elif case is not None:
        st.caption(f"↑ {VERBS[case.decision.outcome]}: PD {percent(case.decision.pd)}, recorded")


def _heading(icon: str, text: str) -> None:
    with st.container(key="answer"):
        st.markdown(f"### :material/{icon}: {text}", anchors=False)
