"""Predicted against observed default rates."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.comparison import Line
from dashboard.charts.style import CHAMPION, OTHER, base_figure, label_at, literal


def reliability_chart(table: DataFrame) -> go.Figure:
    """Draw the observed default rate against the mean PD with Wilson intervals. table: as `reliability_table` gives it."""
    inside = int(((table["lo"] <= table["mean_pd"]) & (table["mean_pd"] <= table["hi"])).sum())
    title = f"In {inside} of {len(table)} groups the PD lies inside the interval of what happened"
    figure = base_figure(title, "Predicted: mean PD of the group (%)", "Observed default rate (%)")
    top = 100 * float(np.nanmax(table[["mean_pd", "hi"]].to_numpy())) if len(table) else 100.0
    figure.add_scatter(
        x=[0, top], y=[0, top], mode="lines", line={"color": OTHER, "dash": "dash", "width": 1}, hoverinfo="skip"
    )
    label_at(figure, top, top, "as predicted", OTHER, anchor="right", shift=-14)
    figure.add_scatter(
        x=100 * table["mean_pd"], y=100 * table["default_rate"], mode="markers", marker={"color": CHAMPION, "size": 8},
        error_y={"type": "data", "symmetric": False, "thickness": 1.5, "width": 3, "color": CHAMPION,
                 "array": 100 * (table["hi"] - table["default_rate"]),
                 "arrayminus": 100 * (table["default_rate"] - table["lo"])},
        customdata=table[["n"]], hovertemplate="PD %{x:.1f} %, observed %{y:.1f} %<br>n = %{customdata[0]:,}<extra></extra>",
    )  # fmt: skip
    return figure


def calibration_comparison(lines: Sequence[Line], tables: Sequence[DataFrame], title: str) -> go.Figure:
    """Draw predicted against observed of several runs; the line of each is what happened. tables: as `reliability_table`."""
    figure = base_figure(title, "Predicted: mean PD of the group (%)", "Observed default rate (%)", 400)
    known = [100 * float(np.nanmax(table[["mean_pd", "default_rate"]].to_numpy())) for table in tables if len(table)]
    top = max(known, default=100.0)
    figure.add_scatter(
        x=[0, top], y=[0, top], mode="lines", line={"color": OTHER, "dash": "dash", "width": 1}, hoverinfo="skip"
    )
    label_at(figure, top, top, "as predicted", OTHER, anchor="right", shift=-14)
    for i, (line, table) in enumerate(zip(lines, tables, strict=True)):
        figure.add_scatter(
            x=100 * table["mean_pd"], y=100 * table["default_rate"], mode="lines+markers",
            marker={"color": line.color, "size": 6},
            line={"color": line.color, "dash": line.dash, "width": 2},
            customdata=table[["n", "lo", "hi"]].assign(lo=100 * table["lo"], hi=100 * table["hi"]),
            hovertemplate=f"{line.letter} {literal(line.name)}<br>PD %{{x:.1f}} %, observed %{{y:.1f}} % "
            "[%{customdata[1]:.1f}, %{customdata[2]:.1f}], n = %{customdata[0]:,}<extra></extra>",
        )  # fmt: skip
        place = len(table) - 1 - i % max(len(table), 1)
        if len(table):
            x, y = float(100 * table["mean_pd"].iloc[place]), float(100 * table["default_rate"].iloc[place])
            label_at(figure, x, y, line.letter, line.color, shift=9)
    return figure
