"""Where one applicant's PD lies among all applicants, and against both cut-offs."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import plotly.graph_objects as go

from dashboard.charts.style import APPROVE, CHAMPION, DECLINE, OTHER, REVIEW, base_figure
from pipeline.evaluation.inputs import FloatArray

BINS: Final = 60
HEIGHT: Final = 230
ZONES: Final = (("approve", APPROVE), ("review", REVIEW), ("decline", DECLINE))
_TAIL: Final = 0.995
"""The strip ends where so many applicants lie; the few beyond stand in its last bar."""


def strip_chart(pds: FloatArray, cutoffs: tuple[float, float], title: str, pd_value: float | None = None) -> go.Figure:
    """Draw all applicants' PDs as a strip of bars, each in the colour of its decision, with the cut-offs and one applicant.

    pds: PD of each applicant, shape (n,); cutoffs: approve below, decline from; pd_value: the applicant's, None for nobody.
    """
    last = end_of_strip(pds, [*cutoffs, *([] if pd_value is None else [pd_value])])
    edges = np.linspace(0, last, BINS + 1)
    counts, _ = np.histogram(np.minimum(pds, last), edges)
    middles = (edges[1:] + edges[:-1]) / 2
    zone = (middles >= cutoffs[0]).astype(int) + (middles >= cutoffs[1])
    figure = base_figure(title, "PD (%)", "", HEIGHT)
    for i, (name, color) in enumerate(ZONES):
        here = zone == i
        figure.add_bar(
            x=100 * middles[here], y=counts[here], width=100 * last / BINS, marker={"color": color, "line": {"width": 0}},
            hovertemplate=f"{name}: %{{y:,}} of {len(pds):,} applicants<br>PD about %{{x:.1f}} %<extra></extra>",
        )  # fmt: skip
    top = float(counts.max()) if len(counts) else 1.0
    _cutoffs(figure, cutoffs, last)
    if pd_value is not None:
        _applicant(figure, pd_value, top, last)
    figure.update_layout(bargap=0, barmode="overlay", margin={"t": 58})
    figure.update_xaxes(range=[0, 100 * last], showgrid=False)
    figure.update_yaxes(range=[0, 2.0 * top], visible=False)
    return figure


def end_of_strip(pds: FloatArray, marks: Sequence[float]) -> float:
    """Return the PD at which the axis ends: past nearly all applicants and everything that is marked, 1 at most."""
    reach = [float(np.quantile(pds, _TAIL)) if len(pds) else 0.0, *(1.06 * mark for mark in marks)]
    return min(max(*reach, 0.01), 1.0)


def _cutoffs(figure: go.Figure, cutoffs: tuple[float, float], last: float) -> None:
    """Names at two heights, so that near cut-offs stay readable; one line where both are the same: nobody is reviewed."""
    approve, decline = cutoffs
    marks = [(approve, f"approve below {_percent(approve)}", 1.0), (decline, f"decline from {_percent(decline)}", 0.86)]
    if approve == decline:
        marks = [(decline, f"approve below, decline from {_percent(decline)}", 1.0)]
    for at, text, height in marks:
        side, line = ("left" if at < 0.55 * last else "right"), {"color": OTHER, "width": 1.5, "dash": "dot"}
        figure.add_shape(type="line", x0=100 * at, x1=100 * at, y0=0, y1=height, yref="paper", line=line)
        figure.add_annotation(
            x=100 * at, y=height, yref="paper", text=text, showarrow=False, xanchor=side, yanchor="top",
            xshift=4 if side == "left" else -4, font={"size": 12},
        )  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _applicant(figure: go.Figure, pd_value: float, top: float, last: float) -> None:
    side = "left" if pd_value < 0.7 * last else "right"
    figure.add_scatter(
        x=[100 * pd_value], y=[0.06 * top], mode="markers", cliponaxis=False,
        marker={"symbol": "triangle-up", "size": 17, "color": CHAMPION, "line": {"width": 2, "color": "white"}},
        hovertemplate="this applicant: PD %{x:.1f} %<extra></extra>",
    )  # fmt: skip
    figure.add_shape(
        type="line", x0=100 * pd_value, x1=100 * pd_value, y0=0, y1=1.22 * top, line={"color": CHAMPION, "width": 2.5}
    )
    figure.add_annotation(
        x=100 * pd_value, y=1.22 * top, text=f"this applicant {_percent(pd_value)}", showarrow=False, xanchor=side,
        xshift=5 if side == "left" else -5, font={"color": CHAMPION, "size": 13},
    )  # fmt: skip
