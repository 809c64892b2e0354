"""What each factor adds to an applicant's log-odds of default: pieces that add up to the PD the model gave.

Each family has its own exact way: terms of the linear model, LightGBM's `pred_contrib` and SHAP's tree explainer for the forest
(both Lundberg et al. 2020, path-dependent). Pieces of a feature's matrix columns (indicators, one-hot) are summed.
"""

import warnings
from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.special import expit

from pipeline.evaluation.inputs import FloatArray, IntArray
from pipeline.project import ProjectConfig
from pipeline.serving.records import ServingError
from pipeline.serving.steps import matrix_of, pd_of_matrix, through
from pipeline.training.calibration import log_odds
from pipeline.training.features import matrix_names, source_column

EDGE: Final = 1e-12
"""A PD of exactly 0 or 1, as isotonic calibration gives, is taken as this far from it: its log-odds would be infinite."""
_NEAR: Final = 1e-9  # scores closer than this have the tangent's slope, not the secant's

Pieces = Callable[[FloatArray], tuple[FloatArray, float]]
"""From a matrix (n, m) to pieces (n, m) in log-odds of the uncalibrated score, and the log-odds they start from."""


class Explainer:
    """Splits the PDs of one saved pipeline (raw, columns, pd) into contributions per feature and ratio.

    How the pieces reach the PD behind the calibrator: Platt's sigmoid is linear in log-odds, so pieces are multiplied by its
    slope, exactly; without calibration they stay. Isotonic steps have no slope: pieces stay in log-odds of the score, start
    from the calibrated base, and what the steps add or take away is shared out, see `add_up`.
    """

    def __init__(self, model: Any, config: ProjectConfig) -> None:
        self.factors: tuple[str, ...] = (*config.feature_names, *(r.name for r in config.ratios))
        self.model = model
        self._pd = model.named_steps["pd"]
        place = {factor: j for j, factor in enumerate(self.factors)}
        self.owner: IntArray = np.array([place[source_column(n, config)] for n in matrix_names(model[:-1])], dtype=np.int64)
        """For each column of the matrix, the position in `factors` of the factor it comes from."""

    def raw_step(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return what is scored: numbers and ratios (NaN where missing), categories as text, one column per factor."""
        return through(self.model, frame).scored

    def matrix(self, scored: pd.DataFrame) -> FloatArray:
        """Return the matrix (n, m) of the estimator. Each column depends on one factor alone, its `owner`."""
        return matrix_of(self.model, scored)

    def pd_of_matrix(self, X: FloatArray) -> FloatArray:
        """Score rows of the matrix through the model's own last step."""
        return pd_of_matrix(self.model, X)

    def contributions(self, scored: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
        """Return contributions (n, k) in log-odds of the PD in the order of `factors`, and the base (n,) they start from.

        Base plus the row's sum is the logit of the PD, see `logit`. The base is the same in every row; the prior has only that.
        """
        X = self.matrix(scored)
        return self.contributions_of_matrix(X, self.pd_of_matrix(X))

    def contributions_of_matrix(self, X: FloatArray, pds: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the same from rows of the matrix (n, m) and their PDs (n,)."""
        pieces, start = self._pieces(X)
        grouped = np.zeros((len(X), len(self.factors)))
        for column, factor in enumerate(self.owner):
            grouped[:, factor] += pieces[:, column]  # in this order for one row and for many: the same bits
        slope, base = self._calibrated(start)
        return add_up(slope * grouped, logit(pds) - base), np.full(len(X), base)

    def _calibrated(self, start: float) -> tuple[float, float]:
        """Slope of the calibrator in log-odds, and the log-odds of the PD at the log-odds where the pieces start."""
        calibrator = self._pd.calibrator
        if calibrator.method == "sigmoid":
            slope = float(calibrator.map_.coef_[0, 0])
            return slope, slope * start + float(calibrator.map_.intercept_[0])
        return 1.0, float(logit(calibrator.transform(np.array([expit(start)])))[0])

    @cached_property
    def _pieces(self) -> Pieces:
        estimator = self._pd.estimator
        if hasattr(estimator, "coef_"):
            return _linear_pieces(estimator)
        if hasattr(estimator, "booster_"):
            return _lightgbm_pieces(estimator)
        if hasattr(estimator, "estimators_"):
            return _forest_pieces(estimator)
        if hasattr(estimator, "class_prior_"):
            return _no_pieces(estimator)
        raise ServingError(f"nothing is known of how a {type(estimator).__name__} adds up, so it cannot give reasons")


def logit(pds: FloatArray) -> FloatArray:
    """Return ln(PD / (1 - PD)), with the PD kept `EDGE` away from 0 and 1."""
    p = np.clip(pds, EDGE, 1.0 - EDGE)
    return np.asarray(np.log(p / (1.0 - p)), dtype=np.float64)


def add_up(pieces: FloatArray, total: FloatArray) -> FloatArray:
    """Return pieces (n, k) whose rows sum to `total` (n,), what is missing shared out in proportion to their size.

    Nothing but rounding is missing where the model is a sum in log-odds. Elsewhere (isotonic steps, scores at the very edge) no
    split is the true one; this one keeps the order of the pieces that raise and never blows up where they cancel out.
    """
    size = np.abs(pieces)
    missing, sizes = total - row_sums(pieces), row_sums(size)
    even = np.full_like(pieces, 1.0 / pieces.shape[1])
    share = np.divide(size, sizes[:, None], out=even, where=sizes[:, None] > 0)
    return np.asarray(pieces + missing[:, None] * share, dtype=np.float64)


def row_sums(values: FloatArray) -> FloatArray:
    """Sum each row from left to right: the same bits whatever rows stand beside it."""
    return np.asarray(np.cumsum(values, axis=1)[:, -1], dtype=np.float64)


def _linear_pieces(estimator: Any) -> Pieces:
    start = float(estimator.intercept_[0])
    return lambda X: (X * estimator.coef_[0], start)


def _lightgbm_pieces(estimator: Any) -> Pieces:
    booster = estimator.booster_

    def pieces(X: FloatArray) -> tuple[FloatArray, float]:
        found = np.asarray(booster.predict(X, pred_contrib=True, num_threads=1), dtype=np.float64)
        return found[:, :-1], float(found[0, -1])  # the last column is the same expectation in every row

    return pieces


def _forest_pieces(estimator: Any) -> Pieces:
    """A forest is a sum of probabilities: its pieces are stretched to log-odds by the secant between the base and the score."""
    explainer = _tree_explainer(estimator)
    base = float(explainer.expected_value[1])
    start = float(log_odds(np.array([base]))[0])

    def pieces(X: FloatArray) -> tuple[FloatArray, float]:
        found = np.asarray(explainer.shap_values(X, check_additivity=False), dtype=np.float64)[:, :, 1]
        moved = row_sums(found)
        tangent = np.full(len(X), 1.0 / (base * (1.0 - base)))
        slope = np.divide(log_odds(base + moved) - start, moved, out=tangent, where=np.abs(moved) > _NEAR)
        return found * slope[:, None], start

    return pieces


def _tree_explainer(estimator: Any) -> Any:
    """Import shap, and numba with it: seconds, so only for forests and only when first asked."""
    with warnings.catch_warnings():
        # shap builds its plots' colour maps with matplotlib calls that are about to go
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        from shap import TreeExplainer  # type: ignore[import-untyped]  # it publishes no types
    return TreeExplainer(estimator, feature_perturbation="tree_path_dependent")


def _no_pieces(estimator: Any) -> Pieces:
    start = float(log_odds(np.array([estimator.class_prior_[-1]]))[0])
    return lambda X: (np.zeros_like(X), start)
