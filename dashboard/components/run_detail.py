"""One run in depth: its numbers, its curves, where it is weak, what it is made of, and how to make it again."""

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from dashboard import loading
from dashboard.charts import calibration, curve
from dashboard.components import page
from dashboard.components.downloads import download
from dashboard.components.groups import importance, missing, segments
from dashboard.components.lineage import lineage, model_card, parameters
from dashboard.labels import METRICS, label_of, number, percent, with_interval
from pipeline import contract
from pipeline.evaluation.calibration import reliability_table
from pipeline.evaluation.curve import confusion_at, pr_points, rates, roc_points

POINTS = 400


def run_detail(run: pd.Series, champion: str) -> None:
    """Draw the tabs of one complete candidate, only the open one; champion: id of the live run, for what changed since."""
    parts: Mapping[str, Callable[[pd.Series], None]] = {
        "Numbers": _numbers, "Curves": _curves, "Calibration": _calibration, "Segments": segments,
        "Importance": importance, "Parameters": parameters, "Lineage": lambda run: lineage(run, champion),
        "Model card": model_card,
    }  # fmt: skip
    for tab, draw in zip(st.tabs(list(parts), key="detail", bind="query-params"), parts.values(), strict=True):
        if tab.open:
            with tab, page.or_say_why():
                draw(run)


def _numbers(run: pd.Series) -> None:
    st.dataframe(metrics_table(run), hide_index=True, alt="Metrics on validation and test", height="content")
    st.caption(f"{label_of('interval').help} Validation chose; test reports.")


def metrics_table(run: pd.Series) -> pd.DataFrame:
    """Return every metric of a run with intervals: metric, validation, test, in plain words."""
    rows = []
    for name, label in METRICS.items():
        said = {
            split: with_interval(*(run[contract.metric_key(split, name, b)] for b in ("", "lo", "hi")))
            for split in contract.SPLITS
        }
        rows.append(
            {
                "Metric": label.text,
                "Test": said[contract.TEST],
                "Validation": said[contract.VALID],
                "In plain words": label.directed,
            }
        )
    return pd.DataFrame(rows)


def _curves(run: pd.Series) -> None:
    table = loading.curve(run["run_id"], contract.TEST)
    if table is None:
        return missing(contract.ARTIFACT_CURVE)
    here = rates(confusion_at(table, run["cutoff"]).to_frame().T).iloc[0]
    n, defaults = (int(table[list(cells)].iloc[0].sum()) for cells in (contract.CELLS, ("tp", "fn")))
    left, right = st.columns(2)
    roc = curve.roc_chart(roc_points(table, POINTS), run["test_roc_auc"], (here["false_positive_rate"], here["recall"]))
    left.plotly_chart(roc, key="roc", alt=f"ROC curve on test, area {number(run['test_roc_auc'])}")
    pr = curve.pr_chart(pr_points(table, POINTS), defaults / n, (here["recall"], here["precision"]))
    right.plotly_chart(pr, key="pr", alt=f"Precision-recall curve on test, area {number(run['test_pr_auc'])}")
    st.caption(
        f"{n:,} test applicants, {defaults:,} of whom defaulted ({percent(defaults / n)}). Cut-off {percent(run['cutoff'])}."
    )
    return download(table, "curve.csv", "curve")


def _calibration(run: pd.Series) -> None:
    rows = loading.holdout(run["run_id"], contract.TEST)
    if rows is None:
        return missing(contract.ARTIFACT_HOLDOUT)
    table = reliability_table(rows[contract.HOLDOUT_Y], rows[contract.HOLDOUT_PD], 10)
    st.plotly_chart(
        calibration.reliability_chart(table), key="calibration", alt="Observed default rate against predicted PD on test"
    )
    st.caption(f"{len(rows):,} test applicants in groups of equal size by PD; bars are 95 % Wilson intervals.")
    return download(table, "calibration.csv", "calibration")
