"""Behind the time line: months on book, grades against their PDs, money against its promise, estimates against truth."""

from typing import Final

import plotly.graph_objects as go
from pandas import DataFrame, Timestamp

from dashboard.charts.style import BAND_OPACITY, CHAMPION, DECLINE, OTHER, base_figure, label_at, literal, row_figure, spread

LIGHTS: Final = {"green": ("#009E73", "circle", "green"), "yellow": ("#F5C710", "triangle-up", "yellow"),
                 "red": ("#D55E00", "x", "red"), "too few": (OTHER, "circle-open", "too few")}  # fmt: skip
"""Colour, shape and word of the binomial traffic light: colour is never the only sign."""
_NAMED_BELOW: Final = 6
"""More names would not find room; hovering tells."""


def curves_chart(curves: DataFrame, marked: Timestamp | None, title: str) -> go.Figure:
    """Draw cumulative default rates by month on book, a line per vintage, labelled where it ends.

    curves: as `vintages.vintage_curves`; marked: the vintage that stands out, drawn in colour with its band.
    """
    figure = base_figure(title, "Months on book", "Defaulted so far (% of loans)", 420)
    parts = [(Timestamp(vintage), curves[curves["vintage"] == vintage]) for vintage in sorted(curves["vintage"].unique())]
    for vintage, part in parts:
        is_marked = marked is not None and vintage == marked
        if is_marked:
            figure.add_scatter(
                x=[*part["month"], *part["month"][::-1]], y=[*100 * part["hi"], *(100 * part["lo"])[::-1]], mode="lines",
                fill="toself", fillcolor=DECLINE, line={"width": 0}, opacity=BAND_OPACITY, hoverinfo="skip",
            )  # fmt: skip
        figure.add_scatter(
            x=part["month"], y=100 * part["default_rate"], mode="lines",
            line={"color": DECLINE if is_marked else OTHER, "width": 2.5 if is_marked else 1.3},
            customdata=part[["defaults", "n"]].assign(lo=100 * part["lo"], hi=100 * part["hi"]),
            hovertemplate=f"{vintage:%B %Y}, month %{{x}}<br>%{{y:.1f}} % [%{{customdata[2]:.1f}}, %{{customdata[3]:.1f}}]"
            "<br>%{customdata[0]:,} of %{customdata[1]:,} loans<extra></extra>",
        )  # fmt: skip
    _name_ends(figure, parts, marked)
    return figure


def _name_ends(figure: go.Figure, parts: list[tuple[Timestamp, DataFrame]], marked: Timestamp | None) -> None:
    """Vintages that end last are named beside their ends, moved apart; those that end within the bundle below it."""
    top = max((100 * float(part["hi"].max()) for _, part in parts), default=1.0)
    ends = [(int(part["month"].iloc[-1]), vintage, 100 * float(part["default_rate"].iloc[-1])) for vintage, part in parts]
    last = max((month for month, _, _ in ends), default=1)
    full = [(vintage, height) for month, vintage, height in ends if month == last]
    for (vintage, _), height in zip(full, spread([height for _, height in full], 0.055 * top), strict=True):
        label_at(figure, last, height, f"{vintage:%Y-%m}", _color(vintage, marked))
    short = sorted((end for end in ends if end[0] < last), reverse=True)
    for place, (month, vintage, height) in enumerate(short[:_NAMED_BELOW]):
        figure.add_annotation(
            x=month, y=height, text=f"{vintage:%Y-%m}", ax=14, ay=52 + 19 * place, arrowhead=0, arrowwidth=1,
            arrowcolor=OTHER, standoff=2, font={"color": _color(vintage, marked), "size": 12},
        )  # fmt: skip
    figure.update_xaxes(range=[0, last * 1.14 + 0.6], tickvals=list(range(0, last + 1, 1 if last <= 14 else 3)))
    figure.update_yaxes(rangemode="tozero")


def _color(vintage: Timestamp, marked: Timestamp | None) -> str:
    return DECLINE if marked is not None and vintage == marked else OTHER


