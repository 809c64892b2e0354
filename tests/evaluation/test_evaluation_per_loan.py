import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import contract
from pipeline.evaluation.cost import CaseCosts, CashCosts, LoanCosts, cost_curve, elkan_cutoff, money_table
from pipeline.evaluation.curve import confusion_at, rates, threshold_curve
from pipeline.evaluation.per_loan import approved_per_loan, break_even_pd, cost_of, decided_row

CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(1, 99)), min_size=1, max_size=40)


def test_each_loan_has_its_own_break_even_by_hand():
    # m / (m + LGD): .1 / .5 = .2 and .3 / .6 = .5, so a PD of .3 is declined for the first and approved for the second.
    assert break_even_pd([0.1, 0.3], [0.4, 0.3]).tolist() == pytest.approx([0.2, 0.5])
    assert approved_per_loan([0.3, 0.3], [0.1, 0.3], [0.4, 0.3]).tolist() == [False, True]
    assert break_even_pd(0.15, 0.6) == elkan_cutoff(LoanCosts(0.6, 0.15))


def test_at_break_even_a_loan_is_expected_to_earn_nothing():
    margin, lgd = np.array([0.02, 0.1, 0.4]), np.array([0.9, 0.45, 0.1])
    pd = break_even_pd(margin, lgd)
    np.testing.assert_allclose((1 - pd) * margin - pd * lgd, 0, atol=1e-15)


def test_a_loan_without_margin_or_loss_has_no_break_even_and_is_declined():
    assert math.isnan(break_even_pd(0.0, 0.0))
    assert approved_per_loan([0.0, 0.0], [0.0, 0.1], [0.0, 0.0]).tolist() == [False, True]


@given(CASES, st.integers(0, 21))
def test_a_row_of_decisions_is_the_curves_row_when_a_cutoff_made_them(cases, cutoff):
    y, pd, amount = (np.array(column) for column in zip(*cases, strict=True))
    curve = threshold_curve(y, pd / 20, amount, cash=-amount)
    here, made = confusion_at(curve, cutoff / 20), decided_row(y, pd / 20 < cutoff / 20, amount, -amount)
    assert made.drop("cutoff").to_dict() == here.drop("cutoff").to_dict()
    for costs in (CaseCosts(5, 1), LoanCosts(0.6, 0.1), CashCosts()):
        assert cost_of(made, costs) == cost_curve(here.to_frame().T, costs)[0] == money_table(made, costs)["cost"].sum()


def test_the_per_loan_rule_never_loses_to_one_cutoff_when_pds_are_right():
    # Expected, not drawn: each loan stands once for its share that defaults and once for its share that does not.
    rng = np.random.default_rng(0)
    pd, margin, lgd = rng.beta(1.5, 6.5, 500), rng.uniform(0.02, 0.3, 500), rng.uniform(0.2, 0.9, 500)
    earned = (1 - pd) * margin - pd * lgd
    by_rule = earned[approved_per_loan(pd, margin, lgd)].sum()
    assert by_rule >= max(earned[pd < cutoff].sum() for cutoff in np.unique(pd))
    assert by_rule == pytest.approx(np.maximum(earned, 0).sum())


def test_rows_of_decisions_can_be_rated():
    rated = rates(decided_row([0, 1, 1, 0], np.array([True, True, False, False])).to_frame().T).iloc[0]
    assert (rated["approval_rate"], rated["recall"], rated["precision"]) == (0.5, 0.5, 0.5)
    assert rated[[f"{cell}_amount" for cell in contract.CELLS]].isna().all()


def test_shares_and_decisions_that_mean_nothing_are_refused():
    with pytest.raises(ValueError, match=r"margin holds -0\.1"):
        break_even_pd([-0.1], [0.4])
    with pytest.raises(ValueError, match="lgd holds nan"):
        break_even_pd([0.1], [math.nan])
    with pytest.raises(ValueError, match="approved has shape"):
        decided_row([0, 1], [1, 0])
    with pytest.raises(ValueError, match="no realised cash"):
        cost_of(decided_row([0], np.array([True])), CashCosts())
