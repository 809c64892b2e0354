"""What a policy is expected to keep over approving everybody, from the counted sums of those it does not approve."""

import math
from collections.abc import Mapping
from typing import Any, Final

from pipeline import contract
from pipeline.evaluation.cost import CashCosts
from pipeline.monitoring.baseline import Baseline
from pipeline.monitoring.drift_impact import Estimate, Side
from pipeline.registry.assumptions import costs_of_policy, costs_of_project, review_of_policy, tested_outcome

UNKNOWN: Final = Estimate(math.nan, math.nan)


def promised_saving(baseline: Baseline) -> float:
    """Return the money per 1,000 applications that the policy's proposal stated of test; NaN where it stated none."""
    return tested_outcome(baseline.policy.baseline, "saving_per_1000")


def expected_saving(baseline: Baseline, side: Side) -> Estimate:
    """Return the mean money kept per application over approving everybody, at the policy's own assumptions, and its variance.

    Of the declined the losses avoided less the margin forgone; of the reviewed the share that reviewers are assumed to decide
    rightly, less their fee. Not known where the policy was approved against another baseline, for sums by decision cannot tell
    whom that would have approved; where money is cash that really flowed; or where amounts are missing.
    """
    policy = baseline.policy
    costs = costs_of_policy(policy.costs) or costs_of_project(baseline.config.costs)
    if not side.n or isinstance(costs, CashCosts) or not _is_approve_all(policy.baseline):
        return UNKNOWN
    if_default, if_good = costs.unit_costs.values()
    review = review_of_policy(policy.costs)
    right, fee = review.share_right, review.cost
    if side.outcomes[contract.APPROVE] == side.n:
        return Estimate(0.0, math.nan)  # as approving everybody; that nobody was declined does not say how many will be
    low, high = policy.approve_below, policy.decline_above
    groups = [
        _group(side, contract.DECLINE, costs.basis, (-if_good, if_default + if_good), 0.0, (high, 1.0)),
        _group(
            side, contract.REVIEW, costs.basis, (-(1 - right) * if_good, right * if_default + (1 - right) * if_good), fee,
            (low, high),
        ),
    ]  # fmt: skip
    mean, square = (sum(found[place] for found in groups) for place in (0, 1))
    return Estimate(mean, max(square - mean**2, 0.0) / side.n)


def _group(
    side: Side, outcome: str, basis: str, line: tuple[float, float], fee: float, ends: tuple[float, float]
) -> tuple[float, float]:
    """Share of an outcome times mean and mean square of A (line[0] + line[1] PD) - fee; A = 1 for costs per case.

    ends: between which PDs of that outcome lie. In the square amount and PD are taken as independent, as in `drift_impact`, and
    the spread of the PD as that of an exponential from its lower end, at most what its ends allow (Bhatia and Davis 2000).
    """
    k = side.outcomes[outcome]
    if not k:
        return 0.0, 0.0
    mean_pd = side.sums[f"{outcome}:{contract.SUM_PD}"] / k
    amount, weighted, cv2 = 1.0, mean_pd, 0.0
    if basis:
        n = side.sums[f"{outcome}:{contract.SUM_N_AMOUNT}"]
        if not n:
            return math.nan, math.nan
        amount, cv2 = side.sums[f"{outcome}:{contract.SUM_AMOUNT}"] / n, side.amount_cv2
        weighted = side.sums[f"{outcome}:{contract.SUM_PD_AMOUNT}"] / n
    gain = line[0] * amount + line[1] * weighted
    variance = max(min((mean_pd - ends[0]) ** 2, (mean_pd - ends[0]) * (ends[1] - mean_pd)), 0.0)
    square = amount**2 * (1 + cv2) * ((line[0] + line[1] * mean_pd) ** 2 + line[1] ** 2 * variance)
    share = k / side.n
    return share * (gain - fee), share * (square - 2 * fee * gain + fee**2)


def _is_approve_all(stated: Mapping[str, Any]) -> bool:
    """JSON knows no infinity: a cut-off that is not there declines nobody."""
    return "name" in stated and stated.get("approve_below") is None and stated.get("decline_from") is None
