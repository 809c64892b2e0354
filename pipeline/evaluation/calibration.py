"""Does a PD of 20 % default one time in five? The table behind the reliability diagram."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt
from pandas import DataFrame

from pipeline.evaluation.inputs import FloatArray
from pipeline.evaluation.ranking import quantile_bins, rank


def reliability_table(y: npt.ArrayLike, pd: npt.ArrayLike, n_bins: int) -> DataFrame:
    """Return one row per quantile bin of PD: bin, lower, upper, n, mean_pd, default_rate, lo, hi.

    y: shape (n,), 0 or 1; pd: shape (n,). ``lower`` and ``upper`` are the lowest and highest PD in the bin, ``lo`` and
    ``hi`` the Wilson 95 % interval of the default rate. Equal PDs share a bin, so there may be fewer than `n_bins`.
    """
    ranking = rank(y, pd)
    starts = quantile_bins(ranking, n_bins)
    if not starts.size:
        return DataFrame({name: [] for name in ("bin", "lower", "upper", "n", "mean_pd", "default_rate", "lo", "hi")})
    n = np.add.reduceat(ranking.counts, starts)
    defaults = np.add.reduceat(ranking.defaults, starts)
    lo, hi = wilson_interval(defaults, n)
    return DataFrame(
        {
            "bin": np.arange(1, starts.size + 1),
            "lower": ranking.values[starts],
            "upper": ranking.values[np.append(starts[1:], ranking.values.size) - 1],
            "n": n,
            "mean_pd": np.add.reduceat(ranking.values * ranking.counts, starts) / n,
            "default_rate": defaults / n,
            "lo": lo,
            "hi": hi,
        }
    )


def wilson_interval(events: npt.ArrayLike, n: npt.ArrayLike, confidence: float = 0.95) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of a rate by Wilson's score interval (Wilson 1927), vectorised; NaN where n is 0.

    events, n: counts of equal shape. Unlike the normal interval it stays in [0, 1] and holds its level at small n.
    """
    k, cases = np.asarray(events, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = k / cases
        centre = (rate + z**2 / (2 * cases)) / (1 + z**2 / cases)
        half = z / (1 + z**2 / cases) * np.sqrt(rate * (1 - rate) / cases + z**2 / (4 * cases**2))
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)