def grades_chart(table: DataFrame, title: str) -> go.Figure:
    """Draw each grade's realised default rate with its interval against its mean PD; table: as `grades.grade_table`."""
    known = table[table["n"] > 0].reset_index(drop=True)
    names = [f"{row['grade']}  {LIGHTS[row['light']][2]}" for row in known.to_dict("records")]
    figure = row_figure(title, "Default rate (%)", names, 34)
    for y, row in enumerate(known.to_dict("records")):
        color, symbol, _ = LIGHTS[row["light"]]
        figure.add_scatter(
            x=[100 * row["lo"], 100 * row["hi"]], y=[y, y], mode="lines", line={"color": color, "width": 6}, opacity=0.45,
            hoverinfo="skip",
        )  # fmt: skip
        figure.add_scatter(
            x=[100 * row["mean_pd"]], y=[y], mode="markers", hoverinfo="skip",
            marker={"symbol": "line-ns", "size": 18, "color": OTHER, "line": {"color": OTHER, "width": 3}},
        )  # fmt: skip
        figure.add_scatter(
            x=[100 * row["default_rate"]], y=[y], mode="markers", marker={"color": color, "symbol": symbol, "size": 11},
            hovertemplate=f"grade {literal(row['grade'])}: {100 * row['default_rate']:.1f} % defaulted "
            f"[{100 * row['lo']:.1f}, {100 * row['hi']:.1f}], {100 * row['mean_pd']:.1f} % expected<br>"
            f"{row['defaults']:,} of {row['n']:,} loans, {row['expected']:,.1f} expected<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(rangemode="tozero")
    return figure


def money_chart(table: DataFrame, currency: str, axis: str, title: str) -> go.Figure:
    """Draw promised, expected and realised money per 1,000 by vintage; table: vintage, promised, expected, realised, lo, hi, n.

    ``expected`` is NaN where nothing can be expected of it.
    """
    figure = base_figure(title, "Month of decision", f"{axis} ({currency})", 400)
    figure.add_bar(
        x=table["vintage"], y=table["realised"], marker={"color": CHAMPION, "line": {"width": 0}}, width=18 * 86_400_000,
        error_y={"type": "data", "symmetric": False, "array": table["hi"] - table["realised"],
                 "arrayminus": table["realised"] - table["lo"], "color": OTHER, "thickness": 1.5},
        customdata=table[["lo", "hi", "n"]],
        hovertemplate="%{x|%B %Y}, realised %{y:,.0f} [%{customdata[0]:,.0f}, %{customdata[1]:,.0f}], n = %{customdata[2]:,}"
        "<extra></extra>",
    )  # fmt: skip
    for column, name, color, symbol in (
        ("promised", "promised", DECLINE, "line-ew"),
        ("expected", "expected from PDs", OTHER, "diamond-open"),
    ):
        known = table[table[column].notna()]
        figure.add_scatter(
            x=known["vintage"], y=known[column], mode="markers",
            marker={"symbol": symbol, "color": color, "size": 22 if column == "promised" else 10,
                    "line": {"color": color, "width": 3 if column == "promised" else 2}},
            hovertemplate=f"%{{x|%B %Y}}, {name} %{{y:,.0f}}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(tickformat="%b\n%Y", showgrid=False, dtick="M1" if len(table) <= 12 else None)
    return figure


def record_chart(pairs: DataFrame, axis: str, hover: str, title: str) -> go.Figure:
    """Draw what was expected of each matured vintage as an interval, and what came true as a mark.

    pairs: vintage, value, lo, hi (the estimate), realised, n.
    """
    figure = base_figure(title, "Month of decision", axis, 360)
    inside = pairs["realised"].between(pairs["lo"], pairs["hi"])
    figure.add_scatter(
        x=pairs["vintage"], y=pairs["value"], mode="markers", marker={"symbol": "line-ew", "size": 14, "color": OTHER,
        "line": {"color": OTHER, "width": 2}}, customdata=pairs[["lo", "hi"]],
        error_y={"type": "data", "symmetric": False, "array": pairs["hi"] - pairs["value"],
                 "arrayminus": pairs["value"] - pairs["lo"], "color": OTHER, "thickness": 6, "width": 0},
        hovertemplate=f"%{{x|%B %Y}}, expected %{{y:{hover}}} [%{{customdata[0]:{hover}}}, %{{customdata[1]:{hover}}}]"
        "<extra></extra>",
    )  # fmt: skip
    for is_in, color, symbol, word in ((True, CHAMPION, "circle", "inside"), (False, DECLINE, "x", "outside")):
        part = pairs[inside == is_in]
        figure.add_scatter(
            x=part["vintage"], y=part["realised"], mode="markers", marker={"color": color, "symbol": symbol, "size": 11},
            customdata=part[["n"]],
            hovertemplate=f"%{{x|%B %Y}}, came true: %{{y:{hover}}} ({word}), n = %{{customdata[0]:,}}<extra></extra>",
        )  # fmt: skip
    figure.update_xaxes(tickformat="%b\n%Y", showgrid=False, dtick="M1" if len(pairs) <= 12 else None)
    return figure
