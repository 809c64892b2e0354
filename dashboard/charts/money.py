"""Expected money by month beside what was promised: one line with its band, hatched because it is an estimate."""

import pandas as pd
import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import BAND_OPACITY, CHAMPION, OTHER, base_figure, label_at


def money_line(table: DataFrame, unit: str, title: str, beside: str = "promised") -> go.Figure:
    """Draw money per 1,000 applications by month beside the promised one.

    table: columns period, n, value, lo, hi and promised, a row a month; unit: of the axis; beside: name of the dashed line.
    """
    figure = base_figure(title, "Month of decision", unit, 320)
    rows = table[table["value"].notna()]
    ends = {"x": [*rows["period"], *rows["period"][::-1]], "y": [*rows["hi"], *rows["lo"][::-1]]}
    figure.add_scatter(
        **ends, fill="toself", mode="lines", line={"width": 0}, fillcolor=CHAMPION, opacity=BAND_OPACITY * 2, hoverinfo="skip",
        fillpattern={"shape": "/", "fgcolor": CHAMPION, "bgcolor": "rgba(0,0,0,0)", "size": 6, "solidity": 0.3},
    )  # fmt: skip
    room = pd.Timedelta(days=20)
    first, last = rows["period"].iloc[0] - room, rows["period"].iloc[-1] + room
    figure.add_scatter(
        x=[first, *rows["period"], last],
        y=[rows["promised"].iloc[0], *rows["promised"], rows["promised"].iloc[-1]],
        mode="lines", line={"color": OTHER, "dash": "dash", "width": 1.5}, hoverinfo="skip",
    )  # fmt: skip
    # A single month has no line that a band could follow.
    alone = {"array": rows["hi"] - rows["value"], "arrayminus": rows["value"] - rows["lo"], "visible": len(rows) == 1}
    figure.add_scatter(
        x=rows["period"], y=rows["value"], mode="lines+markers", line={"color": CHAMPION, "width": 2.5}, marker={"size": 7},
        error_y=alone, customdata=rows[["lo", "hi", "n", "promised"]],
        hovertemplate="%{x|%B %Y}: %{y:,.0f} [%{customdata[0]:,.0f}, %{customdata[1]:,.0f}]<br>"
        f"{beside} %{{customdata[3]:,.0f}}, n = %{{customdata[2]:,}}<extra></extra>",
    )  # fmt: skip
    if rows["promised"].notna().any():
        label_at(figure, last, rows["promised"].iloc[-1], beside, None, anchor="right", shift=9)
    figure.update_xaxes(tickformat="%b %Y", range=[first, last], dtick=f"M{1 + len(rows) // 7}", tick0=rows["period"].iloc[0])
    figure.update_yaxes(tickformat=",~s", rangemode="tozero")
    return figure
