import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from pipeline.evaluation.calibration import reliability_table, wilson_interval
from pipeline.evaluation.metrics import score_metrics

COLUMNS = ["bin", "lower", "upper", "n", "mean_pd", "default_rate", "lo", "hi"]


def test_the_table_agrees_with_scikit_learns_calibration_curve():
    rng = np.random.default_rng(0)
    pd = rng.beta(2, 7, 2_000).round(2)
    y = (rng.random(2_000) < pd).astype(int)
    rate, mean = calibration_curve(y, pd, n_bins=10, strategy="quantile")
    table = reliability_table(y, pd, 10)
    assert list(table.columns) == COLUMNS
    np.testing.assert_allclose(table["default_rate"], rate, atol=1e-12)
    np.testing.assert_allclose(table["mean_pd"], mean, atol=1e-12)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10)), min_size=1, max_size=80), st.integers(1, 12))
def test_bins_partition_the_cases_and_never_tear_equal_pds(cases, n_bins):
    y, pd = np.array([c[0] for c in cases]), np.array([c[1] for c in cases]) / 10
    table = reliability_table(y, pd, n_bins)
    assert table["n"].sum() == len(cases)
    assert (table["n"] * table["default_rate"]).sum() == pytest.approx(y.sum())
    assert (table["lower"].to_numpy()[1:] > table["upper"].to_numpy()[:-1]).all()
    assert 1 <= len(table) <= n_bins
    assert ((table["lo"] <= table["default_rate"] + 1e-12) & (table["default_rate"] <= table["hi"] + 1e-12)).all()


def test_the_weighted_gap_of_the_table_is_the_ece():
    rng = np.random.default_rng(1)
    pd = rng.random(500)
    y = (rng.random(500) < pd**2).astype(int)
    table = reliability_table(y, pd, 10)
    gap = (table["n"] * (table["default_rate"] - table["mean_pd"]).abs()).sum() / 500
    assert score_metrics(y, pd, 0.5)["ece"] == pytest.approx(gap, abs=1e-12)


@pytest.mark.parametrize(("events", "n"), [(0, 10), (1, 10), (5, 10), (10, 10), (37, 200)])
def test_wilson_bounds_agree_with_scipy(events, n):
    lo, hi = wilson_interval(events, n)
    expected = binomtest(events, n).proportion_ci(method="wilson")
    assert (float(lo), float(hi)) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_bounds_of_nobody_are_not_computable():
    assert np.isnan(wilson_interval([0], [0])).all()


def test_an_empty_sample_gives_an_empty_table_with_its_columns():
    table = reliability_table([], [], 10)
    assert list(table.columns) == COLUMNS
    assert table.empty


def test_no_bins_at_all_are_refused():
    with pytest.raises(ValueError, match="n_bins is 0"):
        reliability_table([0, 1], [0.1, 0.2], 0)
