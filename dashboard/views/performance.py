"""Is the model still right, on what has matured and on what has not?"""

import streamlit as st

from dashboard import loading_risk
from dashboard.components import page
from dashboard.components.performance_parts import parts
from dashboard.components.performance_timeline import pick_day, pick_metric, timeline
from dashboard.labels import plain
from dashboard.performance_words import answer_of
from pipeline.project import ProjectError
from pipeline.registry.policies import PolicyError
from pipeline.serving.log_errors import LogError
from pipeline.store.address import StoreError

QUESTION = "Is the model still right, on what has matured and on what has not?"


def draw(project: str) -> None:
    newest = loading_risk.as_of(project)
    if newest is None:
        return page.state(
            "No decision is recorded yet.",
            "Once applicants are decided, this page estimates how good that was, and measures it when outcomes come in.",
            f"python -m pipeline replay {project}",
        )
    top = st.container()
    left, right = st.columns([4, 1], vertical_alignment="bottom")
    with right:
        day = pick_day(newest)
    with top, st.skeleton(height=120):
        found = loading_risk.performance(project, day)
    if found is None:
        with top:
            st.markdown(f"### :material/event_busy: Nothing had been decided by {day}.", anchors=False)
        return None
    with top:
        page.answer(answer_of(found))
    with left:
        metric = pick_metric(can_know_declined=not found.book.is_approved_only)
    timeline(found, metric)
    parts(found, metric)
    problem = found.promise.problem
    said = f"As known on {found.book.as_of}: {len(found.book.loans):,} decisions of the last 24 months."
    st.caption(f"{said} {plain(f'What was promised cannot be read: {problem}')}" if problem else said)
    return None


page.header("Performance", QUESTION)
try:
    draw(str(st.session_state["project"]))
except (StoreError, LogError, PolicyError, ProjectError) as error:
    page.unavailable(str(error))
