"""Reads of the watch: rounds, alerts, rules, and the health of the service; part of `loading`."""

from datetime import date
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboard import loading, loading_desk
from dashboard.loading_risk import Granularity, where
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from pipeline.monitoring.alerts import Alert
    from pipeline.monitoring.health import Health
    from pipeline.monitoring.health_state import Finding, StoreState
    from pipeline.monitoring.rounds import MonitorRound
    from pipeline.project_monitoring import Monitoring
    from pipeline.registry.routing import Routing

LOOK_SECONDS: Final = 120
"""How long a look at ledger, alias and the model's bytes holds; a desk that scores looks by itself every minute."""


def last_round(project: str) -> "MonitorRound | None":
    """The newest round of the watch, None where none is recorded; never cached, it is one row. Raises StoreError."""
    from pipeline.monitoring.rounds import last_round as read

    return read(loading_desk.store_engine(), project)


def health(project: str, last: date, granularity: Granularity, n: int) -> "Health":
    """The service over n periods up to the one of a day, shared and never changed. Raises StoreError."""
    return _health(load_settings().database_url, project, last, granularity, n)


@st.cache_resource(ttl=loading.TTL_SECONDS, max_entries=32, show_spinner=False)
def _health(url: str, project: str, last: date, granularity: Granularity, n: int) -> "Health":  # noqa: ARG001  # cache key
    from pipeline.monitoring.health import read_health

    return read_health(loading_desk.store_engine(), project, last, granularity, n)


def store_state(project: str) -> "StoreState":
    """The state of the store now; never kept, it costs a few milliseconds. Raises StoreError."""
    from pipeline.monitoring.health_state import store_state as look

    return look(loading_desk.store_engine(), project)


def model_findings(project: str) -> "tuple[Finding, ...]":
    """Ledger, alias and bytes of the live model as last looked at; the first look imports MLflow."""
    return _model_findings(where(), project)


@st.cache_data(ttl=LOOK_SECONDS, max_entries=16, show_spinner=False)
def _model_findings(places: str, project: str) -> "tuple[Finding, ...]":  # noqa: ARG001  # places and addresses: cache key
    from pipeline.monitoring.health_state import model_findings as look

    return look(load_settings(), loading_desk.store_engine(), project)


def routing(project: str) -> "Routing | None":
    """Which version runs beside the champion and how; None where none does. Never kept. Raises StoreError."""
    from pipeline.registry.routing import current
    from pipeline.store.plain_errors import plain_store_errors

    with plain_store_errors("who decides beside the champion cannot be read"):
        return current(loading_desk.store_engine(), project)


def alerts(project: str) -> "tuple[Alert, ...]":
    """Every alert of a project with its events, newest first; never cached, for two people act on the same ones. StoreError."""
    from pipeline.monitoring.alerts import read_alerts

    return read_alerts(loading_desk.store_engine(), project)


def monitoring(project: str) -> "Monitoring":
    """The section [monitoring] by which a project is watched. Raises StoreError."""
    return _monitoring(where(), project)


@st.cache_resource(ttl=loading.TTL_SECONDS, max_entries=32, show_spinner=False)
def _monitoring(places: str, project: str) -> "Monitoring":  # noqa: ARG001  # part of the cache key
    from pipeline.monitoring.monitor import monitoring_of

    return monitoring_of(load_settings(), loading_desk.store_engine(), project)
