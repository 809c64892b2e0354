"""The row of a decision: how a record becomes what the store keeps, byte for byte, and comes back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Engine, RowMapping, Text, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError

from pipeline.serving.log_errors import NOTHING, LogError
from pipeline.serving.records import Decision, Reason, Shadow, Value, as_document
from pipeline.store.documents import canonical_json
from pipeline.store.tables import decisions as table

Row = tuple[Any, ...]
COLUMNS: Final = tuple(column.name for column in table.columns if column.name != "seq")
"""Everything that is written; the store numbers the rows itself."""
COPY_FROM: Final = 100
"""Rows from which PostgreSQL's COPY is worth its start."""


def row_of(decision: Decision, dialect: str) -> Row:
    """Return a decision as the row of `COLUMNS`. Raises LogError for what no store keeps (NaN, NUL), naming the field."""
    for name in ("id", "idempotency_key", "applicant_id"):
        require_text(name, getattr(decision, name))
    fields = decision.__dict__ | {
        "decided_at": instant(decision.decided_at, dialect),
        "inputs": inputs_text(decision.inputs),
        "pd": float(decision.pd),
        "reasons": reasons_text(decision.reasons),
        "warnings": canonical_json(list(decision.warnings)),
        "shadow": shadow_text(decision.shadow),
    }
    return tuple(fields[name] for name in COLUMNS)


def decision_of(row: RowMapping) -> Decision:
    """Return the decision of a row as SQLAlchemy reads it."""
    shadow = row["shadow"]
    return Decision(
        **{name: row[name] for name in ("seq", *COLUMNS) if name not in ("reasons", "warnings", "shadow")},
        reasons=tuple(Reason(**document) for document in row["reasons"]),
        warnings=tuple(row["warnings"]),
        shadow=None if shadow is None else Shadow(**shadow),
    )


def reading(store: Engine | Connection) -> AbstractContextManager[Connection]:
    """Open a connection for a read, or stay inside the caller's transaction."""
    return store.connect() if isinstance(store, Engine) else nullcontext(store)


def insert_rows(connection: Connection, rows: Sequence[Row]) -> None:
    """Write rows of `COLUMNS` on a connection of `writing`."""
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_INSERT.format(", ".join("?" * len(COLUMNS))), list(rows))
    elif len(rows) < COPY_FROM:
        connection.exec_driver_sql(_INSERT.format(", ".join(["%s"] * len(COLUMNS))), list(rows))
    else:
        _copy(connection, rows)


def numbers(connection: Connection, ids: Sequence[str]) -> dict[str, int]:
    """Return the store's number of each decision, by id."""
    return _look_up(connection, _NUMBERS, ids)


def ids_of_keys(connection: Connection, project: str, keys: Sequence[str]) -> dict[str, str]:
    """Return the decision id of each idempotency key that the project has recorded."""
    return _look_up(connection, _KEYS, keys, project)


def among(connection: Connection, column: ColumnElement[str], values: Iterable[str]) -> ColumnElement[bool]:
    """Return "the column is one of these" as one parameter, however many there are."""
    if connection.dialect.name == "sqlite":
        each = func.json_each(json.dumps(list(values))).table_valued("value")
        return column.in_(select(each.c.value))
    return column == any_(literal(list(values), ARRAY(Text)))


def instant(moment: datetime, dialect: str) -> Any:
    """Return an aware datetime as the driver takes it: on SQLite the very text that `UtcDateTime` stores."""
    if moment.tzinfo is None:
        raise ValueError(f"decided_at {moment} has no time zone; give an aware datetime such as datetime.now(UTC)")
    utc = moment.astimezone(UTC)
    return utc.replace(tzinfo=None).isoformat(" ", "microseconds") if dialect == "sqlite" else utc


def inputs_text(inputs: Mapping[str, Value]) -> str:
    """Return inputs as canonical JSON; LogError names what is NaN or infinite."""
    try:
        return canonical_json(dict(inputs))
    except ValueError:
        wrong = [name for name, value in inputs.items() if isinstance(value, float) and value - value != 0]
        raise LogError(
            f"{', '.join(wrong)} must be a finite number or None; no decision was recorded, so none is shown"
        ) from None


def reasons_text(reasons: Iterable[Reason]) -> str:
    """Return principal reasons as canonical JSON."""
    return canonical_json([as_document(reason) for reason in reasons])


def shadow_text(shadow: Shadow | None) -> str | None:
    """Return a shadow answer as canonical JSON, or None."""
    return None if shadow is None else canonical_json(as_document(shadow))


def require_text(name: str, value: str | None) -> None:
    """Raise LogError for text that no database keeps."""
    if value is not None and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise LogError(f"{name} holds half a character (a lone surrogate); {NOTHING}") from None
    if value is not None and "\0" in value:
        raise LogError(f"{name} holds a NUL character; {NOTHING}")


_INSERT: Final = f"INSERT INTO decisions ({', '.join(COLUMNS)}) VALUES ({{}})"  # noqa: S608 - our own column names
_COPY: Final = f"COPY decisions ({', '.join(COLUMNS)}) FROM STDIN"


# Written out, because Core takes longer to build these two than the store to answer, and every applicant waits for them.
_NUMBERS: Final = {
    "sqlite": "SELECT id, seq FROM decisions WHERE id IN (SELECT value FROM json_each(?))",
    "postgresql": "SELECT id, seq FROM decisions WHERE id = ANY(%s)",
}
_KEYS: Final = {
    "sqlite": "SELECT idempotency_key, id FROM decisions "
    "WHERE project = ? AND idempotency_key IN (SELECT value FROM json_each(?))",
    "postgresql": "SELECT idempotency_key, id FROM decisions WHERE project = %s AND idempotency_key = ANY(%s)",
}


def _look_up(connection: Connection, statements: Mapping[str, str], values: Sequence[str], *first: str) -> dict[str, Any]:
    """Return what a two-column statement says of many values, given as one parameter."""
    dialect = connection.dialect.name
    many = json.dumps(list(values)) if dialect == "sqlite" else list(values)
    return {row[0]: row[1] for row in connection.exec_driver_sql(statements[dialect], (*first, many))}


def _copy(connection: Connection, rows: Sequence[Row]) -> None:
    raw: Any = connection.connection.driver_connection
    driver: Any = connection.dialect.loaded_dbapi
    try:
        with raw.cursor() as cursor, cursor.copy(_COPY) as copy:
            for row in rows:
                copy.write_row(row)
    except driver.Error as error:
        # SQLAlchemy does not see the driver's own cursor; its errors must leave here as all others do.
        raise DBAPIError.instance(
            "COPY decisions", None, error, driver.Error, hide_parameters=True, connection_invalidated=raw.closed
        ) from None
