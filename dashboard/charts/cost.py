"""What each cut-off costs, as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import APPROVE, BAND_OPACITY, CHAMPION, base_figure, label_at, mark_at

MAX_POINTS = 600


@dataclass(frozen=True)
class Mark:
    """A named cut-off on the cost curve."""

    name: str
    cutoff: float
    color: str


def cost_chart(
    points: DataFrame, flat: tuple[float, float], marks: Sequence[Mark], chosen: float, currency: str, title: str
) -> go.Figure:
    """Draw cost per 1,000 applications against the cut-off.

    points: cutoff, cost (money per 1,000 applications); flat: the cut-offs between which the cost hardly moves; marks with
    an infinite cut-off are left out; chosen: the cut-off the reader looks at.
    """
    drawn = _thinned(points[np.isfinite(points["cutoff"])])
    figure = base_figure(title, "Cut-off: decline from this PD (%)", f"Cost per 1,000 applications ({currency})", 400)
    last = drawn["cutoff"].iloc[-1] if len(drawn) else 1.0
    low, high = flat[0], min(flat[1], last)
    if low < high:
        figure.add_vrect(x0=100 * low, x1=100 * high, fillcolor=APPROVE, opacity=BAND_OPACITY, line_width=0, layer="below")
    figure.add_scatter(
        x=100 * drawn["cutoff"], y=drawn["cost"], mode="lines", line={"color": CHAMPION, "width": 2.5, "shape": "hv"},
        hovertemplate=f"decline from %{{x:.1f}} %<br>%{{y:,.0f}} {currency} per 1,000<extra></extra>",
    )  # fmt: skip
    everybody = float(points["cost"].iloc[-1])
    figure.add_hline(y=everybody, line={"color": "#8A94A0", "width": 1, "dash": "dash"})
    label_at(figure, 100 * last, everybody, "approve everybody", "#8A94A0", anchor="right", shift=9)
    for i, mark in enumerate(_merged(marks)):
        side = "right" if mark.cutoff > 0.7 * last or (i == 0 and mark.cutoff > 0.15 * last) else "left"
        mark_at(figure, 100 * mark.cutoff, mark.name, mark.color, height=0.99 - 0.075 * i, anchor=side)
    cost_here = points["cost"].iloc[min(int(np.searchsorted(points["cutoff"], chosen)), len(points) - 1)]
    figure.add_scatter(
        x=[100 * min(chosen, last)], y=[cost_here], mode="markers",
        marker={"size": 13, "color": CHAMPION, "line": {"width": 2, "color": "white"}},
        hovertemplate=f"you look at %{{x:.1f}} %<br>%{{y:,.0f}} {currency} per 1,000<extra></extra>",
    )  # fmt: skip
    # A quarter of free room on top, where the names of the marks stand clear of the curve.
    figure.update_yaxes(range=[0, 1.36 * float(points["cost"].max())], tickformat="~s")
    figure.update_xaxes(range=[0, 100 * last])
    return figure


def _merged(marks: Sequence[Mark]) -> list[Mark]:
    """Finite marks by rising cut-off; those that stand on the same tenth of a per cent share one line and both names."""
    merged: dict[float, Mark] = {}
    for mark in marks:
        if np.isfinite(mark.cutoff):
            place = round(mark.cutoff, 3)
            first = merged.get(place)
            merged[place] = mark if first is None else Mark(f"{first.name} = {mark.name}", first.cutoff, first.color)
    return [merged[place] for place in sorted(merged)]


def _thinned(points: DataFrame) -> DataFrame:
    """Keep at most `MAX_POINTS` rows, the cheapest among them: a browser shows no more."""
    if len(points) <= MAX_POINTS:
        return points
    rows = np.linspace(0, len(points) - 1, MAX_POINTS).astype(int)
    cheapest = int(np.argmin(points["cost"].to_numpy()))
    return points.iloc[np.unique(np.append(rows, cheapest))]
