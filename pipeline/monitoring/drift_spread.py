"""How far numbers spread that are known by their bins alone: what an interval of a mean needs."""

import math

import numpy as np
from pandas import DataFrame

from pipeline.evaluation.inputs import FloatArray


def moments(bins: DataFrame, ends: tuple[float, float], mean: float) -> tuple[float, float]:
    """Mean and variance of binned numbers whose mean is known; NaN without any. See `_spread_of_last`."""
    low, high, count = _edges(bins, ends)
    if not count.sum() or not math.isfinite(mean):
        return math.nan, math.nan
    share, middle, variance = count / count.sum(), (low + high) / 2, (high - low) ** 2 / 12
    middle[-1], variance[-1] = _spread_of_last(share, middle, (float(low[-1]), float(high[-1])), mean)
    return mean, float(share @ ((middle - mean) ** 2 + variance))


def _spread_of_last(share: FloatArray, middle: FloatArray, ends: tuple[float, float], mean: float) -> tuple[float, float]:
    """Mean and variance of the last bin, which is long and open: its mean is what the known mean leaves it.

    Its spread is that of an exponential from its lower end, at most what its ends allow (Bhatia and Davis 2000).
    """
    low, high = ends
    left = (mean - float(share[:-1] @ middle[:-1])) / share[-1] if share[-1] > 0 else low
    own = min(max(left, low), high)
    return own, min((own - low) ** 2, (own - low) * (high - own))


def variance_below(bins: DataFrame, ends: tuple[float, float], until: float) -> float:
    """Variance of binned numbers below `until`, taken as even within each bin; NaN without any."""
    low, high, count = _edges(bins, ends)
    stop = np.clip(until, low, high)
    part = np.divide(stop - low, high - low, out=(low < until).astype(np.float64), where=high > low)
    weight = count * part
    if not weight.sum():
        return math.nan
    share, middle = weight / weight.sum(), (low + stop) / 2
    return float(share @ ((middle - share @ middle) ** 2 + (stop - low) ** 2 / 12))


def _edges(bins: DataFrame, ends: tuple[float, float]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lower and upper edge and count of each bin of known numbers, the outermost ending where the numbers do."""
    known = bins[bins["lower"].notna()]
    low = np.maximum(known["lower"].to_numpy(dtype=np.float64), ends[0])
    high = np.maximum(np.minimum(known["upper"].to_numpy(dtype=np.float64), ends[1]), low)
    return low, high, known["count"].to_numpy(dtype=np.float64)
