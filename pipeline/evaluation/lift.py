"""How many defaulters stand in the riskiest tenth: gains and lift."""

import numpy as np
import numpy.typing as npt
from pandas import DataFrame

from pipeline.evaluation.inputs import FloatArray, checked_bins
from pipeline.evaluation.ranking import rank


def gains_table(y: npt.ArrayLike, pd: npt.ArrayLike, n_bins: int = 10) -> DataFrame:
    """Return one row per equal slice of cases, riskiest first.

    y: shape (n,), 0 or 1; pd: shape (n,). Columns: bin (1 = riskiest), n, min_pd, mean_pd, defaults, default_rate, lift
    (rate over the sample's rate), depth (share of cases so far), captured (share of all defaulters so far),
    cumulative_lift. Where a slice ends inside a group of equal PDs it gets its share of the group's defaulters, so the
    table does not depend on the order of the rows and ``defaults`` may be a fraction. NaN where nothing is to divide by.
    """
    ranking = rank(y, pd)
    n = ranking.order.size
    depths = np.unique(np.round(np.linspace(0, n, checked_bins(n_bins) + 1)).astype(np.int64))
    cases_to = _running(ranking.counts[::-1])
    defaults_to = np.interp(depths, cases_to, _running(ranking.defaults[::-1]))
    pd_to = np.interp(depths, cases_to, _running((ranking.values * ranking.counts)[::-1]))
    last = np.searchsorted(cases_to, depths[1:], side="left") - 1
    size, defaults = np.diff(depths), np.diff(defaults_to)
    with np.errstate(divide="ignore", invalid="ignore"):
        base = np.float64(defaults_to[-1]) / n
        return DataFrame(
            {
                "bin": np.arange(1, size.size + 1),
                "n": size,
                "min_pd": ranking.values[::-1][last],
                "mean_pd": np.diff(pd_to) / size,
                "defaults": defaults,
                "default_rate": defaults / size,
                "lift": defaults / size / base,
                "depth": depths[1:] / n,
                "captured": defaults_to[1:] / defaults_to[-1],
                "cumulative_lift": defaults_to[1:] / depths[1:] / base,
            }
        )


def _running(counts: npt.NDArray[np.generic]) -> FloatArray:
    return np.concatenate([[0.0], np.cumsum(counts, dtype=np.float64)])
