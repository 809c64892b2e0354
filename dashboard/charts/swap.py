"""Who changes sides when one model takes over from another, as two facing bars: newly refused left, newly approved right."""

import plotly.graph_objects as go
from pandas import DataFrame

from dashboard.charts.style import APPROVE, DECLINE, base_figure, literal
from dashboard.labels import money, percent
from pipeline.evaluation.swap import SWAP_IN, SWAP_OUT

EVERYBODY = "all"
MOST_GROUPS = 7
"""Groups of most people; the table has them all."""


def swap_chart(table: DataFrame, title: str, currency: str) -> go.Figure:
    """Draw the swap set by group. table: rows of `swap_set` but the net ones; everybody's is "". Inferred is hatched."""
    people = table[table["group"] != ""].groupby("group")["n"].sum().sort_values(ascending=False, kind="stable")
    drawn = ["", *people[people > 0].index[:MOST_GROUPS]]
    table, groups = table[table["group"].isin(drawn)], [str(group) or EVERYBODY for group in drawn]
    figure = base_figure(title, "← newly refused · newly approved →", "", 150 + 46 * len(groups))
    reach = float(table.groupby(["group", "set"])["n"].sum().max()) if len(table) else 1.0
    for name, sign, color in ((SWAP_OUT, -1, DECLINE), (SWAP_IN, 1, APPROVE)):
        for is_inferred in (False, True):
            rows = table[(table["set"] == name) & (table["inferred"] == is_inferred) & (table["n"] > 0)]
            if len(rows):
                _bars(figure, rows, sign, color, currency, is_inferred=is_inferred)
    figure.update_layout(barmode="relative", bargap=0.3)
    figure.update_xaxes(range=[-1.75 * reach, 1.75 * reach], showticklabels=False, zeroline=True, zerolinewidth=1)
    # Groups are often named by numbers, which Plotly would place as such.
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=[literal(group) for group in groups][::-1])
    return figure


def _bars(figure: go.Figure, table: DataFrame, sign: int, color: str, currency: str, *, is_inferred: bool) -> None:
    rows = table.to_dict("records")
    who = "newly approved" if sign > 0 else "newly refused"
    sort = "inferred: the PD stands for the outcome" if is_inferred else "outcomes known"
    figure.add_bar(
        x=[sign * float(row["n"]) for row in rows], y=[literal(row["group"] or EVERYBODY) for row in rows], orientation="h",
        marker={"color": color, "pattern": {"shape": "/" if is_inferred else ""}},
        text=[f"{float(row['n']):,.0f} · {percent(float(row['default_rate']), 0)}" for row in rows], textposition="outside",
        cliponaxis=False, textangle=0,
        hovertext=[
            f"{who}: {float(row['n']):,.0f}, {sort}<br>"
            f"default rate {percent(float(row['default_rate']))} [{percent(float(row['default_rate_lo']))}, "
            f"{percent(float(row['default_rate_hi']))}]<br>keeps {money(float(row['saving']), currency)} "
            f"[{money(float(row['saving_lo']))}, {money(float(row['saving_hi']))}]"
            for row in rows
        ],
        hovertemplate="%{hovertext}<extra></extra>",
    )  # fmt: skip
