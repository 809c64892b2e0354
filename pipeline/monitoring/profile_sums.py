"""Sums that merge like counts: PD and money per decision, in whole millionths and hundredths."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from pandas import DataFrame, Series, concat

from pipeline import contract
from pipeline.evaluation.inputs import FloatArray

SCALES: Final = {contract.SUM_PD: 1e6, contract.SUM_AMOUNT: 100.0, contract.SUM_PD_AMOUNT: 100.0, contract.SUM_N_AMOUNT: 1.0}
"""How many of what is added up make one: of a default, of the currency, of a row."""
LARGEST_AMOUNT: Final = 1e12
"""Beyond it nothing is an amount of money, and sums would leave 64 bits."""


def row_sums(outcome: "Series[Any]", pds: FloatArray, amounts: FloatArray, by: Sequence["Series[Any]"] = ()) -> DataFrame:
    """Sum decisions into `contract.PROFILE_SUM_BINS`: the names of `by`, feature, bin, count; sums of 0 are left out.

    outcome, pds, amounts: shape (n,); by: Series of n labels each. Each row is rounded before it is added, so tables add up to
    the table of the union. An amount that is not known, negative or above `LARGEST_AMOUNT` is none.
    """
    has_amount = (amounts >= 0) & (amounts <= LARGEST_AMOUNT)
    money = np.where(has_amount, amounts, 0.0)
    parts = {
        contract.SUM_PD: pds,
        contract.SUM_AMOUNT: money,
        contract.SUM_PD_AMOUNT: pds * money,
        contract.SUM_N_AMOUNT: has_amount.astype(np.float64),
    }
    rows = DataFrame({name: np.rint(values * SCALES[name]).astype(np.int64) for name, values in parts.items()})
    keys = [Series(outcome.to_numpy(), name="_outcome"), *(Series(label.to_numpy(), name=label.name) for label in by)]
    summed = rows.groupby(keys, sort=True, dropna=False).sum().reset_index()
    tables = [
        summed[[label.name for label in by]].assign(
            feature=contract.PROFILE_SUMS, bin=summed["_outcome"].astype(str) + f":{name}", count=summed[name]
        )
        for name in parts
    ]
    table = concat(tables, ignore_index=True)
    return table[table["count"] > 0].reset_index(drop=True)


def natural_sums(counts: DataFrame) -> Mapping[str, float]:
    """Return every one of `contract.PROFILE_SUM_BINS` in its natural unit, 0 where nothing was added up.

    counts: a profile with columns feature, bin and count; rows of other features are ignored, and those of one bin added.
    """
    mine = counts[counts["feature"] == contract.PROFILE_SUMS].groupby("bin")["count"].sum()
    return {name: float(mine.get(name, 0)) / SCALES[name.partition(":")[2]] for name in contract.PROFILE_SUM_BINS}
