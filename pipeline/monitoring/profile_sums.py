"""Sums that merge like counts: PD and money per decision, in whole millionths and hundredths."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from pandas import DataFrame

from pipeline import contract
from pipeline.evaluation.inputs import FloatArray, IntArray

SCALES: Final = {contract.SUM_PD: 1e6, contract.SUM_AMOUNT: 100.0, contract.SUM_PD_AMOUNT: 100.0, contract.SUM_N_AMOUNT: 1.0}
"""How many of what is added up make one: of a default, of the currency, of a row."""
LARGEST_AMOUNT: Final = 1e12
"""Beyond it nothing is an amount of money, and sums would leave 64 bits."""


def whole_values(pds: FloatArray, amounts: FloatArray) -> IntArray:
    """Return what each decision adds to the sums, in the order of `SCALES`, shape (n, 4).

    pds, amounts: shape (n,). Each value is rounded here, once, so that tables add up to the table of the union. An amount that
    is not known, negative or above `LARGEST_AMOUNT` is none.
    """
    has_amount = (amounts >= 0) & (amounts <= LARGEST_AMOUNT)
    money = np.where(has_amount, amounts, 0.0)
    parts = {
        contract.SUM_PD: pds,
        contract.SUM_AMOUNT: money,
        contract.SUM_PD_AMOUNT: pds * money,
        contract.SUM_N_AMOUNT: has_amount.astype(np.float64),
    }
    return np.column_stack([np.rint(parts[name] * scale) for name, scale in SCALES.items()]).astype(np.int64)


def add_by(keys: IntArray, values: IntArray) -> tuple[IntArray, IntArray]:
    """Add rows of values, shape (n, m), by key, shape (n,): the different keys ascending, and their sums, shape (k, m)."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if keys.size else np.zeros(0, dtype=np.int64)
    # Whole numbers: a sum of floats would depend on the order in which decisions came.
    sums = np.add.reduceat(values[order], starts, axis=0) if keys.size else values
    return ordered[starts], sums


def sum_table(outcome: IntArray, pds: FloatArray, amounts: FloatArray) -> DataFrame:
    """Return the sums of decisions as a profile without groups: feature, bin, count.

    outcome: places in `contract.OUTCOMES`, shape (n,).
    """
    keys, sums = add_by(outcome, whole_values(pds, amounts))
    table = np.zeros((len(contract.OUTCOMES), len(SCALES)), dtype=np.int64)
    table[keys] = sums
    return DataFrame({"feature": contract.PROFILE_SUMS, "bin": contract.PROFILE_SUM_BINS, "count": table.ravel()})


def natural_sums(counts: DataFrame) -> Mapping[str, float]:
    """Return every one of `contract.PROFILE_SUM_BINS` in its natural unit, 0 where nothing was added up.

    counts: a profile with columns feature, bin and count; rows of other features are ignored, and those of one bin added.
    """
    mine = counts[counts["feature"] == contract.PROFILE_SUMS].groupby("bin")["count"].sum()
    return {name: float(mine.get(name, 0)) / SCALES[name.partition(":")[2]] for name in contract.PROFILE_SUM_BINS}
