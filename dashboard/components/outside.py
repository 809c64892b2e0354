"""Runs that are not ranked: those made by other scripts, and those that failed. Their texts are shown as they are."""

import json
from collections import Counter
from typing import Any

import pandas as pd
import streamlit as st

from dashboard import foreign
from dashboard.labels import METRICS, NOT_KNOWN, code, column_text
from pipeline import contract
from pipeline.registry.foreign import match_metric
from pipeline.registry.runs import FOREIGN


def foreign_runs(runs: pd.DataFrame, project: str) -> None:
    """List foreign runs with the metrics they have and say what would make them comparable."""
    table = runs[runs["state"] == FOREIGN]
    if table.empty:
        return
    with st.expander(f"{len(table)} made by other scripts", icon=":material/extension:", expanded=len(table) == len(runs)):
        st.markdown(
            "Shown with what they logged. They have no scored rows, so intervals, cost curves and comparisons are missing; "
            f"one call at the end of the script adds them: `pipeline.log_evaluation(...)` with project {code(project)}."
        )
        shown = foreign.table(table)
        st.dataframe(
            shown, hide_index=True, alt="Runs made by other scripts", column_config=help_of(list(shown.columns)),
            placeholder=NOT_KNOWN,
        )  # fmt: skip
        said_names(table)


def said_names(table: pd.DataFrame) -> None:
    """Draw how the runs' metric names were read."""
    read = read_as(table)
    if len(read):
        st.markdown("How their metric names were read:")
        st.dataframe(read, hide_index=True, alt="Their metric names and ours")


def read_as(table: pd.DataFrame) -> pd.DataFrame:
    """Return each metric name the runs logged, what it was read as, and in how many runs; unmatched names say so."""
    if "metrics" not in table.columns:
        return pd.DataFrame()
    names = Counter(name for text in table["metrics"] for name in json.loads(text))
    matched = {name: match_metric(name) for name in names}
    read = [column_text(column) if (column := matched[name]) else "not matched: none of ours means the same" for name in names]
    found = pd.DataFrame({"Their name": list(names), "Read as": read, "Runs": list(names.values())})
    return found.sort_values("Their name", ignore_index=True)


def help_of(columns: list[str]) -> dict[str, Any]:
    """Return a sentence and a direction over each metric."""
    made: dict[str, Any] = {}
    for name, label in METRICS.items():
        for column in columns:
            if column in (column_text(f"{split}_{name}" if split else name) for split in (*contract.SPLITS, "")):
                made[column] = st.column_config.NumberColumn(column, help=label.directed, format="%.3f")
    return made


def failed_runs(table: pd.DataFrame) -> None:
    """List failed candidates, each with its reason."""
    if table.empty:
        return
    with st.expander(f"{len(table)} failed", icon=":material/error:"):
        st.dataframe(failed_table(table), hide_index=True, alt="Failed candidates and their reasons")


def failed_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return candidate, bake-off and reason."""
    reasons = table["failed"].where(table["failed"] != "", "stopped before it ended")
    names = table["candidate"].where(table["candidate"] != "", table["name"])
    return pd.DataFrame({"Candidate": names, "Why it failed": reasons, "Bake-off": table["bakeoff"].replace("", NOT_KNOWN)})
