"""Where a run is weak, and what it looks at: metrics by group, and the importance of features."""

import re

import pandas as pd
import streamlit as st

from dashboard import loading
from dashboard.charts import metrics
from dashboard.components.downloads import download
from dashboard.field_words import feature_label, in_words
from dashboard.labels import METRICS, number
from pipeline import contract
from pipeline.project import ProjectConfig

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
    said = in_words(_project(run), shown)
    worse = shown[(shown["hi"] < overall) if better > 0 else (shown["lo"] > overall)]
    title = f"{len(worse)} of {shown['value'].notna().sum()} groups are surely worse than the whole ({number(overall)})"
    st.plotly_chart(metrics.segment_chart(said, METRICS[metric].text, overall, title), key="segments", alt=title)
    withheld = said[said["value"].isna()]
    if len(withheld):
        names = ", ".join(
            f"{c}: {g} (n = {n})" for c, g, n in zip(withheld["column"], withheld["group"], withheld["n"], strict=True)
        )
        st.text(f"Too few to judge: {names}")
    return download(shown, "segments.csv", "segments")


def importance(run: pd.Series) -> None:
    """Draw the features that matter most to the model."""
    table = loading.optional_table(run["run_id"], contract.ARTIFACT_IMPORTANCE)
    if table is None or table.empty:
        return missing(contract.ARTIFACT_IMPORTANCE)
    named = table.rename(columns={"column": "feature"})
    config = _project(run)
    said = named.assign(feature=[feature_label(config, name) for name in named["feature"]])
    top = said.sort_values("importance", ascending=False)["feature"].iloc[0]
    chart = metrics.importance_chart(said, f"{top} matters most to this model")
    st.plotly_chart(chart, key="importance", alt=f"Importance of features; {top} first")
    return download(named, "importance.csv", "importance")


def _project(run: pd.Series) -> ProjectConfig | None:
    return loading.project_config(str(run["run_id"]), str(st.session_state["project"]))


def missing(path: str) -> None:
    """Say that the run lacks an artifact."""
    st.info(f"This run has no `{path}`; train it again to have it.", icon=":material/info:")
