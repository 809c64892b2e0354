"""Every alert there ever was, narrowed by choices that stand in the link; and the rules by which they are opened."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.alert_words import LAYER_WORDS, SEVERITIES, STATE_WORDS, Labels, rules_table, table
from dashboard.components.alert_rows import PARAM
from dashboard.components.downloads import download

if TYPE_CHECKING:
    from pipeline.monitoring.alerts import Alert
    from pipeline.project_monitoring import Monitoring


def history(alerts: Sequence["Alert"], labels: Labels, project: str) -> None:
    """Draw the filters, the table, newest first, and its download; a tick opens one alert."""
    found = _pick(alerts)
    if not found:
        st.info("No alert matches these choices." if alerts else "No alert was ever opened.", icon=":material/search_off:")
        return
    shown = table(found, labels)
    state = st.dataframe(
        shown, hide_index=True, on_select="rerun", selection_mode="single-row", key="alert_history",
        column_config={"What": st.column_config.TextColumn(width="large")}, alt=f"{len(shown)} alerts, newest first",
    )  # fmt: skip
    chosen = state["selection"]["rows"]
    if chosen:
        st.query_params[PARAM] = found[chosen[0]].id
        st.rerun(scope="app")
    st.caption(f"{len(shown):,} alerts, newest first. Tick a row to open it.")
    download(_with_events(shown, found), f"{project}-alerts.csv", "alerts")


def rules(section: "Monitoring", project: str) -> None:
    """Draw the rules in words."""
    shown = rules_table(section)
    if shown.empty:
        st.info("This product's file states that nobody is ever called.", icon=":material/notifications_off:")
        return
    st.dataframe(
        shown, hide_index=True, height="content", alt="The rules in words",
        column_config={"Called when": st.column_config.TextColumn(width="large")},
    )  # fmt: skip
    stated = (
        "These are the usual ones, for its file states none" if section.rules is None else "They stand in the product's file"
    )
    st.caption(
        f"{stated}: `[[monitoring.rules]]` changes them. What cannot be computed breaks no rule and is named by `monitor`."
    )
    download(shown, f"{project}-rules.csv", "rules")


def _pick(alerts: Sequence["Alert"]) -> list["Alert"]:
    a, b, c = st.columns(3)
    states = a.pills("State", list(STATE_WORDS), selection_mode="multi", format_func=lambda s: STATE_WORDS[s].capitalize(),
                     key="state", bind="query-params")  # fmt: skip
    severities = b.pills("Severity", SEVERITIES, selection_mode="multi", format_func=str.capitalize, key="severity",
                         bind="query-params")  # fmt: skip
    layers = c.pills("Layer", list(LAYER_WORDS), selection_mode="multi", format_func=lambda name: LAYER_WORDS[name],
                     key="layer", bind="query-params")  # fmt: skip
    return [
        alert
        for alert in alerts
        if (not states or alert.state in states)
        and (not severities or alert.firing.severity in severities)
        and (not layers or alert.firing.layer in layers)
    ]


def _with_events(shown: pd.DataFrame, found: Sequence["Alert"]) -> pd.DataFrame:
    """The table with who took an alert and when, for the file."""
    taken = [alert.event("acknowledged") for alert in found]
    return shown.assign(
        Acknowledged=[f"{e.at:%Y-%m-%d %H:%M} by {e.actor}" if e else "" for e in taken],
        Evidence=[alert.firing.evidence for alert in found],
    )
