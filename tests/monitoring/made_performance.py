"""Decisions of a book at chosen days, and their outcomes as they become known: what a replay leaves in the store."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from pipeline import contract
from pipeline.evaluation.cost import Costs
from pipeline.evaluation.policy import NO_REVIEW, Review
from pipeline.evaluation.recalibration import Recalibration
from pipeline.monitoring.outcomes import record_outcomes
from pipeline.monitoring.performance_promise import TEST_COLUMNS, Promise
from pipeline.registry.policies import Policy
from pipeline.serving import scorer
from pipeline.serving.decision_batch import DecisionBatch, record_rows
from pipeline.serving.ids import new_ids

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.serving.desk import Pair
    from pipeline.serving.live import LiveModel


def replay(engine: "Engine", pair: "Pair", book: pd.DataFrame, freq: str = "D") -> None:
    """Score the applications of each period by what is live and record them at noon of its first day; book: as simulated."""
    live = pair.champion
    checked = live.rules.check_frame(book)
    frame, kept = checked.frame, book.iloc[checked.positions].reset_index(drop=True)
    said = scorer.assess(live, frame)
    starts = kept["application_date"].dt.to_period(freq).dt.start_time
    for day, places in starts.groupby(starts).indices.items():
        at = datetime.combine(pd.Timestamp(day).date(), datetime.min.time(), UTC).replace(hour=12)
        rows = np.asarray(places)
        record_rows(
            engine,
            DecisionBatch(
                live.project, at, contract.SOURCE_REPLAY, live.version, live.model_sha256, live.run_id, live.policy.id,
                frame.iloc[rows].reset_index(drop=True), said.pd[rows], said.grade[rows], said.outcome[rows],
                new_ids(at, rows.size), applicant_ids=kept["application_id"].iloc[rows].tolist(),
            ),
        )  # fmt: skip


def as_decided(live: "LiveModel", book: pd.DataFrame) -> pd.DataFrame:
    """The same without a store: rows as `outcomes.with_outcomes` returns them once every outcome is known."""
    checked = live.rules.check_frame(book)
    kept, said = book.iloc[checked.positions].reset_index(drop=True), scorer.assess(live, checked.frame)
    return pd.DataFrame(
        {
            "id": kept["application_id"], "applicant_id": kept["application_id"], "decided_at": kept["application_date"],
            "model_version": live.version, "policy_id": live.policy.id, "outcome": said.outcome, "pd": said.pd,
            "grade": said.grade, "amount": kept["amount"].astype(float), "y": kept["default"].astype(float),
            "known_at": kept["outcome_known_date"], "cash": (kept["realised_interest"] - kept["realised_loss"]).astype(float),
        }
    )  # fmt: skip


def outcomes_of(book: pd.DataFrame) -> pd.DataFrame:
    """The book's outcomes as they are sent to the store."""
    return pd.DataFrame(
        {
            "subject_id": book["application_id"],
            "known_at": book["outcome_known_date"],
            "defaulted": book["default"],
            "cash": book["realised_interest"] - book["realised_loss"],
        }
    )


def tell(engine: "Engine", project: str, book: pd.DataFrame) -> None:
    """Record every outcome of the book."""
    record_outcomes(engine, project, outcomes_of(book))


def promise_with(
    costs: Costs, *, approve_below: float = 0.2, decline_above: float = 0.2, review: Review = NO_REVIEW,
    policy_id: str = "policy-1", version: int = 1, baseline: dict[str, Any] | None = None, test: pd.DataFrame | None = None,
) -> Promise:  # fmt: skip
    """A promise without a run behind it, PDs taken as they are."""
    policy = Policy(
        policy_id, "simulated", int(policy_id[-1]), version, "run", approve_below, decline_above, {}, baseline or {}, "why",
        "pm", datetime(2025, 1, 1, tzinfo=UTC), "0" * 64,
    )  # fmt: skip
    return Promise(policy, costs, review, pd.DataFrame(columns=list(TEST_COLUMNS)) if test is None else test, Recalibration())


def loans_with(pds: Any, outcome: Any, y: Any, **more: Any) -> pd.DataFrame:
    """Rows of `outcomes.with_outcomes`, all decided on one day unless told otherwise."""
    n = len(pds)
    rows = pd.DataFrame(
        {
            "id": [f"d-{i}" for i in range(n)], "applicant_id": [f"a-{i}" for i in range(n)], "decided_at": "2025-01-15",
            "model_version": 1, "policy_id": "policy-1", "outcome": outcome, "pd": np.asarray(pds, dtype=float), "grade": "C",
            "amount": 1000.0, "y": np.asarray(y, dtype=float), "known_at": "2025-12-01", "cash": np.nan,
        }
    )  # fmt: skip
    return rows.assign(**more)
