"""What a policy assumes and was chosen on: cost model, review terms, baseline, volume; and how that is kept. Pure."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from pipeline import contract
from pipeline.evaluation.cost import CaseCosts, CashCosts, Costs, LoanCosts
from pipeline.evaluation.policy import NO_REVIEW, Review
from pipeline.project import Costs as ProjectCosts

STATED: Final = "stated"
"""The cut-off was named by its author and chosen on no rows."""
CHOSEN_ON: Final = (contract.VALID, STATED)
APPROVE_ALL: Final = "approve all"
MODEL_NAMES: Final = {CaseCosts: "per_case", LoanCosts: "per_loan", CashCosts: "realised_cash"}


@dataclass(frozen=True)
class Baseline:
    """What a policy is measured against: a name for people and cut-offs of a run, "" for the proposed run itself."""

    name: str = APPROVE_ALL
    decline_from: float = math.inf
    approve_below: float = math.inf
    run_id: str = ""


@dataclass(frozen=True)
class Choice:
    """Two cut-offs (equal: nobody is reviewed), the rows they were chosen on, and what was assumed.

    `limits` holds what the policy had to keep, by name; `applications_per_year` is the volume the saving is stated for.
    """

    approve_below: float
    decline_above: float
    chosen_on: str
    costs: Costs
    review: Review = NO_REVIEW
    baseline: Baseline = Baseline()
    limits: Mapping[str, float] | None = None
    applications_per_year: int | None = None


def stated_costs(choice: Choice) -> dict[str, Any]:
    """Return the assumptions as a policy keeps them: the cost model with its units, review terms, limits and volume."""
    stated: dict[str, Any] = {"model": MODEL_NAMES[type(choice.costs)]} | asdict(choice.costs)
    stated |= {"review_cost": choice.review.cost, "review_share_right": choice.review.share_right}
    stated |= {"applications_per_year": choice.applications_per_year, "limits": dict(choice.limits or {})}
    return stated


def costs_of_policy(stated: Mapping[str, Any]) -> Costs | None:
    """Return the cost model that a policy states, or None when it states none that can be used."""
    try:
        if stated.get("model") == MODEL_NAMES[CashCosts]:
            return CashCosts()
        if stated.get("model") == MODEL_NAMES[LoanCosts] or ("fn_cost" not in stated and "lgd" in stated):
            return LoanCosts(float(stated["lgd"]), float(stated["margin"]))
        return CaseCosts(float(stated["fn_cost"]), float(stated["fp_cost"]))
    except (KeyError, TypeError, ValueError):
        return None


def review_of_policy(stated: Mapping[str, Any]) -> Review:
    """Return the review terms that a policy states: no fee, and reviewers always right, where it states none."""
    right = stated.get("review_share_right")
    return Review(float(stated.get("review_cost") or 0.0), 1.0 if right is None else float(right))


def tested_outcome(baseline: Mapping[str, Any], name: str) -> float:
    """Return what a policy's proposal stated of the test rows beside its baseline; NaN where it stated none."""
    found = baseline.get("outcomes", {}).get(contract.TEST, {}).get(name)
    return math.nan if found is None else float(found)


def costs_of_project(costs: ProjectCosts) -> Costs:
    """Return the cost model that a project states."""
    if costs.model == "per_loan":
        return LoanCosts(lgd=costs.lgd, margin=costs.margin)
    return CaseCosts(fn_cost=costs.fn_cost, fp_cost=costs.fp_cost, review_cost=costs.review_cost)
