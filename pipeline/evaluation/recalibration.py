"""How far PDs were off where outcomes are known: Cox's calibration intercept and slope, and how sure they are."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.inputs import FloatArray, checked_scores

MIN_CLASS: Final = 30
"""Fewer of either outcome say nothing about the slope."""
_EDGE: Final = 1e-6
_ROUNDS: Final = 50


@dataclass(frozen=True)
class Recalibration:
    """log-odds = intercept + slope x log-odds of the PD; 0 and 1 leave PDs as they are.

    Cox (1958), Biometrika 45: two further applications of the method of discriminant functions.
    """

    intercept: float = 0.0
    slope: float = 1.0
    covariance: FloatArray = field(default_factory=lambda: np.zeros((2, 2)), repr=False)
    """Of intercept and slope, shape (2, 2)."""
    n: int = 0

    def apply(self, pd: npt.ArrayLike) -> FloatArray:
        """Return recalibrated PDs, shape (n,); 0 and 1 stay what they are."""
        scores = np.asarray(pd, dtype=np.float64)
        moved = _expit(self.intercept + self.slope * _log_odds(scores))
        return np.where((scores <= 0) | (scores >= 1), scores, moved)

    def errors(self, pd: npt.ArrayLike) -> FloatArray:
        """Return E, shape (n, 2): the log-odds err by E z, z two independent standard normal numbers."""
        x = _log_odds(np.asarray(pd, dtype=np.float64))
        values, vectors = np.linalg.eigh(self.covariance)
        return np.asarray(np.stack([np.ones(x.size), x], axis=1) @ (vectors * np.sqrt(np.maximum(values, 0))))


def fit_recalibration(y: npt.ArrayLike, pd: npt.ArrayLike) -> Recalibration | None:
    """Return the intercept and slope that fit outcomes best (maximum likelihood, Newton), or None where they cannot be told.

    y: shape (n,), 0 or 1; pd: shape (n,). None below `MIN_CLASS` cases of either outcome, with PDs that do not differ, and
    where PDs part the outcomes perfectly.
    """
    outcomes, scores = checked_scores(y, pd)
    if min(outcomes.sum(), outcomes.size - outcomes.sum()) < MIN_CLASS or np.ptp(scores) == 0:
        return None
    X = np.stack([np.ones(scores.size), _log_odds(scores)], axis=1)
    beta = np.array([0.0, 1.0])
    for _ in range(_ROUNDS):
        chance = _expit(X @ beta)
        information = (X * (chance * (1 - chance))[:, None]).T @ X
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, X.T @ (outcomes - chance))
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            return Recalibration(
                float(beta[0]), float(beta[1]), np.asarray(np.linalg.inv(information), dtype=np.float64), scores.size
            )
    return None


def _log_odds(pd: FloatArray) -> FloatArray:
    inside = np.clip(pd, _EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def _expit(x: FloatArray) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-np.clip(x, -700, 700))))
