"""Runs that other scripts made, ranked by the metrics that could be matched to ours. Pure."""

import pandas as pd

from dashboard.labels import METRICS, column_text, label_of
from pipeline import contract

_FIRST = ("f1", "recall", "roc_auc")
"""Where as many runs have several metrics, these come first."""


def rankable(table: pd.DataFrame) -> list[str]:
    """Return the columns of metrics that at least one run has: those that most runs have first.

    Among equals validation stands before rows that are not named, and test last: what is chosen on test reports too well there.
    """
    prefixes = (f"{contract.VALID}_", "", f"{contract.TEST}_")
    metrics = [*_FIRST, *(name for name in METRICS if name not in _FIRST)]
    columns = [prefix + metric for prefix in prefixes for metric in metrics]
    known = {column: int(table[column].notna().sum()) for column in columns}
    return sorted((column for column in columns if known[column]), key=lambda column: -known[column])


def metric_of(column: str) -> str:
    """Return the metric a column is of: ``test_f1`` is ``f1``."""
    split, _, metric = column.partition("_")
    return metric if split in contract.SPLITS else column


def ranked(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the runs best first by one column, with their `place`; equal values share one, runs without it have none."""
    less = label_of(metric_of(by)).direction < 0
    placed = table.assign(place=table[by].rank(ascending=less, method="min"))
    return placed.sort_values(["place", "start"], ascending=[True, False], kind="stable", na_position="last")


def table(runs: pd.DataFrame, by: str = "") -> pd.DataFrame:
    """Return place (where there is one), name, start, status and every metric that any of the runs has, `by` first."""
    columns: dict[str, object] = {"#": runs["place"].astype("Int64")} if "place" in runs else {}
    columns |= {"Run": runs["name"], "Started": runs["start"].dt.strftime("%Y-%m-%d"), "Status": runs["status"]}
    prefixes = (f"{contract.TEST}_", f"{contract.VALID}_", "")
    known = [prefix + metric for prefix in prefixes for metric in contract.METRICS if runs[prefix + metric].notna().any()]
    for column in ([by] if by else []) + [name for name in known if name != by]:
        columns[column_text(column)] = runs[column].round(3)
    return pd.DataFrame(columns)
