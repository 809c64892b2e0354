"""What drift does to PDs, decisions, money and reasons."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import drift_book, drift_decisions
from dashboard.charts.drift_decisions import mean_pd_chart, outcomes_chart
from dashboard.charts.drift_feature import then_now_chart
from dashboard.labels import number, plain

if TYPE_CHECKING:
    from pipeline.monitoring.drift import Drift

MOST_REASONS = 12


def decisions_tab(drift: "Drift") -> None:
    """Draw decisions and PDs by period beside the reference, and what changed in numbers."""
    found = drift_decisions.sides(drift)
    axis = [drift_book.short_period(p, drift.asked.granularity) for p in drift_book.periods(drift)]
    left, right = st.columns(2, gap="medium")
    title = drift_decisions.outcomes_title(drift)
    left.plotly_chart(outcomes_chart(drift_decisions.outcomes_table(found), axis, title), key="drift_outcomes", alt=title)
    left.caption("From the bottom: approved, to review, declined. The pale first bar is the reference.")
    title = drift_decisions.pd_title(drift)
    right.plotly_chart(mean_pd_chart(drift_decisions.mean_pds(found), axis, title), key="drift_pd", alt=title)
    right.caption("Mean PD with its 95 % interval.")
    currency = drift.baseline.config.project.currency
    st.dataframe(drift_book.impact_table(drift.impact, currency), hide_index=True, height="content", alt="What changed")
    st.caption(f"{drift_book.INTERVAL_HELP} Version {drift.version}, n = {drift.n:,}.")


def reasons_tab(drift: "Drift") -> None:
    """Draw the mix of reasons then and now."""
    mix, before = drift_decisions.reasons(drift)
    if not mix.n or not mix.n_before:
        st.markdown("There are no reasons on both sides to compare: reasons go with declines and reviews.")
        return
    config = drift.baseline.config
    judged = f"PSI {number(mix.psi)}, {mix.verdict}" if mix.psi == mix.psi else mix.verdict
    st.markdown(plain(f"The mix of reasons against {before}: {judged}; {mix.n:,} reasons now, {mix.n_before:,} before."))
    table = mix.table.head(MOST_REASONS)
    table = table.assign(label=[drift_decisions.reason_label(config, str(name)) for name in table["bin"]])
    first = table.iloc[0]
    title = f"Most often now: {first['label']}, {100 * float(first['share']):.0f} % of reasons"
    st.plotly_chart(then_now_chart(table, title, "", x_title="Share of reasons (%)"), key="drift_reasons", alt=title)
    st.caption("Grey: before. Violet: now. Development gave no reasons, so an earlier window stands for it.")
