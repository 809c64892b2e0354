"""ROC and precision-recall curves with the run's own cut-off marked."""

import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import CHAMPION, OTHER, base_figure, label_at


def roc_chart(points: DataFrame, auc: float, at: tuple[float, float] | None = None) -> go.Figure:
    """Draw recall against the false positive rate. points: as `roc_points` gives them; at: where the cut-off stands."""
    title = f"A defaulter outranks a good customer in {100 * auc:.0f} of 100 pairs"
    figure = base_figure(title, "Good customers declined (%)", "Defaulters caught: recall (%)")
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", line={"color": OTHER, "dash": "dash", "width": 1}, hoverinfo="skip"
    )
    label_at(figure, 62, 58, "coin toss", OTHER)
    _curve(
        figure,
        points,
        "false_positive_rate",
        "recall",
        "decline from %{customdata:.1f} %<br>refused %{x:.1f} %, caught %{y:.1f} %",
    )
    return _with_cutoff(figure, at)


def pr_chart(points: DataFrame, default_rate: float, at: tuple[float, float] | None = None) -> go.Figure:
    """Draw precision against recall. points: as `pr_points` gives them; default_rate: what declining at random reaches."""
    title = f"Declining at random would be right in {100 * default_rate:.0f} of 100 cases; the model does better"
    figure = base_figure(title, "Defaulters caught: recall (%)", "Declines that are right: precision (%)")
    figure.add_hline(y=100 * default_rate, line={"color": OTHER, "dash": "dash", "width": 1})
    label_at(figure, 100, 100 * default_rate, "at random", OTHER, anchor="right", shift=-9)
    _curve(figure, points, "recall", "precision", "decline from %{customdata:.1f} %<br>caught %{x:.1f} %, right %{y:.1f} %")
    figure.update_yaxes(range=[0, 102])
    return _with_cutoff(figure, at)


def _curve(figure: go.Figure, points: DataFrame, x: str, y: str, hover: str) -> None:
    figure.add_scatter(
        x=100 * points[x], y=100 * points[y], customdata=100 * points["cutoff"], mode="lines",
        line={"color": CHAMPION, "width": 2.5}, hovertemplate=hover + "<extra></extra>",
    )  # fmt: skip


def _with_cutoff(figure: go.Figure, at: tuple[float, float] | None) -> go.Figure:
    if at is not None:
        x, y = 100 * at[0], 100 * at[1]
        figure.add_scatter(x=[x], y=[y], mode="markers", marker={"size": 11, "color": CHAMPION}, hoverinfo="skip")
        label_at(figure, x, y, "the run's cut-off", None, anchor="left", shift=12)
    return figure
