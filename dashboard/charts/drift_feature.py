"""One feature: then against now, over time, and which group of applicants its shift comes from."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.drift import DRIFT
from dashboard.charts.style import BAND_OPACITY, OTHER, base_figure, label_at, literal, row_figure, spread

MOST_LINES: Final = 6
LINE_COLORS: Final = (DRIFT, "#2A84C6", "#E69F00", "#009E73", "#B0529A", "#8A94A0")


def then_now_chart(shares: DataFrame, title: str, unit: str, x_title: str = "Share of applications (%)") -> go.Figure:
    """Draw the share of each bin before (grey) and now (violet); shares: label, share_before, share, psi."""
    labels = shares["label"].tolist()
    figure = row_figure(title, x_title, labels, per_row=30)
    rows = np.arange(len(labels))
    for name, column, color, shift in (("reference", "share_before", OTHER, -0.2), ("now", "share", DRIFT, 0.2)):
        figure.add_bar(
            y=rows + shift, x=100 * shares[column], orientation="h", width=0.36, marker={"color": color},
            customdata=np.stack([[literal(label) for label in labels], [f"{x:.3f}" for x in shares["psi"]]], axis=1),
            hovertemplate=f"{name}: %{{x:.1f}} %<br>%{{customdata[0]}} {literal(unit)}<br>adds %{{customdata[1]}} to the PSI"
            "<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="overlay")
    figure.update_xaxes(rangemode="tozero")
    return figure


def lines_chart(table: DataFrame, periods: Sequence[str], title: str, y_title: str, *, scale: float = 1.0) -> go.Figure:
    """Draw one line per name over periods, named where it ends; table: name, column (place of the period), value, n."""
    figure = base_figure(title, "", y_title, 320)
    names = table.drop_duplicates("name")["name"].tolist()[:MOST_LINES]
    ends, last = [], len(periods) - 1
    for name, color in zip(names, LINE_COLORS, strict=False):
        mine = table[table["name"] == name].sort_values("column")
        figure.add_scatter(
            x=mine["column"], y=scale * mine["value"], mode="lines+markers", line={"color": color, "width": 2},
            marker={"size": 5}, customdata=np.stack([mine["n"], [periods[i] for i in mine["column"]]], axis=1),
            hovertemplate=f"{literal(name)}, %{{customdata[1]}}: %{{y:,.4g}}<br>n = %{{customdata[0]:,}}<extra></extra>",
        )  # fmt: skip
        known = mine.dropna(subset=["value"])
        if len(known):
            ends.append((name, color, float(scale * known["value"].iloc[-1])))
    _name_ends(figure, ends, last)
    _period_axis(figure, periods, room=0.32)
    return figure


def quantile_chart(table: DataFrame, periods: Sequence[str], title: str, unit: str) -> go.Figure:
    """Draw median and bands from the 10th to the 90th and the 25th to the 75th percentile; table: column, quantile, value."""
    figure = base_figure(title, "", unit, 320)
    wide = table.pivot_table(index="column", columns="quantile", values="value").sort_index()
    for low, high in ((0.1, 0.9), (0.25, 0.75)):
        for bound, fill in ((low, None), (high, "tonexty")):
            figure.add_scatter(
                x=wide.index, y=wide[bound], mode="lines", line={"width": 0, "color": DRIFT}, fill=fill, hoverinfo="skip",
                fillcolor=f"rgba(123,79,163,{BAND_OPACITY})",
            )  # fmt: skip
    said = [
        f"{periods[i]}<br>median {row[0.5]:,.6g}<br>half between {row[0.25]:,.6g} and {row[0.75]:,.6g}"
        f"<br>8 of 10 between {row[0.1]:,.6g} and {row[0.9]:,.6g}"
        for i, (_, row) in zip(wide.index.astype(int).tolist(), wide.iterrows(), strict=True)
    ]
    figure.add_scatter(
        x=wide.index, y=wide[0.5], mode="lines+markers", line={"color": DRIFT, "width": 2.5}, marker={"size": 5}, text=said,
        hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    last = wide.dropna().iloc[-1:] if len(wide) else wide
    for name, quantile in (("90 %", 0.9), ("median", 0.5), ("10 %", 0.1)):
        for at, row in last.iterrows():
            label_at(figure, float(str(at)), float(row[quantile]), name, DRIFT)
    _period_axis(figure, periods, room=0.22)
    return figure


def segment_chart(table: DataFrame, title: str, whole: float) -> go.Figure:
    """Draw what each group adds to the PSI; table: name, psi, share, weight, n, largest first; whole: the feature's PSI."""
    figure = row_figure(title, "Adds to the PSI", table["name"].tolist())
    said = [
        f"{literal(row['name'])}: {row['psi']:.3f} of {whole:.3f}<br>{100 * row['weight']:.0f} % of decisions, n = {row['n']:,}"
        for row in table.to_dict("records")
    ]
    figure.add_bar(
        y=np.arange(len(table)), x=table["psi"], orientation="h", width=0.62, marker={"color": DRIFT}, text=said,
        textposition="none", hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    for at, (psi, share) in enumerate(zip(table["psi"], table["share"], strict=True)):
        label_at(figure, max(float(psi), 0.0), at, f"{round(100 * share) + 0:d} %".replace("-", "−"), None)
    reach = float(table["psi"].abs().max()) or 1.0
    figure.update_xaxes(range=[min(0.0, 1.1 * float(table["psi"].min())), 1.25 * reach])
    return figure


def _name_ends(figure: go.Figure, ends: Sequence[tuple[str, str, float]], last: int) -> None:
    values = [value for _, _, value in ends]
    gap = 0.1 * ((max(values) - min(values)) or abs(max(values)) or 1.0) if values else 1.0
    for (name, color, _), height in zip(ends, spread(values, gap), strict=True):
        label_at(figure, last, height, name if len(name) <= 24 else f"{name[:23]}…", color)


def _period_axis(figure: go.Figure, periods: Sequence[str], room: float) -> None:
    n = len(periods)
    step = max(1, -(-n // 5))
    places = list(range(0, n, step))
    figure.update_xaxes(
        tickvals=places, ticktext=[periods[i] for i in places], range=[-0.4, max(n - 1, 1) * (1 + room) + 0.3], showgrid=False
    )
