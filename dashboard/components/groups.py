"""Where a run is weak, and what it looks at: metrics by group, and the importance of features."""

import re

import pandas as pd
import streamlit as st

from dashboard import loading
from dashboard.charts import metrics
from dashboard.components.downloads import download
from dashboard.labels import METRICS, number
from pipeline import contract

_GROUP_PREFIX = rf"^(?:{re.escape(contract.SEGMENT_PREFIX)}|{re.escape(contract.PROTECTED_PREFIX)})"


def segments(run: pd.Series) -> None:
    """Draw one metric by group with intervals against the whole; groups too small to judge are named."""
    table = loading.optional_table(run["run_id"], contract.ARTIFACT_SEGMENTS)
    if table is None or table.empty:
        return missing(contract.ARTIFACT_SEGMENTS)
    table = table.assign(column=table["column"].str.replace(_GROUP_PREFIX, "", regex=True))
    known = sorted((m for m in METRICS if m in set(table["metric"])), key=lambda m: m != "roc_auc")
    metric = st.selectbox("Metric", known, format_func=lambda m: METRICS[m].text, key="segment_metric", bind="query-params")
    shown = table[(table["split"] == contract.TEST) & (table["metric"] == metric)]
    overall = run[contract.metric_key(contract.TEST, metric)]
    better = METRICS[metric].direction
    worse = shown[(shown["hi"] < overall) if better > 0 else (shown["lo"] > overall)]
    title = f"{len(worse)} of {shown['value'].notna().sum()} groups are surely worse than the whole ({number(overall)})"
    st.plotly_chart(metrics.segment_chart(shown, METRICS[metric].text, overall, title), key="segments", alt=title)
    withheld = shown[shown["value"].isna()]
    if len(withheld):
        names = ", ".join(
            f"{c} {g} (n = {n})" for c, g, n in zip(withheld["column"], withheld["group"], withheld["n"], strict=True)
        )
        st.text(f"Too few to judge: {names}")
    return download(shown, "segments.csv", "segments")


def importance(run: pd.Series) -> None:
    """Draw the features that matter most to the model."""
    table = loading.optional_table(run["run_id"], contract.ARTIFACT_IMPORTANCE)
    if table is None or table.empty:
        return missing(contract.ARTIFACT_IMPORTANCE)
    named = table.rename(columns={"column": "feature"})
    top = named.sort_values("importance", ascending=False)["feature"].iloc[0]
    chart = metrics.importance_chart(named, f"{top} matters most to this model")
    st.plotly_chart(chart, key="importance", alt=f"Importance of features; {top} first")
    return download(named, "importance.csv", "importance")


def missing(path: str) -> None:
    """Say that the run lacks an artifact."""
    st.info(f"This run has no `{path}`; train it again to have it.", icon=":material/info:")
