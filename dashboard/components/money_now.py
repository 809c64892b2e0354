"""Money this month against what was promised, estimated from PDs, with its band."""

import math

import streamlit as st

from dashboard import overview_book
from dashboard.charts.money import money_line
from dashboard.components.downloads import download
from dashboard.labels import money, plain


def money_now(project: str, currency: str) -> None:
    """Draw the line where decisions are counted; where it cannot be read, one sentence says why."""
    found = overview_book.money(project)
    if isinstance(found, str):
        st.caption(plain(found))
        return
    rows = found[found["change"].notna()]
    if rows.empty:
        return
    last = rows.iloc[-1]
    title = _title(float(last["change"]), float(last["lo"]), float(last["hi"]), f"{last['period']:%Y-%m}", currency)
    st.plotly_chart(money_line(rows, currency, title), key="money_line", alt=f"A line with its band. {title}.")
    st.caption(
        f"Estimated from PDs, n = {int(last['n']):,} in the newest month: interest of the good less losses of defaulters among "
        "the approved, per 1,000 applications. If risk changes without a sign in the inputs, no estimate from PDs sees it."
    )
    download(found, f"{project}-money.csv", "money")


def _title(change: float, lo: float, hi: float, month: str, currency: str) -> str:
    band = f"[{money(lo)}, {money(hi)}]" if math.isfinite(lo) and math.isfinite(hi) else ""
    if lo <= 0 <= hi:
        return f"{month} is expected to earn what was promised: {money(change, currency)} {band} per 1,000 applications"
    word = "more" if change > 0 else "less"
    bounds = sorted((abs(lo), abs(hi)))
    return (
        f"{month} is expected to earn about {money(abs(change), currency)} [{money(bounds[0])}, {money(bounds[1])}] {word} per "
        "1,000 applications than promised"
    )
