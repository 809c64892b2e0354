"""The rows of profiles: adding counts to them, and the mark up to which decisions are counted."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from pandas import DataFrame
from sqlalchemy import Connection, Engine, func, insert, select, update

from pipeline.store.engine import transaction_lock
from pipeline.store.tables import decisions, profile_marks

_DAYS: Final = ("project", "day", "model_version", "segment", "feature", "bin")
_MONTHS: Final = ("project", "segment", "month", "model_version", "feature", "bin")
_TYPES: Final = {"day": "date", "month": "date", "model_version": "int", "count": "bigint"}


def add_counts(connection: Connection, project: str, version: int, counts: DataFrame) -> None:
    """Add counts of decisions (`profile_counts.TABLE_COLUMNS`, days as ISO text) to both tables, on one of `writing`."""
    if counts.empty:
        return
    months = counts.assign(month=counts["day"].astype(str).str.slice(0, 7) + "-01")
    keys = ["segment", "month", "feature", "bin"]
    _upsert(connection, "profiles", _DAYS, counts, project, version)
    summed = months.groupby(keys, sort=True)["count"].sum().reset_index()
    _upsert(connection, "profile_months", _MONTHS, summed, project, version)


def _upsert(connection: Connection, table: str, key: tuple[str, ...], counts: DataFrame, project: str, version: int) -> None:
    columns = [name for name in (*key, "count") if name not in ("project", "model_version")]
    values: list[list[Any]] = [counts[name].tolist() for name in columns]
    names = ", ".join(("project", "model_version", *columns))
    then = f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET count = {table}.count + excluded.count"
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * (len(columns) + 2))
        rows = [(project, version, *row) for row in zip(*values, strict=True)]
        connection.exec_driver_sql(f"INSERT INTO {table} ({names}) VALUES ({marks}) {then}", rows)  # noqa: S608 - our names
        return
    # One statement for all rows, a JSON text per column: a row at a time is a round trip each, and the driver's own arrays
    # take six times as long to write.
    lists = ", ".join(["json_array_elements_text(%s::json)"] * len(columns))
    given = ", ".join(f"given.{name}::{_TYPES.get(name, 'text')}" for name in columns)
    rows_from = f"SELECT %s, %s::int, {given} FROM ROWS FROM ({lists}) AS given ({', '.join(columns)})"  # noqa: S608 - our names
    texts = [json.dumps(column) for column in values]
    connection.exec_driver_sql(f"INSERT INTO {table} ({names}) {rows_from} {then}", (project, version, *texts))


def read_mark(connection: Connection, project: str) -> int:
    """Return the number up to which all decisions of a project are counted, 0 before the first."""
    return connection.scalar(select(profile_marks.c.last_seq).where(profile_marks.c.project == project)) or 0


def move_mark(connection: Connection, project: str, before: int, last_seq: int) -> None:
    """Say that decisions are counted up to a number; ``before`` is what `read_mark` returned in this transaction."""
    values = {"last_seq": last_seq, "updated_at": datetime.now(UTC)}
    if before:
        connection.execute(update(profile_marks).where(profile_marks.c.project == project).values(values))
    else:
        connection.execute(insert(profile_marks).values(project=project, **values))


def lock_profiles(connection: Connection) -> None:
    """Let one writer of profiles at a time past this point, until its transaction ends."""
    transaction_lock(connection, "profiles")


def safe_seq(engine: Engine) -> int:
    """Return a number up to which every decision of any project is visible, for good.

    PostgreSQL gives numbers out before commit, and writers hold the lock from before theirs until they commit; whoever has
    the lock sees all that were given out. SQLite has one writer at a time anyway.
    """
    with engine.begin() as connection:
        transaction_lock(connection, "decisions")
        return connection.scalar(select(func.max(decisions.c.seq))) or 0
