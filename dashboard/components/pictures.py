"""The field in one picture, of four the reader can choose; a fragment, so that choosing redraws it alone."""

import json
from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from dashboard.board import Board
from dashboard.charts.metrics import equal_cost_lines, f1_recall_chart
from dashboard.charts.runs import over_time_chart, parallel_chart, seconds_chart, varying
from dashboard.labels import label_of, number, percent, short
from dashboard.ranking import leader
from pipeline import contract
from pipeline.project import ProjectConfig

MOST_CROSSES = 60


@st.fragment
def pictures(board: Board, history: pd.DataFrame, config: ProjectConfig | None) -> None:
    """Draw the chosen picture. history: candidates of every bake-off that pass the other filters."""
    parts: Mapping[str, Callable[[], None]] = {
        "F1, recall": lambda: _f1_recall(board, config), "Parameters": lambda: _parallel(board),
        "Time": lambda: _over_time(board, history), "Seconds": lambda: _seconds(board),
    }  # fmt: skip
    chosen = st.segmented_control(
        "Picture", list(parts), default="F1, recall", required=True, key="picture", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    parts[str(chosen)]()


def _f1_recall(board: Board, config: ProjectConfig | None) -> None:
    best = leader(board.field, board.by)
    if best is None or not board.field.is_comparable:
        st.caption("Runs tested on different rows are not drawn in one picture.")
        return
    runs = board.field.candidates
    is_baseline = (runs["family"] == "prior") & (runs["run_id"] != best["run_id"])
    shown = runs[~is_baseline].head(MOST_CROSSES)
    shown = shown.assign(name=shown["run_id"].map(board.names), is_leader=shown["run_id"] == best["run_id"])
    lines = None
    if config is not None:
        rate = best["test_defaults"] / best["test_n"]
        lines = equal_cost_lines(shown, rate, config.costs.fn_cost, config.costs.fp_cost)
    n_tied = int(((shown["test_f1_hi"] >= best["test_f1_lo"]) & ~shown["is_leader"]).sum())
    n_others = len(shown) - 1
    title = f"{n_tied} of {n_others} others overlap the leader's F1 interval" if n_others > 0 else "One candidate so far"
    chart = f1_recall_chart(shown, title, lines, board.currency)
    st.plotly_chart(chart, key="f1_recall", alt=f"F1 against recall on test with 95 % intervals. {title}")
    left_out = " The prior-only baseline is left out." if is_baseline.any() else ""
    first = f" The first {len(shown)} on validation are drawn." if len(shown) < len(runs) - is_baseline.sum() else ""
    st.caption(
        f"Crosses are 95 % intervals. Along a dotted line 1,000 applications cost the same, at costs per case.{left_out}{first}"
    )


def _parallel(board: Board) -> None:
    column = contract.metric_key(contract.VALID, board.by)
    runs = board.field.candidates.dropna(subset=[column])
    runs = runs[runs["family"] != "prior"].reset_index(drop=True)
    params = pd.DataFrame([json.loads(text) for text in runs["params"]], dtype=object)
    names = varying(params) if len(runs) > 1 else []
    if not names:
        st.caption("Parameters are drawn when at least two candidates differ in one.")
        return
    less = label_of(board.by).direction < 0
    title = f"Which parameters go with a good {label_of(board.by).text} on validation, bluer is better"
    figure = parallel_chart(params, runs[column], f"{label_of(board.by).text}", title, less_is_better=less)
    st.plotly_chart(
        figure,
        key="parallel",
        alt=f"Parallel coordinates of {len(runs)} candidates: {', '.join(names)} against {label_of(board.by).text}",
    )
    st.caption(f"One line per candidate, {len(runs):,} in all; a dash is a parameter that a candidate does not have.")


def _over_time(board: Board, history: pd.DataFrame) -> None:
    column = contract.metric_key(contract.VALID, board.by)
    runs = history.dropna(subset=[column, "start"])
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
    st.caption(f"All bake-offs, on validation, with 95 % intervals where a run has them.{rows}")


def _seconds(board: Board) -> None:
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
