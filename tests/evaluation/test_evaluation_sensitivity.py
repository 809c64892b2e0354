import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import contract
from pipeline.evaluation.cost import CaseCosts, CashCosts, LoanCosts, cheapest_cutoff, cost_curve, elkan_cutoff, saving_at
from pipeline.evaluation.curve import rates, threshold_curve
from pipeline.evaluation.sensitivity import APPROVE_ALL, DECLINE_ALL, adjusted_pd, cost_grid, saving_against, shifted_curve

CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(1, 1_000)), min_size=1, max_size=60)
RATE = st.floats(0.01, 0.99)


def sample(n, seed):
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.5, 6.5, n)
    return (rng.random(n) < pd).astype(int), pd, rng.lognormal(9, 0.5, n).round(2)


def test_the_saving_is_stated_against_each_baseline_by_hand():
    # At .3 one miss (5) and no refusal; approve all misses two (10), decline all refuses two (2), .15 refuses one (1).
    curve, costs = threshold_curve([0, 0, 1, 1], [0.1, 0.2, 0.25, 0.4]), CaseCosts(5, 1)
    against = {b: saving_against(curve, costs, 0.3, b, 20_000) for b in (APPROVE_ALL, DECLINE_ALL, 0.15)}
    assert {b: s.total for b, s in against.items()} == {APPROVE_ALL: 5, DECLINE_ALL: -3, 0.15: -4}
    assert (against[APPROVE_ALL].per_1000, against[APPROVE_ALL].per_year) == (1_250, 25_000)
    assert math.isnan(saving_against(curve, costs, 0.3, 0.5).per_year)
    assert saving_against(curve, costs, 0.3, 0.3).total == 0
    assert math.isnan(saving_against(threshold_curve([], []), costs, 0.3, 0.5).per_1000)


def test_the_saving_in_cash_is_the_cash_gained():
    curve = threshold_curve([0, 1, 0], [0.1, 0.3, 0.4], cash=[8, -6, 1])
    assert saving_against(curve, CashCosts(), 0.2, APPROVE_ALL).total == 8 - 3


