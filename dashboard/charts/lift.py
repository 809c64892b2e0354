"""How many defaulters stand among the riskiest: lift by depth."""

from collections.abc import Sequence

import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.comparison import Line
from dashboard.charts.style import OTHER, base_figure, label_at, literal


def lift_chart(lines: Sequence[Line], tables: Sequence[DataFrame], title: str) -> go.Figure:
    """Draw the cumulative lift of each run against how deep one goes, riskiest first. tables: as `gains_table` gives them."""
    figure = base_figure(title, "Riskiest share of applicants (%)", "Defaulters per applicant, times the average", 400)
    figure.add_hline(y=1, line={"color": OTHER, "dash": "dash", "width": 1})
    label_at(figure, 100, 1, "at random", OTHER, anchor="right", shift=-10)
    for i, (line, table) in enumerate(zip(lines, tables, strict=True)):
        figure.add_scatter(
            x=100 * table["depth"], y=table["cumulative_lift"], mode="lines+markers", marker={"size": 6, "color": line.color},
            line={"color": line.color, "dash": line.dash, "width": 2},
            customdata=table[["captured", "n"]].assign(captured=100 * table["captured"], n=table["n"].cumsum()),
            hovertemplate=f"{line.letter} {literal(line.name)}<br>riskiest %{{x:.0f}} %: %{{y:.2f}} times the average<br>"
            "%{customdata[0]:.1f} % of defaulters, n = %{customdata[1]:,}<extra></extra>",
        )  # fmt: skip
        place = min(i, len(table) - 1)
        label_at(
            figure,
            float(100 * table["depth"].iloc[place]),
            float(table["cumulative_lift"].iloc[place]),
            line.letter,
            line.color,
            shift=9,
        )
    return figure
