"""Open alerts as rows: what was found, since when, for whom, and where to look and act."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from dashboard.alert_words import LAYER_WORDS, SIGNS, Labels, headline, in_order, place_of, small_print
from dashboard.charts.alerts import alert_timeline

if TYPE_CHECKING:
    from pipeline.monitoring.alerts import Alert

PARAM: Final = "alert"
SHOWN: Final = 12


def rows(alerts: Sequence["Alert"], labels: Labels) -> None:
    """Draw every alert that nobody has closed; the gravest first, more on a press."""
    left = in_order(alerts)
    if not left:
        st.markdown(":gray[:material/inbox: No alert waits and none is looked after.]")
    shown = left if st.session_state.get("all_alerts") else left[:SHOWN]
    for alert in shown:
        _row(alert, labels)
    if len(shown) < len(left):
        st.button(f"Show all {len(left)}", key="more_alerts", on_click=_show_all, icon=":material/expand_more:")


def timeline(alerts: Sequence["Alert"], labels: Labels, as_of: date) -> None:
    """Draw all alerts over the product's time."""
    table = pd.DataFrame(
        {
            "period": [alert.firing.period for alert in alerts],
            "layer": [LAYER_WORDS[alert.firing.layer] for alert in alerts],
            "severity": [alert.firing.severity for alert in alerts],
            "is_closed": [alert.state == "resolved" for alert in alerts],
            "text": [_hover(alert, labels) for alert in alerts],
        }
    )
    first = date.fromisoformat(min(table["period"]))
    title = f"The first alert is of {first:%Y-%m}; {_most(table)}"
    figure = alert_timeline(table, list(LAYER_WORDS.values()), first, as_of, title)
    st.plotly_chart(figure, key="alert_timeline", alt=f"{len(table)} alerts by period and layer. {title}")
    st.caption("Diamond: critical. Circle: warning. Square: notice. Hollow: closed.")


def _row(alert: "Alert", labels: Labels) -> None:
    with st.container(border=True, key=f"alert_{alert.id}"):
        left, right = st.columns([5, 2], vertical_alignment="center")
        left.markdown(f"{SIGNS.get(alert.firing.severity, '')} **{headline(alert, labels)}**  \n:gray[{small_print(alert)}]")
        with right.container(horizontal=True, horizontal_alignment="right", vertical_alignment="center"):
            look(alert, labels)
            st.button("Act", key=f"act_{alert.id}", on_click=_open, args=(alert.id,), icon=":material/assignment_ind:")


def look(alert: "Alert", labels: Labels) -> None:
    """Draw the link to the page on which an alert is looked into, with the right choices."""
    place = place_of(alert, labels)
    if place is not None:
        st.page_link(place.page, label=place.label, icon=place.icon, query_params=dict(place.choices))


def _most(table: pd.DataFrame) -> str:
    counts = table["layer"].value_counts()
    top = counts.index[0]
    return f"{counts.iloc[0]} of {len(table)} are about {str(top).lower()}"


def _hover(alert: "Alert", labels: Labels) -> str:
    return headline(alert, labels).replace("\\", "")


def _open(alert_id: str) -> None:
    st.query_params[PARAM] = alert_id


def _show_all() -> None:
    st.session_state["all_alerts"] = True
