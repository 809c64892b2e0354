"""Cached results on the scored rows of runs: differences, bands, swap sets, in money; part of `loading`.

None wherever rows, outcomes or their money are missing: a page then says what it lacks, and shows no number.
"""

from typing import Final, TypedDict

import pandas as pd
import streamlit as st

from dashboard.loading import FOREVER_SECONDS, curve, holdout
from pipeline import contract
from pipeline.evaluation.bands import cheapest_cutoff_band, saving_band
from pipeline.evaluation.bootstrap import paired_difference
from pipeline.evaluation.cost import CashCosts, Costs, LoanCosts
from pipeline.evaluation.swap import cutoff_at_approval, swap_set
from pipeline.evaluation.thinning import thin_curve

DRAWN_ROWS: Final = 400
"""A picture shows no more, and a browser should not be sent more."""


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=256, show_spinner=False)
def difference(run_a: str, cutoff_a: float, run_b: str | None, cutoff_b: float, costs: Costs) -> pd.DataFrame | None:
    """Paired difference of two runs on the test rows they share, money over all rows as the metric ``cost``.

    run_b None compares with approving everybody at the same PDs. None when a holdout or its amounts are missing, or when
    the rows differ. Index: metric; columns of `paired_difference` and n.
    """
    a = holdout(run_a, contract.TEST)
    b = a if run_b is None else holdout(run_b, contract.TEST)
    if a is None or b is None or not _same_rows(a, b):
        return None
    money = _money(a, costs)
    if money is None:
        return None
    y, pd_a, pd_b = a[contract.HOLDOUT_Y], a[contract.HOLDOUT_PD], b[contract.HOLDOUT_PD]
    table = paired_difference(y, pd_a, cutoff_a, pd_b, cutoff_b, costs=costs, **money)
    return table.set_index("metric").assign(n=len(a))


class Money(TypedDict, total=False):
    """What the cases are worth, as far as the costs multiply it."""

    amount: pd.Series
    cash: pd.Series


def _money(rows: pd.DataFrame, costs: Costs) -> Money | None:
    """The column of money that the costs multiply; None when it is not known for every row."""
    if isinstance(costs, CashCosts):
        cash = rows[contract.HOLDOUT_CASH]
        return None if cash.isna().any() else {"cash": cash}
    if isinstance(costs, LoanCosts):
        amount = rows[contract.HOLDOUT_AMOUNT]
        return None if amount.isna().any() else {"amount": amount}
    return {}


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=64, show_spinner=False)
def drawn_curve(run_id: str, split: str, costs: Costs) -> pd.DataFrame | None:
    """At most `DRAWN_ROWS` rows of a curve for a picture, each exact, ends and cheapest among them."""
    whole = curve(run_id, split)
    return None if whole is None else thin_curve(whole, DRAWN_ROWS, [costs])


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=256, show_spinner=False)
def cheapest_band(run_id: str, costs: Costs) -> tuple[float, float] | None:
    """Between which cut-offs the cheapest of validation lies in 95 % of resamples; None when rows or money are missing."""
    rows = holdout(run_id, contract.VALID)
    money = None if rows is None else _money(rows, costs)
    if rows is None or money is None:
        return None
    band = cheapest_cutoff_band(rows[contract.HOLDOUT_Y], rows[contract.HOLDOUT_PD], costs, **money)
    return band.lo, band.hi


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=256, show_spinner=False)
def saving_interval(run_id: str, cutoff: float, other: str, other_cutoff: float, costs: Costs) -> tuple[float, float] | None:
    """95 % interval of what a cut-off saves per 1,000 test applications against a cut-off of another run ("": the same).

    None when rows or their money are missing, or the two runs were tested on different rows.
    """
    if other and other != run_id:
        table = difference(run_id, cutoff, other, other_cutoff, costs)
        if table is None:
            return None
        row = table.loc[["cost"]].iloc[0]
        return -1000 * float(row["hi"]) / float(row["n"]), -1000 * float(row["lo"]) / float(row["n"])
    rows = holdout(run_id, contract.TEST)
    money = None if rows is None else _money(rows, costs)
    if rows is None or money is None:
        return None
    band = saving_band(rows[contract.HOLDOUT_Y], rows[contract.HOLDOUT_PD], cutoff, other_cutoff, costs, **money)
    return 1000 * band.lo / len(rows), 1000 * band.hi / len(rows)


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=64, show_spinner=False)
def same_approval(run_id: str, approval_rate: float) -> float | None:
    """The cut-off at which a run approves a given share of the test rows; it looks at no outcome."""
    rows = holdout(run_id, contract.TEST)
    return None if rows is None else cutoff_at_approval(rows[contract.HOLDOUT_PD], approval_rate)


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=64, show_spinner=False)
def swaps(today: str, cutoff_today: float, new: str, cutoff_new: float, costs: Costs) -> pd.DataFrame | None:
    """Who changes sides on the test rows when one run takes over from another, in all and by segment: see `swap_set`.

    A row without an outcome was declined before and counts as inferred. None when rows or money are missing or differ.
    """
    a, b = holdout(today, contract.TEST), holdout(new, contract.TEST)
    if a is None or b is None or not _same_rows(a, b):
        return None
    money = _money(a, costs)
    if money is None:
        return None
    y, groups = a[contract.HOLDOUT_Y], a.filter(regex=f"^{contract.SEGMENT_PREFIX}")
    unseen = y.isna().to_numpy() if y.isna().any() else None
    table = swap_set(
        y, a[contract.HOLDOUT_PD], cutoff_today, b[contract.HOLDOUT_PD], cutoff_new, costs,
        groups=groups, previously_declined=unseen, **money,
    )  # fmt: skip
    return table.assign(column=table["column"].str.removeprefix(contract.SEGMENT_PREFIX))


def _same_rows(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    keys = [contract.HOLDOUT_ID, contract.HOLDOUT_Y]
    return a[keys].equals(b[keys])
