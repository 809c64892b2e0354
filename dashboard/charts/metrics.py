"""Runs against each other: F1 against recall with intervals and lines of equal cost; metrics by segment."""

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame, concat

from dashboard.charts.style import CHALLENGER, CHAMPION, OTHER, base_figure, label_at, literal, row_figure
from dashboard.labels import short_money


def f1_recall_chart(runs: DataFrame, title: str, equal_cost: DataFrame | None = None, currency: str = "") -> go.Figure:
    """Draw test F1 against test recall with a cross of intervals per run, so that ties look like ties.

    runs: name, test_recall, test_f1 with _lo and _hi, is_leader, is_live; equal_cost: as `equal_cost_lines` gives it.
    """
    figure = base_figure(title, "Recall on test (share of defaulters caught)", "F1 on test", 370)
    x_range, y_range = _span(runs, "test_recall"), _span(runs, "test_f1")
    if equal_cost is not None:
        _add_equal_cost(figure, equal_cost, x_range, y_range, currency)
    for part, color, is_named in _parts(runs):
        figure.add_scatter(
            x=part["test_recall"], y=part["test_f1"], mode="markers", marker={"color": color, "size": 11 if is_named else 8},
            error_x=_bars(part, "test_recall", color), error_y=_bars(part, "test_f1", color), text=part["name"].map(literal),
            hovertemplate="%{text}<br>recall %{x:.3f}, F1 %{y:.3f}<extra></extra>",
        )  # fmt: skip
        for name, x, y in zip(part["name"], part["test_recall"], part["test_f1_hi"], strict=True) if is_named else ():
            label_at(figure, float(x), float(y), str(name), None, "right" if x > sum(x_range) / 2 else "left", shift=8)
    figure.update_xaxes(range=x_range, tickformat=".2f")
    figure.update_yaxes(range=y_range, tickformat=".2f")
    return figure


def _parts(runs: DataFrame) -> list[tuple[DataFrame, str, bool]]:
    """Others, then the live run in the champion's colour, and the leader: orange where another run is live."""
    leads, lives = runs["is_leader"], runs["is_live"] & ~runs["is_leader"]
    first = CHALLENGER if lives.any() else CHAMPION
    parts = [(runs[~leads & ~lives], OTHER, False), (runs[lives], CHAMPION, True), (runs[leads], first, True)]
    return [part for part in parts if len(part[0])]


def equal_cost_lines(runs: DataFrame, default_rate: float, fn_cost: float, fp_cost: float, n_lines: int = 4) -> DataFrame:
    """Return cost, recall, f1: along each line 1,000 applications cost the same; lines span the runs' own costs.

    cost / (1000 d) = fn (1 - R) + fp (2 R / F1 - 1 - R), d the default rate, for FP / defaulters = R (1/P - 1) and
    R/P = 2 R/F1 - 1.
    """
    recall, f1 = (runs[f"test_{name}"].to_numpy(dtype=np.float64) for name in ("recall", "f1"))
    usable = (recall > 0) & (f1 > 0)
    if not usable.any() or not default_rate > 0:
        return DataFrame({"cost": [], "recall": [], "f1": []})
    recall, f1 = recall[usable], f1[usable]
    own = 1000 * default_rate * (fn_cost * (1 - recall) + fp_cost * (2 * recall / f1 - 1 - recall))
    grid = np.linspace(0.01, 1, 100)
    parts = []
    for cost in np.unique(np.linspace(0.97 * own.min(), 1.03 * own.max(), n_lines)):
        room = cost / (1000 * default_rate) - fn_cost * (1 - grid) + fp_cost * (1 + grid)
        height = np.divide(2 * grid * fp_cost, room, out=np.full_like(grid, np.nan), where=room > 0)
        parts.append(DataFrame({"cost": cost, "recall": grid, "f1": height}))
    table = concat(parts, ignore_index=True)
    return table[table["f1"] <= 2 * table["recall"] / (1 + table["recall"])]


def segment_chart(table: DataFrame, metric_label: str, overall: float, title: str) -> go.Figure:
    """Draw one metric by group with intervals against the whole. table: column, group, n, value, lo, hi."""
    known = table.dropna(subset=["value"])
    names = [f"{column}: {group}" for column, group in zip(known["column"], known["group"], strict=True)]
    figure = row_figure(title, metric_label, names)
    figure.add_vline(x=overall, line={"color": OTHER, "dash": "dash", "width": 1})
    figure.add_scatter(
        x=known["value"], y=list(range(len(names))), mode="markers", marker={"color": CHAMPION, "size": 8},
        text=[literal(name) for name in names],
        error_x={"type": "data", "symmetric": False, "array": known["hi"] - known["value"],
                 "arrayminus": known["value"] - known["lo"], "color": CHAMPION, "thickness": 1.5, "width": 3},
        customdata=known[["n"]], hovertemplate="%{text}<br>%{x:.3f}, n = %{customdata[0]:,}<extra></extra>",
    )  # fmt: skip
    return figure


def importance_chart(table: DataFrame, title: str, top: int = 15) -> go.Figure:
    """Draw the most important features as bars. table: feature, importance."""
    shown = table.sort_values("importance", ascending=False).head(top)
    figure = row_figure(title, "Importance", list(shown["feature"]), 24)
    figure.add_bar(
        x=shown["importance"], y=list(range(len(shown))), orientation="h", marker_color=CHAMPION,
        hovertext=shown["feature"].map(literal), hovertemplate="%{hovertext}: %{x:.4f}<extra></extra>",
    )  # fmt: skip
    return figure


def _bars(runs: DataFrame, column: str, color: str) -> dict[str, object]:
    return {
        "type": "data", "symmetric": False, "array": runs[f"{column}_hi"] - runs[column],
        "arrayminus": runs[column] - runs[f"{column}_lo"], "color": color, "thickness": 1.2, "width": 0,
    }  # fmt: skip


def _span(runs: DataFrame, column: str) -> tuple[float, float]:
    values = runs[[column, f"{column}_lo", f"{column}_hi"]].to_numpy(dtype=np.float64)
    if not np.isfinite(values).any():
        return 0.0, 1.0
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    margin = max(0.02, 0.12 * (high - low))
    return max(0.0, low - margin), min(1.02, high + margin)


def _add_equal_cost(
    figure: go.Figure, table: DataFrame, x_range: tuple[float, float], y_range: tuple[float, float], currency: str
) -> None:
    for cost in table["cost"].unique():
        line = table[table["cost"] == cost]
        inside = line[line["recall"].between(*x_range) & line["f1"].between(*y_range)]
        if len(inside) < 3:
            continue
        style = {"color": OTHER, "width": 1, "dash": "dot"}
        figure.add_scatter(x=inside["recall"], y=inside["f1"], mode="lines", line=style, hoverinfo="skip")
        # Named in the margin beside the plot, clear of points and of the line itself.
        label_at(
            figure, float(inside["recall"].iloc[-1]), float(inside["f1"].iloc[-1]), short_money(float(cost), currency), OTHER
        )
    figure.update_layout(margin={"r": 84})
