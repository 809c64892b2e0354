"""Many runs at once: which parameters go with a good metric, whether one gets better over time, what the search cost."""

import math
from typing import Final

import numpy as np
import plotly.graph_objects as go
from pandas import DataFrame, Series, to_numeric

from dashboard.charts.style import CHAMPION, OTHER, base_figure, label_at, literal, row_figure
from dashboard.labels import number

MOST_AXES: Final = 4
_MOST_TICKS: Final = 9
_UNSET: Final = "–"
_PALE_TO_BLUE: Final = [[0.0, "#B9C2CB"], [1.0, CHAMPION]]


def parallel_chart(params: DataFrame, metric: "Series[float]", label: str, title: str, *, less_is_better: bool) -> go.Figure:
    """Draw one line per run across its parameters to a metric, which also colours it.

    params: a column of text per parameter, missing where a run has none; metric: one value per run, none missing. Of the
    parameters that take several values those with the fewest gaps are drawn, at most `MOST_AXES`.
    """
    figure = base_figure(title, "", "", 400)
    axes = [_axis(name, params[name]) for name in varying(params)[:MOST_AXES]]
    axes += [_metric_axis(label, metric)] if len(metric) else []
    scale = {"color": metric, "colorscale": _PALE_TO_BLUE, "reversescale": less_is_better}
    figure.add_parcoords(dimensions=axes, line=scale, labelangle=-12, labelside="top")
    figure.update_layout(margin={"l": 48, "r": 56, "t": 130, "b": 24})
    return figure


def varying(params: DataFrame) -> list[str]:
    """Parameters with more than one value, those that most runs have first."""
    differing = [str(name) for name in params if len(params[name].dropna().unique()) > 1]
    return sorted(differing, key=lambda name: (float(params[name].isna().to_numpy().sum()), name))


def over_time_chart(runs: DataFrame, metric_label: str, title: str, *, less_is_better: bool) -> go.Figure:
    """Draw one metric of every run against when it began, with intervals and the best so far as a step line.

    runs: start, name, value, lo, hi, rows (which test or validation rows: differing ones are drawn with differing signs).
    """
    figure = base_figure(title, "Run began (UTC)", metric_label, 370)
    runs = runs.sort_values("start")
    best = runs["value"].cummin() if less_is_better else runs["value"].cummax()
    figure.add_scatter(
        x=runs["start"], y=best, mode="lines", line={"color": CHAMPION, "width": 1.5, "shape": "hv"}, hoverinfo="skip"
    )
    if len(runs):
        shift = -12 if less_is_better else 12
        label_at(figure, runs["start"].iloc[-1], float(best.iloc[-1]), "best so far", CHAMPION, anchor="right", shift=shift)
    signs = dict(zip(dict.fromkeys(runs["rows"]), ("circle", "diamond", "square", "cross"), strict=False))
    bars = {"type": "data", "symmetric": False, "array": runs["hi"] - runs["value"], "arrayminus": runs["value"] - runs["lo"],
            "color": OTHER, "thickness": 1, "width": 0}  # fmt: skip
    figure.add_scatter(
        x=runs["start"], y=runs["value"], mode="markers", error_y=bars, text=runs["name"].map(literal),
        marker={"color": OTHER, "size": 8, "symbol": [signs.get(rows, "x") for rows in runs["rows"]]},
        customdata=runs[["rows"]], hovertemplate="%{text}<br>%{x}<br>%{y:,.3f} on rows %{customdata[0]}<extra></extra>",
    )  # fmt: skip
    return figure


def seconds_chart(runs: DataFrame, title: str, most: int = 20) -> go.Figure:
    """Draw seconds of training per candidate, longest on top. runs: name, seconds, is_leader."""
    shown = runs.sort_values("seconds", ascending=False, kind="stable").head(most)
    figure = row_figure(title, "Seconds of training", [_cut(name) for name in shown["name"]])
    figure.add_bar(
        x=shown["seconds"], y=list(range(len(shown))), orientation="h", hovertext=shown["name"].map(literal),
        text=[number(s, 1) for s in shown["seconds"]],
        marker_color=[CHAMPION if leads else OTHER for leads in shown["is_leader"]], textposition="outside", cliponaxis=False,
        hovertemplate="%{hovertext}: %{x:.1f} s<extra></extra>",
    )  # fmt: skip
    figure.update_xaxes(range=[0, 1.15 * max(float(shown["seconds"].max() or 1), 0.1)])
    return figure


def _metric_axis(label: str, metric: "Series[float]") -> dict[str, object]:
    written = "~s" if metric.abs().max() > 1000 else ".3f"
    return {"label": literal(label), "values": metric, "range": [metric.min(), metric.max()], "tickformat": written}


def _axis(name: str, texts: "Series[str]") -> dict[str, object]:
    numbers = to_numeric(texts, errors="coerce")
    is_number = bool((numbers.notna() | texts.isna()).all())
    unique = sorted(texts.dropna().unique(), key=float if is_number else str)
    if is_number and len(unique) > _MOST_TICKS:
        return _number_axis(name, numbers)
    labels = [*([_UNSET] if texts.isna().any() else []), *unique]
    place = {text: i for i, text in enumerate(labels)}
    ticks = sorted({round(i) for i in np.linspace(0, len(labels) - 1, min(len(labels), _MOST_TICKS))})
    return {
        "label": literal(_cut(name)), "values": [place[t] for t in texts.fillna(_UNSET)],
        "range": [0, max(len(labels) - 1, 1)],
        "tickvals": ticks, "ticktext": [literal(_cut(labels[i], 12)) for i in ticks],
    }  # fmt: skip


def _number_axis(name: str, numbers: "Series[float]") -> dict[str, object]:
    """A true scale; runs without the parameter stand below it, under a dash."""
    low, high = float(numbers.min()), float(numbers.max())
    below = low - 0.12 * (high - low)
    has_gaps = bool(numbers.isna().any())
    ticks = [*([below] if has_gaps else []), *np.linspace(low, high, 5)]
    step = max(0, 2 - math.floor(math.log10(high - low)))
    texts = [*([_UNSET] if has_gaps else []), *(f"{t:.{min(step, 4)}f}" for t in np.linspace(low, high, 5))]
    return {
        "label": literal(_cut(name)), "values": numbers.fillna(below), "range": [below if has_gaps else low, high],
        "tickvals": ticks, "ticktext": texts,
    }  # fmt: skip


def _cut(name: object, most: int = 22) -> str:
    text = str(name)
    return text if len(text) <= most else f"{text[: most - 1]}…"
