"""Performance as of a day: nothing before it is known, nothing unmeasured, money by hand, and the recession in time."""

from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from pipeline import contract
from pipeline.evaluation.cost import CaseCosts, CashCosts, LoanCosts
from pipeline.evaluation.policy import Review
from pipeline.evaluation.vintages import MATURED, WAITING
from pipeline.monitoring.performance import performance_signals, signals_of
from pipeline.monitoring.performance_advice import advice_on, recent_matured
from pipeline.monitoring.performance_assessed import recent_window
from pipeline.monitoring.performance_book import Book, load_book, make_book, mark_of
from pipeline.monitoring.performance_metrics import (
    APPROVED_ONLY,
    OF_DECISIONS,
    estimated,
    measured,
    note_of,
    pooled_realised,
    realised,
)
from pipeline.monitoring.performance_money import cost_expected, cost_promised, cost_realised, money_by_vintage, shortfall
from pipeline.monitoring.performance_promise import Promise
from pipeline.monitoring.signals import SIGNAL_COLUMNS
from pipeline.project import load_project
from tests.monitoring.made_performance import loans_with, promise_with, replay, tell
from tests.serving.conftest import LiveHome, desk, live_engine, live_home, live_once, live_pair

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.serving.desk import Desk

__all__ = ["desk", "live_engine", "live_home", "live_once", "live_pair"]

CONFIG = load_project("simulated")
COSTS = CaseCosts(fn_cost=100, fp_cost=20)


def book_of(rows: pd.DataFrame, as_of: date = date(2027, 1, 1), **promises: Promise) -> Book:
    return make_book(CONFIG, rows, as_of, promises or {"policy-1": promise_with(COSTS)})


def calibrated(n: int, months: int = 6, seed: int = 0) -> pd.DataFrame:
    """Loans that default with their very PDs, known a year on at the latest, n a month from January 2025."""
    rng = np.random.default_rng(seed)
    pds = rng.beta(1.2, 5, n * months)
    day = pd.Timestamp("2025-01-10") + pd.to_timedelta(np.repeat(np.arange(months) * 30.5, n).round(), unit="D")
    y = (rng.random(pds.size) < pds).astype(float)
    known = day + pd.to_timedelta(np.where(y == 1, rng.integers(90, 360, pds.size), 365), unit="D")
    return loans_with(pds, np.where(pds >= 0.2, "decline", "approve"), y, decided_at=day, known_at=known)


# --- what is known when -----------------------------------------------------------------------------------------------


def test_nothing_is_realised_before_maturity_and_everything_is_estimated_until_then() -> None:
    rows = calibrated(400)
    for day, matured in ((date(2025, 12, 31), 0), (date(2026, 1, 10), 1), (date(2026, 3, 20), 3), (date(2027, 1, 1), 6)):
        book = book_of(rows, day)
        decided = sorted(book.loans["vintage"].unique())
        assert sorted(realised(book)["vintage"].unique()) == decided[:matured]
        assert sorted(estimated(book, book.waiting)["vintage"].unique()) == decided[matured:]
        found = signals_of(book)
        assert set(found.loc[found["measure"].str.startswith("realised"), "period"]) == {
            f"{pd.Timestamp(v):%Y-%m-%d}" for v in decided[:matured]
        }
        assert tuple(found.columns) == SIGNAL_COLUMNS


def test_what_lies_after_the_day_is_not_in_the_book() -> None:
    rows = calibrated(50, months=3)
    book = book_of(rows, date(2025, 2, 15))
    assert book.loans["decided_at"].max() <= pd.Timestamp("2025-02-15")
    assert book.loans["y"].isna().all() and book.loans["known_at"].isna().all()


def test_estimates_use_no_outcome() -> None:
    rows = calibrated(300, months=2)
    flipped = rows.assign(y=1 - rows["y"])
    one, other = (estimated(book, book.loans) for book in (book_of(rows), book_of(flipped)))
    pd.testing.assert_frame_equal(one, other)


