"""Scores to probabilities, fitted on out-of-fold scores and kept inside the model."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_EDGE = 1e-6  # keeps the log-odds of a score of exactly 0 or 1 finite


class Calibrator(BaseEstimator):
    """A monotone map from score to PD: Platt's sigmoid on log-odds (Platt 1999), isotonic (Zadrozny 2002), or none."""

    def __init__(self, method: str) -> None:
        self.method = method

    def fit(self, scores: FloatArray, y: IntArray) -> Self:
        """Learn the map from scores in [0, 1] and outcomes 0/1."""
        if self.method == "sigmoid":
            self.map_ = LogisticRegression(C=np.inf).fit(log_odds(scores)[:, None], y)
        elif self.method == "isotonic":
            self.map_ = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(scores, y)
        return self

    def transform(self, scores: FloatArray) -> FloatArray:
        """Return PDs in [0, 1] for scores in [0, 1]."""
        if self.method == "sigmoid":
            return positive_score(self.map_, log_odds(scores)[:, None])
        return np.asarray(self.map_.predict(scores), dtype=np.float64) if self.method == "isotonic" else scores


class CalibratedPD(ClassifierMixin, BaseEstimator):
    """A fitted estimator and its fitted calibrator as one classifier, the last step of the saved pipeline."""

    def __init__(self, estimator: Any, calibrator: Calibrator) -> None:
        self.estimator = estimator
        self.calibrator = calibrator

    @property
    def classes_(self) -> npt.NDArray[Any]:
        """The two outcomes, good first."""
        return np.array([0, 1])

    def __sklearn_is_fitted__(self) -> bool:
        """Both parts come fitted."""
        return True

    def fit(self, X: FloatArray, y: IntArray) -> Self:
        """Refit the estimator alone; the calibrator is learnt out of fold, see `pipeline.training.bakeoff`."""
        self.estimator.fit(X, y)
        return self

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Return two columns, probability of good and PD."""
        pd = self.calibrator.transform(positive_score(self.estimator, X))
        return np.column_stack([1.0 - pd, pd])


def positive_score(estimator: Any, X: FloatArray) -> FloatArray:
    """Return the estimator's uncalibrated score of default per row, the same bits whatever rows stand beside it.

    BLAS sums in another order for one row than for many, so a linear model's sum is taken here, column after column.
    """
    if hasattr(estimator, "coef_"):
        sums: FloatArray = np.cumsum(X * estimator.coef_[0], axis=1)[:, -1] + estimator.intercept_[0]
        linear: FloatArray = expit(sums)
        return linear
    scores: FloatArray = np.asarray(estimator.predict_proba(X), dtype=np.float64)[:, 1]
    return scores


def log_odds(scores: FloatArray) -> FloatArray:
    """Return ln(p / (1 - p)) with p kept off 0 and 1."""
    p = np.clip(scores, _EDGE, 1.0 - _EDGE)
    result: FloatArray = np.log(p / (1.0 - p))
    return result


def cross_fitted(scores: FloatArray, y: IntArray, fold: IntArray, method: str) -> FloatArray:
    """Calibrate each fold by a map learnt on the other folds, so that validation PDs have not seen their own outcome.

    `fold` holds the fold number per row. With a single fold there is nothing else to learn from, and the map is its own.
    """
    numbers = np.unique(fold)
    pd = np.empty_like(scores)
    for number in numbers:
        own = fold == number
        rest = ~own if len(numbers) > 1 else own
        pd[own] = Calibrator(method).fit(scores[rest], y[rest]).transform(scores[own])
    return pd
