import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.cost import CaseCosts, LoanCosts, cheapest_cutoff, cost_curve, elkan_cutoff
from pipeline.evaluation.curve import threshold_curve
from pipeline.evaluation.hull import break_even_ratio, hull_rows, mistakes

CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(1, 1_000)), min_size=1, max_size=60)


def unpacked(cases):
    y, pd, amount = (np.array(column) for column in zip(*cases, strict=True))
    return y, pd / 20, amount.astype(float)


def german_curve():
    y = np.repeat([0, 1, 0, 1, 0, 1], [380, 20, 255, 45, 65, 235])
    return threshold_curve(y, np.repeat([0.05, 0.15, 235 / 300], [400, 300, 300]))


def test_the_hull_of_a_small_curve_by_hand():
    # (missed, refused): (0, 4) (0, 3) (1, 3) (1, 1) (2, 1) (3, 0); at (2, 1) a miss is made for nothing.
    missed, refused = [0, 0, 1, 1, 2, 3], [4, 3, 3, 1, 1, 0]
    assert hull_rows(missed, refused).tolist() == [1, 3, 5]


@given(CASES, st.integers(0, 30), st.integers(0, 30))
def test_the_cheapest_cutoff_at_any_ratio_is_a_corner_of_the_hull(cases, fn_cost, fp_cost):
    curve = threshold_curve(*unpacked(cases))
    corners = curve["cutoff"].to_numpy()[hull_rows(*mistakes(curve))]
    if fn_cost or fp_cost:
        assert cheapest_cutoff(curve, CaseCosts(fn_cost, fp_cost)) in corners


def test_a_long_convex_chain_that_one_point_undoes_still_ends():
    x = np.linspace(0, 1, 200_000)
    y = np.append((1 - x[:-1]) ** 2 + 5, 0.0)
    assert hull_rows(x, y).size == 2


def test_break_even_of_the_german_grades_by_hand():
    # Points (missed, refused) are (0, 700) (20, 320) (65, 65) (300, 0): slopes 19, 255/45 and 65/235.
    curve = german_curve()
    ends = [(ratio.lo, ratio.hi) for ratio in (break_even_ratio(curve, c) for c in curve["cutoff"])]
    assert ends == [(19, math.inf), (255 / 45, 19), (65 / 235, 255 / 45), (0, 65 / 235)]


def test_elkans_cutoff_breaks_even_at_the_costs_it_was_made_for():
    for ratio in (0.1, 1, 5, 10, 50):
        found = break_even_ratio(german_curve(), elkan_cutoff(CaseCosts(ratio, 1)))
        assert found.lo <= ratio <= found.hi
        assert (found.exists, found.excess) == (True, 0)
        assert found.lo <= found.nearest <= found.hi


@settings(max_examples=50, deadline=None)
@given(CASES, st.integers(0, 21))
def test_inside_its_break_even_ratios_a_cutoff_costs_no_more_than_any_other(cases, cutoff):
    y, pd, amount = unpacked(cases)
    curve = threshold_curve(y, pd, amount)
    for by, costs_of in (("case", CaseCosts), ("loan", LoanCosts)):
        found = break_even_ratio(curve, cutoff / 20, by)
        row = min(np.searchsorted(curve["cutoff"], cutoff / 20), len(curve) - 1)
        if found.exists:
            for ratio in {found.lo, found.nearest, min(found.hi, 1e6)} - {math.inf}:
                money = cost_curve(curve, costs_of(ratio, 1.0))
                assert money[row] == pytest.approx(money.min(), abs=1e-6)


def test_a_cutoff_above_the_hull_is_right_at_no_ratio_and_the_nearest_is_named():
    # (0, 3) (1, 2) (2, 0): the middle one lies above the line of slope 1.5 between the others.
    curve = threshold_curve([1, 0, 1, 0, 0], [0.1, 0.1, 0.2, 0.2, 0.2])
    found = break_even_ratio(curve, 0.2)
    assert not found.exists
    assert math.isnan(found.hi)
    assert found.nearest == 1.5
    assert found.excess == pytest.approx((1.5 * 1 + 2) / 3 - 1)


@given(CASES, st.integers(0, 21), st.floats(0.05, 20))
def test_no_ratio_beats_the_nearest(cases, cutoff, ratio):
    curve = threshold_curve(*unpacked(cases))
    found = break_even_ratio(curve, cutoff / 20)
    missed, refused = mistakes(curve)
    row = min(np.searchsorted(curve["cutoff"], cutoff / 20), len(curve) - 1)
    money = ratio * missed + refused
    if not found.exists and not math.isnan(found.excess) and money.min() > 0:
        assert money[row] / money.min() - 1 >= found.excess - 1e-9


def test_negative_amounts_and_mixed_splits_are_refused():
    with pytest.raises(ValueError, match="is an amount negative"):
        mistakes(threshold_curve([1, 1], [0.1, 0.2], [-5, 3]), "loan")
    with pytest.raises(ValueError, match="more than one split"):
        mistakes(german_curve().assign(split=["test", "test", "test", "valid"]))
    with pytest.raises(ValueError, match="no fn_amount"):
        break_even_ratio(german_curve(), 0.1, "loan")
