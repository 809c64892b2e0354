"""Where and when features have moved: a heat map of PSI by feature and period, with releases and notes on the time axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import CHAMPION, OTHER, base_figure, literal
from dashboard.labels import number
from pipeline.evaluation.drift import NO_DATA, TOO_FEW

DRIFT: Final = "#7B4FA3"
"""What has moved: violet, which names no decision and no model."""
SCALE: Final = [
    [0.0, "rgba(138,148,160,0.13)"], [0.1, "rgba(123,79,163,0.13)"], [0.199, "rgba(123,79,163,0.24)"],
    [0.2, "#DCCBEC"], [0.499, "#BB9BD9"], [0.5, "#7B3FA8"], [1.0, "#4F1D80"],
]  # fmt: skip
"""Calm cells let the page's own colour through, in either theme; steps stand where moved and shifted begin."""
TOP_PSI: Final = 0.5
"""Colours end here; the number in the cell goes on."""
_LONGEST: Final = 24
_ROW: Final = 26
_MOST_TICKS: Final = 13


@dataclass(frozen=True)
class AxisMark:
    """Something on the time axis: where (0 is the middle of the first period), its words, and whether it is a release."""

    at: float
    text: str
    is_release: bool


def heat_chart(cells: DataFrame, periods: Sequence[str], marks: Sequence[AxisMark], title: str) -> go.Figure:
    """Draw PSI by feature (worst on top) and period; hatched where there are too few rows, marks above the first row.

    cells: row, feature, label, column (place of the period), psi, verdict, hover; periods: their names. Every cell is a point
    that can be chosen; its ``customdata`` is the feature.
    """
    labels = cells.drop_duplicates("row").sort_values("row")["label"].tolist()
    figure = base_figure(title, "", "", 110 + _ROW * max(len(labels), 2) + (34 if marks else 0))
    psi = _grid(cells, "psi", (len(labels), len(periods)))
    strong = psi >= TOP_PSI / 2
    for values, color in ((np.where(strong, np.nan, psi), "#1F2933"), (np.where(strong, psi, np.nan), "#FFFFFF")):
        figure.add_heatmap(
            z=values, zmin=0, zmax=TOP_PSI, colorscale=SCALE, showscale=False, xgap=2, ygap=2, hoverinfo="skip",
            text=_texts(values), texttemplate="%{text}", textfont={"color": color},
        )  # fmt: skip
    _hatch(figure, cells[cells["verdict"] == TOO_FEW], "/")
    _hatch(figure, cells[cells["verdict"] == NO_DATA], "")
    _points(figure, cells)
    _marks(figure, marks, len(periods) - 1)
    step = -(-len(periods) // _MOST_TICKS)
    figure.update_xaxes(
        tickvals=list(range(0, len(periods), step)), ticktext=list(periods[::step]), range=[-0.5, len(periods) - 0.5],
        showgrid=False, tickangle=0 if len(periods) <= 6 else -90,
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(labels))), ticktext=[_short(name) for name in labels], tickfont={"size": 11},
        range=[len(labels) - 0.5, -1.9 if marks else -0.5], showgrid=False,
    )  # fmt: skip
    figure.update_layout(margin={"t": 58}, barmode="overlay", bargap=0, clickmode="event+select", hoverdistance=80)
    return figure


def _grid(cells: DataFrame, column: str, shape: tuple[int, int]) -> Any:
    laid = np.full(shape, np.nan)
    laid[cells["row"].to_numpy(), cells["column"].to_numpy()] = cells[column].to_numpy(dtype=np.float64)
    return laid


def _texts(psi: Any) -> list[list[str]]:
    """Numbers where something moved: the rest is calm, and hover knows it."""
    return [[number(value, 2) if value >= TOP_PSI / 5 else "" for value in row] for row in psi.tolist()]


def _hatch(figure: go.Figure, cells: DataFrame, pattern: str) -> None:
    """Cells without a verdict: hatched for too few rows, empty and framed for none."""
    if cells.empty:
        return
    figure.add_bar(
        x=cells["column"], y=np.full(len(cells), 0.86), base=cells["row"] - 0.43, width=0.94, hoverinfo="skip",
        marker={
            "color": "rgba(0,0,0,0)", "line": {"width": 1, "color": OTHER},
            "pattern": {"shape": pattern, "fgcolor": OTHER, "size": 6, "solidity": 0.15},
        },
    )  # fmt: skip


def _points(figure: go.Figure, cells: DataFrame) -> None:
    """Invisible points over the cells: they take the click and the hover, which a heat map cannot."""
    text = [literal(hover).replace("\n", "<br>") for hover in cells["hover"]]
    figure.add_scatter(
        x=cells["column"], y=cells["row"], mode="markers", customdata=cells["feature"], text=text,
        marker={"symbol": "square", "size": 20, "opacity": 0, "color": DRIFT},
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}}, hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _marks(figure: go.Figure, marks: Sequence[AxisMark], last: int) -> None:
    """Two heights in turn, so that neighbours stay readable; words run towards the middle."""
    if not marks:
        return
    heights = [-0.75 - 0.6 * (place % 2) for place in range(len(marks))]
    colors = [CHAMPION if mark.is_release else OTHER for mark in marks]
    for mark, height, color in zip(marks, heights, colors, strict=True):
        line = {"color": color, "width": 1.2, "dash": "dot"}
        figure.add_shape(type="line", x0=mark.at, x1=mark.at, y0=height, y1=-0.5, line=line)
    figure.add_scatter(
        x=[mark.at for mark in marks], y=heights, mode="markers+text", text=[_short(mark.text) for mark in marks],
        textposition=["middle right" if mark.at < last / 2 else "middle left" for mark in marks], textfont={"size": 11},
        marker={"symbol": ["triangle-down" if m.is_release else "diamond" for m in marks], "size": 9, "color": colors},
        hovertext=[literal(mark.text) for mark in marks], hovertemplate="%{hovertext}<extra></extra>", cliponaxis=False,
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}, "textfont": {"color": OTHER}},
    )  # fmt: skip


def _short(text: str) -> str:
    return literal(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")
