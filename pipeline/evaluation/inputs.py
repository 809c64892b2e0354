"""What every statistic asks of its arrays, checked in one place so that each refusal reads the same."""

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


def checked_scores(y: npt.ArrayLike, pd: npt.ArrayLike) -> tuple[IntArray, FloatArray]:
    """Return outcomes as int64 and PDs as float64, both of shape (n,).

    Raises ValueError naming the array and the value when lengths differ, outcomes are not 0 or 1, or a PD is missing or
    outside [0, 1].
    """
    outcomes, scores = np.asarray(y), checked_pd(pd)
    if outcomes.shape != scores.shape:
        raise ValueError(f"y has shape {outcomes.shape} and pd {scores.shape}; they must hold one value per case")
    return checked_outcomes(outcomes), scores


def checked_outcomes(y: npt.ArrayLike) -> IntArray:
    """Return outcomes as int64 of shape (n,); ValueError when a value is neither 0 nor 1 or the array is not flat."""
    outcomes = np.asarray(y)
    if outcomes.ndim != 1:
        raise ValueError(f"y has {outcomes.ndim} dimensions; it must be a flat array of 0 and 1")
    strange = outcomes[~((outcomes == 0) | (outcomes == 1))]
    if strange.size:
        raise ValueError(f"y holds {strange.size} values other than 0 and 1, the first is {strange[0]!s}")
    return outcomes.astype(np.int64)


def checked_pd(pd: npt.ArrayLike) -> FloatArray:
    """Return PDs as float64 of shape (n,); ValueError when one is missing or outside [0, 1]."""
    scores = np.asarray(pd, dtype=np.float64)
    if scores.ndim != 1:
        raise ValueError(f"pd has {scores.ndim} dimensions; it must be a flat array of probabilities")
    missing = int(np.isnan(scores).sum())
    if missing:
        raise ValueError(f"pd is missing for {missing} of {scores.size} cases; every case needs a probability")
    outside = scores[(scores < 0) | (scores > 1)]
    if outside.size:
        raise ValueError(f"pd holds {outside.size} values outside 0 to 1, the first is {outside[0]!s}")
    return scores


def checked_money(name: str, values: npt.ArrayLike, n: int) -> FloatArray:
    """Return money per case as float64 of shape (n,); ValueError naming the column when one is missing or not finite."""
    money = np.asarray(values, dtype=np.float64)
    if money.shape != (n,):
        raise ValueError(f"{name} has shape {money.shape}; it must hold one value for each of the {n} cases")
    missing = int((~np.isfinite(money)).sum())
    if missing:
        raise ValueError(f"{name} is missing or infinite for {missing} of {n} cases; sums over it would be wrong")
    return money


def checked_cutoff(cutoff: float) -> float:
    """Return the cut-off as a float; ValueError when it is NaN. Infinity is allowed: nobody is declined."""
    value = float(cutoff)
    if math.isnan(value):
        raise ValueError("cutoff is NaN; it must be a number: decline when pd >= cutoff")
    return value


def checked_cutoffs(cutoff: npt.ArrayLike, n: int) -> FloatArray:
    """Return the cut-off of each case, shape (n,), from one for all or one each; ValueError for NaN or another number of them.

    Where several policies decided, each case has the cut-off of its own. Infinity is allowed: it declines nobody.
    """
    values = np.asarray(cutoff, dtype=np.float64)
    if values.shape not in ((), (n,)):
        raise ValueError(f"cutoff has shape {values.shape}; give one number, or one for each of the {n} cases")
    if np.isnan(values).any():
        raise ValueError("cutoff is NaN; it must be a number: decline when pd >= cutoff")
    return np.broadcast_to(values, (n,))


def checked_bins(n_bins: int) -> int:
    """Return the number of bins; ValueError when it is below 1."""
    if n_bins < 1:
        raise ValueError(f"n_bins is {n_bins}; there must be at least one bin")
    return n_bins
