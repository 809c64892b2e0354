"""One alert: what was found, what happened to it, and the form by which a person takes or closes it."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import loading_desk, loading_risk
from dashboard.alert_words import SIGNS, STATE_WORDS, Labels, events_table, headline, small_print
from dashboard.components.alert_rows import PARAM, look
from dashboard.labels import plain
from pipeline.monitoring.rule_words import MEASURE_WORDS

if TYPE_CHECKING:
    from pipeline.monitoring.alerts import Alert


def show_alert(alert: "Alert", labels: Labels) -> None:
    """Draw one alert; writing happens only when its form is sent."""
    said = st.session_state.pop("alert_done", "")
    if said:
        st.success(said, icon=":material/check:")
    with st.container(key="answer"):
        sign = SIGNS.get(alert.firing.severity, "")
        st.markdown(f"### {sign} {headline(alert, labels)}: {STATE_WORDS[alert.state]}.", anchors=False)
    st.markdown(f":gray[{small_print(alert)}]")
    st.markdown(plain(alert.firing.evidence))
    st.caption(MEASURE_WORDS[alert.firing.measure].help)
    with st.container(horizontal=True, vertical_alignment="center"):
        look(alert, labels)
        st.button("All alerts", key="all", on_click=close, icon=":material/list:", type="tertiary")
    if alert.state != "resolved":
        _form(alert)
    st.dataframe(events_table(alert), hide_index=True, height="content", alt="What happened to this alert, oldest first")


def close() -> None:
    """Go back to all alerts."""
    st.query_params.pop(PARAM, None)


def _form(alert: "Alert") -> None:
    with st.form("alert_step", border=True):
        st.markdown("**Take it, or close it with a note**")
        name = st.text_input("Your name (typed, not verified)", key="alert_name", max_chars=80)
        note = st.text_area(
            "Note", key="alert_note", max_chars=2000, placeholder="what it was and what was done; needed to close it"
        )
        with st.container(horizontal=True):
            # Drawn even when somebody has it: a press that comes second must hear who came first.
            takes = st.form_submit_button("Acknowledge", key="acknowledge", icon=":material/assignment_ind:")
            closes = st.form_submit_button("Resolve", key="resolve", type="primary", icon=":material/task_alt:")
    if takes or closes:
        _send(alert, name, note, closes=closes)


def _send(alert: "Alert", name: str, note: str, *, closes: bool) -> None:
    """Write the step; every refusal is a sentence."""
    from pipeline.monitoring.alerts import AlertError, acknowledge, resolve
    from pipeline.store.address import StoreError

    needed = {"your name": name, **({"a note": note} if closes else {})}
    missing = [word for word, value in needed.items() if not value.strip()]
    if missing:
        st.error(f"Nothing was recorded: {' and '.join(missing)} must be given.", icon=":material/block:")
        return
    step = resolve if closes else acknowledge
    try:
        day = loading_risk.as_of(alert.project)
        step(loading_desk.store_engine(), alert.id, actor=name, note=note, day=day)
    except (AlertError, StoreError) as error:
        st.error(f"Nothing was recorded: {plain(error)}.", icon=":material/block:")
        return
    quiet = "It opens no second alert until its cool-down has passed." if closes else "It stays until somebody closes it."
    st.session_state["alert_done"] = f"{'Closed' if closes else 'Acknowledged'} by {plain(name.strip())}. {quiet}"
    st.rerun()
