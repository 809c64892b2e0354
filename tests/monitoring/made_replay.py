"""A few months of the small product's book as files to replay, and what the store holds after them."""

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Column, Engine, Table, select

from pipeline.monitoring.replay import Order, Replayed, replay
from pipeline.monitoring.replay_file import DatedFile, read_dated
from pipeline.project import open_project
from pipeline.serving.desk import Desk
from pipeline.settings import Settings
from pipeline.store.tables import decisions, outcomes, profiles, service_events
from tests.serving.conftest import PROJECT, LiveHome

FIRST, LAST = date(2025, 3, 1), date(2025, 4, 30)
AS_OF = date(2025, 12, 31)
ORDER = Order(FIRST, LAST, AS_OF)


def months_of(live: LiveHome, first: date = FIRST, last: date = LAST) -> pd.DataFrame:
    """The book's applications of some days, in the order of the file."""
    book = live.book()
    inside = book["application_date"].between(pd.Timestamp(first), pd.Timestamp(last))
    return book[inside].reset_index(drop=True)


def written(table: pd.DataFrame, path: Path) -> Path:
    """Write a table as CSV."""
    table.to_csv(path, index=False)
    return path


def read(live: LiveHome, path: Path | None = None, first: date = FIRST, last: date = LAST) -> DatedFile:
    """Read the book, or a file of it, as it will be replayed."""
    return read_dated(open_project(str(live.toml)), path or live.home / "book.parquet", first, last)


def replayed(
    live: LiveHome,
    engine: Engine,
    order: Order = ORDER,
    path: Path | None = None,
    settings: Settings | None = None,
    **given: Any,
) -> Replayed:
    """Replay the book, or a file of it, by the order."""
    desk = Desk(settings or live.settings, engine, PROJECT)
    return replay(desk, read(live, path, order.first, order.last), order, **given)


def end_state(engine: Engine) -> dict[str, list[tuple[str, ...]]]:
    """Everything that a replay leaves, but for ids, which are drawn, and the order of writing; alike on both engines."""
    with engine.connect() as connection:
        return {
            table.name: sorted(tuple(map(str, row)) for row in connection.execute(select(*_columns(table)))) for table in _LEFT
        }


_LEFT = (decisions, outcomes, profiles, service_events)


def _columns(table: Table) -> list[Column[Any]]:
    """What must be the same after any replay."""
    return [column for column in table.columns if column.name not in ("seq", "id")]
