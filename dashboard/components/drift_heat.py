"""The heat map of features by period; a cell opens its feature below, as the list beside it does."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import streamlit as st
from pandas import Timestamp

from dashboard import drift_book
from dashboard.charts.drift import AxisMark, heat_chart
from dashboard.drift_book import RELEASE, Mark

if TYPE_CHECKING:
    from pipeline.monitoring.drift import Drift

KEY: Final = "drift_heat"
FEATURE: Final = "feature"
PART: Final = "drift_part"
OPENS: Final = "Feature"
"""The tab in which a feature is opened."""


def heat(drift: "Drift", marks: Sequence[Mark]) -> None:
    """Draw every input and period, worst on top; a click on a cell puts its feature into the link."""
    cells, periods = drift_book.cells(drift), drift_book.periods(drift)
    cells = cells.assign(column=cells["period"].map({period: i for i, period in enumerate(periods)}))
    names = [drift_book.short_period(period, drift.asked.granularity) for period in periods]
    title = drift_book.heat_title(drift)
    figure = heat_chart(cells, names, [_placed(mark, periods) for mark in marks], title)
    st.plotly_chart(
        figure, key=KEY, on_select=_opened, selection_mode="points", alt=f"PSI by feature and period, worst on top. {title}"
    )
    few = " Hatched: too few decisions to judge." if (cells["verdict"] == "too few").any() else ""
    st.caption(
        f"PSI against the reference; numbers from 0.10, where a feature counts as moved, 0.25 shifted.{few} "
        "Choose a cell to open its feature."
    )


def _placed(mark: Mark, periods: Sequence[Timestamp]) -> AxisMark:
    return AxisMark(place_of(mark.day, periods), mark.text, mark.kind == RELEASE)


def place_of(day: date, periods: Sequence[Timestamp]) -> float:
    """Where a day lies among periods: 0 is the middle of the first, a half before it its beginning."""
    later = [i for i, period in enumerate(periods) if period.date() <= day]
    at = later[-1] if later else 0
    start = periods[at].date()
    end = periods[at + 1].date() if at + 1 < len(periods) else None
    length = (end - start).days if end else max((day - start).days + 1, 1)
    return at - 0.5 + min(max((day - start).days, 0) / max(length, 1), 1.0)


def _opened() -> None:
    state: Any = st.session_state[KEY]
    points = state["selection"]["points"]
    if points and points[0].get("customdata"):
        found = points[0]["customdata"]
        st.session_state[FEATURE] = found[0] if isinstance(found, list) else found
        open_feature()


def open_feature() -> None:
    """Show the chosen feature, whichever tab was open."""
    st.session_state[PART] = OPENS
