"""Where a file stands, drawn before everything else, with the one or two things to do next; redraws itself while a job runs."""

from collections.abc import Callable

import streamlit as st

from dashboard import batch_jobs as jobs
from dashboard import loading_desk
from dashboard.batch_answers import answer
from dashboard.components import page
from pipeline.project import ProjectConfig

EVERY_SECONDS = 0.7


def batch_answer(job: jobs.Job, config: ProjectConfig) -> None:
    """Draw the answer of a job; when the job begins or ends to be busy there is more to show, so all is drawn again."""
    busy = job.state.is_busy
    st.fragment(_answer, run_every=EVERY_SECONDS if busy else None)(job, config, busy)


def _answer(job: jobs.Job, config: ProjectConfig, was_busy: bool) -> None:
    state = job.state
    if state.is_busy != was_busy:
        st.rerun()
    page.answer(answer(state, config))
    if state.is_busy:
        share = min(state.done / state.total, 1.0) if state.total else 0.0
        st.progress(share)
    if state.step == jobs.SCORING:
        st.button("Cancel", key="batch_cancel", icon=":material/stop_circle:", on_click=job.stop)
    elif not state.is_busy:
        _next_step(job, state)


def _next_step(job: jobs.Job, state: jobs.State) -> None:
    if state.step in (jobs.REFUSED, jobs.FAILED) and state.file is None:
        return _button("Try again", "batch_again", lambda: loading_desk.drop_batch_job(job))
    found = state.findings
    if found is None or (state.step == jobs.DONE and (state.recorded or not found.n_good)):
        return None
    reasons, record = _choices()
    named = {jobs.STOPPED: "Go on", jobs.DONE: "Score again"}
    label = named.get(state.step) or (f"Score {found.n_good:,} rows" if found.n_good else "Get the refused rows")
    return _button(label, "batch_score", lambda: job.score(reasons=reasons, record=record))


def _choices() -> tuple[bool, bool]:
    with st.container(horizontal=True):
        reasons = st.toggle(
            "With reasons", value=True, key="batch_reasons", bind="query-params",
            help="Up to four principal reasons for every decline and review. A file takes some ten times as long with them.",
        )  # fmt: skip
        record = st.toggle(
            "Record the decisions", value=True, key="batch_record", bind="query-params",
            help="Each decision goes into the log before it is written. Without it nothing is decided, only calculated.",
        )  # fmt: skip
    return bool(reasons), bool(record)


def _button(label: str, key: str, act: Callable[[], None]) -> None:
    if st.button(label, key=key, type="primary", icon=":material/play_arrow:"):
        act()
        st.rerun()
