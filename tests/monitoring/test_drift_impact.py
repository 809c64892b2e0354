"""What a shift costs: by hand, against the rows themselves, and only as far as counts can say."""

import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandas import DataFrame, Series

from pipeline import contract
from pipeline.evaluation.profile_bins import category_reference, profile_counts
from pipeline.evaluation.reference import reference_profile
from pipeline.monitoring.baseline import Baseline
from pipeline.monitoring.drift_impact import MONTH_DAYS, Side, development_side, impact, window_side
from pipeline.monitoring.profile_sums import natural_sums, sum_table
from pipeline.project_sections import Costs

LOAN = Costs(model="per_loan", fn_cost=1.0, fp_cost=1.0, lgd=0.5, margin=0.1)
CASE = Costs(model="per_case", fn_cost=500.0, fp_cost=100.0)
CUT = 0.2


def side(
    n: int = 1000, approved: int = 600, pd_sum: float = 60.0, lent: float = 6_000_000.0, pd_lent: float = 500_000.0
) -> Side:
    sums = dict.fromkeys(contract.PROFILE_SUM_BINS, 0.0)
    sums |= {
        "approve:pd_millionths": pd_sum, "approve:amount_hundredths": lent, "approve:pd_amount_hundredths": pd_lent,
        "approve:n_amount": float(approved), "decline:pd_millionths": 160.0,
    }  # fmt: skip
    outcomes = {"approve": approved, "review": 0, "decline": n - approved}
    return Side(n, outcomes, sums, pd_variance=0.02, pd_variance_approved=0.002, amount_cv2=0.5)


def test_the_change_by_hand_per_loan() -> None:
    found = impact(side(), side(approved=500, pd_sum=55.0, lent=4_000_000.0, pd_lent=400_000.0), LOAN, days=61)
    assert found.approved.change == pytest.approx(-0.1)
    half = 1.959964 * math.sqrt(2 * 0.25 / 1000)
    assert found.approved.hi - found.approved.lo == pytest.approx(2 * half, rel=0.03)
    assert found.pd.before == pytest.approx(0.220)
    assert found.pd_approved.before == pytest.approx(0.1)
    assert found.pd_approved.now == pytest.approx(0.11)
    # 10 % of 5,500,000 good money less half of 500,000 lost, over 1,000 applications; now 360,000 less 200,000.
    assert found.margin.before == pytest.approx(300.0)
    assert found.margin.now == pytest.approx(160.0)
    assert found.loss.before == pytest.approx(250.0)
    assert found.loss_rate.before == pytest.approx(0.5 * 500 / 6000)
    assert found.margin_per_1000.change == pytest.approx(-140_000.0)
    assert found.per_month == pytest.approx(1000 / 61 * MONTH_DAYS)
    assert found.margin_per_month.change == pytest.approx(-140.0 * found.per_month)


def test_the_change_by_hand_per_case() -> None:
    found = impact(side(), side(approved=500, pd_sum=55.0), CASE)
    assert found.margin.before == pytest.approx((540 * 100 - 60 * 500) / 1000)
    assert found.margin.now == pytest.approx((445 * 100 - 55 * 500) / 1000)
    assert found.loss_rate.now == pytest.approx(0.11)
    assert math.isnan(found.per_month)
    assert math.isnan(found.margin_per_month.change)


def test_nothing_changes_between_equals_and_chance_is_not_called_change() -> None:
    found = impact(side(), side(), LOAN, days=30)
    for change in (found.approved, found.reviewed, found.pd, found.pd_approved, found.loss, found.margin, found.loss_rate):
        assert change.change == 0.0
        assert change.lo < 0 < change.hi
        assert not change.is_beyond_chance


def test_without_amounts_money_is_not_known_but_approvals_are() -> None:
    bare = replace(side(), sums=side().sums | {"approve:n_amount": 0.0, "approve:amount_hundredths": 0.0})
    found = impact(bare, bare, LOAN)
    assert math.isnan(found.margin.change)
    assert found.approved.change == 0.0


def test_a_side_with_nobody_is_not_known_and_one_that_approves_nobody_earns_nothing() -> None:
    nobody = replace(side(), n=0, outcomes=dict.fromkeys(contract.OUTCOMES, 0))
    assert math.isnan(impact(nobody, side(), LOAN).approved.change)
    strict = replace(side(), outcomes={"approve": 0, "review": 0, "decline": 1000})
    found = impact(strict, side(), LOAN)
    assert found.margin.before == 0.0
    assert math.isnan(found.pd_approved.change)


