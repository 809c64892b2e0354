"""The field in one picture, of four the reader can choose; a fragment, so that choosing redraws it alone."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import pandas as pd
import streamlit as st

from dashboard import loading
from dashboard.board import Board
from dashboard.charts.metrics import equal_cost_lines, f1_recall_chart
from dashboard.components import search
from dashboard.ranking import leader
from dashboard.worth import project_costs
from pipeline import contract
from pipeline.evaluation.cost import Costs, LoanCosts
from pipeline.project import ProjectConfig
from pipeline.registry.tracking_store import TrackingUnavailable

MOST_CROSSES: Final = 60


@st.fragment
def pictures(board: Board, history: pd.DataFrame, config: ProjectConfig | None) -> None:
    """Draw the chosen picture. history: candidates of every bake-off that pass the other filters."""
    parts: Mapping[str, Callable[[], None]] = {
        "F1, recall": lambda: _f1_recall(board, config), "Parameters": lambda: search.parallel(board),
        "Time": lambda: search.over_time(board, history), "Seconds": lambda: search.seconds(board),
    }  # fmt: skip
    chosen = st.segmented_control(
        "Picture", list(parts), default="F1, recall", required=True, key="picture", bind="query-params",
        label_visibility="collapsed",
    )  # fmt: skip
    parts[str(chosen)]()


def _f1_recall(board: Board, config: ProjectConfig | None) -> None:
    found = f1_recall(board, config)
    if found is None:
        st.caption("Runs tested on different rows are not drawn in one picture.")
        return
    figure, title, said = found
    st.plotly_chart(figure, key="f1_recall", alt=f"F1 against recall on test with 95 % intervals. {title}")
    st.caption(said)


def f1_recall(board: Board, config: ProjectConfig | None) -> tuple[Any, str, str] | None:
    """Return F1 against recall as a figure, its title and what must be said beside it; None without runs to compare."""
    best = leader(board.field, board.by)
    if best is None or not board.field.is_comparable:
        return None
    runs = board.field.candidates
    is_baseline = (runs["family"] == "prior") & (runs["run_id"] != best["run_id"])
    shown = runs[~is_baseline].head(MOST_CROSSES)
    shown = shown.assign(name=shown["run_id"].map(board.names), is_leader=shown["run_id"] == best["run_id"],
                         is_live=shown["run_id"] == board.champion)  # fmt: skip
    costs = None if config is None else project_costs(config)
    unit_costs = None if costs is None else _unit_costs(str(best["run_id"]), costs)
    lines = None
    if unit_costs is not None:
        lines = equal_cost_lines(shown, best["test_defaults"] / best["test_n"], *unit_costs)
    n_tied = int(((shown["test_f1_hi"] >= best["test_f1_lo"]) & ~shown["is_leader"]).sum())
    n_others = len(shown) - 1
    title = f"{n_tied} of {n_others} others overlap the leader's F1 interval" if n_others > 0 else "One candidate so far"
    left_out = " The prior, which gives everybody the same PD, is left out." if is_baseline.any() else ""
    first = f" The first {len(shown)} on validation are drawn." if len(shown) < len(runs) - is_baseline.sum() else ""
    said = f"Crosses are 95 % intervals.{_said_lines(costs) if lines is not None else ''}"
    return f1_recall_chart(shown, title, lines, board.currency), title, f"{said}{left_out}{first}"


def _unit_costs(run_id: str, costs: Costs) -> tuple[float, float] | None:
    """What a miss and a refusal cost; per loan, at the average amount of each. None while the amounts cannot be read."""
    miss, refusal = costs.unit_costs.values()
    if not isinstance(costs, LoanCosts):
        return miss, refusal
    try:
        table = loading.curve(run_id, contract.TEST)
    except TrackingUnavailable:
        return None
    if table is None or table.empty:
        return None
    all_approved = table.iloc[-1]
    bad, good = (float(all_approved[f"{cell}_amount"]) / max(float(all_approved[cell]), 1.0) for cell in ("fn", "tn"))
    return (miss * bad, refusal * good) if math.isfinite(bad + good) else None


def _said_lines(costs: Costs | None) -> str:
    if isinstance(costs, LoanCosts):
        return " Along a dotted line 1,000 applications cost about the same, were each loan of average amount."
    return " Along a dotted line 1,000 applications cost the same."
