"""A counter-offer is verified by scoring, inside what is allowed, and no larger than what brute force finds."""

from collections.abc import Callable
from functools import cache
from itertools import combinations, product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.inputs import FloatArray
from pipeline.project import ProjectConfig, parse_project
from pipeline.serving.counter_offer import CounterOffer, counter_offer, find_counter_offer
from pipeline.serving.levers import levers, natural_step, round_values
from pipeline.serving.records import Value
from pipeline.serving.scorer import inputs_frame
from tests.serving.made_inputs import inputs_of

if TYPE_CHECKING:
    from pipeline.serving.desk import Pair

TOML = """
features = [
  { name = "amount", kind = "number", label = "Amount", range = [1000, 20000], monotone = 1, actionable = true },
  { name = "term", kind = "category", label = "Term", choices = [12, 24, 36, 48, 60], actionable = true },
  { name = "purpose", kind = "category", label = "Purpose", choices = ["car", "travel", "other"], actionable = PURPOSE },
  { name = "cards", kind = "number", label = "Cards", integer = true, range = [0, 10], actionable = true },
  { name = "age", kind = "number", label = "Years here", range = [0, 50] },
]
project = { name = "toy", title = "Toy", currency = "EUR" }
data = { target = "y" }
split = { method = "random" }
costs = { fn_cost = 5, fp_cost = 1 }
models.prior.family = "prior"
"""
BACKGROUND = pd.DataFrame(
    {
        "amount": np.linspace(1000, 21000, 101),  # width of the middle 90 %: 18,000
        "term": (["12", "24", "36", "48", "60"] * 21)[:101],
        "purpose": (["car", "travel"] * 51)[:101],  # nobody had "other"
        "cards": (list(range(11)) * 10)[:101],  # width 10
        "age": np.linspace(0, 50, 101),
    }
).astype({"cards": "float64"})
RANGES = pd.DataFrame({"feature": ["amount", "cards", "age"], "lowest": [1000.0, 0.0, 0.0], "highest": [21000.0, 10.0, 50.0]})
INPUTS: dict[str, Value] = {"amount": 10000.0, "term": "36", "purpose": "travel", "cards": 5.0, "age": 10.0}
CUTOFF = 0.2


@cache
def toy(purpose: str = "false") -> ProjectConfig:
    return parse_project(TOML.replace("PURPOSE", purpose))


def linear(
    amount: float = 0.0, term: float = 0.0, cards: float = 0.0, travel: float = 0.0
) -> Callable[[pd.DataFrame], FloatArray]:
    """A logistic PD of exactly 0.2 at INPUTS, which is not below the cut-off: each effect counts in log-odds per unit."""

    def score(frame: pd.DataFrame) -> FloatArray:
        z = amount * (frame["amount"] - 10000.0) / 18000 + term * (frame["term"].astype(int) - 36) / 48
        z = z + cards * (frame["cards"] - 5.0) / 9 + travel * ((frame["purpose"] == "travel") - 1.0)
        return np.asarray(0.25 * np.exp(z) / (1 + 0.25 * np.exp(z)), dtype=np.float64)

    return score


def find(
    score: Callable[[pd.DataFrame], FloatArray], config: ProjectConfig | None = None, **inputs: Value
) -> CounterOffer | None:
    return find_counter_offer(score, config or toy(), {**INPUTS, **inputs}, CUTOFF, BACKGROUND, RANGES)


def changed(offer: CounterOffer | None) -> dict[str, Value]:
    assert offer is not None
    return {change.feature: change.after for change in offer.changes}


def test_the_smallest_round_amount_below_the_cutoff_is_offered() -> None:
    """Any smaller amount passes; the background's middle 90 % is 18,000 wide, so amounts move in steps of 200."""
    offer = find(linear(amount=1.0))
    assert offer is not None
    assert changed(offer) == {"amount": 9800.0}
    assert offer.distance == pytest.approx(200 / 18000)
    assert (offer.pd_before, offer.pd_after < CUTOFF) == (0.2, True)
    assert (offer.changes[0].label, offer.changes[0].before) == ("Amount", 10000.0)


