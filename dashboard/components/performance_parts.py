"""Behind the time line, in tabs: vintage curves, grades, money, past estimates, advice, table. Only the open one runs."""

from collections.abc import Callable, Mapping

import streamlit as st

from dashboard.charts.performance_detail import curves_chart, grades_chart, money_chart, record_chart
from dashboard.components.downloads import download
from dashboard.components.performance_advice import advice
from dashboard.performance_tables import PICKED, grade_rows, lines_of, money_table, record_pairs, vintage_table
from dashboard.performance_words import (
    curves_finding,
    grades_finding,
    measured_words,
    money_finding,
    money_words,
    months,
    name_of,
    record_sentence,
)
from pipeline import contract
from pipeline.monitoring.performance_assessed import Assessed


@st.fragment
def parts(found: Assessed, metric: str) -> None:
    """Draw the tabs; which one is open stands in the link."""
    drawn: Mapping[str, Callable[[], None]] = {
        "Vintage curves": lambda: _curves(found),
        "By grade": lambda: _grades(found),
        "Money": lambda: _money(found),
        "Past estimates": lambda: _record(found, metric),
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


def _money(found: Assessed) -> None:
    if found.money.empty:
        st.info("No loan has matured yet, so no money is realised.", icon=":material/payments:")
        return
    has_cash = bool(found.money["cash"].notna().any())
    names = ["Cash earned", "Lost to wrong decisions"] if has_cash else ["Lost to wrong decisions"]
    chosen = st.segmented_control("Money", names, default=names[0], required=True, key="money", bind="query-params")
    is_cash, currency = chosen == "Cash earned", found.book.config.project.currency
    table = money_table(found, cash=is_cash)
    title = money_finding(table, currency, cash=is_cash)
    if table["realised"].isna().all():
        st.info(f"It cannot be computed: {found.money['note'].iloc[0]}.", icon=":material/payments:")
        return
    axis = f"{chosen} per 1,000"
    st.plotly_chart(money_chart(table, currency, axis, title), key="money_chart", alt=title)
    st.caption(money_words(found, cash=is_cash))
    download(found.money, "money.csv", "money")


def _record(found: Assessed, metric: str) -> None:
    lines = lines_of(found, metric)
    pairs = record_pairs(lines)
    said = record_sentence(found.record, metric)
    if pairs.empty:
        st.info(said, icon=":material/history:")
        return
    name = name_of(metric)
    n_in = len(pairs) - len(lines.outside)
    title = f"{n_in} of {len(pairs)} realised values of {name} lie where the PDs expected them"
    hover = ",.0f" if metric == contract.COST else ".3f"
    st.plotly_chart(record_chart(pairs, name[:1].upper() + name[1:], hover, title), key="record", alt=title)
    st.caption(f"{said} Grey: the interval stated from the PDs alone; blue dot: came true inside it, cross: outside.")
    tracked = [m for m in PICKED.values() if m != metric and (found.record["metric"] == m).any()]
    for other in tracked:
        st.markdown(f"- {record_sentence(found.record, other)}")
    download(found.record, "past-estimates.csv", "record")


def _table(found: Assessed) -> None:
    table = vintage_table(found)
    st.dataframe(table, hide_index=True, height="content", alt="Every vintage with its state, loans and metrics")
    st.caption("[lo, hi]: 95 % interval. Estimated numbers rest on PDs alone.")
    download(table, "vintages.csv", "vintages")
