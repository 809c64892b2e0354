"""Outcomes as they become known: append-only; the same again is nothing new, a changed one is the subject's next revision."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import pandas as pd
from sqlalchemy import Connection, Engine, func, insert, select, union

from pipeline.evaluation.inputs import BoolArray, IntArray
from pipeline.monitoring.outcomes_check import require_good
from pipeline.serving.decision_rows import among
from pipeline.serving.ids import new_ids
from pipeline.serving.log_errors import in_plain_words
from pipeline.store.engine import transaction_lock, writing
from pipeline.store.tables import decisions
from pipeline.store.tables import outcomes as table

CHUNK: Final = 10_000
"""Outcomes per commit."""


@dataclass(frozen=True)
class OutcomesRecorded:
    """What came of ``given`` outcomes; ``repeated`` and ``overtaken`` ones were not recorded again."""

    given: int = 0
    new: int = 0
    """Of subjects never heard of before."""
    corrected: int = 0
    """Say otherwise than what was known by their day."""
    confirmed: int = 0
    """Say on a later day what was known already."""
    repeated: int = 0
    """Recorded before."""
    overtaken: int = 0
    """Recorded before and corrected for the same day since; the correction stands. Give a later day to take it back."""
    unknown: int = 0
    """Of all given, subjects without a decision in this store; kept, they may have been decided before it existed."""

    def __add__(self, other: "OutcomesRecorded") -> "OutcomesRecorded":
        """Add up what came of two parts."""
        return OutcomesRecorded(*(mine + theirs for mine, theirs in zip(self._values(), other._values(), strict=True)))

    def _values(self) -> tuple[int, ...]:
        return self.given, self.new, self.corrected, self.confirmed, self.repeated, self.overtaken, self.unknown


def record_outcomes(engine: Engine, project: str, frame: pd.DataFrame) -> OutcomesRecorded:
    """Record outcomes durably, append-only, `CHUNK` per commit; sent again they add nothing.

    frame: subject_id, known_at (a day, or an instant in UTC), defaulted (0/1) and, where the columns tell, cash (the loan's
    realised net return; NaN where not told, which never takes back what was). One row per subject. Raises OutcomeError, after
    which nothing was recorded, or LogError when the store cannot record.
    """
    good = require_good(frame)
    done = OutcomesRecorded()
    for start in range(0, len(good), CHUNK):
        with in_plain_words(), writing(engine) as connection:
            # One writer at a time, so that revisions of a subject have no gaps and no doubles.
            transaction_lock(connection, "outcomes")
            done += _record_chunk(connection, project, good.iloc[start : start + CHUNK].reset_index(drop=True))
    return done


def typed_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the columns of the store, as read, their types; instants in UTC."""
    return rows.assign(
        subject_id=rows["subject_id"].astype("str"),
        known_at=pd.to_datetime(rows["known_at"], utc=True).dt.as_unit("us"),
        defaulted=rows["defaulted"].astype(bool),
        cash=rows["cash"].astype("float64"),
        revision=rows["revision"].astype("int64"),
    )


def _record_chunk(connection: Connection, project: str, given: pd.DataFrame) -> OutcomesRecorded:
    """Write what is new of outcomes whose subjects differ."""
    subjects = given["subject_id"].tolist()
    given = given.assign(known_at=given["known_at"].dt.tz_localize("UTC"))
    heard, there, holds, revision = _against(given, _recorded(connection, project, subjects))
    rows = given[~there].assign(revision=revision[~there])
    if len(rows):
        connection.execute(insert(table), _documents(project, rows))
    kinds = (~heard, heard & ~there & ~holds, heard & ~there & holds, there & holds, there & ~holds)
    new, corrected, confirmed, repeated, overtaken = (int(chosen.sum()) for chosen in kinds)
    n_unknown = len(given) - _with_decision(connection, project, subjects)
    return OutcomesRecorded(len(given), new, corrected, confirmed, repeated, overtaken, n_unknown)


def _recorded(connection: Connection, project: str, subjects: list[str]) -> pd.DataFrame:
    columns = (table.c.subject_id, table.c.known_at, table.c.defaulted, table.c.cash, table.c.revision)
    query = select(*columns).where(table.c.project == project, among(connection, table.c.subject_id, subjects))
    return typed_rows(pd.DataFrame(connection.execute(query).all(), columns=[c.name for c in columns]))


def _against(given: pd.DataFrame, recorded: pd.DataFrame) -> tuple[BoolArray, BoolArray, BoolArray, IntArray]:
    """Compare with what is recorded: is the subject known, is this very outcome there with its day, is it what holds on that
    day, and the revision it would have.

    The day belongs to an outcome: were one left out because it says nothing else than the one before, a late file could come
    between the two, and the same file sent again would then change what is known.
    """
    n = len(given)
    pairs = given.reset_index(names="at").merge(recorded, on="subject_id", suffixes=("", "_there"))
    says_same = pairs["defaulted"].eq(pairs["defaulted_there"]) & (pairs["cash"].isna() | pairs["cash"].eq(pairs["cash_there"]))
    known_by_then = pairs[pairs["known_at_there"] <= pairs["known_at"]].sort_values(["known_at_there", "revision"])
    holding = known_by_then.index[~known_by_then["at"].duplicated(keep="last")]
    heard, there, holds = (np.zeros(n, dtype=np.bool_) for _ in range(3))
    heard[pairs["at"]] = True
    there[pairs["at"][says_same & pairs["known_at"].eq(pairs["known_at_there"])]] = True
    holds[pairs["at"][holding][says_same[holding]]] = True
    revision = np.ones(n, dtype=np.int64)
    np.maximum.at(revision, pairs["at"].to_numpy(dtype=np.int64), pairs["revision"].to_numpy(dtype=np.int64) + 1)
    return heard, there, holds, revision


def _documents(project: str, rows: pd.DataFrame) -> list[dict[str, Any]]:
    columns = ("id", "subject_id", "known_at", "defaulted", "cash", "revision")
    ids = new_ids(datetime.now(UTC), len(rows))
    cash = [None if value != value else value for value in rows["cash"].tolist()]
    known_at = [instant.to_pydatetime() for instant in rows["known_at"]]
    subjects, defaulted, revisions = (rows[name].tolist() for name in ("subject_id", "defaulted", "revision"))
    values = zip(ids, subjects, known_at, defaulted, cash, revisions, strict=True)
    return [{"project": project, **dict(zip(columns, row, strict=True))} for row in values]


def _with_decision(connection: Connection, project: str, subjects: list[str]) -> int:
    """Count the subjects that are an applicant or a decision of the project."""
    mine = decisions.c.project == project
    applicants = select(decisions.c.applicant_id).where(mine, among(connection, decisions.c.applicant_id, subjects))
    ids = select(decisions.c.id).where(mine, among(connection, decisions.c.id, subjects))
    return int(connection.execute(select(func.count()).select_from(union(applicants, ids).subquery())).scalar_one())