def test_what_is_offered_scores_as_it_says() -> None:
    score = linear(amount=1.0, term=-0.4, cards=0.2)
    offer = find(score, amount=15000.0)
    again = score(inputs_frame(toy(), [{**INPUTS, "amount": 15000.0, **changed(offer)}]))
    assert offer is not None
    assert again[0] == offer.pd_after < CUTOFF


def test_an_application_that_passes_already_needs_no_change() -> None:
    offer = find(linear(amount=1.0), amount=5000.0)
    assert offer is not None
    assert (offer.changes, offer.distance, offer.pd_after) == ((), 0.0, offer.pd_before)


def test_none_is_said_when_nothing_in_the_ranges_passes() -> None:
    assert find(linear()) is None
    assert find(linear(travel=5.0)) is None, "the purpose is not actionable"
    assert find(linear(amount=-5.0)) is None, "the project says that more raises the PD, so nobody is told to ask for more"


def test_a_category_goes_only_where_training_has_been() -> None:
    offer = find(linear(travel=5.0), toy("true"))
    assert changed(offer) == {"purpose": "car"}
    assert offer is not None
    assert offer.distance == 1.0
    assert find(lambda frame: np.where(frame["purpose"] == "other", 0.1, 0.3), toy("true")) is None, "nobody had other"


def test_numeric_choices_lie_on_a_line() -> None:
    longer = find(linear(term=-1.0))
    assert changed(longer) == {"term": "48"}
    assert longer is not None
    assert longer.distance == 0.25, "one of the four steps from 12 to 60"
    assert changed(find(linear(term=1.0))) == {"term": "24"}


def test_two_changes_are_offered_only_when_they_are_smaller_together() -> None:
    def both_or_much(frame: pd.DataFrame) -> FloatArray:
        lower, fewer = (10000.0 - frame["amount"]) / 18000, (5.0 - frame["cards"]) / 10
        return np.where((lower >= 0.45) | ((lower > 0.05) & (fewer > 0.05)), 0.1, 0.3)

    assert changed(find(both_or_much)) == {"amount": 9000.0, "cards": 4.0}
    assert changed(find(lambda frame: np.where(frame["amount"] <= 9800, 0.1, np.where(frame["cards"] < 5, 0.1, 0.3)))) == {
        "amount": 9800.0
    }


def test_an_unknown_value_is_left_alone() -> None:
    offer = find(lambda frame: np.where(frame["amount"] < 5000, 0.1, np.where(frame["cards"] < 5, 0.1, 0.3)), cards=None)
    assert changed(offer) == {"amount": 4800.0}
    coded = parse_project(TOML.replace("PURPOSE", "false").replace("range = [0, 10]", "missing = [99]"))
    assert {lever.name for lever in levers(coded, {**INPUTS, "cards": 99.0}, BACKGROUND, RANGES)} == {"amount", "term"}


def test_a_value_outside_the_ranges_comes_inside_and_never_ends_outside() -> None:
    assert changed(find(lambda frame: np.where(frame["amount"] <= 30000, 0.1, 0.3), amount=40000.0)) == {"amount": 20000.0}
    assert find(lambda frame: np.where(frame["amount"] < 1000, 0.1, 0.3)) is None
    assert find(lambda frame: np.where(frame["amount"] > 20000, 0.1, 0.3)) is None


@pytest.mark.parametrize(
    ("at_most", "whole", "step"), [(360, False, 200), (500, False, 500), (0.019, False, 0.01), (0.3, True, 1), (7, True, 5)]
)
def test_numbers_move_in_round_steps(at_most: float, whole: bool, step: float) -> None:
    assert natural_step(at_most, whole=whole) == pytest.approx(step)


def test_round_values_carry_no_float_dust() -> None:
    assert round_values(0.0, 0.35, 0.05).tolist() == [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35]
    assert round_values(1037.0, 1399.0, 100.0).tolist() == [1100.0, 1200.0, 1300.0]


