"""From applicants who just pass to one applicant, factor by factor: a waterfall in log-odds, read as PD."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import APPROVE, CHAMPION, DECLINE, OTHER, base_figure, literal
from pipeline.evaluation.inputs import FloatArray

TICKS: Final = (
    0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99,
)  # fmt: skip
"""PDs that may be written under the axis, as far as they lie in sight."""
LETTERS: Final = 24


def waterfall_chart(table: DataFrame, start: float, cutoffs: tuple[float, float], title: str) -> go.Figure:
    """Draw the contributions that lead from a start to one applicant's PD.

    table: label, contribution (log-odds) and said (value against reference, in words), one row per factor, the factors that
    matter least already joined in the last row; start: log-odds of applicants who just pass; cutoffs: approve below and
    decline from, as PDs.
    """
    steps = np.concatenate([[start], start + np.cumsum(table["contribution"].to_numpy(dtype=np.float64))])
    ends = f"Just passes {_percent(start)}", f"This applicant {_percent(steps[-1])}"
    # Numbered, because two factors of one label are still two bars; only what follows the number is shown.
    names = [f"{i} {literal(_short(label))}" for i, label in enumerate([ends[0], *table["label"], ends[1]])]
    figure = base_figure(title, "PD (%)", "", 120 + 27 * len(names))
    for at, name, color in ((start, names[0], OTHER), (steps[-1], names[-1], CHAMPION)):
        figure.add_scatter(
            x=[at], y=[name], mode="markers", marker={"size": 12, "color": color, "symbol": "diamond"}, cliponaxis=False,
            hovertemplate=f"{name.partition(' ')[2]}<extra></extra>",
        )  # fmt: skip
    _bars(figure, table, steps, names[1:-1])
    lines = [math.log(at / (1 - at)) for at in dict.fromkeys(cutoffs) if 0 < at < 1]
    for x in lines:
        line = {"color": OTHER, "width": 1.5, "dash": "dot"}
        figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line=line)
    _axes(figure, [*steps, *lines], names)
    return figure


def _bars(figure: go.Figure, table: DataFrame, steps: FloatArray, names: Sequence[str]) -> None:
    for row, name, before, after in zip(table.to_dict("records"), names, steps[:-1], steps[1:], strict=True):
        raises = float(row["contribution"]) > 0
        figure.add_bar(
            x=[after - before], base=[before], y=[name], orientation="h", width=0.62,
            marker={"color": DECLINE if raises else APPROVE, "line": {"width": 0}},
            text=["▲" if raises else "▼"], textposition="outside", cliponaxis=False,
            hovertemplate=f"{literal(row['label'])}: {literal(row['said'])}<br>{'raises' if raises else 'lowers'} the PD "
            f"from {_percent(before)} to {_percent(after)} ({row['contribution']:+.2f} log-odds)<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="overlay")


def _axes(figure: go.Figure, drawn: Sequence[float], names: Sequence[str]) -> None:
    low, high = min(drawn), max(drawn)
    room = 0.12 * max(high - low, 0.2)
    ticks = {math.log(t / (1 - t)): f"{100 * t:g}" for t in TICKS}
    shown = {at: text for at, text in ticks.items() if low - room <= at <= high + room}
    figure.update_xaxes(range=[low - room, high + room], tickvals=list(shown), ticktext=list(shown.values()))
    figure.update_yaxes(
        categoryorder="array", categoryarray=names[::-1], tickvals=names, ticktext=[name.partition(" ")[2] for name in names],
        showgrid=False,
    )  # fmt: skip


def _percent(log_odds: float) -> str:
    return f"{100 / (1 + math.exp(-log_odds)):.1f} %"


def _short(text: str) -> str:
    return text if len(text) <= LETTERS else text[: LETTERS - 1] + "…"
