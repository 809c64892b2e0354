"""The bulk way into the decision log: columns in, rows out, a commit per ten thousand, each key once."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import repeat
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import Connection, Engine, select

from pipeline.evaluation.inputs import BoolArray, FloatArray
from pipeline.serving.decision_rows import COLUMNS, among, insert_rows, instant, reasons_text, require_text, shadow_text
from pipeline.serving.log_errors import NOTHING, KeyConflict, LogError, in_plain_words
from pipeline.serving.records import Reason, Shadow
from pipeline.store.documents import canonical_json
from pipeline.store.engine import transaction_lock, writing
from pipeline.store.tables import decisions as table

CHUNK: Final = 10_000
"""Rows per commit: large enough that a commit costs little beside them, small enough that others hardly wait."""
CACHE_KIB: Final = 65_536
"""Page cache of SQLite while a batch is written: keys fall all over their index."""
_Texts = Sequence[str] | npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class DecisionBatch:
    """Decisions of one version and policy as columns of n values each.

    ``inputs`` is the typed frame that the model took (float64 for numbers and booleans, str for categories, missing where
    not known). ``keys`` are n different idempotency keys; without them a retry records again.
    """

    project: str
    decided_at: datetime | Sequence[datetime]
    """One instant for all, or one for each."""
    source: str
    model_version: int
    model_sha256: str
    run_id: str
    policy_id: str
    inputs: pd.DataFrame
    pd: FloatArray
    grade: _Texts
    outcome: _Texts
    ids: Sequence[str]
    """From `ids.new_ids`."""
    keys: Sequence[str] | None = None
    applicant_ids: Sequence[str | None] | None = None
    reasons: Sequence[tuple[Reason, ...]] | None = None
    warnings: Sequence[tuple[str, ...]] | None = None
    shadows: Sequence[Shadow | None] | None = None

    def __len__(self) -> int:
        """How many decisions."""
        return len(self.ids)


@dataclass(frozen=True, eq=False)
class RecordedBatch:
    """What stands in the log for each row of a batch, n values each: show these, not what was just scored.

    ``known`` is True where the key was recorded before; there the values are those of the recorded decision.
    """

    ids: npt.NDArray[np.object_]
    pd: FloatArray
    grade: npt.NDArray[np.object_]
    outcome: npt.NDArray[np.object_]
    model_version: npt.NDArray[np.int64]
    known: BoolArray

    def put(self, at: int, recorded: Any) -> None:
        """Show what the log holds in one place."""
        self.ids[at], self.pd[at], self.grade[at] = recorded.id, recorded.pd, recorded.grade
        self.outcome[at], self.model_version[at], self.known[at] = recorded.outcome, recorded.model_version, True

    def repeat(self, at: int, earlier: int) -> None:
        """Show an earlier row of the same key in a later place."""
        for column in (self.ids, self.pd, self.grade, self.outcome, self.model_version):
            column[at] = column[earlier]
        self.known[at] = True


def record_rows(
    engine: Engine, batch: DecisionBatch, *, chunk: int = CHUNK, tell: Callable[[int], None] | None = None
) -> RecordedBatch:
    """Record a batch durably, ``chunk`` rows per commit; ``tell`` is called with the rows done after each commit.

    Raises KeyConflict as `decision_log.record` does, LogError when the log cannot record; its ``recorded`` says how many
    rows of this call are in the log and stay there. Sent again with the same keys the batch goes on where it stopped.
    """
    _require_whole(batch)
    shown = _as_scored(batch)
    done = 0
    for start in range(0, len(batch), chunk):
        stop = min(start + chunk, len(batch))
        try:
            with in_plain_words(), writing(engine) as connection:
                _record_chunk(connection, batch, slice(start, stop), shown)
        except LogError as error:
            raise _with_count(error, done, len(batch)) from None
        done = stop
        if tell is not None:
            tell(done)
    return shown


def inputs_texts(frame: pd.DataFrame) -> list[str]:
    """Return each row of a typed frame as canonical JSON, the very text that `decision_rows.inputs_text` writes."""
    names = sorted(frame.columns)
    if not names:
        return ["{}"] * len(frame)
    template = ",".join(f"{json.dumps(name)}:".replace("%", "%%") + "%s" for name in names)
    columns = [_column_texts(frame[name]) for name in names]
    return [f"{{{template}}}" % row for row in zip(*columns, strict=True)]


def _column_texts(column: "pd.Series[Any]") -> list[str]:
    """Return each value as JSON, writing each different value once."""
    if pd.api.types.is_numeric_dtype(column):
        # By their bits: as numbers 0.0 and -0.0 would be one value.
        codes, bits = pd.factorize(column.to_numpy(dtype=np.float64).view(np.int64))
        values = bits.view(np.float64)
        if np.isinf(values).any():
            raise LogError(f"{column.name} must be a finite number or None; {NOTHING}")
        texts = ["null" if value != value else repr(value) for value in values.tolist()]
    else:
        codes, categories = pd.factorize(column, use_na_sentinel=False)
        texts = ["null" if pd.isna(value) else json.dumps(value) for value in categories]
    return list(np.array(texts, dtype=object)[codes])


def _record_chunk(connection: Connection, batch: DecisionBatch, rows: slice, shown: RecordedBatch) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA cache_size = -{CACHE_KIB}")
    texts = inputs_texts(batch.inputs.iloc[rows])
    columns = _columns(batch, rows, connection.dialect.name) | {"inputs": texts}
    transaction_lock(connection, "decisions")
    there = set() if batch.keys is None else _take_recorded(connection, batch, rows, batch.keys[rows], texts, shown)
    made = zip(*(columns[name] for name in COLUMNS), strict=False)
    insert_rows(connection, [row for at, row in enumerate(made) if at not in there] if there else list(made))


def _take_recorded(
    connection: Connection, batch: DecisionBatch, rows: slice, keys: Sequence[str], texts: list[str], shown: RecordedBatch
) -> set[int]:
    """Put what the log holds into ``shown``; return the places in this chunk that are not to be written."""
    chosen = among(connection, table.c.idempotency_key, keys)
    query = select(*(table.c[name] for name in _COMPARED)).where(table.c.project == batch.project, chosen)
    found = {row.idempotency_key: row for row in connection.execute(query)}
    first: dict[str, int] = {}
    there: set[int] = set()
    for at, key in enumerate(keys):
        if key in found:
            recorded = found[key]
            _require_same(key, (recorded.inputs, recorded.applicant_id), (json.loads(texts[at]), _applicant(batch, rows, at)))
            shown.put(rows.start + at, recorded)
        elif (earlier := first.setdefault(key, at)) != at:
            _require_same(key, (texts[earlier], _applicant(batch, rows, earlier)), (texts[at], _applicant(batch, rows, at)))
            shown.repeat(rows.start + at, rows.start + earlier)
        else:
            continue
        there.add(at)
    return there


_COMPARED = ("idempotency_key", "id", "inputs", "applicant_id", "pd", "grade", "outcome", "model_version")


def _applicant(batch: DecisionBatch, rows: slice, at: int) -> str | None:
    return None if batch.applicant_ids is None else batch.applicant_ids[rows.start + at]


def _require_same(key: str, first: object, again: object) -> None:
    if first != again:
        raise KeyConflict(key)


def _columns(batch: DecisionBatch, rows: slice, dialect: str) -> dict[str, Iterable[Any]]:
    """Return the columns of the store for some rows of a batch; one value for all is repeated without end."""
    n = rows.stop - rows.start
    for name, values in (("id", batch.ids), ("idempotency_key", batch.keys), ("applicant_id", batch.applicant_ids)):
        for value in () if values is None else values[rows]:
            require_text(name, value)
    return {
        "id": batch.ids[rows],
        "project": repeat(batch.project),
        "idempotency_key": repeat(None) if batch.keys is None else batch.keys[rows],
        "decided_at": _instants(batch.decided_at, rows, dialect),
        "source": repeat(batch.source),
        "applicant_id": repeat(None) if batch.applicant_ids is None else batch.applicant_ids[rows],
        "model_version": repeat(batch.model_version),
        "model_sha256": repeat(batch.model_sha256),
        "run_id": repeat(batch.run_id),
        "policy_id": repeat(batch.policy_id),
        "pd": batch.pd[rows].tolist(),
        "grade": list(batch.grade[rows]),
        "outcome": list(batch.outcome[rows]),
        "reasons": _texts(batch.reasons, rows, reasons_text, "[]"),
        "warnings": _texts(batch.warnings, rows, lambda given: canonical_json(list(given)), "[]"),
        "shadow": _texts(batch.shadows, rows, shadow_text, None),
        "latency_ms": repeat(None, n),
    }


def _instants(decided_at: datetime | Sequence[datetime], rows: slice, dialect: str) -> Iterable[Any]:
    if isinstance(decided_at, datetime):
        return repeat(instant(decided_at, dialect))
    return [instant(each, dialect) for each in decided_at[rows]]


def _texts(values: Sequence[Any] | None, rows: slice, write: Callable[[Any], str | None], empty: str | None) -> Iterable[Any]:
    return repeat(empty) if values is None else [write(value) if value else empty for value in values[rows]]


def _as_scored(batch: DecisionBatch) -> RecordedBatch:
    n = len(batch)
    return RecordedBatch(
        np.array(batch.ids, dtype=object),
        np.array(batch.pd, dtype=np.float64),
        np.array(batch.grade, dtype=object),
        np.array(batch.outcome, dtype=object),
        np.full(n, batch.model_version, dtype=np.int64),
        np.zeros(n, dtype=np.bool_),
    )


def _require_whole(batch: DecisionBatch) -> None:
    """Raise ValueError unless every column has one value per decision."""
    columns = ("decided_at", "inputs", "pd", "grade", "outcome", "keys", "applicant_ids", "reasons", "warnings", "shadows")
    for name in columns:
        values = getattr(batch, name)
        if values is not None and not isinstance(values, datetime) and len(values) != len(batch):
            raise ValueError(f"{name} has {len(values)} values for {len(batch)} ids; a batch has one of each per decision")


def _with_count(error: LogError, done: int, n: int) -> LogError:
    if not done:
        return error
    reason = str(error).removesuffix(f"; {NOTHING}")
    return LogError(f"{reason}; {done:,} of {n:,} decisions were recorded before and stay", recorded=done)