def test_a_number_that_never_varied_in_training_cannot_move() -> None:
    same = BACKGROUND.assign(amount=5000.0, cards=np.nan)
    assert {lever.name for lever in levers(toy(), INPUTS, same, RANGES)} == {"term"}


def small_grid() -> dict[str, list[tuple[Value, float]]]:
    """Some values that could be offered, with the size of the change worked out by hand from the definition."""
    terms: list[Value] = ["12", "24", "36", "48", "60"]
    return {
        "amount": [(v, (10000 - v) / 18000) for v in (1000.0, 3000.0, 6000.0, 8000.0, 9000.0, 9600.0)],
        "cards": [(float(v), abs(v - 5) / 10) for v in range(11) if v != 5],
        "term": [(v, abs(terms.index(v) - 2) / 4) for v in terms if v != "36"],
    }


def brute_force(score: Callable[[pd.DataFrame], FloatArray]) -> float | None:
    grid = small_grid()
    singles = [({name: value}, size) for name, options in grid.items() for value, size in options]
    pairs = [({a: va, b: vb}, sa + sb) for a, b in combinations(grid, 2) for (va, sa), (vb, sb) in product(grid[a], grid[b])]
    moves = singles + pairs
    pds = score(inputs_frame(toy(), [{**INPUTS, **move} for move, _ in moves]))
    return min((size for (_, size), pd_value in zip(moves, pds, strict=True) if pd_value < CUTOFF), default=None)


effect = st.floats(-3, 3, allow_nan=False)


@settings(deadline=None, max_examples=60)
@given(st.floats(0, 3), effect, effect, st.floats(0, 2))
def test_with_a_monotone_pd_none_means_none_and_no_smaller_change_exists(
    amount: float, term: float, cards: float, above: float
) -> None:
    """`above` lifts the applicant above the cut-off in log-odds, so that sometimes nothing reaches it."""

    def score(frame: pd.DataFrame) -> FloatArray:
        pds = linear(amount=amount, term=term, cards=cards)(frame)
        odds = pds / (1 - pds) * np.exp(above)
        return np.asarray(odds / (1 + odds))

    found, best = find(score), brute_force(score)
    if found is None:
        assert best is None
    else:
        assert best is None or found.distance <= best + 1e-9
        assert found.pd_after < CUTOFF


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.floats(0.001, 0.2))
def test_with_any_pd_at_all_nothing_that_passes_nearby_is_overlooked(seed: int, share: float) -> None:
    """A PD at random: each combination passes with probability `share`, whatever lies beside it."""

    def score(frame: pd.DataFrame) -> FloatArray:
        key = pd.util.hash_pandas_object(frame, index=False).to_numpy() ^ np.uint64(seed * 2654435761)
        passes = (key * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(11)).astype(np.float64) / 2**53 < share
        passes &= ~((frame["amount"] == 10000) & (frame["term"] == "36") & (frame["cards"] == 5)).to_numpy()
        return np.where(passes, 0.1, 0.3)

    found, best = find(score), brute_force(score)
    if best is not None and found is not None:
        assert found.distance <= best + 1e-9
    assert found is not None or best is None


def test_every_offer_to_real_applicants_is_approved_by_the_live_model(live_pair: "Pair") -> None:
    live = live_pair.champion
    refused = live.background[live.background["pd"] >= live.policy.approve_below].head(12)
    found = []
    for _, row in refused.iterrows():
        inputs = inputs_of(live.config, row)
        offer = counter_offer(live, inputs)
        found.append(offer)
        if offer is not None:
            after = {**inputs, **changed(offer)}
            assert float(live.model.predict_proba(inputs_frame(live.config, [after]))[0, 1]) == offer.pd_after
            assert offer.pd_after < live.policy.approve_below <= offer.pd_before
            assert 1 <= len(offer.changes) <= 2
            assert all(live.config.feature(change.feature).actionable for change in offer.changes)
    assert any(offer is not None for offer in found)
