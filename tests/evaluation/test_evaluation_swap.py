import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas import DataFrame

from pipeline.evaluation.cost import CaseCosts, CashCosts, LoanCosts, case_losses
from pipeline.evaluation.swap import MEASURES, cutoff_at_approval, swap_set

CASES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 10), st.integers(0, 10), st.integers(1, 99)), min_size=1, max_size=40
)


def eight_loans():
    """Today and the new model approve four each at .5; they agree on four cases and swap two for two."""
    y = [0, 0, 1, 1, 0, 0, 1, 1]
    today = [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]
    new = [0.1, 0.6, 0.2, 0.8, 0.3, 0.1, 0.7, 0.9]
    return y, today, new, [100.0, 200, 300, 400, 500, 600, 700, 800]


def by_set(table):
    return table[table["column"] == ""].set_index("set")


def test_a_swap_set_worked_by_hand():
    # In: cases 4 and 5, both good (PD .3 and .1). Out: case 1, good (PD .6), and case 3, bad (PD .8).
    # At 5:1 the ins keep 2 refusals, the outs lose 1 refusal and keep 1 miss: 2 - 1 + 5 = 6.
    y, today, new, amount = eight_loans()
    found = by_set(swap_set(y, today, 0.5, new, 0.5, CaseCosts(5, 1)))
    assert found["n"].to_dict() == {"swap_in": 2, "swap_out": 2, "net": 0}
    assert found["default_rate"].to_list()[:2] == [0, 0.5]
    assert found["expected_loss"].to_list() == pytest.approx([5 * 0.4, 5 * 1.4, 5 * -1.0])
    assert found["saving"].to_dict() == {"swap_in": 2, "swap_out": 4, "net": 6}
    assert not found["inferred"].any()
    # Per loan at LGD .5 and margin .1: in .1 x 1,100; out -.1 x 200 + .5 x 400.
    per_loan = by_set(swap_set(y, today, 0.5, new, 0.5, LoanCosts(0.5, 0.1), amount))
    assert per_loan["saving"].to_list() == pytest.approx([110, 180, 290])
    assert per_loan["expected_loss"].to_list()[:2] == pytest.approx(
        [0.5 * (0.3 * 500 + 0.1 * 600), 0.5 * (0.6 * 200 + 0.8 * 400)]
    )


def test_the_saving_in_cash_is_the_cash_that_changes_hands():
    y, today, new, _ = eight_loans()
    cash = [10.0, 20, -30, -40, 50, 60, -70, -80]
    found = by_set(swap_set(y, today, 0.5, new, 0.5, CashCosts(), cash=cash))
    assert found["saving"].to_dict() == {"swap_in": 110, "swap_out": -20 + 40, "net": 130}
    assert found["expected_loss"].isna().all()
    nobody = swap_set(y, today, 0.5, today, 0.5, CashCosts(), cash=cash, n_boot=5)
    assert nobody["n"].eq(0).all() and nobody["expected_loss"].isna().all(), "nor is it stated of nobody"


@given(CASES, st.integers(0, 11))
@settings(max_examples=30, deadline=None)
def test_equal_models_have_a_swap_set_of_nobody(cases, cutoff):
    y, pd, _, amount = (np.array(column) for column in zip(*cases, strict=True))
    groups = DataFrame({"region": (amount % 3).astype(str)})
    found = swap_set(y, pd / 10, cutoff / 10, pd / 10, cutoff / 10, LoanCosts(0.5, 0.1), amount, groups=groups, n_boot=5)
    nothing = [f"{name}{bound}" for name in ("n", "expected_loss", "saving") for bound in ("", "_lo", "_hi")]
    assert (found[nothing] == 0).all(axis=None)
    assert found[["default_rate", "default_rate_lo", "default_rate_hi"]].isna().all(axis=None)


@given(CASES, st.integers(0, 11), st.integers(0, 11))
@settings(max_examples=30, deadline=None)
def test_the_net_saving_is_the_difference_of_the_two_models_costs_and_segments_add_up(cases, cut_today, cut_new):
    y, today, new, amount = (np.array(column) for column in zip(*cases, strict=True))
    costs, cuts = LoanCosts(0.5, 0.1), (cut_today / 10, cut_new / 10)
    groups = DataFrame({"region": (amount % 3).astype(str)})
    table = swap_set(y, today / 10, cuts[0], new / 10, cuts[1], costs, amount, groups=groups, n_boot=0)
    lost = [case_losses(y, pd / 10, cut, costs, amount).sum() for pd, cut in zip((today, new), cuts, strict=True)]
    whole = by_set(table)
    assert whole.loc["net", "saving"] == pytest.approx(lost[0] - lost[1])
    assert whole.loc["net", "n"] == ((new / 10 < cuts[1]).sum() - (today / 10 < cuts[0]).sum())
    for name in ("n", "expected_loss", "saving"):
        summed = table[table["column"] == "region"].groupby("set")[name].sum()
        assert summed.to_dict() == pytest.approx(whole[name].to_dict())
    assert table[[f"{name}_lo" for name in MEASURES]].isna().all(axis=None)


