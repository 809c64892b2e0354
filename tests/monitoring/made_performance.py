"""Decisions of a book at chosen days, and their outcomes as they become known: what a replay leaves in the store."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline import contract
from pipeline.monitoring.outcomes import record_outcomes
from pipeline.serving import scorer
from pipeline.serving.decision_batch import DecisionBatch, record_rows
from pipeline.serving.ids import new_ids

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.serving.desk import Pair


def replay(engine: "Engine", pair: "Pair", book: pd.DataFrame) -> None:
    """Score the applications of each day by what is live and record them at noon of that day; book: as simulated."""
    live = pair.champion
    checked = live.rules.check_frame(book)
    frame, kept = checked.frame, book.iloc[checked.positions].reset_index(drop=True)
    said = scorer.assess(live, frame)
    for day, places in kept.groupby("application_date").indices.items():
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
