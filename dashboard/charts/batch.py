"""How the PDs of a file spread, and what was decided at each."""

from typing import Final

import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import APPROVE, DECLINE, REVIEW, base_figure, mark_at
from pipeline import contract

COLORS: Final = {contract.APPROVE: APPROVE, contract.REVIEW: REVIEW, contract.DECLINE: DECLINE}
WORDS: Final = {contract.APPROVE: "approved", contract.REVIEW: "to review", contract.DECLINE: "declined"}


def distribution_chart(table: DataFrame, cutoffs: tuple[float, float] | None, title: str) -> go.Figure:
    """Draw applicants by PD in the colours of their decisions.

    table: `Summary.distribution`; cutoffs: approve below and decline from, None where several policies decided.
    """
    figure = base_figure(title, "PD (%)", "Applicants", 330)
    counts = table[list(contract.OUTCOMES)].sum(axis=1)
    last = float(table["upper"][counts > 0].max()) if counts.any() else 1.0
    middles, width = 50 * (table["lower"] + table["upper"]), 100 * (table["upper"] - table["lower"])
    for name, color in COLORS.items():
        shown = table[name] > 0
        figure.add_bar(
            x=middles[shown], y=table[name][shown], width=width[shown] * 0.94, marker={"color": color, "line": {"width": 0}},
            customdata=100 * table[["lower", "upper"]][shown].to_numpy(),
            hovertemplate=f"%{{y:,}} {WORDS[name]}<br>PD %{{customdata[0]:.0f}} to %{{customdata[1]:.0f}} %<extra></extra>",
        )  # fmt: skip
    for at, text, anchor in _marks(cutoffs):
        mark_at(figure, 100 * at, text, "#8A94A0", anchor=anchor)
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_xaxes(range=[0, 100 * min(1.0, max(last, 1.15 * max(cutoffs or (0.0,))))], showgrid=False)
    figure.update_yaxes(range=[0, 1.18 * float(counts.max() or 1)])
    return figure


def _marks(cutoffs: tuple[float, float] | None) -> list[tuple[float, str, str]]:
    if cutoffs is None:
        return []
    approve, decline = cutoffs
    if approve == decline:
        return [(decline, f"decline from {100 * decline:.1f} %", "left")]
    return [
        (approve, f"approve below {100 * approve:.1f} %", "right"),
        (decline, f"decline from {100 * decline:.1f} %", "left"),
    ]
