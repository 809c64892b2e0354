"""What the store holds of a replayed file: which applications were decided and how, and which refusals were counted."""

from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sqlalchemy import Engine, select

from pipeline import contract
from pipeline.evaluation.inputs import BoolArray, IntArray
from pipeline.monitoring.replay_file import DatedFile
from pipeline.serving.batch_log import ROW_DIGITS, of_rows
from pipeline.serving.log_errors import in_plain_words
from pipeline.serving.service_events import ROW, record_refusals
from pipeline.store.tables import decisions, service_events


class Recorded:
    """The decisions on a file's applications, by position; kept up to date as more are made."""

    def __init__(self, engine: Engine, project: str, file: DatedFile) -> None:
        self._positions = pd.Index(file.rows)
        self.ids = np.full(len(file), None, dtype=object)
        self.outcomes = np.full(len(file), None, dtype=object)
        columns = (decisions.c.idempotency_key, decisions.c.id, decisions.c.outcome)
        query = select(*columns).where(of_rows(project, file.sha256, source=contract.SOURCE_REPLAY))
        with in_plain_words(), engine.connect() as connection:
            found = connection.execute(query).all()
        self._put([int(key[-ROW_DIGITS:]) for key, _, _ in found], [r.id for r in found], [r.outcome for r in found])

    def take(self, decided: pd.DataFrame) -> None:
        """Add what was decided just now, rows of `batch_log.DECIDED`."""
        self._put(decided["row"].tolist(), decided["decision_id"].tolist(), decided["outcome"].tolist())

    def is_decided(self, positions: IntArray) -> BoolArray:
        """Tell which of some applications have a decision."""
        return np.asarray(self.ids[positions] != None, dtype=np.bool_)  # noqa: E711  # by element

    def is_approved(self, positions: IntArray) -> BoolArray:
        """Tell which of some applications became loans."""
        return np.asarray(self.outcomes[positions] == contract.APPROVE, dtype=np.bool_)

    def _put(self, rows: list[int], ids: list[str], outcomes: list[str]) -> None:
        at = self._positions.get_indexer(pd.Index(rows, dtype=np.int64))
        inside = at >= 0  # the same file may have been replayed over other days, too
        self.ids[at[inside]] = np.array(ids, dtype=object)[inside]
        self.outcomes[at[inside]] = np.array(outcomes, dtype=object)[inside]


def record_refused(engine: Engine, project: str, file: DatedFile, faults: pd.DataFrame) -> None:
    """Count refused inputs by day and field, each day once, however often its file is replayed.

    faults: `inputs.FAULT_COLUMNS`, ``row`` the number in the file, of whole days: all that is wrong with them.
    """
    if faults.empty:
        return
    at = pd.Series(file.decided_at, index=file.rows).loc[faults["row"]].to_numpy()
    table = faults.assign(day=at.astype("datetime64[D]"), at=at, field=faults["field"].replace("", ROW))
    for _, day in table.groupby("day"):
        # The instant of the day's first refused row tells this day of this file from all others.
        instant = pd.Timestamp(day["at"].min()).tz_localize(UTC).to_pydatetime()
        if not _is_counted(engine, project, instant):
            fields = {str(field): int(n) for field, n in day["field"].value_counts().items()}
            with in_plain_words():
                record_refusals(
                    engine, project, contract.SOURCE_REPLAY, instant, fields, applications=int(day["row"].nunique())
                )


def _is_counted(engine: Engine, project: str, at: datetime) -> bool:
    table = service_events.c
    query = select(table.seq).where(table.project == project, table.source == contract.SOURCE_REPLAY, table.at == at).limit(1)
    with in_plain_words(), engine.connect() as connection:
        return connection.execute(query).first() is not None
