"""Is the service well: volume, answer times, what was refused and failed, the model beside, and the state of the store."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import health_words, loading, loading_desk, loading_risk, loading_watch
from dashboard.charts.health import latency_chart, volume_chart
from dashboard.components import page
from dashboard.components.health_checks import beside, checks, tables
from dashboard.decision_book import SOURCE_WORDS
from pipeline.store.address import StoreError

if TYPE_CHECKING:
    from pipeline.monitoring.health import Health
    from pipeline.project_monitoring import Granularity

RECENT_DAYS = 14


def show(project: str) -> None:
    """Draw the health of a project's service; what cannot be read is said in words."""
    try:
        state, last = loading_watch.store_state(project), loading_risk.as_of(project)
        top = st.container()
        config = loading.project_config(loading_desk.read_release(project).run_id, project)
        granularity, n = _pick_span(loading_watch.monitoring(project).granularity)
        found = None if last is None else loading_watch.health(project, last, granularity, n)
    except StoreError as error:
        return page.unavailable(str(error))
    names, faults = health_words.field_names(config), [state.finding.fault] if state.finding.fault else []
    with top:
        if found is None or found.is_silent:
            _silence(project)
        else:
            said = health_words.answer(found, faults, names)
            st.markdown(f"#### {said.text}", anchors=False)
            if said.detail:
                st.markdown(f":red[:material/error:] {said.detail}")
    if found is not None and not found.is_silent:
        _pictures(found)
        tables(found, project, names)
        beside(found, project)
    return checks(project, state)


def _pick_span(usual: "Granularity") -> "tuple[Granularity, int]":
    """The project's own periods, or the last days."""
    words = {"periods": f"By {usual}", "days": f"Last {RECENT_DAYS} days"}
    chosen = st.segmented_control(
        "Time", list(words), default="periods", format_func=lambda name: words[name], required=True, key="health_time",
        bind="query-params", label_visibility="collapsed",
    )  # fmt: skip
    return ("day", RECENT_DAYS) if chosen == "days" else (usual, health_words.window_of(usual))


def _silence(project: str) -> None:
    page.state(
        "Nobody has asked for a decision in these periods.",
        "Once applicants come by form, file or HTTP, their number, the answer times and what was refused stand here.",
        f"python -m pipeline serve {project}",
    )


def _pictures(found: "Health") -> None:
    left, right = st.columns(2)
    title = health_words.volume_title(found)
    periods = list(found.periods["period"])
    with left:
        st.plotly_chart(
            volume_chart(periods, found.volume, SOURCE_WORDS, found.granularity, title),
            key="health_volume",
            alt=f"Bars. {title}.",
        )
    with right:
        if not int(found.periods["n_timed"].sum()):
            st.markdown("**No answer times here**")
            st.markdown("Only a form or an HTTP call makes somebody wait; a file and a replay carry no answer time.")
            return
        title = health_words.latency_title(found)
        st.plotly_chart(
            latency_chart(found.periods, found.granularity, title), key="health_latency", alt=f"Three lines. {title}."
        )
