"""Performance over vintages: realised where outcomes are in, hatched estimates where they are not, the boundary named."""

from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go
from pandas import DataFrame, DateOffset, Timestamp

from dashboard.charts.style import BAND_OPACITY, CHAMPION, OTHER, base_figure

HEIGHT: Final = 400
_HALF_MONTH: Final = DateOffset(days=15)


@dataclass(frozen=True)
class Axis:
    """How one metric is drawn: its name with its unit, the number format of hovers, and a level to compare with, if any."""

    title: str
    hover: str
    ticks: str = ".2f"
    level: float | None = None
    level_name: str = ""


def timeline_chart(realised: DataFrame, past: DataFrame, ahead: DataFrame, axis: Axis, title: str) -> go.Figure:
    """Draw one metric by vintage: realised with its band, estimates dashed, hatched where nothing has matured.

    realised, past, ahead: vintage, value, lo, hi, n, of one metric, by vintage: what came true, what the PDs of the same loans
    had expected, and what they expect of vintages that have not matured.
    """
    figure = base_figure(title, "Month of decision", axis.title, HEIGHT)
    if axis.level is not None:
        figure.add_hline(y=axis.level, line={"color": OTHER, "dash": "dot", "width": 1.2})
    _band(figure, ahead, hatched=True)
    _band(figure, realised, hatched=False)
    _line(figure, past, axis, "expected of them", OTHER, "dash")
    _line(figure, ahead, axis, "expected, not matured", CHAMPION, "dash", symbol="circle-open")
    _line(figure, realised, axis, "realised", CHAMPION, "solid")
    _boundary(figure, realised, ahead)
    if axis.level is not None:
        figure.add_annotation(
            x=1, xref="paper", y=axis.level, text=axis.level_name, showarrow=False, xanchor="left", xshift=3,
            font={"size": 12, "color": OTHER},
        )  # fmt: skip
    months = [*realised["vintage"], *past["vintage"], *ahead["vintage"]]
    if months:
        figure.update_xaxes(range=[min(months) - _HALF_MONTH, max(months) + _HALF_MONTH], hoverformat="%B %Y")
    figure.update_layout(margin={"r": 8 if axis.level is None else 62})
    figure.update_yaxes(tickformat=axis.ticks)
    figure.update_xaxes(tickformat="%b\n%Y", showgrid=False, **({"dtick": "M1"} if len(set(months)) <= 12 else {}))
    return figure


def _band(figure: go.Figure, rows: DataFrame, *, hatched: bool) -> None:
    """The interval as a band; a single vintage has no width, so it gets a bar with its line."""
    known = rows.dropna(subset=["lo", "hi"])
    if len(known) < 2:
        return
    pattern = {"shape": "/", "size": 7, "solidity": 0.25, "fgcolor": CHAMPION, "fgopacity": 0.75, "bgcolor": "rgba(0,0,0,0)"}
    figure.add_scatter(
        x=[*known["vintage"], *known["vintage"][::-1]], y=[*known["hi"], *known["lo"][::-1]], mode="lines", fill="toself",
        line={"width": 0}, fillcolor=CHAMPION, opacity=1 if hatched else BAND_OPACITY, hoverinfo="skip",
        fillpattern=pattern if hatched else None,
    )  # fmt: skip


def _line(figure: go.Figure, rows: DataFrame, axis: Axis, name: str, color: str, dash: str, symbol: str = "circle") -> None:
    if rows.empty:
        return
    is_past = color == OTHER
    bar = {"type": "data", "symmetric": False, "array": rows["hi"] - rows["value"], "arrayminus": rows["value"] - rows["lo"]}
    figure.add_scatter(
        x=rows["vintage"], y=rows["value"], mode="lines" if is_past and len(rows) > 1 else "lines+markers",
        line={"color": color, "dash": dash, "width": 1.5 if is_past else 2.5},
        marker={"color": color, "size": 8, "symbol": symbol, "line": {"color": color, "width": 2}},
        error_y=bar if len(rows) == 1 else None, customdata=rows[["lo", "hi", "n"]],
        hovertemplate=f"%{{x|%B %Y}}, {name}<br>%{{y:{axis.hover}}} [%{{customdata[0]:{axis.hover}}}, "
        f"%{{customdata[1]:{axis.hover}}}], n = %{{customdata[2]:,}}<extra></extra>",
    )  # fmt: skip


def _boundary(figure: go.Figure, realised: DataFrame, ahead: DataFrame) -> None:
    """The line between what is known and what is expected, with both sides named above the plot."""
    if realised.empty and ahead.empty:
        return
    if realised.empty or ahead.empty:
        text = "all matured: realised" if ahead.empty else "nothing has matured: estimated from PDs"
        _side(figure, 0, "paper", "left", text)
        return
    at = Timestamp(realised["vintage"].max()) + (ahead["vintage"].min() - realised["vintage"].max()) / 2
    figure.add_shape(type="line", x0=at, x1=at, y0=0, y1=1.02, yref="paper", line={"color": OTHER, "width": 1.5})
    _side(figure, at, "x", "right", "matured: realised ◂")
    _side(figure, at, "x", "left", "▸ estimated from PDs")


def _side(figure: go.Figure, x: object, xref: str, anchor: str, text: str) -> None:
    figure.add_annotation(
        x=x, xref=xref, y=1.02, yref="paper", text=text, showarrow=False, xanchor=anchor, yanchor="bottom",
        xshift=-4 if anchor == "right" else 4, font={"size": 12},
    )  # fmt: skip
