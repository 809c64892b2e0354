"""What became of PDs and decisions, period by period, beside the reference."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.drift import DRIFT
from dashboard.charts.style import APPROVE, DECLINE, OTHER, REVIEW, base_figure, label_at
from pipeline import contract

_OUTCOMES = (
    (contract.APPROVE, "approved", APPROVE),
    (contract.REVIEW, "to review", REVIEW),
    (contract.DECLINE, "declined", DECLINE),
)


def outcomes_chart(table: DataFrame, periods: Sequence[str], title: str) -> go.Figure:
    """Draw shares of decisions as stacked bars, the reference first; table: column (-1 the reference), outcome, share, n."""
    figure = base_figure(title, "", "Share of decisions (%)", 320)
    for outcome, name, color in _OUTCOMES:
        mine = table[table["outcome"] == outcome]
        where = ["reference" if i < 0 else periods[i] for i in mine["column"]]
        figure.add_bar(
            x=mine["column"], y=100 * mine["share"], width=0.86, customdata=np.stack([mine["n"], where], axis=1),
            marker={"color": color, "opacity": [0.55 if i < 0 else 1.0 for i in mine["column"]]},
            hovertemplate=f"{name}, %{{customdata[1]}}: %{{y:.1f}} %<br>n = %{{customdata[0]:,}}<extra></extra>",
        )  # fmt: skip
    figure.update_layout(barmode="stack")
    _axis(figure, periods)
    figure.update_yaxes(range=[0, 100])
    return figure


def mean_pd_chart(table: DataFrame, periods: Sequence[str], title: str) -> go.Figure:
    """Draw the mean PD with its 95 % interval by period and the reference as a line; table: column, value, lo, hi, n."""
    figure = base_figure(title, "", "Mean PD (%)", 320)
    now, before = table[table["column"] >= 0], table[table["column"] < 0]
    figure.add_scatter(
        x=now["column"], y=100 * now["value"], mode="lines+markers", line={"color": DRIFT, "width": 2}, marker={"size": 6},
        error_y={
            "type": "data", "symmetric": False, "array": 100 * (now["hi"] - now["value"]),
            "arrayminus": 100 * (now["value"] - now["lo"]), "thickness": 1, "width": 2, "color": DRIFT,
        },
        customdata=np.stack([now["n"], [periods[i] for i in now["column"]]], axis=1),
        hovertemplate="%{customdata[1]}: mean PD %{y:.2f} %<br>n = %{customdata[0]:,}<extra></extra>",
    )  # fmt: skip
    for value in before["value"].dropna():
        figure.add_hline(y=100 * float(value), line={"color": OTHER, "dash": "dash", "width": 1.5})
        label_at(figure, -1.0, 100 * float(value), "reference", OTHER)
        figure.layout.annotations[-1].update(yanchor="top")
    _axis(figure, periods)
    return figure


def _axis(figure: go.Figure, periods: Sequence[str]) -> None:
    step = max(1, -(-len(periods) // 6))
    places = [-1, *range(0, len(periods), step)]
    names = ["ref.", *(periods[i] for i in places[1:])]
    figure.update_xaxes(tickvals=places, ticktext=names, range=[-1.6, len(periods) - 0.4], showgrid=False)
