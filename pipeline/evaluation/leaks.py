"""Does one column alone give the answer away? A feature with AUC near 1 usually knows the outcome already."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas
from pandas import DataFrame, Series

from pipeline.evaluation.inputs import BoolArray, FloatArray, IntArray, checked_outcomes

_SEED = 0


def single_feature_auc(frame: DataFrame, y: npt.ArrayLike, kinds: Mapping[str, str]) -> DataFrame:
    """Return the AUC of each column alone, whichever way it points: column, auc (0.5 to 1), highest first.

    frame: n rows; y: shape (n,), 0 or 1; kinds: column to ``number``, ``category`` or ``boolean``. Numbers rank as they
    stand, missing ones below or above all others, whichever separates more: "missing" is often the leak. Categories rank by
    the default rate of the other half of the rows (two-fold, fixed halves), so that an identifier of unique strings is
    not called a leak for remembering its own row. NaN when y has one class. ValueError naming a column not in the frame.
    """
    outcomes = checked_outcomes(y)
    if len(frame) != outcomes.size:
        raise ValueError(f"frame has {len(frame)} rows and y {outcomes.size}; they must describe the same cases")
    absent = [name for name in kinds if name not in frame]
    if absent:
        raise ValueError(f"not a column of the frame: {', '.join(absent)}")
    is_default = outcomes == 1
    half = np.random.default_rng(_SEED).permutation(outcomes.size) % 2 == 0
    found = [
        _number_auc(frame[name], is_default) if kind == "number" else _category_auc(frame[name], is_default, half)
        for name, kind in kinds.items()
    ]
    table = DataFrame({"column": list(kinds), "auc": np.array(found, dtype=np.float64)})
    return table.sort_values("auc", ascending=False, kind="stable", ignore_index=True)


def _number_auc(column: "Series[float]", is_default: BoolArray) -> float:
    plain = column.astype("Float64") if pandas.api.types.is_bool_dtype(column.dtype) else column
    numbers = pandas.to_numeric(plain, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    levels = np.unique(numbers[~np.isnan(numbers)], return_inverse=True)[1]
    n_levels = int(levels.max(initial=-1)) + 1
    below, above = np.zeros(numbers.size, dtype=np.int64), np.full(numbers.size, n_levels + 1, dtype=np.int64)
    below[~np.isnan(numbers)] = above[~np.isnan(numbers)] = levels + 1
    return max(_either_way(_level_auc(place, is_default, n_levels + 2)) for place in (below, above))


def _category_auc(column: "Series[str]", is_default: BoolArray, half: BoolArray) -> float:
    codes = pandas.factorize(column)[0].astype(np.int64) + 1
    # An average of the two halves: across halves the scores of unseen values differ by the halves' own default rates.
    return _either_way((_held_out_auc(codes, is_default, half) + _held_out_auc(codes, is_default, ~half)) / 2)


def _held_out_auc(codes: IntArray, is_default: BoolArray, learned: BoolArray) -> float:
    """Order the values by their default rate in one half and measure on the other; values unknown there get its mean."""
    n_codes = int(codes.max(initial=0)) + 1
    seen = np.bincount(codes[learned], minlength=n_codes)
    defaults = np.bincount(codes[learned & is_default], minlength=n_codes)
    mean = is_default[learned].mean() if learned.any() else 0.0
    rate: FloatArray = np.where(seen > 0, defaults / np.maximum(seen, 1), mean)
    order = np.unique(rate, return_inverse=True)[1].astype(np.int64)
    return _level_auc(order[codes[~learned]], is_default[~learned], n_codes)


def _level_auc(levels: IntArray, is_default: BoolArray, n_levels: int) -> float:
    """Return the AUC of ascending integer levels, ties counting half; NaN when a class is absent."""
    defaults = np.bincount(levels[is_default], minlength=n_levels).astype(np.float64)
    goods = np.bincount(levels[~is_default], minlength=n_levels).astype(np.float64)
    pairs = defaults.sum() * goods.sum()
    return float(defaults @ (np.cumsum(goods) - goods / 2) / pairs) if pairs else float("nan")


def _either_way(auc: float) -> float:
    return max(auc, 1 - auc)
