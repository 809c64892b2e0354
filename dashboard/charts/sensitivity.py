"""What becomes of the best cut-off and its saving when the unit costs are other than stated, as a heat map."""

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import CHALLENGER, base_figure
from dashboard.labels import cutoff, short_money

SCALE = [[0.0, "#F6D5BC"], [0.5, "#F3F5F7"], [1.0, "#66AAD5"]]
"""Vermilion where money is lost, blue where it is saved, all pale enough for dark text."""


def cost_grid_chart(grid: DataFrame, axes: tuple[str, str], title: str, currency: str, *, as_shares: bool) -> go.Figure:
    """Draw the best cut-off (text) and its saving per 1,000 (text and colour) for each pair of unit costs.

    grid: as `cost_grid` gives it, of an odd number of steps either way round the stated costs; axes: names of refusal and
    miss; as_shares: the units are shares of the loan.
    """
    fn, fp = (np.unique(grid[name]) for name in ("fn_cost", "fp_cost"))
    shape = len(fn), len(fp)
    ordered = grid.sort_values(["fn_cost", "fp_cost"])
    saving, best = (ordered[name].to_numpy(dtype=np.float64).reshape(shape) for name in ("saving_per_1000", "cutoff"))
    text = [
        [f"{cutoff(at).partition(' (')[0]}<br>{short_money(money)}" for at, money in zip(*pair, strict=True)]
        for pair in zip(best.tolist(), saving.tolist(), strict=True)
    ]
    figure = base_figure(title, axes[0], axes[1], 430)
    said = [[_unit(value, as_shares=as_shares) for value in axis] for axis in (fp, fn)]
    reach = float(np.nanmax(np.abs(saving))) or 1.0
    figure.add_heatmap(
        x=said[0], y=said[1], z=saving, text=text, texttemplate="%{text}", colorscale=SCALE, showscale=False,
        zmin=-reach, zmax=reach, xgap=2, ygap=2, textfont={"color": "#1F2933", "size": 12},
        hovertemplate=f"refusal %{{x}}, miss %{{y}}<br>saves %{{z:,.0f}} {currency} per 1,000<extra></extra>",
    )  # fmt: skip
    column, row = len(fp) // 2, len(fn) // 2
    figure.add_shape(
        type="rect", x0=column - 0.5, x1=column + 0.5, y0=row - 0.5, y1=row + 0.5, line={"color": CHALLENGER, "width": 3}
    )  # fmt: skip
    figure.update_xaxes(type="category", showgrid=False)
    figure.update_yaxes(type="category", showgrid=False)
    return figure


def _unit(value: float, *, as_shares: bool) -> str:
    return f"{100 * value:.3g} %" if as_shares else short_money(float(value))
