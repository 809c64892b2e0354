"""Every decision a model can take: counts and money of the four cells at each distinct cut-off."""

import numpy as np
import numpy.typing as npt
from pandas import DataFrame, Series

from pipeline import contract
from pipeline.evaluation.inputs import BoolArray, FloatArray, IntArray, checked_cutoff, checked_money
from pipeline.evaluation.ranking import Ranking, rank


def threshold_curve(
    y: npt.ArrayLike, pd: npt.ArrayLike, amount: npt.ArrayLike | None = None, cash: npt.ArrayLike | None = None
) -> DataFrame:
    """Return the columns of `contract.CURVE_COLUMNS` but ``split``, a row per distinct PD and a last one at infinity.

    y: shape (n,), 0 or 1; pd: shape (n,); amount: exposure per case in money; cash: what each loan really returned net of
    principal. An amount that is absent or missing throughout gives NaN columns, such a cash no ``*_cash`` columns at all;
    one that is missing in places is refused with a ValueError, for its sums would be wrong. O(n log n).
    """
    ranking = rank(y, pd)
    is_default = np.asarray(y).astype(np.bool_)
    columns: dict[str, npt.NDArray[np.generic]] = {"cutoff": np.append(ranking.values, np.inf)}
    columns |= dict(zip(contract.CELLS, _cells(ranking.defaults, ranking.goods), strict=True))
    columns |= _money_cells("amount", amount, ranking, is_default)
    if not _is_absent(cash):
        columns |= _money_cells("cash", cash, ranking, is_default)
    return DataFrame(columns)


def _cells(defaults: npt.NDArray[np.generic], goods: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.generic], ...]:
    """Turn what stands at each PD into tp, fp, fn, tn at each cut-off; the rest is taken from the total, so cells add up."""
    fn = np.concatenate([np.zeros(1, defaults.dtype), np.cumsum(defaults, dtype=defaults.dtype)])
    tn = np.concatenate([np.zeros(1, goods.dtype), np.cumsum(goods, dtype=goods.dtype)])
    return fn[-1] - fn, tn[-1] - tn, fn, tn


def _money_cells(
    name: str, money: npt.ArrayLike | None, ranking: Ranking, is_default: BoolArray
) -> dict[str, npt.NDArray[np.generic]]:
    keys = [f"{cell}_{name}" for cell in contract.CELLS]
    if money is None or _is_absent(money):
        return {key: np.full(ranking.values.size + 1, np.nan) for key in keys}
    per_case = checked_money(name, money, is_default.size)
    of_defaults = ranking.group_sums(np.where(is_default, per_case, 0.0))
    of_goods = ranking.group_sums(np.where(is_default, 0.0, per_case))
    return dict(zip(keys, _cells(of_defaults, of_goods), strict=True))


def _is_absent(money: npt.ArrayLike | None) -> bool:
    return money is None or bool(np.isnan(np.asarray(money, dtype=np.float64)).all())


def confusion_at(curve: DataFrame, cutoff: float) -> "Series[float]":
    """Return the curve's row that holds at any cut-off: decline when pd >= cutoff. Binary search, no pass over the curve.

    ``cutoff`` of the row returned is the lowest PD declined (inf: nobody). Raises ValueError for a NaN cut-off, an empty
    curve, or a curve of more than one split.
    """
    return curve.iloc[int(rows_at(curve, [checked_cutoff(cutoff)])[0])]


def rows_at(curve: DataFrame, cutoffs: npt.ArrayLike) -> IntArray:
    """Return the number of the row that holds at each of many cut-offs, shape (m,): `confusion_at` for a whole grid."""
    check_one_split(curve)
    positions = np.searchsorted(curve["cutoff"].to_numpy(), np.asarray(cutoffs, dtype=np.float64), side="left")
    return np.minimum(positions, len(curve) - 1).astype(np.int64, copy=False)


def check_one_split(curve: DataFrame) -> None:
    """Raise ValueError for a curve without rows, or of more than one split."""
    if curve.empty:
        raise ValueError("the curve is empty; it has at least the row cutoff = inf where a sample was scored")
    if "split" in curve and curve["split"].iloc[0] != curve["split"].iloc[-1]:
        raise ValueError("the curve holds more than one split; choose the rows of one before reading a cut-off")


def rates(curve: DataFrame) -> DataFrame:
    """Return the curve with approval_rate, recall, precision, f1, false_positive_rate and approved_default_rate.

    Shares of cases; NaN where nobody is there to divide by: precision when nobody is declined, approved_default_rate when
    nobody is approved.
    """
    tp, fp, fn, tn = (curve[cell].to_numpy(dtype=np.float64) for cell in contract.CELLS)
    with np.errstate(divide="ignore", invalid="ignore"):
        has_defaulters = np.where(tp + fn > 0, 1.0, np.nan)
        return curve.assign(
            approval_rate=(fn + tn) / (tp + fp + fn + tn),
            recall=tp / (tp + fn),
            precision=tp / (tp + fp),
            f1=has_defaulters * 2 * tp / (2 * tp + fp + fn),
            false_positive_rate=fp / (fp + tn),
            approved_default_rate=fn / (fn + tn),
        )


def roc_points(curve: DataFrame, k: int) -> DataFrame:
    """Return at most k points of the ROC curve from (0, 0) to (1, 1): cutoff, false_positive_rate, recall."""
    return _points(rates(curve), "false_positive_rate", "recall", k)


def pr_points(curve: DataFrame, k: int) -> DataFrame:
    """Return at most k points of the precision-recall curve by ascending recall: cutoff, recall, precision.

    The row where nobody is declined is left out: it has no precision.
    """
    return _points(rates(curve), "recall", "precision", k)


def _points(rated: DataFrame, x: str, y: str, k: int) -> DataFrame:
    if k < 4:
        raise ValueError(f"k is {k}; a curve needs at least 4 points to keep its shape")
    points = rated.loc[:, ["cutoff", x, y]].dropna().iloc[::-1]
    if len(points) > k:
        points = points.iloc[_thinned(points[x].to_numpy(), points[y].to_numpy(), (k - 2) // 2)]
    return points.reset_index(drop=True)


def _thinned(x: FloatArray, y: FloatArray, n_buckets: int) -> IntArray:
    """Choose both ends, and the lowest and highest y in each of equal buckets of ascending x: peaks and steps survive."""
    span = max(float(x[-1] - x[0]), float(np.finfo(np.float64).tiny))
    bucket = np.minimum(((x - x[0]) / span * n_buckets).astype(np.int64), n_buckets - 1)
    by_height = np.lexsort((y, bucket))
    starts = np.flatnonzero(np.diff(bucket, prepend=-1))
    lowest, highest = by_height[starts], by_height[np.append(starts[1:], x.size) - 1]
    return np.unique(np.concatenate([[0, x.size - 1], lowest, highest])).astype(np.int64)
