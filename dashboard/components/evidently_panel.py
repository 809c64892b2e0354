"""A second opinion: Evidently's report on the days shown, its verdict beside ours, made by a process of its own."""

from datetime import date
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboard import loading_risk
from dashboard import report_jobs as jobs
from dashboard.components.evidently_verdict import show_report
from dashboard.labels import plain
from dashboard.report_words import window
from pipeline.monitoring.evidently_store import SAMPLE

if TYPE_CHECKING:
    from pipeline.monitoring.evidently_store import Report

EVERY_SECONDS: Final = 1.5


def show(project: str, first: date, last: date) -> None:
    """Draw the report on the decisions of the days first to last, or offer to make it; redraws itself alone."""
    job = loading_risk.report_job(project, first, last)
    busy = job is not None and job.state.is_busy
    st.fragment(_panel, run_every=EVERY_SECONDS if busy else None)(project, first, last, busy)


def _panel(project: str, first: date, last: date, was_busy: bool) -> None:
    job = loading_risk.report_job(project, first, last)
    busy = job is not None and job.state.is_busy
    if busy != was_busy:
        st.rerun()
    if job is not None and busy:
        return _running(job)
    if job is not None and job.state.step == jobs.FAILED:
        st.error(f"The report could not be made: {plain(job.state.said)}.", icon=":material/error:")
    reports = loading_risk.evidently_reports(project)
    mine = next((report for report in reports if (report.first, report.last) == (first, last)), None)
    top = st.container()
    shown = _pick(reports, mine)
    with top:
        if shown is None:
            _offer(first, last)
        else:
            show_report(shown)
        _make(project, first, last, again=mine is not None)
    return None


def _running(job: jobs.Job) -> None:
    state = job.state
    st.markdown(f"#### :material/hourglass_top: Evidently is at work: {plain(state.said)}.", anchors=False)
    st.progress(min(state.done / state.total, 1.0) if state.total else 0.0, f"{state.seconds():.0f} s; usually half a minute")
    st.button("Cancel", key="evidently_cancel", icon=":material/stop_circle:", on_click=job.stop)


def _offer(first: date, last: date) -> None:
    st.markdown(f"#### :material/fact_check: There is no Evidently report on {first} to {last} yet.", anchors=False)
    st.markdown(
        "A second opinion by other methods: drift and summary of every column, and where outcomes are known the confusion "
        f"matrix at our own cut-off. It is made of at most {SAMPLE:,} decisions, drawn at random, beside the development rows, "
        "outside this page, and takes about half a minute."
    )


def _make(project: str, first: date, last: date, *, again: bool) -> None:
    label = "Make it again" if again else "Make the Evidently report"
    tip = "The same days, decisions and outcomes give the same report; new ones a new one." if again else None
    if st.button(label, key="evidently_make", type="tertiary" if again else "primary", icon=":material/play_arrow:", help=tip):
        loading_risk.begin_report(project, first, last, loading_risk.as_of(project) or last)
        st.rerun()


def _pick(reports: "list[Report]", mine: "Report | None") -> "Report | None":
    """The report on these days, unless another one is chosen."""
    others = {report.id: report for report in reports if mine is None or report.id != mine.id}
    if not others:
        return mine
    chosen = st.selectbox(
        "Which report", ["", *others], key="evidently_report", bind="query-params",
        format_func=lambda wanted: window(others[wanted]) if wanted else "On the days shown",
    )  # fmt: skip
    return others.get(chosen or "", mine)
