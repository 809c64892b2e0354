"""How many were decided and how fast: one bar per period by source, and three percentiles of the answer time."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import accumulate
from typing import Final

import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import CHAMPION, OTHER, base_figure, label_at, literal, spread

OPACITY: Final = (1.0, 0.7, 0.45, 0.25)
LINES: Final = (("latency_p99_ms", "99 %", "dot"), ("latency_p95_ms", "95 %", "solid"), ("latency_p50_ms", "half", "dash"))
_TICKS: Final = {"day": "%Y-%m-%d", "week": "%Y-%m-%d", "month": "%b %Y"}


def volume_chart(
    periods: Sequence[date], volume: DataFrame, names: Mapping[str, str], granularity: str, title: str
) -> go.Figure:
    """Draw decisions per period, one part of the bar per source. volume: period, source, n; names: how sources are called."""
    figure = base_figure(title, "", "Decisions", 300)
    present = [source for source in names if (volume["source"] == source).any()]
    for i, source in enumerate(present):
        mine = volume[volume["source"] == source].set_index("period")["n"].reindex(list(periods)).fillna(0)
        figure.add_bar(
            x=list(periods), y=mine, marker={"color": OTHER, "opacity": OPACITY[i % len(OPACITY)], "line": {"width": 0}},
            hovertemplate=f"%{{x|{_TICKS[granularity]}}}<br>{literal(names[source])}: %{{y:,}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack", bargap=0.25, margin_r=60 if len(present) > 1 else 8)
    figure.update_xaxes(tickformat=_TICKS[granularity], nticks=6)
    figure.update_yaxes(rangemode="tozero", tickformat=",")
    if len(present) > 1:
        _name_parts(figure, volume, {source: names[source] for source in present})
    return figure


def _name_parts(figure: go.Figure, volume: DataFrame, names: Mapping[str, str]) -> None:
    """Write the sources beside the newest bar, each at the height of its part."""
    period = volume["period"].max()
    newest = volume[volume["period"] == period].set_index("source")["n"]
    parts = [(name, int(newest.get(source, 0))) for source, name in names.items()]
    tops = list(accumulate(n for _, n in parts))
    shown = [(name, top - n / 2) for (name, n), top in zip(parts, tops, strict=True) if n]
    highest = float(volume.groupby("period")["n"].sum().max())
    for (name, _), height in zip(shown, spread([middle for _, middle in shown], 0.09 * highest, highest), strict=True):
        label_at(figure, period, height, name, None)
        figure.layout.annotations[-1].update(xshift=16)


def latency_chart(table: DataFrame, granularity: str, title: str) -> go.Figure:
    """Draw the answer times within which half, 95 and 99 of 100 applicants were answered. table: as `Health.periods`."""
    seen = table[table["n_timed"] > 0]
    figure = base_figure(title, "", "Milliseconds", 300)
    for column, name, dash in LINES:
        figure.add_scatter(
            x=seen["period"], y=seen[column], mode="lines+markers", marker={"size": 6, "color": CHAMPION},
            line={"color": CHAMPION, "dash": dash, "width": 2.5 if column == "latency_p95_ms" else 1.5},
            customdata=seen[["n_timed"]],
            hovertemplate=f"%{{x|{_TICKS[granularity]}}}<br>{name}: within %{{y:,.0f}} ms, "
            "n = %{customdata[0]:,}<extra></extra>",
        )  # fmt: skip
    ends = [float(seen[column].iloc[-1]) for column, _, _ in LINES]
    top = float(seen["latency_p99_ms"].max()) * 1.08 or 1.0
    for (_, name, _), height in zip(LINES, spread(ends, top * 0.07, top), strict=True):
        label_at(figure, seen["period"].iloc[-1], height, name, CHAMPION)
    figure.update_layout(margin_r=48)
    figure.update_xaxes(tickformat=_TICKS[granularity], nticks=6)
    figure.update_yaxes(range=[0, top])
    return figure
