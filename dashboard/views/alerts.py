"""What needs somebody, and is the service well?"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import alert_words, loading, loading_desk, loading_risk, loading_watch
from dashboard.alert_words import Labels
from dashboard.components import health_panel, page
from dashboard.components.alert_history import history, rules
from dashboard.components.alert_record import close, show_alert
from dashboard.components.alert_rows import PARAM, rows, timeline
from dashboard.labels import code, short
from dashboard.round_words import looked
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.store.address import StoreError

if TYPE_CHECKING:
    from pipeline.monitoring.alerts import Alert
    from pipeline.monitoring.rounds import MonitorRound

QUESTION = "What needs somebody, and is the service well?"


def draw(project: str) -> None:
    alerts, last, labels = loading_watch.alerts(project), loading_watch.last_round(project), _labels(project)
    wanted = st.query_params.get(PARAM, "")
    if wanted:
        _draw_one(alerts, wanted, labels)
    elif last is None and not alerts and loading_risk.profile_span(project) is None:
        _never_watched(project)
    else:
        _draw_all(project, alerts, last, labels)


def _draw_one(alerts: "tuple[Alert, ...]", wanted: str, labels: Labels) -> None:
    alert = next((alert for alert in alerts if alert.id == wanted), None)
    if alert is None:
        text = f"The link names alert {code(short(wanted, 60))}, which this product does not have."
        st.markdown(f"### :material/link_off: {text}", anchors=False)
        st.button("All alerts", key="all", on_click=close)
        return
    show_alert(alert, labels)


def _draw_all(project: str, alerts: "tuple[Alert, ...]", last: "MonitorRound | None", labels: Labels) -> None:
    section, as_of = loading_watch.monitoring(project), loading_risk.as_of(project)
    found = looked(last, as_of, datetime.now(UTC))
    page.answer(alert_words.answer(alerts, len(section.rules_in_force), found, labels))
    if alerts and as_of is not None:
        timeline(alerts, labels, as_of)
    drawn: Mapping[str, Callable[[], None]] = {
        "To do": lambda: rows(alerts, labels),
        "History": lambda: history(alerts, labels, project),
        "Rules": lambda: rules(section, project),
        "Service health": lambda: health_panel.show(project),
    }
    for tab, show in zip(st.tabs(list(drawn), key="alert_part", bind="query-params"), drawn.values(), strict=True):
        if tab.open:
            with tab:
                show()


def _labels(project: str) -> Labels:
    """Labels of the live version's features; names stand for themselves while nobody knows them."""
    try:
        config = loading.project_config(loading_desk.read_release(project).run_id, project)
    except TrackingUnavailable:
        return {}
    return {feature.name: feature.label for feature in config.features} if config else {}


def _never_watched(project: str) -> None:
    page.state(
        "Nobody has looked yet, so nothing can be said.",
        "Monitoring counts decisions, looks for drift, degradation and faults, and calls somebody where a rule is broken.",
        f"python -m pipeline monitor {project}",
    )


page.header("Alerts", QUESTION)
try:
    draw(str(st.session_state["project"]))
except StoreError as error:
    page.unavailable(str(error))
