import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.cost import (
    CaseCosts,
    CashCosts,
    LoanCosts,
    best_f1_cutoff,
    case_losses,
    cash_curve,
    cheapest_cutoff,
    cost_curve,
    elkan_cutoff,
    flat_region,
    money_table,
    review_band_cost,
    saving_at,
)
from pipeline.evaluation.curve import confusion_at, threshold_curve

CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(1, 1_000)), min_size=1, max_size=60)
UNIT = st.integers(1, 50).map(float)


def german(n_good=700, n_bad=300):
    """1,000 applicants as in the German credit data, scored by a calibrated model of three grades."""
    y = np.repeat([0, 1, 0, 1, 0, 1], [380, 20, 255, 45, 65, 235])
    pd = np.repeat([0.05, 0.15, 235 / 300], [400, 300, 300])
    return y, pd


def test_german_credit_at_five_to_one_by_hand():
    # Approving the two better grades misses 65 defaulters (325) and refuses 65 good customers (65): 390 in all.
    y, pd = german()
    curve, costs = threshold_curve(y, pd), CaseCosts(fn_cost=5, fp_cost=1)
    assert y.sum() == 300
    assert cost_curve(curve, costs).tolist() == [700, 5 * 20 + 320, 5 * 65 + 65, 1500]
    assert elkan_cutoff(costs) == pytest.approx(1 / 6)
    assert cheapest_cutoff(curve, costs) == pytest.approx(235 / 300)
    saving = saving_at(curve, costs, elkan_cutoff(costs))
    assert (saving.cost, saving.against_approve_all, saving.against_decline_all) == (390, 1110, 310)


def test_elkans_cutoff_is_the_cheapest_for_calibrated_pds():
    y, pd = german()
    for costs in (CaseCosts(5, 1), CaseCosts(10, 1), CaseCosts(1, 1), CaseCosts(100, 1)):
        curve = threshold_curve(y, pd)
        assert saving_at(curve, costs, elkan_cutoff(costs)).cost == cost_curve(curve, costs).min()


def test_per_loan_elkan_is_margin_over_margin_plus_lgd():
    assert elkan_cutoff(LoanCosts(lgd=0.6, margin=0.15)) == pytest.approx(0.2)


def test_loan_costs_weigh_each_case_by_its_exposure():
    curve = threshold_curve([0, 1], [0.1, 0.3], amount=[1_000, 200])
    assert cost_curve(curve, LoanCosts(lgd=0.5, margin=0.1)).tolist() == [100, 0, 100]


@given(CASES, UNIT, UNIT)
def test_cheapest_never_costs_more_than_approving_or_declining_all(cases, fn_cost, fp_cost):
    y, pd, amount = (np.array(column) for column in zip(*cases, strict=True))
    curve = threshold_curve(y, pd / 20, amount)
    for costs in (CaseCosts(fn_cost, fp_cost), LoanCosts(fn_cost, fp_cost)):
        saving = saving_at(curve, costs, cheapest_cutoff(curve, costs))
        assert saving.against_approve_all >= 0
        assert saving.against_decline_all >= 0
        assert saving.cost == cost_curve(curve, costs).min()


@given(CASES, UNIT, UNIT, UNIT)
def test_cost_is_linear_in_unit_costs(cases, a, b, factor):
    y, pd, _ = (np.array(column) for column in zip(*cases, strict=True))
    curve = threshold_curve(y, pd / 20)
    both = cost_curve(curve, CaseCosts(a, b))
    parts = cost_curve(curve, CaseCosts(a, 0)) + cost_curve(curve, CaseCosts(0, b))
    np.testing.assert_allclose(both, parts)
    np.testing.assert_allclose(cost_curve(curve, CaseCosts(factor * a, factor * b)), factor * both)


@given(CASES, st.floats(-0.1, 1.2), UNIT, UNIT)
def test_losses_per_case_sum_to_the_curve_at_any_cutoff(cases, cutoff, a, b):
    y, pd, amount = (np.array(column) for column in zip(*cases, strict=True))
    curve = threshold_curve(y, pd / 20, amount)
    for costs in (CaseCosts(a, b), LoanCosts(a, b)):
        assert case_losses(y, pd / 20, cutoff, costs, amount).sum() == saving_at(curve, costs, cutoff).cost


def test_of_equally_cheap_cutoffs_the_one_that_declines_fewest_is_chosen():
    curve = threshold_curve([0, 1, 0], [0.1, 0.2, 0.3])
    assert cost_curve(curve, CaseCosts(1, 1)).tolist() == [2, 1, 2, 1]
    assert cheapest_cutoff(curve, CaseCosts(1, 1)) == math.inf


def test_the_flat_region_is_unbroken_and_within_its_share():
    rng = np.random.default_rng(0)
    pd = rng.beta(1.5, 6.5, 3_000)
    y = (rng.random(3_000) < pd).astype(int)
    curve, costs = threshold_curve(y, pd), CaseCosts(5, 1)
    low, high = flat_region(curve, costs, within=0.02)
    money, cutoffs = cost_curve(curve, costs), curve["cutoff"].to_numpy()
    inside = (cutoffs >= low) & (cutoffs <= high)
    assert low <= cheapest_cutoff(curve, costs) <= high
    assert (money[inside] <= money.min() * 1.02).all()
    edges = np.flatnonzero(inside)[[0, -1]] + [-1, 1]
    assert (money[edges] > money.min() * 1.02).all()


