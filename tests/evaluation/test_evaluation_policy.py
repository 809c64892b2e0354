import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.cost import CaseCosts, CashCosts, LoanCosts, cheapest_cutoff, cost_curve, review_band_cost, saving_at
from pipeline.evaluation.curve import rates, threshold_curve
from pipeline.evaluation.policy import PolicyOutcome, Review, policy_outcome, policy_table
from pipeline.evaluation.policy_search import Clash, Limits, best_policy, range_minimum

CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 12), st.integers(1, 1_000)), min_size=1, max_size=40)
SHARE = st.sampled_from([0.0, 0.25, 0.5, 0.8, 1.0])


def unpacked(cases):
    y, pd, amount = (np.array(column) for column in zip(*cases, strict=True))
    return y, pd / 12, amount.astype(float)


def sample(n, seed):
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.5, 6.5, n)
    return (rng.random(n) < pd).astype(int), pd


def ten_loans():
    """Default rates 0, 1/2, 3/4 in three grades of 4, 2 and 4 loans."""
    y = [0, 0, 0, 0, 0, 1, 1, 1, 1, 0]
    return threshold_curve(y, [0.1] * 4 + [0.3] * 2 + [0.7] * 4, amount=[100.0] * 10)


def test_a_three_way_policy_by_hand():
    # Below .3 four good are approved, between two are reviewed (one bad), from .7 four are declined (one good).
    # Reviewers get 3 in 4 right: 1/4 of a miss (5) and 1/4 of a refusal (1), fees 2 x 0.5, one refusal: 1.25 + .25 + 1 + 1.
    review = Review(cost=0.5, share_right=0.75, applications_per_day=50)
    found = policy_outcome(ten_loans(), CaseCosts(5, 1), 0.3, 0.7, review)
    assert found.cost == pytest.approx(3.5)
    assert (found.n, found.straight_approval_rate, found.review_rate, found.reviews_per_day) == (10, 0.4, 0.2, 10)
    assert found.approval_rate == pytest.approx((4 + 0.75 + 0.25) / 10)
    assert found.recall == pytest.approx(3.75 / 4)
    assert found.approved_default_rate == pytest.approx(0.25 / 5)


def test_the_table_of_decisions_by_hand():
    table = policy_table(ten_loans(), CaseCosts(5, 1), 0.3, 0.7, Review(0.5, 0.75)).set_index("decision")
    assert table["cases"].to_dict() == {"approve": 4, "review": 2, "decline": 4}
    assert table["defaults"].to_dict() == {"approve": 0, "review": 1, "decline": 3}
    assert table["default_rate"].to_list() == [0, 0.5, 0.75]
    assert table["amount"].to_list() == [400, 200, 400]
    assert table["cost"].to_list() == pytest.approx([0, 2.5, 1])


@settings(max_examples=25, deadline=None)
@given(CASES, st.integers(0, 13), st.integers(0, 13), SHARE)
def test_the_table_adds_up_to_the_outcome_in_every_cost_model(cases, one, other, share):
    y, pd, amount = unpacked(cases)
    curve = threshold_curve(y, pd, amount, cash=np.where(y == 1, -0.6, 0.1) * amount)
    low, high = sorted((one / 12, other / 12))
    review = Review(2.0, share)
    for costs in (CaseCosts(5, 1), LoanCosts(0.6, 0.1), CashCosts()):
        table, outcome = (f(curve, costs, low, high, review) for f in (policy_table, policy_outcome))
        assert table["cost"].sum() == pytest.approx(outcome.cost)
        assert table["cases"].sum() == pytest.approx(y.size)
        assert table["defaults"].sum() == pytest.approx(y.sum())
        assert table["amount"].sum() == pytest.approx(amount.sum())
        assert table.set_index("decision")["share"]["review"] == pytest.approx(outcome.review_rate)


def by_case(y, pd, low, high, share):
    """Expected final probability that each case is declined."""
    right = np.where(y == 1, share, 1 - share)
    return np.where(pd < low, 0.0, np.where(pd >= high, 1.0, right))


@settings(max_examples=50, deadline=None)
@given(CASES, st.integers(0, 13), st.integers(0, 13), SHARE)
def test_an_outcome_is_what_adding_up_each_case_gives(cases, one, other, share):
    y, pd, amount = unpacked(cases)
    low, high = sorted((one / 12, other / 12))
    found = policy_outcome(threshold_curve(y, pd, amount), LoanCosts(0.6, 0.1), low, high, Review(2.0, share))
    declined = by_case(y, pd, low, high, share)
    reviewed = ((pd >= low) & (pd < high)).sum()
    cost = (np.where(y == 1, 0.6 * (1 - declined), 0.1 * declined) * amount).sum() + 2.0 * reviewed
    assert found.cost == pytest.approx(cost)
    assert found.approval_rate == pytest.approx(1 - declined.mean())
    assert math.isnan(found.recall) if not y.any() else found.recall == pytest.approx(declined[y == 1].mean())