@settings(max_examples=50, deadline=None)
@given(CASES, st.lists(st.integers(1, 30), min_size=1, max_size=4), st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_each_cell_of_the_grid_is_what_its_own_search_finds(cases, fn_costs, fp_costs):
    y, pd, amount = (np.array(column) for column in zip(*cases, strict=True))
    curve = threshold_curve(y, pd / 20, amount)
    for by, costs_of in (("case", CaseCosts), ("loan", LoanCosts)):
        grid = cost_grid(curve, fn_costs, fp_costs, APPROVE_ALL, by)
        assert len(grid) == len(fn_costs) * len(fp_costs)
        for cell in grid.itertuples():
            costs = costs_of(cell.fn_cost, cell.fp_cost)
            assert cell.cutoff == cheapest_cutoff(curve, costs)
            assert cell.cost == cost_curve(curve, costs).min()
            assert cell.saving == saving_at(curve, costs, cell.cutoff).against_approve_all


def test_a_grid_chosen_on_validation_is_reported_on_test():
    valid, test = (threshold_curve(*sample(2_000, seed)) for seed in (0, 1))
    grid = cost_grid(valid, [1, 5, 20], [1, 2], baseline=0.5, report_on=test)
    rated = rates(test)
    for cell in grid.itertuples():
        costs = CaseCosts(cell.fn_cost, cell.fp_cost)
        stated = saving_against(test, costs, cheapest_cutoff(valid, costs), 0.5)
        assert cell.saving == pytest.approx(stated.total)
        assert cell.saving_per_1000 == pytest.approx(stated.per_1000)
        at = np.searchsorted(test["cutoff"], cell.cutoff)
        assert cell.approval_rate == pytest.approx(rated["approval_rate"].iloc[at])


def test_dearer_misses_never_raise_the_best_cutoff():
    grid = cost_grid(threshold_curve(*sample(3_000, 2)), np.linspace(0.5, 30, 40), [1])
    assert (np.diff(grid["cutoff"]) <= 0).all()


def test_costs_of_a_grid_that_mean_nothing_are_refused():
    curve = threshold_curve([0, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match=r"fn_costs hold -1\.0"):
        cost_grid(curve, [-1], [1])
    with pytest.raises(ValueError, match="both cost 0"):
        cost_grid(curve, [0, 1], [0, 1])
    with pytest.raises(ValueError, match="applications_per_year is -5"):
        saving_against(curve, CaseCosts(5, 1), 0.1, 0.2, -5)


def test_a_shifted_default_rate_by_hand():
    # 2 of 8 default; at half of 8 each defaulter counts twice and each good customer two thirds.
    curve = shifted_curve(threshold_curve([1, 0, 1, 0, 0, 0, 0, 0], [0.1, 0.1, 0.6, 0.6, 0.2, 0.2, 0.2, 0.2]), 0.5)
    assert curve["fn"].tolist() == [0, 2, 2, 4]
    assert curve["fp"].tolist() == pytest.approx([4, 10 / 3, 2 / 3, 0])


@settings(max_examples=50, deadline=None)
@given(CASES, RATE)
def test_shifting_keeps_the_number_of_cases_and_the_shape_of_the_ranking(cases, rate):
    y, pd, amount = (np.array(column) for column in zip(*cases, strict=True))
    curve = threshold_curve(y, pd / 20, amount, cash=-amount)
    if y.min() == y.max():
        with pytest.raises(ValueError, match="needs both defaulters and good customers"):
            shifted_curve(curve, rate)
        return
    shifted = shifted_curve(curve, rate)
    assert shifted[list(contract.CELLS)].sum(axis=1).to_numpy() == pytest.approx(np.full(len(curve), y.size))
    assert shifted["fn"].iloc[-1] / y.size == pytest.approx(rate)
    for column in ("recall", "false_positive_rate"):
        np.testing.assert_allclose(rates(shifted)[column], rates(curve)[column])
    np.testing.assert_allclose(shifted_curve(curve, y.mean())["fn_cash"], curve["fn_cash"], rtol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), RATE, RATE)
def test_adjusting_there_and_back_changes_nothing_and_keeps_the_order(pd, from_rate, to_rate):
    there = adjusted_pd(np.sort(pd), from_rate, to_rate)
    np.testing.assert_allclose(adjusted_pd(there, to_rate, from_rate), np.sort(pd), rtol=1e-9, atol=1e-12)
    assert (np.diff(there) >= 0).all()


def test_the_average_applicant_gets_the_new_rate_and_odds_move_by_the_ratio_of_odds():
    assert adjusted_pd([0.2], 0.2, 0.05)[0] == pytest.approx(0.05)
    assert adjusted_pd([0.5], 0.2, 0.5)[0] == pytest.approx(0.8)  # odds 1 times (1 / (1/4))


def test_elkans_cutoff_stays_the_cheapest_when_rate_and_pds_move_together():
    y = np.repeat([0, 1, 0, 1, 0, 1], [380, 20, 255, 45, 65, 235])
    curve = threshold_curve(y, np.repeat([0.05, 0.15, 235 / 300], [400, 300, 300]))
    for rate in (0.05, 0.2, 0.6):
        shifted, costs = shifted_curve(curve, rate, adjust=True), CaseCosts(5, 1)
        money = cost_curve(shifted, costs)
        at = min(np.searchsorted(shifted["cutoff"], elkan_cutoff(costs)), 3)
        assert money[at] == pytest.approx(money.min())


@pytest.mark.parametrize("rate", [0.0, 1.0, -0.1, math.nan])
def test_default_rates_that_leave_one_class_are_refused(rate):
    with pytest.raises(ValueError, match="default_rate is"):
        shifted_curve(threshold_curve([0, 1], [0.1, 0.2]), rate)
    with pytest.raises(ValueError, match="to_rate is"):
        adjusted_pd([0.1], 0.2, rate)
