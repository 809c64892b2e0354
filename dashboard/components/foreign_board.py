"""A board of runs that other scripts made: ranked by what they logged, and what two more lines in a script would add."""

import pandas as pd
import streamlit as st

from dashboard import answers, foreign
from dashboard.components import page
from dashboard.components.downloads import download
from dashboard.components.outside import help_of, said_names
from dashboard.labels import NOT_KNOWN, column_text, plain
from pipeline.registry.runs import FOREIGN

LINES = """import mlflow, pipeline
pipeline.log_evaluation(y_test, pd_test, cutoff=cutoff, valid=(y_valid, pd_valid), run_id=mlflow.active_run().info.run_id)"""
ADDS = (
    "a place chosen on validation and reported on test",
    "95 % intervals on every metric",
    "the cost of any cut-off, and the page Trade-offs",
    "the paired difference from any other run, with the probability that it is better",
    "ROC, calibration and lift side by side",
)


def foreign_board(runs: pd.DataFrame, left_out: str) -> None:
    """Draw the answer, the ranking with its metric, and what is missing to trust it. runs: at least one is foreign."""
    table, top = runs[runs["state"] == FOREIGN], st.container()
    options = foreign.rankable(table)
    if options:
        by = str(st.selectbox("Ranked by", options, format_func=column_text, key="foreign_by", bind="query-params"))
        ordered = foreign.ranked(table, by)
        answer = answers.foreign_first(ordered, plain(str(ordered["name"].iloc[0])), by)
        _table(foreign.table(ordered, by), by)
    else:
        answer = answers.nothing_matched(len(table))
    with top:
        page.answer(answer)
    if len(table) < len(runs):
        st.caption(left_out)
    said_names(table)
    st.markdown("#### What two lines would add", anchors=False)
    st.markdown("At the end of the training script, where its run is still open:")
    st.code(LINES, language="python", wrap_lines=True)
    st.markdown("\n".join(f"- {what}" for what in ADDS))


def _table(shown: pd.DataFrame, by: str) -> None:
    st.dataframe(
        shown, hide_index=True, alt=f"Runs made by other scripts, ranked by {column_text(by)}",
        column_config=help_of(list(shown.columns)), placeholder=NOT_KNOWN,
    )  # fmt: skip
    download(shown, "runs.csv", "foreign")