def test_one_cutoff_is_the_plain_policy_and_perfect_reviewers_the_least_the_band_can_cost():
    curve, costs = threshold_curve(*sample(500, 0)), CaseCosts(5, 1, review_cost=0.3)
    plain = policy_outcome(curve, costs, 0.2, 0.2, Review(9.0, 0.1))
    assert plain.cost == saving_at(curve, costs, 0.2).cost
    assert plain.review_rate == 0
    assert policy_outcome(curve, costs, 0.1, 0.3, Review(0.3)).cost == pytest.approx(review_band_cost(curve, costs, 0.1, 0.3))


def test_without_limits_and_reviewers_the_best_policy_is_the_cheapest_cutoff():
    curve = threshold_curve(*sample(2_000, 1))
    for costs in (CaseCosts(5, 1), CaseCosts(1, 1), CaseCosts(1, 100), CaseCosts(1, 0)):
        found = best_policy(curve, costs)
        assert (found.approve_below, found.cost) == (cheapest_cutoff(curve, costs), cost_curve(curve, costs).min())


def all_pairs(cases, costs, limits, review):
    """Every pair of cut-offs within the limits, each case followed on its own; the rates and cost of each pair."""
    y, pd, amount = unpacked(cases)
    share, fee, volume = (review.share_right, review.cost, review.applications_per_day) if review else (1.0, 0.0, math.nan)
    fn_cost, fp_cost = costs.unit_costs.values()
    size = amount if isinstance(costs, LoanCosts) else np.ones(y.size)
    cutoffs, found = [*np.unique(pd), math.inf], []
    for low, high in ((a, d) for i, a in enumerate(cutoffs) for d in (cutoffs[i:] if review else [a])):
        declined, reviewed = by_case(y, pd, low, high, share), (pd >= low) & (pd < high)
        lost = np.where(y == 1, fn_cost * (1 - declined), fp_cost * declined) * size + fee * reviewed
        rate = {"approval_rate": 1 - declined.mean(), "recall": declined[y == 1].mean()}
        found.append(SimpleNamespace(cost=lost.sum(), reviews_per_day=reviewed.mean() * volume, **rate))
    return [outcome for outcome in found if keeps(outcome, limits)]


def keeps(outcome, limits):
    return (
        (limits.approval_rate is None or outcome.approval_rate >= limits.approval_rate - 1e-9)
        and (limits.recall is None or outcome.recall >= limits.recall - 1e-9)
        and (limits.reviews_per_day is None or outcome.reviews_per_day <= limits.reviews_per_day + 1e-6)
    )


RATE = st.none() | st.sampled_from([0.0, 0.3, 0.5, 0.7, 0.9, 1.0])
REVIEW = st.none() | st.builds(Review, st.sampled_from([0.0, 0.2, 3.0]), SHARE, st.just(100.0))
DEFAULTERS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 8), st.integers(1, 9)), max_size=25).map(
    lambda c: [(1, 4, 5), *c]
)


@settings(deadline=None)
@given(DEFAULTERS, RATE, RATE, st.none() | st.sampled_from([0.0, 10.0, 40.0]), REVIEW)
def test_the_search_finds_what_trying_every_pair_finds(cases, approval, recall, capacity, review):
    curve, limits = threshold_curve(*unpacked(cases)), Limits(approval, recall, capacity if review else None)
    for costs in (CaseCosts(5, 1), LoanCosts(0.6, 0.1)):
        found, kept = best_policy(curve, costs, limits, review), all_pairs(cases, costs, limits, review)
        assert isinstance(found, PolicyOutcome) == bool(kept)
        if isinstance(found, PolicyOutcome):
            assert keeps(found, limits)
            assert found.cost == pytest.approx(min(outcome.cost for outcome in kept))
        else:
            assert_smallest_clash(found, cases, costs, limits, review)


def assert_smallest_clash(clash, cases, costs, limits, review):
    """Together they fail, any one left out they do not, and the best each can reach is what trying every pair reaches."""
    assert not all_pairs(cases, costs, Limits(**{name: limits.stated[name] for name in clash.names}), review)
    best = {"approval_rate": (max, "approval_rate"), "recall": (max, "recall"), "reviews_per_day": (min, "reviews_per_day")}
    for limit in clash.limits:
        rest = Limits(**{name: limits.stated[name] for name in clash.names if name != limit.name})
        kept = all_pairs(cases, costs, rest, review)
        assert kept
        pick, attribute = best[limit.name]
        assert limit.attainable == pytest.approx(pick(getattr(outcome, attribute) for outcome in kept), abs=1e-9)
        assert limit.wanted == limits.stated[limit.name]


