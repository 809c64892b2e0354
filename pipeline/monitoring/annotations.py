"""Notes that people put on the time axis ("campaign started"): added and taken back, never changed or deleted."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import Connection, Engine, insert, select

from pipeline.serving.ids import new_id
from pipeline.store.engine import writing
from pipeline.store.tables import annotations as table

MAX_LENGTH: Final = 200
"""Characters; a mark on an axis, not a report."""


class AnnotationError(ValueError):
    """A note that cannot be kept; the message names the field, the value and what would be right."""


@dataclass(frozen=True)
class Annotation:
    """One note: the day it speaks of, what it says, who wrote it and when (UTC)."""

    id: str
    project: str
    day: date
    text: str
    author: str
    at: datetime


def annotate(engine: Engine, project: str, day: date, text: str, author: str) -> Annotation:
    """Put a note on a day. Raises AnnotationError for an empty or overlong text or author, and for a day to come."""
    now = datetime.now(UTC)
    if day > now.date():
        raise AnnotationError(f"day {day} lies in the future; a note speaks of what has happened, up to {now.date()}")
    made = Annotation(new_id(now), project, day, _text("text", text), _text("author", author), now)
    with writing(engine) as connection:
        connection.execute(insert(table).values(**made.__dict__, withdraws=None))
    return made


def withdraw(engine: Engine, project: str, annotation_id: str, author: str, reason: str) -> None:
    """Take a note back; it and the reason stay in the store. Taking it back again changes nothing.

    Raises AnnotationError when the project has no such note, or author or reason is empty.
    """
    author, reason, now = _text("author", author), _text("reason", reason), datetime.now(UTC)
    with writing(engine) as connection:
        day = connection.scalar(
            select(table.c.day).where(table.c.id == annotation_id, table.c.project == project, table.c.withdraws.is_(None))
        )
        if day is None:
            raise AnnotationError(f"{project} has no note {annotation_id!r}; choose one of the notes on the page")
        if annotation_id in _withdrawn(connection, project):
            return
        connection.execute(
            insert(table).values(
                id=new_id(now), project=project, day=day, text=reason, author=author, at=now, withdraws=annotation_id
            )
        )


def list_annotations(
    engine: Engine, project: str, first: date | None = None, last: date | None = None
) -> tuple[Annotation, ...]:
    """Return the notes that stand, by day and then by when they were written; first and last narrow the days, both included."""
    columns = [table.c[name] for name in Annotation.__dataclass_fields__]
    query = select(*columns).where(table.c.project == project, table.c.withdraws.is_(None))
    if first is not None:
        query = query.where(table.c.day >= first)
    if last is not None:
        query = query.where(table.c.day <= last)
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(table.c.day, table.c.at, table.c.id)).mappings().all()
        gone = _withdrawn(connection, project)
    return tuple(Annotation(**row) for row in rows if row["id"] not in gone)


def _withdrawn(connection: Connection, project: str) -> set[str]:
    query = select(table.c.withdraws).where(table.c.project == project, table.c.withdraws.is_not(None))
    return set(connection.execute(query).scalars())


def _text(name: str, value: str) -> str:
    found = value.strip()
    if not found:
        raise AnnotationError(f"{name} is empty; say something, because the note is kept for good")
    if "\0" in found:
        raise AnnotationError(f"{name} {value!r} holds a NUL character; remove it")
    if len(found) > MAX_LENGTH:
        raise AnnotationError(f"{name} has {len(found)} characters; at most {MAX_LENGTH} fit beside the time axis")
    return found
