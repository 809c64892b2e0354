"""What a run is worth in money, at the assumptions that decide."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from dashboard import loading
from pipeline import contract
from pipeline.evaluation.cost import CaseCosts, Costs, LoanCosts
from pipeline.evaluation.curve import confusion_at
from pipeline.project import ProjectConfig


@dataclass(frozen=True)
class Worth:
    """Money saved per 1,000 applications against approving everybody, on n test rows at the cut-off that decides."""

    saved: float
    lo: float
    hi: float
    n: int
    cutoff: float
    approval_rate: float
    currency: str


def worth(run: pd.Series, release: loading.Release, config: ProjectConfig | None) -> Worth | None:
    """What a run is worth at the live policy's cut-off and costs, else at its own; None when it cannot be priced."""
    if config is None:
        return None
    costs, at = project_costs(config), float(run["cutoff"])
    if release.policy is not None and release.run_id == run["run_id"]:
        costs, at = policy_costs(release.policy.costs) or costs, release.policy.decline_above
    table, test = (
        loading.difference(str(run["run_id"]), at, None, float("inf"), costs),
        loading.curve(str(run["run_id"]), contract.TEST),
    )
    if table is None or test is None:
        return None
    row, here = table.loc[["cost"]].iloc[0], confusion_at(test, at)
    n = int(row["n"])
    per_1000 = 1000 / n
    saved, lo, hi = (-float(row[key]) * per_1000 for key in ("difference", "hi", "lo"))
    return Worth(saved, lo, hi, n, at, float(here["fn"] + here["tn"]) / n, config.project.currency)


def policy_costs(stated: Mapping[str, Any]) -> Costs | None:
    """The cost assumptions of a policy, or None when it states none that can be used."""
    try:
        if stated.get("model") == "per_loan" or ("fn_cost" not in stated and "lgd" in stated):
            return LoanCosts(float(stated["lgd"]), float(stated["margin"]))
        return CaseCosts(float(stated["fn_cost"]), float(stated["fp_cost"]))
    except (KeyError, TypeError, ValueError):
        return None


def project_costs(config: ProjectConfig) -> Costs:
    """The unit costs of a project in the terms of `pipeline.evaluation.cost`."""
    costs = config.costs
    if costs.model == "per_loan":
        return LoanCosts(lgd=costs.lgd, margin=costs.margin)
    return CaseCosts(fn_cost=costs.fn_cost, fp_cost=costs.fp_cost, review_cost=costs.review_cost)
