import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.bands import cheapest_cutoff_band, saving_band
from pipeline.evaluation.bootstrap import resample_counts
from pipeline.evaluation.cost import CaseCosts, CashCosts, LoanCosts, cheapest_cutoff
from pipeline.evaluation.curve import threshold_curve
from pipeline.evaluation.sensitivity import saving_against

CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(1, 99)), min_size=1, max_size=40)
COSTS = (CaseCosts(5, 1), LoanCosts(3, 1), CashCosts())


def sample(n, seed):
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.5, 6.5, n).round(2)
    y = (rng.random(n) < pd).astype(int)
    amount = rng.integers(1, 100, n).astype(float)
    return y, pd, amount, np.where(y == 1, -5, 1) * amount


def test_each_draw_is_the_cheapest_cutoff_of_the_repeated_rows():
    y, pd, amount, cash = sample(150, 0)
    weights = np.concatenate(list(resample_counts(y, 30, seed=4))).astype(int)
    for costs in COSTS:
        band = cheapest_cutoff_band(y, pd, costs, amount, cash, n_boot=30, seed=4)
        for w, drawn in zip(weights, band.draws, strict=True):
            repeated = threshold_curve(*(np.repeat(column, w) for column in (y, pd, amount, cash)))
            # A PD that the resample leaves out decides the same cases as the next one up.
            at = np.searchsorted(repeated["cutoff"], drawn)
            assert repeated["cutoff"].iloc[at] == cheapest_cutoff(repeated, costs)


@given(CASES)
@settings(max_examples=30, deadline=None)
def test_the_band_holds_cutoffs_of_the_sample_and_its_value_is_the_curves(cases):
    y, pd, amount = (np.array(column) for column in zip(*cases, strict=True))
    curve = threshold_curve(y, pd / 20, amount, cash=-amount)
    for costs in COSTS:
        band = cheapest_cutoff_band(y, pd / 20, costs, amount, -amount, n_boot=10)
        assert band.value == cheapest_cutoff(curve, costs)
        assert {band.lo, band.hi, *band.draws} <= set(curve["cutoff"])
        assert band.lo <= band.hi


def test_the_band_is_seeded_and_narrows_with_the_sample():
    few, many = (cheapest_cutoff_band(*sample(n, 1)[:2], CaseCosts(5, 1), seed=3) for n in (200, 20_000))
    assert many.hi - many.lo < (few.hi - few.lo) / 2
    assert many.lo <= 0.17 <= many.hi  # PDs in whole percent: 1/6 declines from .17
    again = cheapest_cutoff_band(*sample(200, 1)[:2], CaseCosts(5, 1), seed=3)
    assert (again.draws == few.draws).all()
    assert math.isnan(cheapest_cutoff_band([0, 1], [0.1, 0.2], CaseCosts(5, 1), n_boot=0).lo)


def test_the_saving_and_its_draws_are_those_of_the_curve():
    y, pd, amount, cash = sample(200, 2)
    weights = np.concatenate(list(resample_counts(y, 20, seed=1))).astype(int)
    for costs in COSTS:
        band = saving_band(y, pd, 0.2, 0.5, costs, amount, cash, n_boot=20, seed=1)
        assert band.value == pytest.approx(saving_against(threshold_curve(y, pd, amount, cash), costs, 0.2, 0.5).total)
        for w, drawn in zip(weights, band.draws, strict=True):
            repeated = threshold_curve(*(np.repeat(column, w) for column in (y, pd, amount, cash)))
            assert drawn == pytest.approx(saving_against(repeated, costs, 0.2, 0.5).total)
        assert band.lo <= band.value <= band.hi


def test_a_policy_saves_nothing_against_itself():
    y, pd, *_ = sample(100, 3)
    band = saving_band(y, pd, 0.2, 0.2, CaseCosts(5, 1))
    assert (band.value, band.lo, band.hi) == (0, 0, 0)