def test_a_correction_changes_the_past_as_of_later_days_only(live_home: LiveHome, live_engine: "Engine", desk: "Desk") -> None:
    history = live_home.book()
    rows = history[history["application_date"] < "2024-03-01"]
    replay(live_engine, desk.pair(), rows, "M")
    tell(live_engine, "small", rows)
    before = load_book(live_home.settings, live_engine, "small", date(2025, 3, 1))
    mark = mark_of(live_engine, "small")
    good = rows[(rows["default"] == 0) & (rows["outcome_known_date"] <= "2025-02-28")].head(40)
    tell(live_engine, "small", good.assign(default=1, outcome_known_date=pd.Timestamp("2025-06-01")))
    assert mark_of(live_engine, "small") != mark
    again, later = (load_book(live_home.settings, live_engine, "small", day) for day in (date(2025, 3, 1), date(2025, 6, 1)))
    assert before is not None and again is not None and later is not None
    pd.testing.assert_frame_equal(before.loans, again.loans)
    assert later.loans["y"].sum() == again.loans["y"].sum() + len(good)


def test_without_decisions_there_is_no_book_and_no_signal(live_home: LiveHome, live_engine: "Engine") -> None:
    assert load_book(live_home.settings, live_engine, "small") is None
    assert performance_signals(live_home.settings, live_engine, "small").empty


# --- what is measured -------------------------------------------------------------------------------------------------


def test_on_approved_loans_only_recall_is_not_computed_and_the_ranking_is_that_of_the_approved() -> None:
    rows = calibrated(600)
    unseen = rows.assign(y=rows["y"].mask(rows["outcome"] == "decline"))
    book = book_of(unseen)
    assert book.is_approved_only and book.measured_on == ("approve", "review")
    found = pooled_realised(book, book.matured)
    for metric in OF_DECISIONS:
        assert np.isnan(measured(found, metric).value) and note_of(found, metric) == APPROVED_ONLY
    approved = rows[rows["outcome"] == "approve"]
    everybody = book_of(approved.reset_index(drop=True))
    assert measured(found, "roc_auc").value == pytest.approx(
        measured(pooled_realised(everybody, everybody.matured), "roc_auc").value
    )
    assert found["n"].unique().tolist() == [len(approved)]
    known = book.labels.set_index("outcome")["n_known"]
    assert (known["decline"], known["approve"]) == (0, len(approved))


def test_a_vintage_whose_outcomes_come_late_is_waited_for_and_in_the_end_named() -> None:
    rows = calibrated(200, months=1)
    rows.loc[::3, "y"] = np.nan
    for day, status in ((date(2026, 1, 10), WAITING), (date(2026, 4, 9), WAITING), (date(2026, 4, 10), MATURED)):
        book = book_of(rows, day)
        (row,) = book.maturity.to_dict("records")
        assert (row["status"], row["n_known"]) == (status, 133) and not book.is_approved_only
        assert row["note"] == "67 of 200 outcomes never came in"


def test_several_policies_in_one_book_each_decide_by_their_own_cutoff() -> None:
    rows = calibrated(500, months=2)
    late = rows["decided_at"] >= "2025-02-01"
    rows = rows.assign(
        policy_id=np.where(late, "policy-2", "policy-1"),
        outcome=np.where(rows["pd"] >= np.where(late, 0.4, 0.2), "decline", "approve"),
    )
    promises = {"policy-1": promise_with(COSTS), "policy-2": promise_with(CaseCosts(50, 20), policy_id="policy-2")}
    book = book_of(rows, **promises)
    caught = (book.matured["is_declined"] & (book.matured["y"] == 1)).sum() / (book.matured["y"] == 1).sum()
    assert measured(pooled_realised(book, book.matured), "recall").value == pytest.approx(caught)
    lost = [len(part[part["y"].eq(1) & ~part["is_declined"]]) for _, part in book.matured.groupby("policy_id")]
    refused = (book.matured["is_declined"] & book.matured["y"].eq(0)).sum()
    by_hand = 1000 * (100 * lost[0] + 50 * lost[1] + 20 * refused) / len(book.matured)
    assert cost_realised(book, book.matured)[0].value == pytest.approx(by_hand)


# --- money ------------------------------------------------------------------------------------------------------------


def test_money_of_six_loans_by_hand() -> None:
    """Approved: a defaulter (100) and a good one (0). Declined: a defaulter (0), a good one (20). Reviewed, 90 % rightly, for 5
    each: a defaulter (5 + 10), a good one (5 + 2)."""
    rows = loans_with(
        [0.1, 0.1, 0.5, 0.5, 0.3, 0.3], ["approve", "approve", "decline", "decline", "review", "review"], [1, 0, 1, 0, 1, 0]
    )
    terms = promise_with(COSTS, review=Review(cost=5, share_right=0.9), approve_below=0.2, decline_above=0.4)
    book = book_of(rows, **{"policy-1": terms})
    assert cost_realised(book, book.loans)[0].value == pytest.approx(1000 * (100 + 0 + 0 + 20 + 15 + 7) / 6)
    expected = 0.1 * 100 * 2 + 0.5 * 20 * 2 + 2 * (5 + 0.3 * 10 + 0.7 * 2)
    assert cost_expected(book, book.loans)[0].value == pytest.approx(1000 * expected / 6)


