"""When alerts began, and in which layer: a mark per alert over the product's own time."""

from datetime import date
from typing import Final

import pandas as pd
import plotly.graph_objects as go

from dashboard.charts.style import DECLINE, OTHER, REVIEW, literal, row_figure

COLORS: Final = {"critical": DECLINE, "warning": REVIEW, "info": OTHER}
SHAPES: Final = {"critical": "diamond", "warning": "circle", "info": "square"}
"""So that colour is never the only sign."""
_ROOM: Final = 0.32
"""How far marks of one layer and period lie apart, of the height of a row."""


def alert_timeline(alerts: pd.DataFrame, layers: list[str], first: date, last: date, title: str) -> go.Figure:
    """Draw alerts by period and layer; filled: not closed, hollow: closed.

    alerts: columns period (ISO), layer (of layers), severity, is_closed and text (shown on hover), one row an alert.
    """
    figure = row_figure(title, "Period in which it was found", layers, per_row=56)
    placed = alerts.sort_values(["layer", "period", "severity"], kind="stable")
    at = placed.groupby(["layer", "period"]).cumcount()
    many = placed.groupby(["layer", "period"])["period"].transform("size")
    height = placed["layer"].map({layer: i for i, layer in enumerate(layers)}) + _spread(at, many)
    for (severity, is_closed), group in placed.assign(y=height).groupby(["severity", "is_closed"]):
        color = COLORS.get(str(severity), OTHER)
        shape = SHAPES.get(str(severity), "circle") + ("-open" if is_closed else "")
        figure.add_scatter(
            x=group["period"], y=group["y"], mode="markers", name=str(severity),
            marker={"size": 13, "color": color, "symbol": shape, "line": {"width": 2 if is_closed else 0, "color": color}},
            text=[literal(text) for text in group["text"]], hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    margin = pd.Timedelta(days=max(3, (last - first).days // 20))
    figure.update_xaxes(range=[pd.Timestamp(first) - margin, pd.Timestamp(last) + margin], showgrid=True, tickformat="%Y-%m")
    return figure


def _spread(at: "pd.Series[int]", many: "pd.Series[int]") -> "pd.Series[float]":
    """Offsets from the middle of a row, so that marks of one period stand one above the other."""
    step = (2 * _ROOM / (many - 1).clip(lower=2)).clip(upper=0.26)
    return (at - (many - 1) / 2) * step
