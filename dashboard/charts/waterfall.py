"""From applicants who just pass to one applicant, factor by factor: a waterfall in log-odds, read as PD."""

import math
from typing import Final

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import APPROVE, CHAMPION, DECLINE, OTHER, base_figure, literal

MOST_BARS: Final = 9
TICKS: Final = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.03,
    0.05,
    0.07,
    0.1,
    0.15,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    0.95,
    0.99,
)
LETTERS: Final = 24


def waterfall_chart(table: DataFrame, start: float, cutoffs: tuple[float, float], title: str) -> go.Figure:
    """Draw the contributions that lead from a start to one applicant's PD.

    table: label, contribution (log-odds) and said (value against reference, in words), one row per factor, the factors that
    matter least already joined in the last row; start: log-odds of applicants who just pass; cutoffs: approve below and
    decline from, as PDs.
    """
    figure = base_figure(title, "PD (%)", "", 120 + 27 * (len(table) + 2))
    after = start + np.cumsum(table["contribution"].to_numpy(dtype=np.float64))
    before = np.concatenate([[start], after[:-1]])
    names = [f"{i} {literal(_short(label))}" for i, label in enumerate(["Just passes", *table["label"], "This applicant"])]
    low, high = float(min(start, after.min(initial=start))), float(max(start, after.max(initial=start)))
    room = 0.06 * max(high - low, 0.2)
    end = float(after[-1]) if len(after) else start
    for at, name, color, said, side in (
        (start, names[0], OTHER, "applicants who just pass", "left" if end > start else "right"),
        (end, names[-1], CHAMPION, "this applicant", "right" if end > start else "left"),
    ):
        figure.add_scatter(
            x=[at], y=[name], mode="markers+text", marker={"size": 12, "color": color, "symbol": "diamond"},
            text=[_percent(at)], textposition=f"middle {side}", cliponaxis=False,
            hovertemplate=f"{said}: {_percent(at)}<extra></extra>",
        )  # fmt: skip
    for i, row in enumerate(table.to_dict("records")):
        raises = float(row["contribution"]) > 0
        figure.add_bar(
            x=[after[i] - before[i]], base=[before[i]], y=[names[i + 1]], orientation="h", width=0.62,
            marker={"color": DECLINE if raises else APPROVE, "line": {"width": 0}},
            text=["▲" if raises else "▼"], textposition="outside", cliponaxis=False,
            hovertemplate=f"{literal(row['label'])}: {literal(row['said'])}<br>{'raises' if raises else 'lowers'} the PD "
            f"from {_percent(before[i])} to {_percent(after[i])} ({row['contribution']:+.2f} log-odds)<extra></extra>",
        )  # fmt: skip
    for at in dict.fromkeys(cutoffs):
        if 0 < at < 1:
            x = math.log(at / (1 - at))
            low, high = min(low, x), max(high, x)
            figure.add_shape(
                type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line={"color": OTHER, "width": 1.5, "dash": "dot"}
            )
    ticks = [t for t in TICKS if low - 5 * room <= math.log(t / (1 - t)) <= high + 5 * room]
    figure.update_xaxes(
        range=[low - 5 * room, high + 5 * room], tickvals=[math.log(t / (1 - t)) for t in ticks],
        ticktext=[f"{100 * t:g}" for t in ticks],
    )  # fmt: skip
    figure.update_yaxes(
        categoryorder="array", categoryarray=names[::-1], tickvals=names, ticktext=[name.partition(" ")[2] for name in names],
        showgrid=False,
    )  # fmt: skip
    figure.update_layout(barmode="overlay")
    return figure


def _percent(log_odds: float) -> str:
    return f"{100 / (1 + math.exp(-log_odds)):.1f} %"


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
