import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.cost import CaseCosts, CashCosts, LoanCosts, best_f1_cutoff, cheapest_cutoff
from pipeline.evaluation.curve import confusion_at, rows_at, threshold_curve
from pipeline.evaluation.thinning import thin_curve

COSTS = (CaseCosts(5, 1), CaseCosts(1, 3), LoanCosts(0.6, 0.1), CashCosts())


def long_curve(n, seed=0):
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.5, 6.5, n)
    y = (rng.random(n) < pd).astype(int)
    amount = rng.lognormal(9, 0.5, n).round(2)
    return threshold_curve(y, pd, amount, cash=np.where(y == 1, -0.6, 0.15) * amount)


@pytest.mark.parametrize("k", [8, 100, 1_001])
def test_kept_rows_are_exact_and_the_best_ones_are_kept(k):
    curve = long_curve(20_000)
    thin = thin_curve(curve, k, COSTS, keep=[0.5])
    assert len(thin) <= k
    assert thin.to_numpy().tolist() == curve.iloc[rows_at(curve, thin["cutoff"])].to_numpy().tolist()
    assert thin.iloc[[0, -1]].to_numpy().tolist() == curve.iloc[[0, -1]].to_numpy().tolist()
    for costs in COSTS:
        assert cheapest_cutoff(thin, costs) == cheapest_cutoff(curve, costs)
    assert best_f1_cutoff(thin) == best_f1_cutoff(curve)
    assert confusion_at(thin, 0.5).equals(confusion_at(curve, 0.5))


def test_no_gap_is_wider_than_two_even_steps_of_value_or_rank():
    curve = long_curve(20_000)
    thin = thin_curve(curve, 500)
    cutoffs = thin["cutoff"].to_numpy()[:-1]
    assert np.diff(rows_at(curve, thin["cutoff"])).max() < 2 * 20_000 / 250
    widest_in_full = np.diff(curve["cutoff"].to_numpy()[:-1]).max()
    assert np.diff(cutoffs).max() < 2 * (cutoffs[-1] - cutoffs[0]) / 250 + widest_in_full


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20)), min_size=1, max_size=60), st.integers(4, 30))
def test_any_curve_can_be_thinned(cases, k):
    y, pd = (np.array(column) for column in zip(*cases, strict=True))
    curve = threshold_curve(y, pd / 20)
    thin = thin_curve(curve, k, [CaseCosts(5, 1)])
    assert len(thin) == len(curve) or len(thin) <= k
    assert cheapest_cutoff(thin, CaseCosts(5, 1)) == cheapest_cutoff(curve, CaseCosts(5, 1))


def test_a_short_curve_comes_whole_and_too_small_a_k_is_refused():
    curve = long_curve(50)
    assert thin_curve(curve, 100).equals(curve)
    with pytest.raises(ValueError, match="k is 2"):
        thin_curve(curve, 2)
