"""A thousand applicants as dots, from the lowest PD to the highest: what a cut-off does to people."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from pandas import DataFrame, Series

from dashboard.charts.style import APPROVE, DECLINE, MISS, REVIEW, base_figure
from dashboard.labels import TERMS, number
from pipeline import contract
from pipeline.evaluation.curve import confusion_at

N: Final = 1000
ROWS: Final = 20
CELL_STYLE: Final = {"tn": (APPROVE, "circle"), "fn": (MISS, "x"), "fp": (REVIEW, "circle"), "tp": (DECLINE, "x")}
"""Crosses are defaulters, circles are not, so that colour is never the only sign."""


def per_thousand(row: "Series[float]") -> dict[str, int]:
    """Return the four cells of a curve's row as whole people who add up to 1,000 (largest remainder)."""
    exact = np.array([float(row[cell]) for cell in contract.CELLS])
    exact = exact / exact.sum() * N
    whole = np.floor(exact).astype(int)
    short = np.argsort(whole - exact, kind="stable")[: N - whole.sum()]
    whole[short] += 1
    return dict(zip(contract.CELLS, whole.tolist(), strict=True))


def thousand(curve: DataFrame, cutoff: float) -> DataFrame:
    """Return 1,000 applicants that stand for one split of a curve, by rising PD: pd and cell; counts are `per_thousand`.

    Defaulters lie among the approved, and among the declined, as densely as in the sample.
    """
    people = per_thousand(confusion_at(curve, cutoff))
    below = (curve["fn"] + curve["tn"]).to_numpy(dtype=np.float64)
    place = (np.arange(N) + 0.5) / N * below[-1]
    rows = np.clip(np.searchsorted(below, place, side="right") - 1, 0, max(len(curve) - 2, 0))
    n_approved = people["fn"] + people["tn"]
    defaults = np.interp(np.arange(N + 1) / N * below[-1], below, curve["fn"].to_numpy(dtype=np.float64))
    approved = _spread(defaults[: n_approved + 1], people["fn"])
    declined = _spread(defaults[n_approved:], people["tp"])
    cells = [*np.where(approved, "fn", "tn"), *np.where(declined, "tp", "fp")]
    return DataFrame({"pd": curve["cutoff"].to_numpy()[rows], "cell": cells})


def _spread(
    cumulative: "np.ndarray[tuple[int], np.dtype[np.float64]]", total: int
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Tell which of len - 1 people default, so that `total` do, as densely as the cumulative count rises."""
    if total in (0, len(cumulative) - 1):
        return np.full(len(cumulative) - 1, total > 0)
    rise = np.diff(cumulative)
    # Bounded below one person per dot: rounding of a nearly full stretch must not lose anybody.
    share = np.cumsum(rise + 1e-9)
    flags: npt.NDArray[np.bool_] = np.diff(np.floor(share / share[-1] * total + 0.5 - 1e-9), prepend=0) > 0
    missing = total - int(flags.sum())
    flags[np.flatnonzero(~flags)[::-1][:missing]] = True
    return flags


def people_chart(people: DataFrame, title: str) -> go.Figure:
    """Draw `thousand` with each dot in the colour of what happens to that person."""
    column, row = np.divmod(np.arange(len(people)), ROWS)
    figure = base_figure(title, "lowest PD  →  highest PD", "", 480)
    for name, (color, symbol) in CELL_STYLE.items():
        here = (people["cell"] == name).to_numpy()
        figure.add_scatter(
            x=column[here], y=-row[here], mode="markers", name=f"{TERMS[name].text} {number(int(here.sum()), 0)}",
            marker={"color": color, "symbol": symbol, "size": 6.5}, customdata=100 * people["pd"].to_numpy()[here],
            hovertemplate=TERMS[name].text + ", PD %{customdata:.1f} %<extra></extra>",
        )  # fmt: skip
    legend = {"orientation": "h", "y": 1.01, "yanchor": "bottom", "x": 0, "itemclick": False, "itemdoubleclick": False}
    figure.update_layout(showlegend=True, legend=legend, margin={"t": 110})
    figure.update_xaxes(showgrid=False, showticklabels=False)
    figure.update_yaxes(showgrid=False, showticklabels=False, visible=False)
    return figure


def said(people: Mapping[str, int]) -> str:
    """Say the two kinds of mistakes among 1,000 applicants."""
    return f"Of 1,000 applicants {people['fn']} are missed and {people['fp']} refused though good"