@given(st.integers(1, 5000), st.floats(0, 1), st.integers(1, 5000), st.floats(0, 1))
def test_the_interval_holds_the_change_and_shrinks_with_rows(n: int, a: float, m: int, b: float) -> None:
    one, two = (side(size, int(size * share)) for size, share in ((n, a), (m, b)))
    few, many = impact(one, two, CASE), impact(_times(one, 100), _times(two, 100), CASE)
    assert few.approved.lo <= few.approved.change <= few.approved.hi
    assert many.approved.hi - many.approved.lo < few.approved.hi - few.approved.lo


def _times(one: Side, factor: int) -> Side:
    return replace(
        one, n=one.n * factor, outcomes={o: factor * k for o, k in one.outcomes.items()},
        sums={name: factor * value for name, value in one.sums.items()},
    )  # fmt: skip


def rows(n: int, seed: int, shift: float = 0.0) -> DataFrame:
    rng = np.random.default_rng(seed)
    pds = rng.beta(1.5 + shift, 8, n)
    return DataFrame({"amount": rng.lognormal(9, 0.6, n), "pd": pds})


def baseline_of(frame: DataFrame) -> Baseline:
    """A baseline of bare rows: what `load_baseline` makes of a run, without the run."""
    decided = outcomes_of(frame)
    counts = decided.value_counts()
    extra = category_reference(contract.PROFILE_DECISION, {o: int(counts.get(o, 0)) for o in contract.OUTCOMES})
    reference = pd.concat([reference_profile(frame, {"amount": "number"}, frame["pd"]), extra], ignore_index=True)
    ranges = DataFrame({"feature": ["amount"], "lowest": [frame["amount"].min()], "highest": [frame["amount"].max()]})
    config: Any = SimpleNamespace(data=SimpleNamespace(amount="amount"), costs=LOAN)
    policy: Any = SimpleNamespace(approve_below=CUT, baseline={}, costs={})
    return Baseline(config, "run", 1, reference, ranges, natural_sums(sums_of(frame)), len(frame), policy)


def outcomes_of(frame: DataFrame) -> "Series[str]":
    return cast("Series[str]", Series(np.where(frame["pd"] < CUT, contract.APPROVE, contract.DECLINE)))


def sums_of(frame: DataFrame) -> DataFrame:
    places = (frame["pd"] >= CUT).to_numpy().astype(np.int64) * contract.OUTCOMES.index(contract.DECLINE)
    return sum_table(places, frame["pd"].to_numpy(), frame["amount"].to_numpy())


def counted(baseline: Baseline, frame: DataFrame) -> DataFrame:
    with_decision = frame.assign(**{contract.PROFILE_DECISION: outcomes_of(frame).to_numpy()})
    return pd.concat([profile_counts(with_decision, baseline.reference, baseline.ranges), sums_of(frame)], ignore_index=True)


def earned(frame: DataFrame) -> Any:
    """What each row is expected to earn, straight from the rows."""
    approved = (frame["pd"] < CUT).to_numpy()
    return np.where(approved, frame["amount"] * (LOAN.margin * (1 - frame["pd"]) - LOAN.lgd * frame["pd"]), 0.0)


def test_from_counts_come_the_means_of_the_rows_and_nearly_their_spread() -> None:
    before, now = rows(20_000, 1), rows(8_000, 2, shift=0.5)
    baseline = baseline_of(before)
    found = impact(development_side(baseline), window_side(baseline, counted(baseline, now)), LOAN)
    assert found.margin.before == pytest.approx(earned(before).mean(), rel=1e-4)
    assert found.margin.now == pytest.approx(earned(now).mean(), rel=1e-4)
    assert found.approved.now == pytest.approx((now["pd"] < CUT).mean())
    assert found.pd.now == pytest.approx(now["pd"].mean(), rel=1e-4)
    exact = 1.959964 * math.sqrt(earned(before).var() / len(before) + earned(now).var() / len(now))
    assert (found.margin.hi - found.margin.lo) / 2 == pytest.approx(exact, rel=0.15)
    of_pd = 1.959964 * math.sqrt(before["pd"].var() / len(before) + now["pd"].var() / len(now))
    assert (found.pd.hi - found.pd.lo) / 2 == pytest.approx(of_pd, rel=0.1)


@pytest.mark.long
def test_the_interval_of_money_holds_the_truth_in_about_95_of_100_draws() -> None:
    baseline = baseline_of(rows(20_000, 1))
    truth = earned(rows(400_000, 9, shift=0.3)).mean() - earned(rows(400_000, 10)).mean()
    held = 0
    for seed in range(100):
        base = baseline_of(rows(3000, 100 + seed))
        found = impact(development_side(base), window_side(base, counted(base, rows(2000, 500 + seed, shift=0.3))), LOAN)
        held += found.margin.lo <= truth <= found.margin.hi
    assert held >= 90
    assert baseline.n == 20_000
