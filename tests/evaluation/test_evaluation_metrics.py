"""Each metric agrees with scikit-learn where it has one, and with a case worked by hand where it has not."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from pipeline import contract
from pipeline.evaluation.bootstrap import resample_counts
from pipeline.evaluation.metrics import (
    ECE_BINS,
    HIGHER_IS_BETTER,
    ece_noise_floor,
    score_metrics,
)


def calibrated(n, seed):
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.5, 6.5, n)
    return (rng.random(n) < pd).astype(int), pd


@st.composite
def samples(draw, max_size=60):
    """Outcomes and tied PDs, both classes present."""
    rest = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), max_size=max_size))
    cases = [(1, draw(st.integers(0, 20))), (0, draw(st.integers(0, 20))), *rest]
    return np.array([c[0] for c in cases]), np.array([c[1] for c in cases]) / 20


@pytest.mark.parametrize("decimals", [1, 2, 15])
def test_every_metric_scikit_learn_knows_agrees_with_it_ties_included(decimals):
    y, raw = calibrated(3_000, seed=1)
    pd = raw.round(decimals)
    found = score_metrics(y, pd, cutoff=0.2)
    declined = (pd >= 0.2).astype(int)
    expected = {
        "accuracy": sk.accuracy_score(y, declined),
        "precision": sk.precision_score(y, declined),
        "recall": sk.recall_score(y, declined),
        "f1": sk.f1_score(y, declined),
        "roc_auc": sk.roc_auc_score(y, pd),
        "pr_auc": sk.average_precision_score(y, pd),
        "gini": 2 * sk.roc_auc_score(y, pd) - 1,
        "ks": ks_2samp(pd[y == 1], pd[y == 0], method="asymp").statistic,
        "log_loss": sk.log_loss(y, pd),
        "brier": sk.brier_score_loss(y, pd),
    }
    assert set(found) == set(contract.METRICS) == {*expected, "ece"}
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name


@given(samples())
def test_ranking_metrics_agree_with_scikit_learn_on_any_ties(sample):
    y, pd = sample
    found = score_metrics(y, pd, cutoff=0.3)
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(y, pd), abs=1e-12)
    assert found["pr_auc"] == pytest.approx(sk.average_precision_score(y, pd), abs=1e-12)
    assert found["log_loss"] == pytest.approx(sk.log_loss(y, pd), abs=1e-12)


@given(samples())
def test_ranking_metrics_survive_a_monotone_map(sample):
    y, pd = sample
    before, after = score_metrics(y, pd, 0.5), score_metrics(y, pd**3 / 2, 0.5**3 / 2)
    for name in ("roc_auc", "pr_auc", "gini", "ks", "accuracy", "recall"):
        assert after[name] == pytest.approx(before[name], abs=1e-12)


def test_ece_uses_the_quantile_bins_of_scikit_learns_calibration_curve():
    y, pd = calibrated(4_000, seed=2)
    rate, mean = calibration_curve(y, pd, n_bins=ECE_BINS, strategy="quantile")
    assert score_metrics(y, pd, 0.2)["ece"] == pytest.approx(np.abs(rate - mean).mean(), abs=1e-12)


def test_four_cases_by_hand():
    found = score_metrics([0, 1, 0, 1], [0.1, 0.4, 0.6, 0.8], cutoff=0.5)
    assert found["accuracy"] == found["precision"] == found["recall"] == found["f1"] == 0.5
    assert found["roc_auc"] == 0.75
    assert found["pr_auc"] == pytest.approx((1 + 2 / 3) / 2)
    assert found["ks"] == 0.5
    assert found["brier"] == pytest.approx((0.01 + 0.36 + 0.36 + 0.04) / 4)
    assert found["ece"] == pytest.approx((0.1 + 0.6 + 0.6 + 0.2) / 4)


def test_a_pd_equal_to_the_cutoff_is_declined():
    assert score_metrics([1, 0], [0.2, 0.1], cutoff=0.2)["recall"] == 1.0


def test_precision_is_not_computable_when_nobody_is_declined():
    found = score_metrics([1, 0], [0.2, 0.1], cutoff=math.inf)
    assert math.isnan(found["precision"])
    assert found["recall"] == found["f1"] == 0.0


def test_without_a_defaulter_only_what_needs_no_defaulter_is_computed():
    found = score_metrics([0, 0, 0], [0.1, 0.2, 0.3], cutoff=0.25)
    known = {name for name, value in found.items() if not math.isnan(value)}
    assert known == {"accuracy", "precision", "log_loss", "brier", "ece"}


def test_without_a_good_customer_ranks_are_not_computable():
    found = score_metrics([1, 1], [0.1, 0.2], cutoff=0.15)
    assert all(math.isnan(found[name]) for name in ("roc_auc", "gini", "ks"))
    assert found["recall"] == 0.5


def test_a_constant_score_ranks_nothing():
    found = score_metrics([1, 0, 0, 0], [0.25] * 4, cutoff=0.3)
    assert (found["roc_auc"], found["gini"], found["ks"]) == (0.5, 0.0, 0.0)
    assert found["pr_auc"] == 0.25
    assert found["ece"] == 0.0


def test_an_empty_sample_has_no_metric():
    assert all(math.isnan(value) for value in score_metrics([], [], 0.5).values())


def test_certain_and_wrong_pds_have_a_finite_log_loss():
    assert score_metrics([1, 0], [0.0, 1.0], 0.5)["log_loss"] == pytest.approx(sk.log_loss([1, 0], [0.0, 1.0]))


@pytest.mark.parametrize(
    ("y", "pd", "cutoff", "message"),
    [
        ([0, 1], [0.1, np.nan], 0.5, "pd is missing for 1 of 2 cases"),
        ([0, 1], [0.1, 1.5], 0.5, "1 values outside 0 to 1, the first is 1.5"),
        ([0, 2], [0.1, 0.5], 0.5, "1 values other than 0 and 1, the first is 2"),
        ([0, np.nan], [0.1, 0.5], 0.5, "the first is nan"),
        ([0, 1, 1], [0.1, 0.5], 0.5, "one value per case"),
        ([0, 1], [[0.1], [0.5]], 0.5, "flat array"),
        ([0, 1], [0.1], 0.5, r"y has shape \(2,\) and pd \(1,\)"),
        ([0, 1], [0.1, 0.5], np.nan, "cutoff is NaN"),
    ],
)
def test_input_that_cannot_be_meant_is_refused_by_name(y, pd, cutoff, message):
    with pytest.raises(ValueError, match=message):
        score_metrics(y, pd, cutoff)


def test_every_metric_has_a_direction():
    assert {*contract.METRICS, "cost"} == set(HIGHER_IS_BETTER)
    assert [name for name, higher in HIGHER_IS_BETTER.items() if not higher] == ["log_loss", "brier", "ece", "cost"]


@pytest.mark.parametrize(("n", "floor"), [(200, 0.091), (1_000, 0.040), (6_000, 0.016), (30_000, 0.007)])
def test_the_noise_floor_of_a_perfect_model_shrinks_as_published(n, floor):
    _, pd = calibrated(n, seed=n)
    assert ece_noise_floor(pd, n_bins=10, draws=400, seed=0) == pytest.approx(floor, rel=0.12)


def test_a_perfect_model_stays_under_its_noise_floor_nineteen_times_in_twenty():
    _, pd = calibrated(1_000, seed=3)
    floor = ece_noise_floor(pd, n_bins=ECE_BINS, draws=1_000, seed=0)
    rng = np.random.default_rng(9)
    errors = [score_metrics((rng.random(1_000) < pd).astype(int), pd, 0.5)["ece"] for _ in range(300)]
    assert np.mean(np.array(errors) <= floor) == pytest.approx(0.95, abs=0.035)


def test_the_noise_floor_is_seeded_and_not_computable_for_nobody():
    _, pd = calibrated(100, seed=4)
    assert ece_noise_floor(pd, 10, 50, seed=1) == ece_noise_floor(pd, 10, 50, seed=1)
    assert math.isnan(ece_noise_floor([], 10, 50, seed=1))


def test_outcomes_in_a_table_of_two_columns_are_refused():
    with pytest.raises(ValueError, match="y has 2 dimensions"):
        list(resample_counts([[0, 1], [1, 0]], 5, seed=0))
