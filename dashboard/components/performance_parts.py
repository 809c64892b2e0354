"""Behind the time line, in tabs: vintage curves, grades, money, past estimates, advice, table. Only the open one runs."""

from collections.abc import Callable, Mapping

import streamlit as st

from dashboard.charts.performance_detail import curves_chart, grades_chart
from dashboard.components.downloads import download
from dashboard.components.performance_advice import advice
from dashboard.components.performance_promises import money, record
from dashboard.performance_tables import grade_rows, vintage_table
from dashboard.performance_words import (
    curves_finding,
    grades_finding,
    measured_words,
    months,
)
from pipeline.monitoring.performance_assessed import Assessed


@st.fragment
def parts(found: Assessed, metric: str) -> None:
    """Draw the tabs; which one is open stands in the link."""
    drawn: Mapping[str, Callable[[], None]] = {
        "Vintage curves": lambda: _curves(found),
        "By grade": lambda: _grades(found),
        "Money": lambda: money(found),
        "Past estimates": lambda: record(found, metric),
        "Advice": lambda: advice(found.advised, found.book.config.name),
        "Table": lambda: _table(found),
    }
    for tab, draw in zip(st.tabs(list(drawn), key="part", bind="query-params"), drawn.values(), strict=True):
        if tab.open:
            with tab:
                draw()


def _curves(found: Assessed) -> None:
    if not found.curves["defaults"].any():
        st.info("No default is known yet, so there is no curve to draw.", icon=":material/show_chart:")
        return
    marked, title = curves_finding(found.curves)
    st.plotly_chart(curves_chart(found.curves, marked, title), key="curves", alt=title)
    st.caption(
        "A line per month of decision, drawn to the month that all its loans have reached, so young ones are short: "
        f"loans whose outcome is not known have not defaulted so far. {measured_words(found.book)}"
    )
    download(found.curves, "vintage-curves.csv", "curves")


def _grades(found: Assessed) -> None:
    advised = found.advised
    if not advised.n:
        st.info("No loan has matured yet, so no grade can be judged.", icon=":material/traffic:")
        return
    title = grades_finding(advised.grades)
    st.plotly_chart(grades_chart(advised.grades, title), key="grades", alt=title)
    st.caption(
        f"Loans decided {months(advised.vintages)}, n = {advised.n:,}. The stroke is the mean PD, the bar what came with "
        "its 95 % interval. Yellow: with right PDs so many defaults come by chance in less than 5 of 100 cases; red: in less "
        "than 1."
    )
    st.dataframe(grade_rows(advised.grades), hide_index=True, height="content", alt="Predicted against realised by grade")
    download(advised.grades, "grades.csv", "grades")


def _table(found: Assessed) -> None:
    table = vintage_table(found)
    st.dataframe(table, hide_index=True, height="content", alt="Every vintage with its state, loans and metrics")
    st.caption("[lo, hi]: 95 % interval. Estimated numbers rest on PDs alone.")
    download(table, "vintages.csv", "vintages")
