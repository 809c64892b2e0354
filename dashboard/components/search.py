"""The search for a model in pictures: which parameters help, whether it gets better over time, and what it cost in seconds."""

import json
from typing import Final

import pandas as pd
import streamlit as st

from dashboard.board import Board
from dashboard.charts.runs import over_time_chart, parallel_chart, seconds_chart, varying
from dashboard.labels import label_of, number, percent, short
from dashboard.ranking import leader
from pipeline import contract

MOST_LINES: Final = 200
MOST_POINTS: Final = 1000
"""More than these nobody tells apart, and a browser is slow to draw."""


def parallel(board: Board) -> None:
    """Draw which parameters go with a good metric."""
    column = contract.metric_key(contract.VALID, board.by)
    runs = board.field.candidates.dropna(subset=[column])
    n_all, less = len(runs), label_of(board.by).direction < 0
    runs = runs[runs["family"] != "prior"].sort_values(column, ascending=less).head(MOST_LINES).reset_index(drop=True)
    params = pd.DataFrame([json.loads(text) for text in runs["params"]], dtype=object)
    names = varying(params) if len(runs) > 1 else []
    if not names:
        st.caption("Parameters are drawn when at least two candidates differ in one.")
        return
    title = f"Which parameters go with a good {label_of(board.by).text} on validation, bluer is better"
    figure = parallel_chart(params, runs[column], f"{label_of(board.by).text}", title, less_is_better=less)
    st.plotly_chart(
        figure,
        key="parallel",
        alt=f"Parallel coordinates of {len(runs)} candidates: {', '.join(names)} against {label_of(board.by).text}",
    )
    shown = f"the best {len(runs):,} of {n_all:,}" if n_all > len(runs) + 1 else f"{len(runs):,} in all"
    st.caption(f"One line per candidate, {shown}; a dash is a parameter that a candidate does not have.")


def over_time(board: Board, history: pd.DataFrame) -> None:
    """Draw the ranking metric of every run against when it began."""
    column = contract.metric_key(contract.VALID, board.by)
    runs = history.dropna(subset=[column, "start"]).sort_values("start").tail(MOST_POINTS)
    if runs.empty:
        st.caption("Nothing to draw yet: no candidate has this metric.")
        return
    nothing = pd.Series(float("nan"), index=runs.index)
    shown = pd.DataFrame(
        {"start": runs["start"], "name": runs["run_id"].map(board.names), "value": runs[column],
         "lo": runs.get(f"{column}_lo", nothing), "hi": runs.get(f"{column}_hi", nothing),
         "rows": runs["test_sha256"].map(short)}
    )  # fmt: skip
    n_rows = shown["rows"].nunique()
    less = label_of(board.by).direction < 0
    best = shown["value"].min() if less else shown["value"].max()
    value = number(best, label_of(board.by).decimals)
    title = f"Best {label_of(board.by).text} on validation so far: {value}, of {len(runs):,} runs"
    st.plotly_chart(over_time_chart(shown, label_of(board.by).text, title, less_is_better=less), key="over_time", alt=title)
    rows = f" Signs differ where the rows did: {n_rows} splits, whose values do not compare." if n_rows > 1 else ""
    newest = f" The newest {MOST_POINTS:,} are drawn." if len(history) > len(runs) else ""
    st.caption(f"All bake-offs, on validation, with 95 % intervals where a run has them.{rows}{newest}")


def seconds(board: Board) -> None:
    """Draw what the search cost in seconds per candidate."""
    runs = board.field.candidates.dropna(subset=[contract.FIT_SECONDS])
    if runs.empty:
        st.caption("No candidate says how long it trained.")
        return
    best = leader(board.field, board.by)
    total, longest = float(runs[contract.FIT_SECONDS].sum()), runs.iloc[int(runs[contract.FIT_SECONDS].to_numpy().argmax())]
    share = longest[contract.FIT_SECONDS] / total if total else float("nan")
    title = f"{number(total, 0)} s of training, {percent(share, 0)} of it for {board.names[longest['run_id']]}"
    shown = pd.DataFrame(
        {"name": runs["run_id"].map(board.names), "seconds": runs[contract.FIT_SECONDS],
         "is_leader": runs["run_id"] == (best["run_id"] if best is not None else "")}
    )  # fmt: skip
    st.plotly_chart(seconds_chart(shown, title), key="seconds", alt=title)
    st.caption("Validation folds included; blue leads on validation.")
