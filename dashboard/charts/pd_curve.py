"""The PD over one input, with how many past applicants had each value beneath it, and both cut-offs."""

import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import APPROVE, CHAMPION, DECLINE, OTHER, base_figure, literal

CURVE_DOMAIN, DENSITY_DOMAIN = (0.30, 1.0), (0.0, 0.20)


def pd_curve_chart(table: DataFrame, cutoffs: tuple[float, float], title: str, x_title: str, *, is_number: bool) -> go.Figure:
    """Draw `pipeline.serving.what_if.pd_curve`: a line over numbers, dots over categories; bars of past applicants below."""
    figure = base_figure(title, x_title, "PD (%)", 400)
    x = table["value"] if is_number else [literal(label) for label in table["label"]]
    said = [literal(label) for label in table["label"]]
    _cutoffs(figure, cutoffs)
    figure.add_scatter(
        x=x, y=100 * table["pd"], mode="lines" if is_number else "markers", customdata=said,
        line={"color": CHAMPION, "width": 2.5}, marker={"color": CHAMPION, "size": 11},
        hovertemplate="%{customdata}: PD %{y:.1f} %<extra></extra>",
    )  # fmt: skip
    figure.add_bar(
        x=x, y=100 * table["density"], yaxis="y2", width=_width(table) if is_number else None, customdata=said,
        marker={"color": OTHER, "line": {"width": 0}},
        hovertemplate="%{customdata}: %{y:.1f} % of past applicants<extra></extra>",
    )  # fmt: skip
    _here(figure, table, is_number=is_number)
    high = 100 * max(float(table["pd"].max()), cutoffs[1])
    figure.update_layout(
        bargap=0.05, yaxis={"domain": CURVE_DOMAIN, "range": [0, 1.18 * high]},
        yaxis2={"domain": DENSITY_DOMAIN, "anchor": "x", "title": {"text": "Past (%)", "standoff": 8}, "automargin": True,
                "fixedrange": True, "zeroline": False, "nticks": 3},
    )  # fmt: skip
    figure.update_xaxes(anchor="y2")
    if not is_number:
        figure.update_xaxes(type="category", categoryorder="array", categoryarray=x)
    return figure


def _cutoffs(figure: go.Figure, cutoffs: tuple[float, float]) -> None:
    """Named at the right edge, above and below their lines, so that two near ones stay readable."""
    approve, decline = (100 * at for at in cutoffs)
    marks = [
        (approve, f"approve below {approve:.1f} %", APPROVE, "top"),
        (decline, f"decline from {decline:.1f} %", DECLINE, "bottom"),
    ]
    if approve == decline:
        marks = [(decline, f"approve below, decline from {decline:.1f} %", DECLINE, "bottom")]
    for at, text, color, anchor in marks:
        figure.add_shape(
            type="line", xref="paper", x0=0, x1=1, y0=at, y1=at, line={"color": color, "width": 1.5, "dash": "dash"}
        )  # fmt: skip
        figure.add_annotation(
            xref="paper", x=1, y=at, text=text, showarrow=False, xanchor="right", yanchor=anchor, font={"size": 12}
        )  # fmt: skip


def _width(table: DataFrame) -> float:
    """The even step between values; the applicant's own, put in between two, would make every bar a sliver."""
    return 0.95 * float(table["value"].astype(float).diff().median()) if len(table) > 1 else 1.0


def _here(figure: go.Figure, table: DataFrame, *, is_number: bool) -> None:
    """Ring the applicant's own value."""
    own = table[table["is_current"]]
    figure.add_scatter(
        x=own["value"] if is_number else [literal(label) for label in own["label"]], y=100 * own["pd"], mode="markers+text",
        text=["as asked"] * len(own), textposition="top center", cliponaxis=False,
        marker={"size": 15, "color": "rgba(0,0,0,0)", "line": {"width": 3, "color": CHAMPION}}, hoverinfo="skip",
    )  # fmt: skip
