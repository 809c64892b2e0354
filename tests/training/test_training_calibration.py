"""Scores to PDs: ranks kept, outcomes of one's own fold never seen, edges finite."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from pipeline.training.calibration import CalibratedPD, Calibrator, cross_fitted, log_odds, positive_score

METHODS = ("sigmoid", "isotonic", "none")


def overconfident(n: int = 4000, seed: int = 1) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Scores whose log-odds are twice the truth's."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(-1.5, 1.0, n)
    y = (rng.random(n) < 1 / (1 + np.exp(-truth))).astype(np.int64)
    return 1 / (1 + np.exp(-2 * truth)), y


def test_the_sigmoid_recovers_the_slope_that_an_overconfident_score_lost() -> None:
    scores, y = overconfident(40_000)
    calibrator = Calibrator("sigmoid").fit(scores, y)
    assert calibrator.map_.coef_[0, 0] == pytest.approx(0.5, abs=0.03)
    assert calibrator.map_.intercept_[0] == pytest.approx(0.0, abs=0.06)


def test_the_sigmoid_keeps_ranks_and_the_mean() -> None:
    scores, y = overconfident()
    pd_ = Calibrator("sigmoid").fit(scores, y).transform(scores)
    np.testing.assert_array_equal(np.argsort(pd_, kind="stable"), np.argsort(scores, kind="stable"))
    # Platt's map has an intercept, so at its optimum PDs and outcomes have one mean.
    assert pd_.mean() == pytest.approx(y.mean(), abs=1e-4)


def test_isotonic_is_the_hand_worked_pooling_of_neighbours_out_of_order() -> None:
    scores, y = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]), np.array([0, 1, 0, 0, 1, 1])
    pd_ = Calibrator("isotonic").fit(scores, y).transform(np.append(scores, [0.0, 0.99]))
    np.testing.assert_allclose(pd_, [0, 1 / 3, 1 / 3, 1 / 3, 1, 1, 0, 1])


def test_none_hands_the_score_through() -> None:
    scores, y = overconfident(50)
    np.testing.assert_array_equal(Calibrator("none").fit(scores, y).transform(scores), scores)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(METHODS), st.integers(0, 10_000))
def test_a_higher_score_never_gets_a_lower_pd_and_all_stay_probabilities(method: str, seed: int) -> None:
    scores, y = overconfident(300, seed)
    grid = np.linspace(0, 1, 101)
    pd_ = Calibrator(method).fit(scores, y).transform(grid)
    assert np.all(np.diff(pd_) >= 0) and pd_.min() >= 0 and pd_.max() <= 1


def test_scores_of_exactly_nought_and_one_have_finite_log_odds() -> None:
    assert np.isfinite(log_odds(np.array([0.0, 0.5, 1.0]))).all()
    assert log_odds(np.array([0.5]))[0] == 0.0


@pytest.mark.parametrize("method", METHODS)
def test_a_validation_pd_does_not_depend_on_outcomes_of_its_own_fold(method: str) -> None:
    scores, y = overconfident(600)
    fold = np.repeat([0, 1, 2], 200)
    before = cross_fitted(scores, y, fold, method)
    for number in (0, 1, 2):
        own = fold == number
        after = cross_fitted(scores, np.where(own, 1 - y, y), fold, method)
        np.testing.assert_array_equal(after[own], before[own])
        if method != "none":
            assert not np.array_equal(after[~own], before[~own]), "the other folds do learn from it"


def test_a_single_fold_is_calibrated_on_itself() -> None:
    scores, y = overconfident(300)
    expected = Calibrator("sigmoid").fit(scores, y).transform(scores)
    np.testing.assert_array_equal(cross_fitted(scores, y, np.zeros(300, dtype=np.int64), "sigmoid"), expected)


def test_the_linear_score_is_scikit_learns_to_fifteen_digits_and_the_same_alone() -> None:
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(400, 37)), rng.integers(0, 2, 400)
    model = LogisticRegression().fit(X, y)
    scores = positive_score(model, X)
    np.testing.assert_allclose(scores, model.predict_proba(X)[:, 1], rtol=1e-12)
    np.testing.assert_array_equal([positive_score(model, X[[i]])[0] for i in range(400)], scores)
    np.testing.assert_array_equal(positive_score(model, np.asfortranarray(X)), scores)


def test_the_model_gives_two_columns_that_sum_to_one() -> None:
    scores, y = overconfident(200)
    X = scores[:, None]
    model = CalibratedPD(DummyClassifier(strategy="prior").fit(X, y), Calibrator("none"))
    found = model.predict_proba(X)
    np.testing.assert_allclose(found.sum(axis=1), 1.0)
    assert found[0, 1] == y.mean()
    assert model.classes_.tolist() == [0, 1]
    assert model.fit(X, 1 - y).predict_proba(X)[0, 1] == (1 - y).mean()
