"""What every chart shares: colours that mean one thing everywhere, titles that state a finding, labels where lines end."""

import html
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import plotly.graph_objects as go

CHAMPION: Final = "#2A84C6"
CHALLENGER: Final = "#E69F00"
APPROVE: Final = "#009E73"
REVIEW: Final = "#F5C710"
DECLINE: Final = "#D55E00"
MISS: Final = "#B0529A"
OTHER: Final = "#8A94A0"
"""After Okabe and Ito (2008), so that they differ for colour-blind eyes; the blue lies between those of the two themes.
`MISS` is the one costly cell that no decision names."""
BAND_OPACITY: Final = 0.18
_TITLE_FROM_TOP: Final = 16
"""Pixels; less cuts the first of two lines."""


def base_figure(title: str, x_title: str, y_title: str, height: int = 360) -> go.Figure:
    """Return an empty figure with a left-aligned title that wraps, named axes and no legend."""
    figure = go.Figure()
    figure.update_layout(
        title={
            "text": wrapped(title),
            "x": 0,
            "xanchor": "left",
            "font": {"size": 15},
            "yref": "container",
            "y": 1 - _TITLE_FROM_TOP / height,
            "yanchor": "top",
        },
        height=height,
        margin={"l": 8, "r": 8, "t": 70, "b": 8},
        showlegend=False,
        hovermode="closest",
        hoverlabel={"align": "left"},
        dragmode=False,
    )
    figure.update_xaxes(title={"text": x_title, "standoff": 8}, automargin=True, zeroline=False, fixedrange=True)
    figure.update_yaxes(title={"text": y_title, "standoff": 8}, automargin=True, zeroline=False, fixedrange=True)
    return figure


def row_figure(title: str, x_title: str, names: Sequence[object], per_row: int = 26) -> go.Figure:
    """Return a figure with one row per name, the first on top, at y = 0, 1 ...: equal names and numbers keep their own row."""
    figure = base_figure(title, x_title, "", 116 + per_row * max(len(names), 2))
    figure.update_yaxes(
        tickvals=list(range(len(names))), ticktext=[literal(name) for name in names], range=[len(names) - 0.5, -0.5],
        showgrid=False,
    )  # fmt: skip
    return figure


def wrapped(text: str, width: int = 46) -> str:
    """Break a title into lines, so that it stays readable on a phone."""
    lines: list[str] = [""]
    for word in literal(text).split():
        if lines[-1] and len(lines[-1]) + len(word) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(lines)


def literal(text: object) -> str:
    """Return foreign text so that Plotly, which reads a little HTML, shows it as it is."""
    return html.escape(str(text), quote=False)


def label_at(figure: go.Figure, x: float, y: float, text: str, color: str | None, anchor: str = "left", shift: int = 0) -> None:
    """Write a label beside a point, in the colour of what it names; None takes the theme's text colour."""
    figure.add_annotation(
        x=x, y=y, text=literal(text), showarrow=False, xanchor=anchor, yshift=shift, xshift=5 if anchor == "left" else -5,
        font={"color": color, "size": 12},
    )  # fmt: skip


def mark_at(figure: go.Figure, x: float, text: str, color: str, height: float = 1.0, anchor: str = "left") -> None:
    """Draw a vertical mark with its name at the given share of the plot's height, kept inside the plot."""
    figure.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line={"color": color, "width": 1.5, "dash": "dot"})
    figure.add_annotation(
        x=x, y=height, yref="paper", text=literal(text), showarrow=False, xanchor=anchor, yanchor="top",
        xshift=4 if anchor == "left" else -4, font={"size": 12},
    )  # fmt: skip


def spread(heights: Sequence[float], gap: float, top: float = math.inf) -> list[float]:
    """Move label heights apart, in their order, until neighbours are `gap` apart: up, and down again from `top`."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = list(heights)
    for before, after in pairwise(order):
        placed[after] = max(placed[after], placed[before] + gap)
    for place in reversed(order):
        placed[place] = min(placed[place], top)
        top = placed[place] - gap
    return placed