def test_a_clash_by_hand():
    # Approving the two better grades (6 of 10) misses 1 of 4 defaulters; declining from .3 keeps all recall but 4 of 10.
    clash = best_policy(ten_loans(), CaseCosts(5, 1), Limits(approval_rate=0.6, recall=0.9))
    assert isinstance(clash, Clash)
    assert [(m.name, m.wanted, m.attainable) for m in clash.limits] == [("approval_rate", 0.6, 0.4), ("recall", 0.9, 0.75)]


def test_reviewers_can_dissolve_a_clash_until_their_capacity_joins_it():
    review, limits = Review(0.1, 1.0, applications_per_day=50), Limits(approval_rate=0.5, recall=1.0)
    found = best_policy(ten_loans(), CaseCosts(5, 1), limits, review)
    assert isinstance(found, PolicyOutcome)
    assert best_policy(ten_loans(), CaseCosts(5, 1), limits).names == ("approval_rate", "recall")
    clash = best_policy(ten_loans(), CaseCosts(5, 1), Limits(0.5, 1.0, reviews_per_day=5), review)
    assert clash.names == ("approval_rate", "recall", "reviews_per_day")
    assert clash.limits[2].attainable == 10


def test_a_limit_that_costs_nothing_changes_nothing_and_a_tight_one_is_kept_at_least_cost():
    curve, costs = threshold_curve(*sample(5_000, 2)), CaseCosts(5, 1)
    free = best_policy(curve, costs)
    kept = best_policy(curve, costs, Limits(free.approval_rate, free.recall))
    assert (kept.approve_below, kept.cost) == (free.approve_below, free.cost)
    tight = best_policy(curve, costs, Limits(approval_rate=0.8))
    approves_enough = (rates(curve)["approval_rate"] >= 0.8).to_numpy()
    assert tight.approval_rate >= 0.8
    assert tight.cost == cost_curve(curve, costs)[approves_enough].min()
    assert tight.cost > free.cost


def test_a_million_rows_are_searched_without_trying_every_pair():
    curve, review = threshold_curve(*sample(1_000_000, 3)), Review(0.1, 0.9, 100)
    found = best_policy(curve, CaseCosts(5, 1), Limits(0.7, 0.5, 20), review)
    assert found.reviews_per_day <= 20
    assert found.approval_rate >= 0.7


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=40), st.data())
def test_range_minima_are_those_of_the_slices(values, data):
    spans = data.draw(st.lists(st.tuples(*[st.integers(0, len(values) - 1)] * 2).map(sorted), max_size=10))
    first, last = (np.array([span[i] for span in spans], dtype=np.int64) for i in (0, 1))
    found = range_minimum(np.array(values, dtype=float), first, last)
    assert found.tolist() == [min(values[a : b + 1]) for a, b in spans]


def test_what_cannot_be_asked_is_refused_by_name():
    curve, costs = ten_loans(), CaseCosts(5, 1)
    with pytest.raises(ValueError, match="swap them"):
        policy_outcome(curve, costs, 0.4, 0.2)
    with pytest.raises(ValueError, match=r"approval_rate is 1\.2"):
        Limits(approval_rate=1.2)
    with pytest.raises(ValueError, match="reviews_per_day is -1"):
        Limits(reviews_per_day=-1)
    with pytest.raises(ValueError, match="needs applications_per_day"):
        best_policy(curve, costs, Limits(reviews_per_day=5), Review())
    with pytest.raises(ValueError, match="no defaulter"):
        best_policy(threshold_curve([0, 0], [0.1, 0.2]), costs, Limits(recall=0.5))
    with pytest.raises(ValueError, match="the sample is empty"):
        best_policy(threshold_curve([], []), costs)
    with pytest.raises(ValueError, match="more than one split"):
        best_policy(curve.assign(split=["valid", "valid", "test", "test"]), costs)
    for terms, what in (
        ((-1, 1), "review cost is -1"),
        ((1, 1.5), "share_right is 1.5"),
        ((1, 1, 0), "applications_per_day is 0"),
    ):
        with pytest.raises(ValueError, match=what):
            Review(*terms)


def test_rates_of_a_policy_on_one_cutoff_are_the_curves():
    curve = threshold_curve(*sample(300, 5))
    for _, row in rates(curve).iloc[:-1:40].iterrows():
        found = policy_outcome(curve, CaseCosts(5, 1), row["cutoff"], row["cutoff"])
        assert (found.approval_rate, found.recall) == pytest.approx((row["approval_rate"], row["recall"]))
