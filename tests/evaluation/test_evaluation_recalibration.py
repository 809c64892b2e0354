"""Cox's intercept and slope: found where they are known, as sure as a logistic regression says, and silent where nothing is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from pipeline.evaluation.recalibration import MIN_CLASS, Recalibration, fit_recalibration
from pipeline.evaluation.vintages import decided_metrics


def drawn(n: int, intercept: float = 0.0, slope: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.2, 5, n).clip(1e-4, 1 - 1e-4)
    truth = 1 / (1 + np.exp(-(intercept + slope * np.log(pd / (1 - pd)))))
    return (rng.random(n) < truth).astype(int), pd


def test_a_known_intercept_and_slope_are_found_within_their_stated_errors() -> None:
    y, pd = drawn(60_000, 0.4, 0.7)
    found = fit_recalibration(y, pd)
    assert found is not None
    sd = np.sqrt(np.diag(found.covariance))
    assert abs(found.intercept - 0.4) < 3 * sd[0] and abs(found.slope - 0.7) < 3 * sd[1]


def test_it_agrees_with_a_logistic_regression_without_penalty() -> None:
    y, pd = drawn(4_000, 0.2, 1.3)
    found = fit_recalibration(y, pd)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(np.log(pd / (1 - pd))[:, None], y)
    assert found is not None
    assert (found.intercept, found.slope) == pytest.approx((theirs.intercept_[0], theirs.coef_[0, 0]), abs=1e-5)


def test_recalibrated_pds_add_up_to_the_defaults_they_were_fitted_to() -> None:
    y, pd = drawn(3_000, 0.5)
    found = fit_recalibration(y, pd)
    assert found is not None and found.apply(pd).sum() == pytest.approx(y.sum(), rel=1e-9)


def test_errors_have_the_covariance_of_intercept_and_slope() -> None:
    y, pd = drawn(3_000)
    found = fit_recalibration(y, pd)
    assert found is not None
    few = pd[:20]
    X = np.stack([np.ones(20), np.log(few / (1 - few))], axis=1)
    assert np.allclose(found.errors(few) @ found.errors(few).T, X @ found.covariance @ X.T, atol=1e-12)


@pytest.mark.parametrize(
    ("y", "pd"),
    [
        (np.r_[np.ones(MIN_CLASS - 1), np.zeros(500)], np.linspace(0.1, 0.5, MIN_CLASS + 499)),
        (np.r_[np.ones(50), np.zeros(50)], np.full(100, 0.3)),
        (np.r_[np.ones(50), np.zeros(50)], np.r_[np.linspace(0.6, 0.9, 50), np.linspace(0.1, 0.4, 50)]),
    ],
    ids=["too few defaults", "PDs that do not differ", "outcomes parted perfectly"],
)
def test_where_nothing_can_be_told_there_is_none(y: np.ndarray, pd: np.ndarray) -> None:
    assert fit_recalibration(y, pd) is None


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_without_a_fit_pds_stay_what_they_are(pds: list[float]) -> None:
    assert Recalibration().apply(pds) == pytest.approx(pds, abs=2e-6)
    assert not Recalibration().errors(pds).any()


def test_one_cutoff_for_all_and_what_was_decided_by_it_measure_the_same() -> None:
    from pipeline.evaluation.bootstrap import bootstrap_metrics

    y, pd = drawn(800)
    ours, theirs = decided_metrics(y, pd, pd >= 0.25), bootstrap_metrics(y, pd, 0.25)
    assert ours["metric"].tolist() == theirs["metric"].tolist()
    for column in ("value", "lo", "hi"):
        assert ours[column].to_numpy() == pytest.approx(theirs[column].to_numpy(), nan_ok=True)
