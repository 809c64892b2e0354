"""The line of money: each period as `impact` finds it, versions averaged, and what is not known stays unknown."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import contract
from pipeline.monitoring.baseline import Baseline
from pipeline.monitoring.drift_impact import Side, development_side, impact, window_side
from pipeline.monitoring.money_line import COLUMNS, features_needed, money_by_period
from pipeline.monitoring.policy_saving import expected_saving
from tests.monitoring.test_drift_impact import CUT, LOAN, baseline_of, counted, rows

MAY, JUNE = pd.Timestamp("2025-05-01"), pd.Timestamp("2025-06-01")


def period(counts: pd.DataFrame, start: pd.Timestamp, version: int = 1) -> pd.DataFrame:
    return counts.assign(period=start, model_version=version)


def test_each_period_is_the_change_of_the_margin_against_its_own_development() -> None:
    baseline = baseline_of(rows(4000, 1))
    may, june = counted(baseline, rows(900, 2)), counted(baseline, rows(700, 3, shift=1.0))
    found = money_by_period(pd.concat([period(june, JUNE), period(may, MAY)]), {1: baseline})
    assert tuple(found.columns) == COLUMNS and found["period"].tolist() == [MAY, JUNE] and found["n"].tolist() == [900, 700]
    expected = impact(development_side(baseline), window_side(baseline, june), LOAN).margin.times(1000)
    assert found.iloc[1][["promised", "expected", "change", "lo", "hi"]].tolist() == pytest.approx(
        [expected.before, expected.now, expected.change, expected.lo, expected.hi]
    )
    assert found["hi"].iloc[1] < 0, "riskier applicants earn less than promised"
    assert found["lo"].iloc[0] < 0 < found["hi"].iloc[0], "the same applicants do not"


def test_two_versions_of_a_period_are_averaged_by_their_decisions() -> None:
    first = baseline_of(rows(4000, 1))
    second = replace(baseline_of(rows(4000, 5)), version=2)
    mine, theirs = counted(first, rows(900, 2)), counted(second, rows(300, 3))
    both = money_by_period(pd.concat([period(mine, MAY), period(theirs, MAY, 2)]), {1: first, 2: second}).iloc[0]
    alone = money_by_period(period(mine, MAY), {1: first}).iloc[0]
    other = money_by_period(period(theirs, MAY, 2), {2: second}).iloc[0]
    assert both["n"] == 1200
    assert both["change"] == pytest.approx(0.75 * alone["change"] + 0.25 * other["change"])
    halves = 0.75 * (alone["hi"] - alone["change"]), 0.25 * (other["hi"] - other["change"])
    assert both["hi"] - both["change"] == pytest.approx(math.hypot(*halves))


def test_what_cannot_be_priced_is_not_known_and_not_nought() -> None:
    baseline = baseline_of(rows(4000, 1))
    bare = counted(baseline, rows(900, 2))
    sums = bare["feature"] == contract.PROFILE_SUMS
    bare.loc[sums & ~bare["bin"].str.endswith(contract.SUM_PD), "count"] = 0
    found = money_by_period(period(bare, MAY), {1: baseline})
    assert math.isnan(found["change"].iloc[0]) and found["n"].iloc[0] == 900


APPROVE_ALL = {
    "name": "approve all", "approve_below": None, "decline_from": None, "run_id": "",
    "outcomes": {"test": {"saving_per_1000": 419.0}},
}  # fmt: skip


def approved_against(baseline: Baseline, stated: dict[str, Any], **costs: float) -> Baseline:
    policy: Any = SimpleNamespace(approve_below=CUT, decline_above=CUT, baseline=stated, costs=costs)
    return replace(baseline, policy=policy)


def test_what_is_kept_over_approving_everybody_is_that_of_the_rows_and_riskier_applicants_raise_it() -> None:
    baseline = approved_against(baseline_of(rows(4000, 1)), APPROVE_ALL, lgd=0.5, margin=0.1)
    now = rows(8000, 2)
    kept = now["amount"] * np.where(now["pd"] < CUT, 0.0, LOAN.lgd * now["pd"] - LOAN.margin * (1 - now["pd"]))
    same, riskier = counted(baseline, now), counted(baseline, rows(8000, 3, shift=1.0))
    found = money_by_period(pd.concat([period(same, MAY), period(riskier, JUNE)]), {1: baseline})
    assert found["saving"].iloc[0] == pytest.approx(1000 * kept.mean(), rel=1e-3)
    half = found["saving_hi"].iloc[0] - found["saving"].iloc[0]
    assert half == pytest.approx(1000 * 1.959964 * kept.std() / math.sqrt(len(kept)), rel=0.15)
    assert found["saving_promised"].tolist() == [419.0, 419.0]
    assert found["saving"].is_monotonic_increasing and found["expected"].is_monotonic_decreasing


def test_of_the_reviewed_the_share_that_reviewers_decide_rightly_is_kept_less_their_fee() -> None:
    sums = dict.fromkeys(contract.PROFILE_SUM_BINS, 0.0) | {
        f"review:{contract.SUM_PD}": 20.0,
        f"decline:{contract.SUM_PD}": 30.0,
    }
    seen = Side(1000, {"approve": 850, "review": 100, "decline": 50}, sums, 0.02, 0.002, 1.0)
    baseline = approved_against(
        baseline_of(rows(500, 1)), APPROVE_ALL, fn_cost=500.0, fp_cost=100.0, review_cost=5.0, review_share_right=0.9
    )
    declined, reviewed = 30 * 500 - 20 * 100, 0.9 * 20 * 500 - 0.1 * 80 * 100 - 100 * 5
    assert expected_saving(baseline, seen).value == pytest.approx((declined + reviewed) / 1000)
    nobody = replace(seen, outcomes={"approve": 1000, "review": 0, "decline": 0})
    found = expected_saving(baseline, nobody)
    assert found.value == 0.0 and math.isnan(found.variance), "nobody declined so far is no certainty"


@pytest.mark.parametrize("stated", [{}, APPROVE_ALL | {"name": "today's policy", "approve_below": 0.3, "decline_from": 0.3}])
def test_over_another_baseline_what_is_kept_is_not_known_but_what_is_earned_is(stated: dict[str, Any]) -> None:
    baseline = approved_against(baseline_of(rows(4000, 1)), stated, lgd=0.5, margin=0.1)
    found = money_by_period(period(counted(baseline, rows(900, 2)), MAY), {1: baseline}).iloc[0]
    assert math.isnan(found["saving"]) and math.isfinite(found["change"])


def test_without_decisions_or_baselines_there_is_no_line() -> None:
    baseline = baseline_of(rows(500, 1))
    nothing = period(counted(baseline, rows(10, 2)), MAY).iloc[:0]
    assert money_by_period(nothing, {1: baseline}).empty and money_by_period(nothing, {}).empty


def test_only_the_features_that_are_read_are_asked_for() -> None:
    baseline = baseline_of(rows(4000, 1))
    whole = period(counted(baseline, rows(900, 2)), MAY)
    part = whole[whole["feature"].isin(features_needed(baseline))]
    pd.testing.assert_frame_equal(money_by_period(whole, {1: baseline}), money_by_period(part, {1: baseline}))
