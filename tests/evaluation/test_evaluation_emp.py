import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.curve import threshold_curve
from pipeline.evaluation.emp import expected_maximum_profit


def sample(n, seed, decimals):
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.5, 6.5, n).round(decimals)
    return (rng.random(n) < pd).astype(int), pd


def test_four_loans_by_hand():
    # Descending PD: default, good, default, good. Per loan, roi 0.2: corners of profit are 0; l/4 (one declined); 2l/4 - .2/4
    # (three declined), taken from l = .2 on. Uniform part: from 0 to .2 l/4 gives .005; from .2 to 1 l/2 - .05 gives .2.
    curve = threshold_curve([1, 0, 1, 0], [0.9, 0.6, 0.5, 0.1])
    found = expected_maximum_profit(curve, p0=0.5, p1=0.1, roi=0.2)
    assert found.profit == pytest.approx(0.1 * (0.5 - 0.05) + 0.4 * (0.005 + 0.2))
    assert found.declined_share == pytest.approx(0.1 * 0.75 + 0.4 * (0.2 * 0.25 + 0.8 * 0.75))


@pytest.mark.parametrize("seed", range(12))
def test_profit_and_declined_share_agree_with_empulse(seed):
    from empulse.metrics import empcs_score  # here, so that its own slow import is paid by this test alone

    rng = np.random.default_rng(seed)
    y, pd = sample(int(rng.integers(50, 3_000)), seed, int(rng.integers(1, 16)))
    p0, p1 = rng.dirichlet([1, 1, 1])[:2] if seed % 2 else (0.55, 0.10)
    roi = float(rng.uniform(0, 1.5)) if seed % 3 else 0.2644
    found = expected_maximum_profit(threshold_curve(y, pd), p0, p1, roi)
    stated = {"success_rate": p0, "default_rate": p1, "roi": roi}
    assert found.profit == pytest.approx(empcs_score(y, pd, **stated), abs=1e-9)
    assert found.declined_share == pytest.approx(empcs_score.optimal_rate(y, pd, **stated), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_the_integral_is_what_a_fine_sum_over_loss_shares_gives(seed):
    y, pd = sample(400, seed, 2)
    curve, shares = threshold_curve(y, pd), (np.arange(20_000) + 0.5) / 20_000
    profit = np.outer(shares, curve["tp"]) - 0.2644 * curve["fp"].to_numpy()
    by_sum = (0.10 * (curve["tp"] - 0.2644 * curve["fp"]).max() + 0.35 * profit.max(axis=1).mean()) / y.size
    assert expected_maximum_profit(curve).profit == pytest.approx(by_sum, abs=1e-8)


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=50))
def test_profit_is_never_negative_nor_above_that_of_knowing_everything(cases):
    y, pd = (np.array(column) for column in zip(*cases, strict=True))
    found = expected_maximum_profit(threshold_curve(y, pd / 20))
    assert -1e-15 <= found.profit <= expected_maximum_profit(threshold_curve(y, y)).profit + 1e-12
    assert 0 <= found.declined_share <= 1


def test_one_class_and_nobody():
    assert expected_maximum_profit(threshold_curve([0, 0], [0.1, 0.2])).profit == 0
    everyone_defaults = expected_maximum_profit(threshold_curve([1, 1], [0.1, 0.2]), 0.5, 0.1)
    assert everyone_defaults.profit == pytest.approx(0.1 + 0.4 / 2)
    assert math.isnan(expected_maximum_profit(threshold_curve([], [])).profit)


@pytest.mark.parametrize(("p0", "p1", "roi"), [(-0.1, 0.1, 0.2), (0.6, 0.5, 0.2), (math.nan, 0.1, 0.2), (0.5, 0.1, -1)])
def test_probabilities_and_returns_that_mean_nothing_are_refused(p0, p1, roi):
    with pytest.raises(ValueError, match=r"p0 is|roi is"):
        expected_maximum_profit(threshold_curve([0, 1], [0.1, 0.2]), p0, p1, roi)
