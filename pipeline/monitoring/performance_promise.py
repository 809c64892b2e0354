"""What was promised when a policy was approved: its outcome on test, the money assumed, and how sure the level of PDs was."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas
from pandas import DataFrame, Timestamp
from sqlalchemy import Engine, select

from pipeline import contract
from pipeline.evaluation.advice import Measured
from pipeline.evaluation.cost import Costs
from pipeline.evaluation.inputs import FloatArray
from pipeline.evaluation.months import as_dates
from pipeline.evaluation.policy import Review
from pipeline.evaluation.recalibration import Recalibration, fit_recalibration
from pipeline.evaluation.vintages import decided_metrics
from pipeline.monitoring.baseline import Artifacts, decisions_of
from pipeline.project import ProjectConfig, ProjectError, list_projects, load_project, parse_project
from pipeline.registry import ledger
from pipeline.registry.assumptions import costs_of_policy, costs_of_project, review_of_policy, tested_outcome
from pipeline.registry.policies import Policy
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.store.tables import decisions

NOT_MEASURED: Final = Measured(math.nan, math.nan, math.nan)
TEST_COLUMNS: Final = ("y", "pd", "outcome", "is_declined", "amount", "cash")


@dataclass(frozen=True, eq=False)
class Promise:
    """A policy with the terms of its money and the run's test rows as it would have decided them."""

    policy: Policy
    costs: Costs
    review: Review
    test: DataFrame = field(repr=False)
    """Columns `TEST_COLUMNS`; empty where the run's scored rows cannot be read."""
    calibration: Recalibration
    """By how much the PDs were off on the test rows, and how sure that is; without enough of them only the error of the level
    is known, from the out-of-fold rows on which PDs were calibrated."""
    tested_until: Timestamp | None = None
    """Day of the newest test row, where rows have a time: estimates of loans up to then would rest on their own outcomes."""
    problem: str = ""
    """Why there are no test rows."""

    @property
    def version(self) -> int:
        """The model version that the policy belongs to."""
        return self.policy.model_version

    @property
    def stated_cost(self) -> float:
        """Money lost to wrong decisions per 1,000 applications on test, as the proposal stated it; NaN where it did not."""
        return tested_outcome(self.policy.baseline, contract.COST)

    @property
    def stated_saving(self) -> float:
        """Money saved per 1,000 applications on test over the stated baseline; NaN where none was stated."""
        return tested_outcome(self.policy.baseline, "saving_per_1000")

    def rows(self, outcomes: Collection[str]) -> DataFrame:
        """The test rows that the policy decides in one of these ways."""
        return self.test[self.test["outcome"].isin(list(outcomes))]

    def on_test(self, outcomes: Collection[str]) -> DataFrame:
        """Every metric of the contract on those test rows, as `vintages.decided_metrics`; empty without rows."""
        rows = self.rows(outcomes)
        if rows.empty:
            return DataFrame(columns=["metric", "value", "lo", "hi"])
        return decided_metrics(rows["y"], rows["pd"], rows["is_declined"])


def promise_of(policy: Policy, config: ProjectConfig, artifacts: Artifacts) -> Promise:
    """Return what a policy promised; config: for the costs where the policy states none. Nothing is raised: see ``problem``."""
    costs = costs_of_policy(policy.costs) or costs_of_project(config.costs)
    review = review_of_policy(policy.costs)
    try:
        holdout = artifacts.table(policy.run_id, contract.ARTIFACT_HOLDOUT)
    except (LookupError, TrackingUnavailable) as error:
        return Promise(policy, costs, review, DataFrame(columns=list(TEST_COLUMNS)), Recalibration(), problem=str(error))
    valid = holdout.loc[holdout["split"] == contract.VALID, contract.HOLDOUT_PD].to_numpy(dtype=np.float64)
    test = _test_rows(holdout, policy)
    unknown = Recalibration(covariance=np.diag([level_error(valid) ** 2, 0.0]))
    newest = as_dates(holdout.loc[holdout["split"] == contract.TEST, contract.HOLDOUT_TIME]).max()
    return Promise(
        policy, costs, review, test, fit_recalibration(test["y"], test["pd"]) or unknown,
        tested_until=None if pandas.isna(newest) else Timestamp(newest),
    )  # fmt: skip


def level_error(pds: FloatArray) -> float:
    """Return the standard error of the level of PDs in log-odds, had it been fitted to outcomes of rows with these PDs.

    pds: shape (n,). The Fisher information of a logistic model's intercept is the sum of pd (1 - pd); 0 without rows.
    """
    information = float(np.sum(pds * (1 - pds)))
    return 1 / math.sqrt(information) if information > 0 else 0.0


def product_of(engine: Engine, project: str, artifacts: Artifacts) -> ProjectConfig:
    """Return the project as the live version's run logged it, else the last deciding one's, else the built-in one.

    Raises ProjectError when none can be read.
    """
    run_id = _run_that_decides(engine, project)
    try:
        if run_id is not None:
            return parse_project(artifacts.text(run_id, contract.ARTIFACT_PROJECT), f"run {run_id}")
    except (LookupError, TrackingUnavailable, ProjectError):
        if project not in list_projects():
            raise
    return load_project(project)


def _run_that_decides(engine: Engine, project: str) -> str | None:
    live = ledger.live_at(engine, project)
    if live is not None:
        return live.run_id
    newest = select(decisions.c.run_id).where(decisions.c.project == project).order_by(decisions.c.decided_at.desc()).limit(1)
    with engine.connect() as connection:
        found = connection.scalar(newest)
    return None if found is None else str(found)


def _test_rows(holdout: DataFrame, policy: Policy) -> DataFrame:
    rows = holdout[(holdout["split"] == contract.TEST) & holdout[contract.HOLDOUT_Y].notna()]
    pds = rows[contract.HOLDOUT_PD].to_numpy(dtype=np.float64)
    outcome = decisions_of(policy, pds).to_numpy(dtype=object)
    return DataFrame(
        {
            "y": rows[contract.HOLDOUT_Y].to_numpy(dtype=np.float64),
            "pd": pds,
            "outcome": outcome,
            "is_declined": outcome == contract.DECLINE,
            "amount": rows[contract.HOLDOUT_AMOUNT].to_numpy(dtype=np.float64),
            "cash": rows[contract.HOLDOUT_CASH].to_numpy(dtype=np.float64),
        }
    )
