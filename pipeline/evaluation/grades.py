"""Does grade C default as often as grade C is said to? Predicted against realised, with the binomial traffic light."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pandas import DataFrame, Index, Series
from scipy.special import bdtr, bdtrc

from pipeline.evaluation.calibration import wilson_interval
from pipeline.evaluation.inputs import FloatArray, checked_scores
from pipeline.evaluation.segments import MIN_N

GREEN: Final = "green"
YELLOW: Final = "yellow"
RED: Final = "red"
TOO_FEW: Final = "too few"
LEVELS: Final = (0.05, 0.01)
"""Chances of so many defaults with right PDs at which a grade turns yellow and red."""


def grade_table(
    grade: npt.ArrayLike,
    y: npt.ArrayLike,
    pd: npt.ArrayLike,
    order: Sequence[str] | None = None,
    levels: tuple[float, float] = LEVELS,
    min_n: int = MIN_N,
) -> DataFrame:
    """Return predicted against realised by grade, with the traffic light.

    grade: shape (n,), names; y: shape (n,), 0 or 1, matured loans only; pd: shape (n,), as it was when decided; order: all
    grades from best to worst, those without loans included (default: those that occur, sorted). Columns: grade, n, defaults,
    expected, mean_pd, default_rate, lo, hi (Wilson's), p_more, p_fewer, light.

    ``p_more`` is the exact binomial chance of as many defaults or more were the mean PD right, ``p_fewer`` of as few or fewer.
    ``light``: red where p_more is below the second of `levels`, yellow below the first, else green, by the binomial test of
    the Basel Committee (Working Paper 14, 2005; Tasche 2003); ``too few`` below `min_n` loans. It looks for PDs that are too
    low; ``p_fewer`` shows PDs too high. Defaults that come together (a recession) turn it red sooner than its levels say.
    """
    outcomes, scores = checked_scores(y, pd)
    names = Series(np.asarray(grade, dtype=object)).astype(str)
    if len(names) != outcomes.size:
        raise ValueError(f"there are {len(names)} grades and {outcomes.size} outcomes; give one grade per loan")
    index = _order(names, order)
    grouped = DataFrame({"y": outcomes, "pd": scores}).groupby(names.to_numpy())
    sums = grouped.sum().reindex(index, fill_value=0)
    n = grouped.size().reindex(index, fill_value=0).to_numpy(dtype=np.int64)
    defaults, expected = sums["y"].to_numpy(dtype=np.int64), sums["pd"].to_numpy(dtype=np.float64)
    mean_pd = np.divide(expected, n, out=np.full(n.size, np.nan), where=n > 0)
    rate = np.divide(defaults, n, out=np.full(n.size, np.nan), where=n > 0)
    lo, hi = wilson_interval(defaults, n)
    p_more, p_fewer = binomial_tails(defaults, n, mean_pd)
    return DataFrame(
        {
            "grade": index.to_numpy(dtype=object), "n": n, "defaults": defaults, "expected": expected, "mean_pd": mean_pd,
            "default_rate": rate, "lo": lo, "hi": hi, "p_more": p_more, "p_fewer": p_fewer,
            "light": [_light(p, rows, levels, min_n) for p, rows in zip(p_more.tolist(), n.tolist(), strict=True)],
        }
    )  # fmt: skip


def _order(names: "Series[str]", order: Sequence[str] | None) -> "Index[Any]":
    if order is None:
        return Index(sorted(set(names)))
    strange = sorted(set(names) - set(order))
    if strange:
        raise ValueError(f"grade {strange[0]!r} is none of {', '.join(order)}")
    return Index(list(order))


def binomial_tails(events: npt.ArrayLike, n: npt.ArrayLike, chance: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the exact binomial chance of as many events or more, and of as few or fewer; NaN where n is 0.

    events, n, chance: arrays of equal shape.
    """
    k, cases = np.asarray(events, dtype=np.float64), np.asarray(n, dtype=np.int64)
    p = np.clip(np.asarray(chance, dtype=np.float64), 0, 1)
    more = np.where(k > 0, bdtrc(np.maximum(k - 1, 0), cases, p), 1.0)
    fewer = bdtr(k, cases, p)
    return np.where(cases > 0, more, np.nan), np.where(cases > 0, fewer, np.nan)


def _light(p_more: float, n: int, levels: tuple[float, float], min_n: int) -> str:
    if n < min_n:
        return TOO_FEW
    return RED if p_more < levels[1] else YELLOW if p_more < levels[0] else GREEN
