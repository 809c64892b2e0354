"""What the decision log already holds of a file: rows that were decided once stay so, however often the file comes."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Engine, Text, and_, cast, func, select

from pipeline import contract
from pipeline.evaluation.inputs import IntArray
from pipeline.serving.log_errors import in_plain_words
from pipeline.store.tables import decisions as table

ROW_DIGITS: Final = 9
LAST_ROW: Final = 10**ROW_DIGITS - 1
DECIDED: Final = (
    "row", "applicant_id", "decision_id", "outcome", "pd", "grade", "reasons", "warnings", "model_version", "policy_id",
    "decided_at",
)  # fmt: skip
"""The columns of decided rows: ``row`` from 1, ``reasons`` and ``warnings`` tuples of sentences, ``decided_at`` ISO text in
UTC. ``decision_id`` and ``decided_at`` are None where nothing was recorded."""


@dataclass(frozen=True)
class Earlier:
    """The decisions of a file that were recorded before."""

    n: int
    first: datetime
    last: datetime
    versions: tuple[int, ...]


def keys_of(sha256: str, rows: IntArray, source: str = contract.SOURCE_BATCH) -> list[str]:
    """Return the idempotency key of each row: the same file and row is the same decision, whatever version is live.

    A file that is replayed is other traffic than the same file scored: each source has keys of its own.
    """
    head = _head(sha256, source)
    return [f"{head}{row:0{ROW_DIGITS}d}" for row in rows.tolist()]


def _head(sha256: str, source: str) -> str:
    return f"{source}:{sha256}:"


def recorded_before(engine: Engine, project: str, sha256: str) -> Earlier | None:
    """Return what is recorded of a file, None when nothing is. Raises LogError when the log cannot be read."""
    mine = of_rows(project, sha256)
    about = select(func.count(), func.min(table.c.decided_at), func.max(table.c.decided_at)).where(mine)
    with in_plain_words(), engine.connect() as connection:
        n, first, last = connection.execute(about).one()
        if not n:
            return None
        versions = connection.execute(select(table.c.model_version).where(mine).distinct()).scalars()
        return Earlier(n, first, last, tuple(sorted(versions)))


def read_rows(
    engine: Engine, project: str, sha256: str, first: int, last: int, source: str = contract.SOURCE_BATCH
) -> pd.DataFrame:
    """Return the recorded decisions of rows ``first`` to ``last`` of a file, in order, with the columns of `DECIDED`."""
    row = func.substr(table.c.idempotency_key, len(_head(sha256, source)) + 1)
    chosen = (
        row, table.c.applicant_id, table.c.id, table.c.outcome, table.c.pd, table.c.grade, cast(table.c.reasons, Text),
        cast(table.c.warnings, Text), table.c.model_version, table.c.policy_id, table.c.decided_at,
    )  # fmt: skip
    query = select(*chosen).where(of_rows(project, sha256, first, last, source))
    with in_plain_words(), engine.connect() as connection:
        found = pd.DataFrame([tuple(row) for row in connection.execute(query)], columns=list(DECIDED), dtype=object)
    return _typed(found).sort_values("row", ignore_index=True)


def of_rows(
    project: str, sha256: str, first: int = 0, last: int = LAST_ROW, source: str = contract.SOURCE_BATCH
) -> ColumnElement[bool]:
    """Return "this decision is of these rows of that file"."""
    low, high = keys_of(sha256, np.array([first, last], dtype=np.int64), source)
    return and_(table.c.project == project, table.c.idempotency_key.between(low, high))


def _typed(found: pd.DataFrame) -> pd.DataFrame:
    return found.assign(
        row=found["row"].astype("int64"),
        pd=found["pd"].astype("float64"),
        model_version=found["model_version"].astype("int64"),
        reasons=found["reasons"].map(_texts),
        warnings=found["warnings"].map(lambda text: tuple(json.loads(text))),
        decided_at=[iso(at) for at in found["decided_at"]],
    )


def iso(at: datetime) -> str:
    """Return an instant as result files write it."""
    return at.isoformat(" ", "seconds")


def _texts(reasons: str) -> tuple[str, ...]:
    return () if reasons == "[]" else tuple(reason["text"] for reason in json.loads(reasons))