def test_exchanging_the_models_turns_the_swap_set_round():
    y, today, new, _ = eight_loans()
    forth, back = (by_set(swap_set(y, *args, CaseCosts(5, 1))) for args in ((today, 0.5, new, 0.5), (new, 0.5, today, 0.5)))
    assert forth.loc["swap_in", ["n", "default_rate"]].tolist() == back.loc["swap_out", ["n", "default_rate"]].tolist()
    assert forth.loc["swap_in", "saving"] == -back.loc["swap_out", "saving"]
    assert forth.loc["net", "saving"] == -back.loc["net", "saving"]


def test_swap_ins_declined_before_come_apart_and_their_outcomes_are_not_read():
    # Case 5 was declined before: no outcome. Expected at PD .1 and 5:1: .9 refusals kept, .1 misses made: .9 - .5 = .4.
    y, today, new, _ = eight_loans()
    declined = np.arange(8) == 5
    unknown = np.where(declined, np.nan, np.array(y, dtype=float))
    found = swap_set(unknown, today, 0.5, new, 0.5, CaseCosts(5, 1), previously_declined=declined)
    assert found[["set", "inferred", "n"]].to_numpy().tolist() == [
        ["swap_in", False, 1], ["swap_in", True, 1], ["swap_out", False, 2], ["net", True, 0],
    ]  # fmt: skip
    assert found["default_rate"].tolist()[:3] == [0, 0.1, 0.5]
    assert found["saving"].tolist() == pytest.approx([1, 0.4, 4, 5.4])
    assert found.equals(swap_set(y, today, 0.5, new, 0.5, CaseCosts(5, 1), previously_declined=declined))
    cash = np.where(declined, np.nan, 10.0)
    in_cash = swap_set(unknown, today, 0.5, new, 0.5, CashCosts(), cash=cash, previously_declined=declined)
    assert in_cash["saving"].tolist()[0] == 10
    assert in_cash["saving"].isna().tolist() == [False, True, False, True]


def test_nobody_declined_before_leaves_an_empty_inferred_row():
    y, today, new, _ = eight_loans()
    found = swap_set(y, today, 0.5, new, 0.5, CaseCosts(5, 1), previously_declined=np.zeros(8, dtype=bool))
    assert found[found["inferred"]][["set", "n"]].to_numpy().tolist() == [["swap_in", 0]]


def test_intervals_are_seeded_hold_their_value_and_cover_the_truth():
    rng = np.random.default_rng(0)
    hits, n = 0, 600
    truth = -0.05 * n  # the swap-ins are half of all; .3 default and lose 1.5, .7 pay .5: .5 x n x (.35 - .45)
    for seed in range(200):
        y = np.repeat([1, 0], [180, 420])
        swaps = rng.random(n) < 0.5
        new = np.where(swaps, 0.1, 0.9)
        table = by_set(swap_set(y, np.full(n, 0.9), 0.5, new, 0.5, CaseCosts(1.5, 0.5), n_boot=200, seed=seed))
        hits += table.loc["net", "saving_lo"] <= truth <= table.loc["net", "saving_hi"]
        assert table.loc["net", "saving_lo"] <= table.loc["net", "saving"] <= table.loc["net", "saving_hi"]
    assert 0.91 <= hits / 200 <= 0.99
    again = swap_set(y, np.full(n, 0.9), 0.5, new, 0.5, CaseCosts(1.5, 0.5), n_boot=200, seed=199)
    assert by_set(again).equals(table)


def test_the_same_approval_rate_is_reached_by_the_nearest_cutoff():
    pd = [0.1, 0.2, 0.2, 0.2, 0.5]
    assert cutoff_at_approval(pd, 0.2) == 0.2
    assert cutoff_at_approval(pd, 0.75) == 0.5
    assert cutoff_at_approval(pd, 1.0) == math.inf
    assert cutoff_at_approval(pd, 0.0) == 0.1
    assert cutoff_at_approval(pd, 0.5) == 0.5  # one in five and four in five are equally near: the higher


@given(CASES, st.integers(0, 11))
def test_a_model_reaches_its_own_approval_rate_exactly(cases, cutoff):
    pd = np.array([case[1] for case in cases]) / 10
    approved = pd < cutoff / 10
    assert ((pd < cutoff_at_approval(pd, approved.mean())) == approved).all()


def test_what_cannot_be_compared_is_refused_by_name():
    y, today, new, _ = eight_loans()
    with pytest.raises(ValueError, match="previously_declined has shape"):
        swap_set(y, today, 0.5, new, 0.5, CaseCosts(5, 1), previously_declined=[1] * 8)
    with pytest.raises(ValueError, match="y holds 1 values other than 0 and 1"):
        swap_set([*y[:-1], np.nan], today, 0.5, new, 0.5, CaseCosts(5, 1))
    with pytest.raises(ValueError, match="groups has 2 rows"):
        swap_set(y, today, 0.5, new, 0.5, CaseCosts(5, 1), groups=DataFrame({"a": ["x", "y"]}))
    with pytest.raises(ValueError, match="need the amount"):
        swap_set(y, today, 0.5, new, 0.5, LoanCosts(0.5, 0.1))
    with pytest.raises(ValueError, match=r"approval_rate is 1\.5"):
        cutoff_at_approval(today, 1.5)
    with pytest.raises(ValueError, match="the sample is empty"):
        cutoff_at_approval([], 0.5)
