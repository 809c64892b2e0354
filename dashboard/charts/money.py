"""Expected money by month against what was promised: one line with its band, hatched because it is an estimate."""

import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import BAND_OPACITY, CHAMPION, OTHER, base_figure, label_at


def money_line(table: DataFrame, currency: str, title: str) -> go.Figure:
    """Draw `money_line.money_by_period`: the change per 1,000 applications by month around what was promised."""
    figure = base_figure(title, "Month of decision", f"{currency} per 1,000", 320)
    rows = table[table["change"].notna()]
    ends = {"x": [*rows["period"], *rows["period"][::-1]], "y": [*rows["hi"], *rows["lo"][::-1]]}
    figure.add_scatter(
        **ends, fill="toself", mode="lines", line={"width": 0}, fillcolor=CHAMPION, opacity=BAND_OPACITY * 2, hoverinfo="skip",
        fillpattern={"shape": "/", "fgcolor": CHAMPION, "bgcolor": "rgba(0,0,0,0)", "size": 6, "solidity": 0.3},
    )  # fmt: skip
    figure.add_hline(y=0, line={"color": OTHER, "dash": "dash", "width": 1.5})
    figure.add_scatter(
        x=rows["period"], y=rows["change"], mode="lines+markers", line={"color": CHAMPION, "width": 2.5}, marker={"size": 7},
        customdata=rows[["lo", "hi", "n", "expected", "promised"]],
        hovertemplate="%{x|%B %Y}: %{y:+,.0f} [%{customdata[0]:+,.0f}, %{customdata[1]:+,.0f}]<br>"
        "expected %{customdata[3]:,.0f}, promised %{customdata[4]:,.0f}, n = %{customdata[2]:,}<extra></extra>",
    )  # fmt: skip
    label_at(figure, rows["period"].iloc[0], 0, "as promised", None, shift=9)
    figure.update_xaxes(tickformat="%b %Y", nticks=6)
    figure.update_yaxes(tickformat="+,~s")
    return figure
