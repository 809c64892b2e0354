"""What a policy of two cut-offs does to applicants: approve, review, decline, from the lowest PD to the highest."""

from typing import Final

import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import APPROVE, DECLINE, REVIEW, base_figure
from dashboard.labels import percent

COLORS: Final = {"approve": APPROVE, "review": REVIEW, "decline": DECLINE}
NAMED_FROM: Final = 0.13
"""Share below which a part is too narrow for its name."""


def policy_chart(table: DataFrame, title: str) -> go.Figure:
    """Draw the three shares as one bar each with its default rate on hover. table: as `policy_table` gives it."""
    figure = base_figure(title, "Applicants, lowest PD to highest (%)", "", 250)
    for row in table.to_dict("records"):
        rate = percent(float(row["default_rate"]))
        share = percent(float(row["share"]), 0)
        text = f"{row['decision']}<br>{share}" if row["share"] >= NAMED_FROM else ""
        figure.add_bar(
            x=[100 * row["share"]], y=[""], orientation="h", marker={"color": COLORS[str(row["decision"])]},
            text=[text], textposition="inside", insidetextanchor="middle", textangle=0, constraintext="none",
            textfont={"color": "#1F2933", "size": 12},
            hovertemplate=f"{row['decision']}: {row['cases']:,.0f} applicants, {rate} default<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.1, title_y=0.92)
    figure.update_xaxes(range=[0, 100])
    figure.update_yaxes(visible=False)
    return figure
