"""Runs that are not ranked: those made by other scripts, and those that failed. Their texts are shown as they are."""

import pandas as pd
import streamlit as st

from dashboard.labels import NOT_KNOWN, label_of
from pipeline import contract
from pipeline.registry.runs import FOREIGN


def foreign_runs(runs: pd.DataFrame, project: str) -> None:
    """List foreign runs with the metrics they have and say what would make them comparable."""
    table = runs[runs["state"] == FOREIGN]
    if table.empty:
        return
    with st.expander(f"{len(table)} made by other scripts", icon=":material/extension:", expanded=len(table) == len(runs)):
        st.markdown(
            "Shown with what they logged. They have no scored rows, so intervals, cost curves and comparisons are missing; "
            f"one call at the end of the script adds them: `pipeline.log_evaluation(...)` with project `{project}`."
        )
        st.dataframe(foreign_table(table), hide_index=True, alt="Runs made by other scripts")


def foreign_table(table: pd.DataFrame) -> pd.DataFrame:
    """Return name, start, status and every metric any of the runs has; a split is named only where the run names it."""
    columns: dict[str, object] = {
        "Run": table["name"],
        "Started": table["start"].dt.strftime("%Y-%m-%d"),
        "Status": table["status"],
    }
    for prefix, words in ((f"{contract.TEST}_", " · test"), (f"{contract.VALID}_", " · validation"), ("", " · rows not named")):
        for metric in contract.METRICS:
            values = table[prefix + metric]
            if values.notna().any():
                columns[label_of(metric).text + words] = values.round(3)
    return pd.DataFrame(columns)


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
