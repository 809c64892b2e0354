"""The Trade-offs page's sentences say what was found, against what, and what clashes."""

import math

import pandas as pd
import pytest

from dashboard import cut_answers
from dashboard.cut_answers import Cut
from pipeline.evaluation.cost import CaseCosts, CashCosts, LoanCosts
from pipeline.evaluation.hull import BreakEven
from pipeline.evaluation.policy_search import Missed

NAN = math.nan


def found(chosen: float = 0.2, saved: tuple[float, float, float] = (20.0, -5.0, 45.0), **more: object) -> Cut:
    given = {
        "n_valid": 500, "n": 100, "flat": (0.1, 0.3), "band": (0.15, 0.25), "per_year": NAN, "volume": None,
        "baseline": "approve all", "currency": "EUR",
    }  # fmt: skip
    return Cut(chosen=chosen, saved=saved, **(given | more))


@pytest.mark.parametrize(
    ("saved", "said", "is_firm"),
    [
        ((20.0, -5.0, 45.0), "saves 20 EUR [−5, 45] against approving everybody, on 100 test applicants", False),
        ((20.0, 5.0, 45.0), "saves 20 EUR [5, 45]", True),
        ((-20.0, -45.0, 5.0), "loses 20 EUR [−5, 45]", False),
        ((20.0, NAN, NAN), "saves 20 EUR against", False),
    ],
)
def test_a_saving_is_told_with_its_interval_and_is_firm_only_above_zero(
    saved: tuple[float, float, float], said: str, is_firm: bool
) -> None:
    answer = cut_answers.cut(found(saved=saved))
    assert said in answer.text
    assert answer.is_firm == is_firm
    assert ("it may be chance" in answer.detail) == (saved[1] <= 0 <= saved[2])


def test_a_cutoff_that_does_not_pay_is_not_recommended() -> None:
    lost = cut_answers.cut(found(saved=(-20.0, -45.0, -5.0), per_year=-600.0, volume=30_000, baseline="today's policy"))
    assert lost.text.startswith("No gain from the cheapest cut-off, a PD of 20.0 %: per 1,000 applications it loses 20 EUR")
    assert lost.detail.startswith("A loss of about 600 EUR a year at 30,000 applications. Cheapest on")
    same = cut_answers.cut(found(saved=(0.0, 0.0, 0.0), baseline="today's policy"))
    assert same.text == (
        "Nothing to change: the cheapest cut-off, a PD of 20.0 %, decides as today's policy on all 100 test applicants."
    )
    never = cut_answers.cut(found(math.inf))
    assert never.text.startswith("Approve everybody") and not never.is_firm


def test_the_detail_says_band_flat_region_volume_and_limits() -> None:
    detail = cut_answers.cut(found(per_year=12_600_000, volume=30_000, limits="a recall of at least 60.0 %")).detail
    assert "About 12.6M EUR a year at 30,000 applications" in detail
    assert "within your limits (a recall of at least 60.0 %); in 95 % of resamples without them the cheapest lies" in detail
    free = cut_answers.cut(found(flat=(0.1, math.inf), baseline="today's policy"))
    assert "From 10.0 % to any higher cut-off the cost changes by less than 1 %" in free.detail
    assert "against today's policy" in free.text


def test_a_clash_names_each_limit_and_what_the_other_leaves() -> None:
    answer = cut_answers.clash([Missed("approval_rate", 0.95, 0.583), Missed("recall", 0.6, 0.1)])
    assert "no policy keeps an approval rate of at least 95.0 % and a recall of at least 60.0 % together" in answer.text
    assert answer.detail.startswith("Keeping the recall, the approval rate reaches 58.3 % at most; keeping the approval rate")
    alone = cut_answers.clash([Missed("reviews_per_day", 3, 5)])
    assert alone.text == "No policy keeps reviews a day of at most 3." and "At least 5 reviews a day are needed" in alone.detail


@pytest.mark.parametrize(
    ("ratio", "costs", "value", "said"),
    [
        (BreakEven(4.0, 6.0, 4.9, 0), CaseCosts(5, 1), "4.0 to 6.0 : 1", "ratio miss to refusal is 4.0 to 6.0; you state 5.0"),
        (BreakEven(4.0, math.inf, 4.0, 0), LoanCosts(0.5, 0.1), "4.0 to any higher : 1", "LGD to margin"),
        (BreakEven(NAN, NAN, 3.0, 0.02), CashCosts(), "none; nearest 3.0", "comes nearest at 3.0."),
    ],
)
def test_the_ratio_at_which_a_cutoff_is_right_is_told_beside_the_stated_one(
    ratio: BreakEven, costs: CaseCosts | LoanCosts | CashCosts, value: str, said: str
) -> None:
    shown, sentence = cut_answers.said_break_even(ratio, 0.2, "live", costs)
    assert shown == value
    assert said in sentence and "20.0 % (live)" in sentence


def test_realised_cash_is_told_as_cash_and_not_as_margin() -> None:
    people = {"tp": 100, "fp": 50, "fn": 60, "tn": 790}
    costs = pd.DataFrame({"cell": ["tp", "fp", "fn", "tn"], "cost": [0.0, 0.0, 60_000.0, -79_000.0]})
    said = cut_answers.in_words(people, costs, 1000, "USD", is_cash=True)
    assert "**60** of them defaulted and lost **60,000 USD**; the others returned **79,000 USD**" in said
    assert "margin" in cut_answers.in_words(people, costs, 1000, "USD") and "margin" not in said
