"""One feature opened: then against now, over time, where its shift comes from, and what it does to PD and decisions."""

from typing import TYPE_CHECKING

import streamlit as st
from pandas import DataFrame

from dashboard import drift_detail
from dashboard.charts.drift_feature import lines_chart, quantile_chart, segment_chart, then_now_chart
from dashboard.components.drift_controls import accept
from dashboard.components.drift_heat import FEATURE, open_feature
from dashboard.labels import number, percent, plain

if TYPE_CHECKING:
    from dashboard.drift_detail import Detail
    from pipeline.monitoring.drift import Drift


def pick_feature(names: dict[str, str]) -> str:
    """Let the reader choose a feature, worst first; names: feature to label, in that order."""
    accept(FEATURE, names)
    chosen = st.selectbox(
        "Feature", list(names), format_func=lambda name: names[name], key=FEATURE, bind="query-params", filter_mode=None,
        on_change=open_feature, label_visibility="collapsed",
    )  # fmt: skip
    return str(chosen)


def feature_detail(drift: "Drift", project: str, feature: str) -> None:
    """Draw one feature of the window."""
    found = drift_detail.detail(drift, project, feature)
    st.markdown(plain(found.sentence))
    left, right = st.columns(2, gap="medium")
    with left:
        title = found.then_title
        st.plotly_chart(then_now_chart(found.bins, title, found.unit), key="then_now", alt=f"Share of each bin. {title}")
        st.caption("Grey: the reference. Violet: now.")
    with right:
        _over_time(found)
    with left:
        _segments(found)
    with right:
        _effect(found)


def _over_time(found: "Detail") -> None:
    if found.quantiles is not None and len(found.quantiles):
        title = f"{found.label}: median and spread over time"
        figure = quantile_chart(found.quantiles, found.periods, title, found.unit or found.label)
    else:
        title = f"{found.label}: shares over time"
        figure = lines_chart(found.shares, found.periods, title, "Share (%)", scale=100)
    st.plotly_chart(figure, key="feature_time", alt=title)
    if found.faults.empty:
        st.caption("No value is missing, unseen or out of range in any period.")
        return
    title = "Missing, unseen and out of range over time"
    st.plotly_chart(lines_chart(found.faults, found.periods, title, "Share (%)", scale=100), key="faults", alt=title)


def _segments(found: "Detail") -> None:
    if found.segments.empty:
        return
    st.plotly_chart(
        segment_chart(found.segments, found.segment_title, float(found.segments["psi"].sum())), key="feature_segments",
        alt=found.segment_title,
    )  # fmt: skip


def _effect(found: "Detail") -> None:
    st.markdown("**What it does to PD and decisions**")
    if not len(found.effect) or not found.effect["n"].sum():
        st.caption("No decision of this window could be drawn to show it.")
        return
    st.markdown(plain(found.effect_sentence))
    st.dataframe(effect_table(found.effect), hide_index=True, height="content", alt="PD and approvals by value")


def effect_table(effect: DataFrame) -> DataFrame:
    """Return PD and approvals by value as people read them."""
    known = effect[effect["n"] > 0]
    return DataFrame(
        {
            "Value": known["label"],
            "n": known["n"],
            "Mean PD": [percent(x) for x in known["pd"]],
            "Approved": [
                f"{percent(x)} [{number(100 * lo, 0)}, {number(100 * hi, 0)}]"
                for x, lo, hi in zip(known["approved"], known["lo"], known["hi"], strict=True)
            ],
        }
    )