def test_money_per_loan_agrees_with_the_policys_own_outcome_on_the_same_rows() -> None:
    from pipeline.evaluation.curve import threshold_curve
    from pipeline.evaluation.policy import policy_outcome

    rows = calibrated(500, months=1)
    rows = rows.assign(
        amount=np.random.default_rng(1).lognormal(9, 0.5, len(rows)),
        outcome=np.select([rows["pd"] < 0.15, rows["pd"] < 0.3], ["approve", "review"], "decline"),
    )
    costs, review = LoanCosts(lgd=0.5, margin=0.1), Review(cost=25, share_right=0.8)
    book = book_of(rows, **{"policy-1": promise_with(costs, review=review, approve_below=0.15, decline_above=0.3)})
    curve = threshold_curve(rows["y"], rows["pd"], rows["amount"])
    said = policy_outcome(curve, costs, 0.15, 0.3, review).cost
    assert cost_realised(book, book.matured)[0].value == pytest.approx(1000 * said / len(rows))


def test_a_missing_amount_makes_money_unknown_with_a_reason_and_hides_nothing_else() -> None:
    rows = calibrated(200, months=1).assign(amount=np.nan)
    book = book_of(rows, **{"policy-1": promise_with(LoanCosts(0.5, 0.1))})
    value, why = cost_realised(book, book.matured)
    assert np.isnan(value.value) and "amount" in why
    assert measured(pooled_realised(book, book.matured), "roc_auc").value > 0.5


def test_cash_is_what_approved_loans_returned_and_its_promise_what_they_did_on_test() -> None:
    rows = loans_with([0.1, 0.1, 0.5, 0.1], ["approve", "approve", "decline", "approve"], [0, 1, 1, 0], cash=[30, -50, -70, 10])
    test = rows.assign(is_declined=rows["outcome"] == "decline", cash=[40.0, 0, 0, 20])
    book = book_of(rows, **{"policy-1": promise_with(CashCosts(), test=test)})
    assert cost_realised(book, book.loans)[0].value == pytest.approx(-1000 * (30 - 50 + 10) / 4)
    assert shortfall(book, book.loans)[0] == pytest.approx((60 - -10) / 60)
    assert "flowed" in cost_expected(book, book.loans)[1]


def test_what_was_promised_is_what_the_proposal_stated_and_the_saving_is_over_its_baseline() -> None:
    stated = {"outcomes": {contract.TEST: {contract.COST: 4000.0, "saving_per_1000": 900.0}}, "name": "approve all"}
    rows = calibrated(400, months=1)
    book = book_of(rows, **{"policy-1": promise_with(COSTS, baseline=stated)})
    (money,) = money_by_vintage(book).to_dict("records")
    assert (money["promised"], money["saving_promised"]) == (4000.0, 900.0)
    approve_all = 1000 * 100 * rows["y"].sum() / len(rows)
    assert money["saving"] == pytest.approx(approve_all - money["realised"])
    other_run = promise_with(COSTS, baseline=stated | {"run_id": "other"})
    assert np.isnan(money_by_vintage(book_of(rows, **{"policy-1": other_run}))["saving"]).all()
    assert cost_promised(book, book.loans) == 4000.0


# --- advice -----------------------------------------------------------------------------------------------------------


def test_advice_rests_on_the_newest_vintages_that_hold_enough_defaults() -> None:
    rows = calibrated(4000, months=4)
    book = book_of(rows)
    per_vintage = book.matured.groupby("vintage")["y"].sum()
    taken = recent_matured(book)["vintage"].unique()
    assert per_vintage.iloc[-1] < 1000 and sorted(taken) == list(per_vintage.index[-2:])
    assert recent_window(book)[0] == 1


def test_only_the_newest_version_with_matured_loans_is_judged() -> None:
    rows = calibrated(400, months=3)
    rows = rows.assign(model_version=np.where(rows["decided_at"] < "2025-03-01", 1, 2))
    advised = advice_on(book_of(rows))
    assert advised.version == 2 and advised.n == (rows["model_version"] == 2).sum()
    assert advice_on(book_of(rows, date(2025, 6, 1))).version is None
    assert advice_on(book_of(rows, date(2025, 6, 1))).advice.is_judged is False
