"""What applicants with such a score really did, and where a PD lies among all applicants."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import contract
from pipeline.evaluation.calibration import wilson_interval
from pipeline.evaluation.inputs import FloatArray

NEAREST = 400
"""Enough that the interval of a rate of 20 % is about 8 points wide."""
REACH = 0.25
"""Log-odds: odds between 0.78 and 1.28 times the applicant's. Beyond that a score is another score, however few are left."""
FEWEST = 30
"""Below it a rate says more about chance than about the applicants."""
_EDGE = 1e-6  # keeps the log-odds of a PD of exactly 0 or 1 finite


@dataclass(frozen=True)
class Peers:
    """Past applicants with about the same PD; the rate and its Wilson 95 % bounds are NaN when they are too few."""

    n: int
    defaults: int
    rate: float
    lo: float
    hi: float
    from_pd: float
    to_pd: float

    @property
    def is_too_few(self) -> bool:
        """True when there are fewer than `FEWEST`, so that no rate is given."""
        return self.n < FEWEST

    @property
    def sentence(self) -> str:
        """What is known about them, in one plain sentence."""
        if self.is_too_few:
            return f"Only {self.n} past applicants had such a score: too few to say how many of them defaulted."
        return (
            f"Of {self.n:,} past applicants with such a score {100 * self.rate:.0f} % defaulted "
            f"[{100 * self.lo:.0f}, {100 * self.hi:.0f}]."
        )


def peers(holdout: pd.DataFrame, pd_value: float, *, nearest: int = NEAREST, reach: float = REACH) -> Peers:
    """Return the past applicants nearest to a PD, and how many of them defaulted.

    holdout: `contract.HOLDOUT_COLUMNS`, the test and the out-of-fold validation rows; rows without outcome or PD are left
    out. Taken are the `nearest` rows by log-odds, those as near as the last one included, and none further than `reach`.
    Raises ValueError when the PD is not in [0, 1].
    """
    if not 0 <= pd_value <= 1:  # also true for NaN
        raise ValueError(f"a PD of {pd_value} has no peers; it must lie between 0 and 1")
    scores = holdout[contract.HOLDOUT_PD].to_numpy(dtype=np.float64)
    outcome = holdout[contract.HOLDOUT_Y].to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.isfinite(outcome) & np.isfinite(scores)
    scores, outcome = scores[known], outcome[known]
    gap = np.abs(_log_odds(scores) - _log_odds(pd_value))
    furthest = np.partition(gap, nearest - 1)[nearest - 1] if gap.size > nearest else math.inf
    near = gap <= min(furthest, reach)
    n, defaults = int(near.sum()), int(outcome[near].sum())
    from_pd, to_pd = (float(scores[near].min()), float(scores[near].max())) if n else (math.nan, math.nan)
    if n < FEWEST:
        return Peers(n, defaults, math.nan, math.nan, math.nan, from_pd, to_pd)
    lo, hi = wilson_interval(defaults, n)
    return Peers(n, defaults, defaults / n, float(lo), float(hi), from_pd, to_pd)


def position(background: pd.DataFrame, pd_value: float) -> float:
    """Return the share of applicants whose PD is lower, in [0, 1]; NaN when there are none to compare with.

    background: as `contract.ARTIFACT_BACKGROUND`.
    """
    scores = background[contract.BACKGROUND_PD].to_numpy(dtype=np.float64)
    return float(np.mean(scores < pd_value)) if scores.size else math.nan


def _log_odds(pds: npt.ArrayLike) -> FloatArray:
    p = np.clip(np.asarray(pds, dtype=np.float64), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(p / (1 - p)), dtype=np.float64)
