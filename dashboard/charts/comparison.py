"""Two to six runs side by side: their curves, their mistakes, and their differences as intervals around zero."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import plotly.graph_objects as go
from pandas import DataFrame
from plotly.subplots import make_subplots

from dashboard.charts.people import CELL_STYLE
from dashboard.charts.style import CHALLENGER, CHAMPION, OTHER, base_figure, label_at, literal
from dashboard.labels import TERMS, number

_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_BETWEEN_PANELS: Final = 58
_GREYS: Final = ("#5B6672", OTHER, "#A9B1BA", "#77828E")
CELL_ORDER: Final = ("tn", "fn", "fp", "tp")


@dataclass(frozen=True)
class Line:
    """How one run is drawn wherever it is compared: a letter, a colour and a dash, so that colour is never the only sign."""

    letter: str
    name: str
    color: str
    dash: str


def lines_for(names: Sequence[str], live: int | None) -> list[Line]:
    """Letters A, B ... in order; the live run is blue, the first other one orange, the rest grey."""
    others = [CHALLENGER, *_GREYS] if live is not None else [CHAMPION, CHALLENGER, *_GREYS]
    colors = iter(others)
    return [
        Line("ABCDEF"[i], name, CHAMPION if i == live else next(colors), _DASHES[i]) for i, name in enumerate(names)
    ]  # fmt: skip


def roc_comparison(
    lines: Sequence[Line], points: Sequence[DataFrame], at: Sequence[tuple[float, float]], title: str
) -> go.Figure:
    """Draw recall against the false positive rate of each run, a dot at its own cut-off. points: as `roc_points` gives them."""
    figure = base_figure(title, "Good customers declined (%)", "Defaulters caught: recall (%)", 400)
    figure.add_scatter(
        x=[0, 100], y=[0, 100], mode="lines", line={"color": OTHER, "dash": "dash", "width": 1}, hoverinfo="skip"
    )
    label_at(figure, 62, 56, "coin toss", OTHER)
    _curves(figure, lines, points, ("false_positive_rate", "recall"), at)
    return figure


def pr_comparison(
    lines: Sequence[Line], points: Sequence[DataFrame], at: Sequence[tuple[float, float]], title: str
) -> go.Figure:
    """Draw precision against recall of each run, a dot at its own cut-off. points: as `pr_points` gives them."""
    figure = base_figure(title, "Defaulters caught: recall (%)", "Declines that are right: precision (%)", 400)
    _curves(figure, lines, points, ("recall", "precision"), at)
    figure.update_yaxes(range=[0, 102])
    return figure


def _curves(
    figure: go.Figure,
    lines: Sequence[Line],
    points: Sequence[DataFrame],
    columns: tuple[str, str],
    at: Sequence[tuple[float, float]],
) -> None:
    for i, (line, table, here) in enumerate(zip(lines, points, at, strict=True)):
        x, y = (100 * table[c].to_numpy() for c in columns)
        who = f"{line.letter} {literal(line.name)}"
        figure.add_scatter(
            x=x, y=y, mode="lines", line={"color": line.color, "dash": line.dash, "width": 2}, customdata=100 * table["cutoff"],
            hovertemplate=f"{who}<br>decline from %{{customdata:.1f}} %<br>%{{x:.1f}} %, %{{y:.1f}} %<extra></extra>",
        )  # fmt: skip
        figure.add_scatter(
            x=[100 * here[0]], y=[100 * here[1]], mode="markers", marker={"size": 10, "color": line.color},
            hovertemplate=f"{who} at its own cut-off<br>%{{x:.1f}} %, %{{y:.1f}} %<extra></extra>",
        )  # fmt: skip
        # Curves meet at both ends, so each letter stands at another place along the way.
        place = min(int(len(x) * (0.45 + 0.45 * i / max(len(lines) - 1, 1))), len(x) - 1)
        label_at(figure, float(x[place]), float(y[place]), line.letter, line.color, shift=8)


def cells_chart(lines: Sequence[Line], people: Sequence[DataFrame], title: str) -> go.Figure:
    """Draw what each run does to 1,000 applicants at its own cut-off. people: cell, per_thousand."""
    figure = base_figure(title, "of 1,000 applicants", "", 170 + 46 * len(lines))
    who = [line.letter for line in lines]
    for cell in CELL_ORDER:
        counts = [float(table.set_index("cell")["per_thousand"][cell]) for table in people]
        figure.add_bar(
            x=counts, y=who, orientation="h", name=TERMS[cell].text, marker={"color": CELL_STYLE[cell][0]},
            text=[number(n, 0) for n in counts], textposition="inside", insidetextanchor="middle", textangle=0,
            hovertemplate=f"%{{y}}<br>{TERMS[cell].text}: %{{x:.0f}} of 1,000<extra></extra>",
        )  # fmt: skip
    legend = {
        "orientation": "h",
        "y": 1.0,
        "yanchor": "bottom",
        "x": 0,
        "itemclick": False,
        "itemdoubleclick": False,
        "traceorder": "normal",
    }
    figure.update_layout(title_y=0.94, barmode="stack", showlegend=True, legend=legend, margin={"t": 112}, bargap=0.35)
    figure.update_yaxes(autorange="reversed")
    figure.update_xaxes(range=[0, 1000])
    return figure


def difference_chart(table: DataFrame, title: str) -> go.Figure:
    """Draw each paired difference as an interval around zero, better to the right, one panel per metric.

    table: panel (its title with the unit), who, letter, color, gain, lo, hi (above zero when the run is better than the
    reference), said, prob.
    """
    panels = list(dict.fromkeys(table["panel"]))
    per = max(int(table.groupby("panel").size().max()), 1)
    plot = len(panels) * (14 + 26 * per) + (len(panels) - 1) * _BETWEEN_PANELS
    figure = make_subplots(
        rows=len(panels), cols=1, subplot_titles=[literal(p) for p in panels], vertical_spacing=_BETWEEN_PANELS / max(plot, 1)
    )
    for row, panel in enumerate(panels, start=1):
        part = table[table["panel"] == panel]
        figure.add_trace(_intervals(part), row=row, col=1)
        figure.add_vline(x=0, line={"color": OTHER, "width": 1.5, "dash": "dash"}, row=row, col=1)
        reach = 1.08 * float(part[["gain", "lo", "hi"]].abs().max().max() or 1)
        figure.update_xaxes(range=[-reach, reach], row=row, col=1)
    shell = base_figure(title, "", "", 136 + plot).layout
    margin = {"l": 8, "r": 8, "t": 86, "b": 50}
    figure.update_layout(title=shell.title, height=136 + plot, margin=margin, showlegend=False, dragmode=False)
    figure.update_annotations(x=0, xanchor="left", font={"size": 13})
    figure.update_xaxes(fixedrange=True, zeroline=False, automargin=True)
    figure.update_yaxes(fixedrange=True, automargin=True, autorange="reversed")
    figure.update_xaxes(title={"text": "worse  ←  0  →  better", "standoff": 6}, row=len(panels), col=1)
    return figure


def _intervals(part: DataFrame) -> go.Scatter:
    is_clear = (part["lo"] > 0) | (part["hi"] < 0)
    return go.Scatter(
        x=part["gain"], y=part["letter"], mode="markers",
        marker={"size": 10, "color": part["color"], "symbol": ["circle" if c else "circle-open" for c in is_clear]},
        error_x={"type": "data", "symmetric": False, "array": part["hi"] - part["gain"],
                 "arrayminus": part["gain"] - part["lo"],
                 "color": OTHER, "thickness": 2, "width": 4},
        customdata=part[["said", "prob"]].assign(who=part["who"].map(literal)),
        hovertemplate="%{customdata[2]}<br>%{customdata[0]}<br>probability of being better %{customdata[1]:.2f}<extra></extra>",
    )  # fmt: skip
