"""Decisions and outcomes of a handful of applicants, for tests of what becomes of them."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pandas as pd
from sqlalchemy import Engine, select

from pipeline.serving.decision_log import record
from pipeline.serving.ids import new_id
from pipeline.store.tables import outcomes
from tests.serving.made_decisions import decision

PROJECT = "simulated"


def decide(engine: Engine, applicant: str | None, day: str, **fields: object) -> str:
    """Record one decision of noon of a day; its id."""
    at = datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC)
    (made,) = record(engine, [decision(id=new_id(at), applicant_id=applicant, decided_at=at, idempotency_key=None, **fields)])
    return made.id


def told(*rows: tuple[object, ...]) -> pd.DataFrame:
    """Outcomes as (subject, day, defaulted[, cash])."""
    columns = ["subject_id", "known_at", "defaulted", "cash"][: len(rows[0])]
    return pd.DataFrame(rows, columns=columns)


def stored(engine: Engine, project: str = PROJECT) -> Sequence[tuple[object, ...]]:
    """Every row about a project, as (subject, day, defaulted, cash, revision), in the order of recording."""
    c = outcomes.c
    query = select(c.subject_id, c.known_at, c.defaulted, c.cash, c.revision).where(c.project == project).order_by(c.seq)
    with engine.connect() as connection:
        return [
            (subject, f"{known:%Y-%m-%d}", defaulted, cash, revision)
            for subject, known, defaulted, cash, revision in connection.execute(query)
        ]
