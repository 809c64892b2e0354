"""A curve short enough to send to a browser, exact wherever it is kept."""

from collections.abc import Sequence

import numpy as np
from pandas import DataFrame

from pipeline.evaluation.cost import Costs, best_f1_cutoff, cheapest_cutoff
from pipeline.evaluation.curve import rows_at
from pipeline.evaluation.inputs import FloatArray, IntArray


def thin_curve(curve: DataFrame, k: int, costs: Sequence[Costs] = (), keep: Sequence[float] = ()) -> DataFrame:
    """Return at most k rows of a curve, ascending, each as it stands in the full one; a curve of at most k rows comes whole.

    Always kept: both ends, the row of best F1, the cheapest row of each of `costs` and the rows that hold at the cut-offs
    `keep`, so `cheapest_cutoff` and `best_f1_cutoff` answer as on the full curve. The rest is spread half over equal steps
    of the cut-off, half over equal numbers of distinct PDs. Between kept rows nothing is interpolated. Raises ValueError
    when k is too small for the rows that must stay, or a cost lacks its money.
    """
    marked = [best_f1_cutoff(curve), *(cheapest_cutoff(curve, cost) for cost in costs), *keep]
    known = [cutoff for cutoff in marked if not np.isnan(cutoff)]
    must = np.unique(np.concatenate([[0, len(curve) - 1], rows_at(curve, known)])).astype(np.int64)
    if k < must.size:
        raise ValueError(f"k is {k}; {must.size} rows must stay: both ends and the rows asked for")
    if len(curve) <= k:
        return curve.reset_index(drop=True)
    rows = np.union1d(must, _spread(curve["cutoff"].to_numpy(), k - must.size))
    return curve.iloc[rows].reset_index(drop=True)


def _spread(cutoffs: FloatArray, k: int) -> IntArray:
    """At most k rows, half by value and half by rank; the last row, at infinity, has no place on the axis."""
    by_value = np.linspace(cutoffs[0], cutoffs[-2], k // 2)
    by_rank = np.linspace(0, cutoffs.size - 1, k - k // 2)
    return np.union1d(np.searchsorted(cutoffs[:-2], by_value), np.round(by_rank)).astype(np.int64)
