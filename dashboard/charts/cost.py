"""What each cut-off costs and does, as a picture: money on top, rates under it, on one axis of cut-offs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import APPROVE, BAND_OPACITY, CHAMPION, DECLINE, MISS, OTHER, base_figure, literal, mark_at, spread
from dashboard.labels import short_money

RATES = {"approval_rate": ("approved", APPROVE), "recall": ("recall", CHAMPION), "precision": ("precision", DECLINE),
         "f1": ("F1", MISS)}  # fmt: skip
ROOM_PER_LETTER = 0.026
"""Share of the axis that a letter of a mark's name takes on a phone."""
MONEY_DOMAIN, RATES_DOMAIN = (0.40, 1.0), (0.0, 0.27)


@dataclass(frozen=True)
class Mark:
    """A named cut-off on the cost curve."""

    name: str
    cutoff: float
    color: str


@dataclass(frozen=True)
class CostPicture:
    """What is drawn. Tables hold cutoff and cost (per 1,000); `valid` also the columns of `RATES`.

    flat: cut-offs between which the cost hardly moves; band: where the cheapest lies in 95 % of resamples, or None;
    baseline: what savings are against, its name and its cost per 1,000 on validation; chosen: where the reader looks.
    """

    valid: DataFrame
    test: DataFrame
    flat: tuple[float, float]
    band: tuple[float, float] | None
    marks: Sequence[Mark]
    baseline: tuple[str, float]
    chosen: float
    currency: str


def cost_chart(picture: CostPicture, title: str) -> go.Figure:
    """Draw cost per 1,000 applications, and the rates, against the cut-off. Marks at infinity are left out."""
    figure = base_figure(title, "Cut-off: decline from this PD (%)", f"Cost per 1,000 ({picture.currency})", 520)
    drawn = picture.valid[np.isfinite(picture.valid["cutoff"])]
    last = float(drawn["cutoff"].iloc[-1]) if len(drawn) else 1.0
    _bands(figure, picture, last)
    _curves(figure, picture, drawn, last)
    _rates(figure, drawn, last)
    here = picture.valid["cost"].iloc[
        min(int(np.searchsorted(picture.valid["cutoff"], picture.chosen)), len(picture.valid) - 1)
    ]
    figure.add_scatter(
        x=[100 * min(picture.chosen, last)], y=[here], mode="markers",
        marker={"size": 13, "color": CHAMPION, "line": {"width": 2, "color": "white"}},
        hovertemplate=f"you look at {100 * picture.chosen:.1f} %<br>%{{y:,.0f}} {picture.currency} per 1,000<extra></extra>",
    )  # fmt: skip
    for i, mark in enumerate(merged(picture.marks)):
        has_room = mark.cutoff > ROOM_PER_LETTER * len(mark.name) * last
        side = "right" if mark.cutoff > 0.6 * last or (i == 0 and has_room) else "left"
        mark_at(figure, 100 * mark.cutoff, mark.name, mark.color, height=0.995 - 0.05 * i, anchor=side)
    step = 20 if last > 0.6 else 10 if last > 0.25 else 5
    figure.update_xaxes(range=[0, 122 * last], anchor="y2", tickvals=list(range(0, round(100 * last) + 1, step)))
    return figure


def _bands(figure: go.Figure, picture: CostPicture, last: float) -> None:
    """The flat region as a pale band, the resamples' cheapest as a bar at the foot of the money panel."""
    low, high = picture.flat[0], min(picture.flat[1], last)
    if low < high:
        figure.add_shape(
            type="rect", x0=100 * low, x1=100 * high, yref="paper", y0=MONEY_DOMAIN[0], y1=1, fillcolor=APPROVE,
            opacity=BAND_OPACITY, line_width=0, layer="below",
        )  # fmt: skip
    if picture.band is not None and np.isfinite(picture.band[0]):
        floor = _money_range(picture)[0]
        ends = [100 * min(end, last) for end in picture.band]
        figure.add_scatter(
            x=ends, y=[floor, floor], mode="lines", line={"color": CHAMPION, "width": 7}, opacity=0.55, cliponaxis=False,
            hovertemplate="cheapest in 95 % of resamples:<br>" + f"{ends[0]:.1f} % to {ends[1]:.1f} %<extra></extra>",
        )  # fmt: skip


