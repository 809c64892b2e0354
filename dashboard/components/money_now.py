"""Money by month, estimated from PDs: what the live policy keeps over its baseline beside what was promised of it."""

import math
from typing import Final

import pandas as pd
import streamlit as st

from dashboard import overview_book
from dashboard.charts.money import money_line
from dashboard.components.downloads import download
from dashboard.labels import money, plain

_APPROVED: Final = "less losses of defaulters among the approved, per 1,000 applications"
_BLIND: Final = "If risk changes without a sign in the inputs, no estimate from PDs sees it."


def money_now(project: str, currency: str) -> None:
    """Draw the line where decisions are counted; where it cannot be read, one sentence says why."""
    found = overview_book.money(project)
    if isinstance(found, str):
        st.caption(plain(found))
        return
    known = found[found["change"].notna()]
    if known.empty:
        return
    by_baseline = bool(pd.notna(known["saving"].iloc[-1]))
    rows = _against_baseline(known) if by_baseline else _against_development(known)
    last, earned = rows.iloc[-1], known.iloc[-1]
    title = _kept(last, currency) if by_baseline else _earned(last, currency)
    unit = f"{currency} kept per 1,000" if by_baseline else f"{currency} per 1,000, against development"
    st.plotly_chart(
        money_line(rows, unit, title, "promised" if by_baseline else "development"),
        key="money_line",
        alt=f"A line with its band. {title}.",
    )
    st.caption(_caption(earned, currency) if by_baseline else f"{_source(earned)}: interest of the good {_APPROVED}. {_BLIND}")
    download(found, f"{project}-money.csv", "money")


def _against_baseline(known: pd.DataFrame) -> pd.DataFrame:
    columns = {"saving": "value", "saving_lo": "lo", "saving_hi": "hi", "saving_promised": "promised"}
    return known[["period", "n", *columns]].rename(columns=columns)


def _against_development(known: pd.DataFrame) -> pd.DataFrame:
    return known[["period", "n", "change", "lo", "hi"]].rename(columns={"change": "value"}).assign(promised=0.0)


def _kept(last: pd.Series, currency: str) -> str:
    promised, is_sure = float(last["promised"]), math.isfinite(last["lo"])
    band = f" [{money(last['lo'])}, {money(last['hi'])}]" if is_sure else ""
    said = f"{last['period']:%Y-%m}: about {money(last['value'], currency)}{band} kept per 1,000 applications"
    if not (math.isfinite(promised) and is_sure):
        return said
    if last["lo"] <= promised <= last["hi"]:
        return f"{said}; {money(promised)} were promised"
    return f"{said}, {'more' if last['value'] > promised else 'less'} than the {money(promised)} promised"


def _earned(last: pd.Series, currency: str) -> str:
    change, lo, hi = (float(last[name]) for name in ("value", "lo", "hi"))
    if lo <= 0 <= hi:
        band = f"between {money(lo)} and {money(hi, currency)}"
        return f"{last['period']:%Y-%m} may earn as much as development did: a difference {band} per 1,000 applications"
    return f"{last['period']:%Y-%m}: {_beside(change, lo, hi, currency)} per 1,000 applications than in development"


def _caption(earned: pd.Series, currency: str) -> str:
    change, lo, hi = (float(earned[name]) for name in ("change", "lo", "hi"))
    is_alike = lo <= 0 <= hi
    beside = "about as much as" if is_alike else f"{_beside(change, lo, hi, currency)} per 1,000 applications than"
    return (
        f"Kept: what the live policy saves over approving everybody, losses avoided less margin forgone. {_source(earned)}. "
        f"Those it approves are expected to earn {beside} in development. Riskier applicants raise what is kept and lower what "
        f"is earned. {_BLIND}"
    )


def _beside(change: float, lo: float, hi: float, currency: str) -> str:
    bounds = sorted((abs(lo), abs(hi)))
    band = f"[{money(bounds[0])}, {money(bounds[1])}]"
    return f"about {money(abs(change), currency)} {band} {'more' if change > 0 else 'less'}"


def _source(earned: pd.Series) -> str:
    return f"Estimated from PDs, n = {int(earned['n']):,} in the newest month"