def test_a_curve_flat_everywhere_is_one_region():
    curve = threshold_curve([0, 1], [0.2, 0.2])
    assert flat_region(curve, CaseCosts(1, 1)) == (0.2, math.inf)


def test_best_f1_is_found_and_not_computable_without_defaulters():
    assert best_f1_cutoff(threshold_curve([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4])) == 0.3
    assert math.isnan(best_f1_cutoff(threshold_curve([0, 0], [0.1, 0.2])))


def test_the_money_table_sums_to_the_cost_of_its_row():
    curve = threshold_curve([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4], amount=[10, 20, 30, 40])
    row = confusion_at(curve, 0.25)
    by_case, by_loan = money_table(row, CaseCosts(5, 1)), money_table(row, LoanCosts(0.5, 0.1))
    assert by_case.to_numpy().tolist() == [["tp", 1, 40, 0], ["fp", 1, 30, 1], ["fn", 1, 20, 5], ["tn", 1, 10, 0]]
    assert by_loan["cost"].sum() == pytest.approx(0.5 * 20 + 0.1 * 30)


def test_a_review_band_charges_its_fee_and_takes_errors_out():
    curve = threshold_curve([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4])
    costs = CaseCosts(fn_cost=5, fp_cost=2, review_cost=0.25)
    assert review_band_cost(curve, costs, approve_below=0.2, decline_from=0.4) == 0.5
    assert review_band_cost(curve, costs, 0.3, 0.3) == saving_at(curve, costs, 0.3).cost
    with pytest.raises(ValueError, match="swap them"):
        review_band_cost(curve, costs, 0.4, 0.2)


def test_realised_cash_is_that_of_approved_loans():
    curve = threshold_curve([0, 1], [0.1, 0.3], cash=[8, -6])
    assert cash_curve(curve).tolist() == [0, 8, 2]
    with pytest.raises(ValueError, match="no realised cash"):
        cash_curve(threshold_curve([0, 1], [0.1, 0.3]))


def test_cash_is_a_cost_model_like_the_others_by_hand():
    # Approving nobody brings 0, the first loan 8, both first loans 2, all three 3: the cheapest declines from .3.
    curve, costs = threshold_curve([0, 1, 0], [0.1, 0.3, 0.4], cash=[8, -6, 1]), CashCosts()
    assert cost_curve(curve, costs).tolist() == [0, -8, -2, -3]
    assert cheapest_cutoff(curve, costs) == 0.3
    saving = saving_at(curve, costs, 0.3)
    assert (saving.against_approve_all, saving.against_decline_all) == (5, 8)
    table = money_table(confusion_at(curve, 0.35), costs).set_index("cell")
    assert table["cost"].to_dict() == {"tp": 0, "fp": 0, "fn": 6, "tn": -8}
    assert math.isnan(elkan_cutoff(costs))


@given(CASES, st.floats(-0.1, 1.2))
def test_losses_in_cash_sum_to_the_curve_and_the_cheapest_never_loses_to_a_policy_without_model(cases, cutoff):
    y, pd, cash = (np.array(column) for column in zip(*cases, strict=True))
    cash = np.where(y == 1, -cash, cash // 3)
    curve, costs = threshold_curve(y, pd / 20, cash=cash), CashCosts()
    assert case_losses(y, pd / 20, cutoff, costs, cash=cash).sum() == saving_at(curve, costs, cutoff).cost
    best = saving_at(curve, costs, cheapest_cutoff(curve, costs))
    assert best.against_approve_all >= 0
    assert best.against_decline_all >= 0


def test_the_flat_region_in_cash_lies_within_its_share_of_the_most_cash():
    curve = threshold_curve([0, 0, 0, 1], [0.1, 0.2, 0.3, 0.4], cash=[950.0, 45, 5, -200])
    assert flat_region(curve, CashCosts(), within=0.01) == (0.3, 0.4)
    assert flat_region(curve, CashCosts(), within=0.05) == (0.2, 0.4)


def test_realised_cash_needs_cash():
    with pytest.raises(ValueError, match="no fn_cash: there is no realised cash"):
        cost_curve(threshold_curve([0, 1], [0.1, 0.3]), CashCosts())
    with pytest.raises(ValueError, match="give cash"):
        case_losses([0, 1], [0.1, 0.3], 0.2, CashCosts())


def test_costs_per_exposure_need_amounts():
    curve = threshold_curve([0, 1], [0.1, 0.3])
    with pytest.raises(ValueError, match="the curve has no fn_amount"):
        cost_curve(curve, LoanCosts(0.5, 0.1))
    with pytest.raises(ValueError, match="need the amount of each loan"):
        case_losses([0, 1], [0.1, 0.3], 0.2, LoanCosts(0.5, 0.1))


@pytest.mark.parametrize("bad", [-1.0, math.nan, math.inf])
def test_costs_that_mean_nothing_are_refused_by_name(bad):
    with pytest.raises(ValueError, match=f"fn_cost is {bad}"):
        CaseCosts(bad, 1)
    with pytest.raises(ValueError, match=f"margin is {bad}"):
        LoanCosts(0.5, bad)


def test_costs_of_nothing_are_refused():
    with pytest.raises(ValueError, match="fn and fp both cost 0"):
        CaseCosts(0, 0, review_cost=3)