def _curves(figure: go.Figure, picture: CostPicture, drawn: DataFrame, last: float) -> None:
    unit = f"%{{y:,.0f}} {picture.currency} per 1,000"
    test = picture.test[np.isfinite(picture.test["cutoff"]) & (picture.test["cutoff"] <= last)]
    for rows, name, color, width, dash in (
        (test, "test", OTHER, 1.3, "solid"),
        (drawn, "validation", CHAMPION, 2.5, "solid"),
    ):
        figure.add_scatter(
            x=100 * rows["cutoff"], y=rows["cost"], mode="lines",
            line={"color": color, "width": width, "shape": "hv", "dash": dash},
            hovertemplate=f"{name}: decline from %{{x:.1f}} %<br>{unit}<extra></extra>",
        )  # fmt: skip
    name, money = picture.baseline
    figure.add_shape(type="line", x0=0, x1=100 * last, y0=money, y1=money, line={"color": OTHER, "width": 1, "dash": "dash"})
    figure.add_annotation(
        x=100 * last, y=money, text=literal(f"{name} {short_money(money)}").replace(" ", "<br>"), showarrow=False,
        xanchor="left", xshift=5, align="left", font={"color": OTHER, "size": 11},
    )  # fmt: skip
    figure.update_layout(yaxis={"range": _money_range(picture), "tickformat": "~s", "domain": MONEY_DOMAIN})


def _money_range(picture: CostPicture) -> tuple[float, float]:
    """From the least to the most, with a third of free room on top, where the names of the marks stand clear."""
    money = np.concatenate([picture.valid["cost"], picture.test["cost"], [picture.baseline[1]]])
    low, high = min(float(money.min()), 0.0), max(float(money.max()), 0.0)
    return low - 0.03 * (high - low), high + 0.4 * (high - low)


def _rates(figure: go.Figure, drawn: DataFrame, last: float) -> None:
    figure.update_layout(yaxis2={"domain": RATES_DOMAIN, "range": [0, 104], "title": {"text": "Rate (%)", "standoff": 8},
                                 "automargin": True, "zeroline": False, "fixedrange": True, "anchor": "x"})  # fmt: skip
    ends: Mapping[str, float] = {}
    for column, (name, color) in RATES.items():
        figure.add_scatter(
            x=100 * drawn["cutoff"], y=100 * drawn[column], yaxis="y2", mode="lines", line={"color": color, "width": 1.8},
            hovertemplate=f"decline from %{{x:.1f}} %<br>{name} %{{y:.1f}} %<extra></extra>",
        )  # fmt: skip
        known = drawn[column].dropna()
        ends = {**ends, column: 100 * float(known.iloc[-1]) if len(known) else 0.0}
    for column, height in zip(ends, spread(list(ends.values()), 19, top=100), strict=True):
        name, color = RATES[column]
        figure.add_annotation(
            x=100 * last, y=height, yref="y2", text=name, showarrow=False, xanchor="left", xshift=5,
            font={"color": color, "size": 12},
        )  # fmt: skip


def merged(marks: Sequence[Mark]) -> list[Mark]:
    """Finite marks by rising cut-off; those that stand on the same tenth of a per cent share one line and all names."""
    found: dict[float, Mark] = {}
    for mark in marks:
        if np.isfinite(mark.cutoff):
            place = round(mark.cutoff, 3)
            first = found.get(place)
            found[place] = mark if first is None else Mark(f"{first.name} = {mark.name}", first.cutoff, first.color)
    return [found[place] for place in sorted(found)]
