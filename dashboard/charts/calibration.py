"""Predicted against observed default rates."""

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import CHAMPION, OTHER, base_figure, label_at


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
