"""Was it kept? Money against its promise, and past estimates against what came true."""

import streamlit as st

from dashboard.charts.performance_detail import money_chart, record_chart
from dashboard.components.downloads import download
from dashboard.performance_tables import PICKED, lines_of, money_table, record_pairs
from dashboard.performance_words import (
    money_finding,
    money_words,
    name_of,
    record_sentence,
)
from pipeline import contract
from pipeline.monitoring.performance_assessed import Assessed


def money(found: Assessed) -> None:
    """Draw realised money against what was promised when the policy was approved."""
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


def record(found: Assessed, metric: str) -> None:
    """Draw past estimates of a metric against what came true, and say how far estimates can be believed."""
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
