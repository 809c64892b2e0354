"""Read profiles: any window is a sum, whole months come from their own table."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from pandas import DataFrame
from sqlalchemy import Connection, Engine, Select, Table, func, select

from pipeline import contract
from pipeline.evaluation.inputs import IntArray
from pipeline.monitoring.profile_store import read_mark
from pipeline.store.tables import decisions, profile_months, profiles

Granularity = Literal["day", "week", "month"]
COLUMNS: Final = ("period", "model_version", "segment", "feature", "bin", "count")


def read_counts(
    engine: Engine, project: str, first: date, last: date, *, granularity: Granularity, model_version: int | None = None,
    segments: Sequence[str] | None = (contract.ALL_SEGMENTS,), features: Sequence[str] | None = None,
) -> DataFrame:  # fmt: skip
    """Return counts from ``first`` to ``last``, both included: `COLUMNS`, ordered by them; empty where nothing was counted.

    ``period`` is the first day of the day, week (Monday) or calendar month; a period at an end holds the days asked for alone.
    ``segments`` and ``features`` None mean all. Counts of `contract.PROFILE_SUMS` are in whole millionths and hundredths.
    """
    if granularity not in _PERIODS:
        raise ValueError(f"granularity {granularity!r} is none of {', '.join(_PERIODS)}")
    with engine.connect() as connection:
        counted = _span(connection, project)
        if counted is None or first > counted[1] or last < counted[0]:
            return _table([], granularity)
        asked = _Asked(connection, project, model_version, segments, features)
        found: list[tuple[Any, ...]] = []
        for table, start, end in _pieces(max(first, counted[0]), min(last, counted[1]), counted, granularity):
            found += asked.rows(table, start, end)
    return _table(found, granularity)


def span(engine: Engine, project: str) -> tuple[date, date] | None:
    """Return the first and the last day with counted decisions, UTC; None where nothing is counted."""
    with engine.connect() as connection:
        return _span(connection, project)


def versions(engine: Engine, project: str) -> tuple[int, ...]:
    """Return the model versions whose decisions are counted, ascending."""
    with engine.connect() as connection:
        return _versions(connection, project)


def is_behind(engine: Engine, project: str) -> int:
    """Return how many decisions are not counted yet."""
    with engine.connect() as connection:
        mark = read_mark(connection, project)
        query = select(func.count()).select_from(decisions).where(decisions.c.project == project, decisions.c.seq > mark)
        return connection.execute(query).scalar_one()


def _span(connection: Connection, project: str) -> tuple[date, date] | None:
    # Two statements: asked for both at once SQLite reads the whole table.
    ends = [connection.scalar(select(end(profiles.c.day)).where(profiles.c.project == project)) for end in (func.min, func.max)]
    return None if ends[0] is None else (ends[0], ends[1])


def _versions(connection: Connection, project: str) -> tuple[int, ...]:
    column = profile_months.c.model_version
    query = select(column).distinct().where(profile_months.c.project == project, profile_months.c.segment == "")
    return tuple(connection.execute(query.order_by(column)).scalars())


def _pieces(
    first: date, last: date, counted: tuple[date, date], granularity: Granularity
) -> Iterator[tuple[Table, date, date]]:
    """Split a window into whole months, which have a table of their own, and the days around them."""
    if granularity != "month":
        yield profiles, first, last
        return
    # A month of which every counted day is asked for is whole, though the window begins or ends within it.
    is_whole_start, is_whole_end = first.day == 1 or first <= counted[0], last >= min(_month_end(last), counted[1])
    start = first.replace(day=1) if is_whole_start else _month_end(first) + timedelta(days=1)
    end = last if is_whole_end else last.replace(day=1) - timedelta(days=1)
    if start > end:
        yield profiles, first, last
        return
    if first < start and not is_whole_start:
        yield profiles, first, start - timedelta(days=1)
    yield profile_months, start, end
    if end < last:
        yield profiles, end + timedelta(days=1), last


def _month_end(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)


class _Asked:
    """The parts of a query that all pieces share."""

    def __init__(
        self, connection: Connection, project: str, version: int | None, segments: Sequence[str] | None,
        features: Sequence[str] | None,
    ) -> None:  # fmt: skip
        self.connection, self.project, self.segments, self.features = connection, project, segments, features
        self.versions = _versions(connection, project) if version is None else (version,)

    def rows(self, table: Table, first: date, last: date) -> Sequence[Any]:
        """Rows of one table between two days."""
        period = table.c["day" if table is profiles else "month"]
        columns = [table.c[name] for name in COLUMNS[1:]]
        query = select(period, *columns).where(table.c.project == self.project, table.c.model_version.in_(self.versions))
        query = self._narrowed(query, table)
        # Named one by one, days are jumped to in the index; between two of them every segment would be read.
        days = [first + timedelta(days=i) for i in range((last - first).days + 1)]
        query = query.where(period.in_(days) if table is profiles else period.between(first, last))
        # The driver's own rows: a Row object and a date of each would take longer than the database.
        found: Any = self.connection.execute(query)
        rows: Sequence[Any] = found.cursor.fetchall()
        return rows

    def _narrowed(self, query: "Select[Any]", table: Table) -> "Select[Any]":
        if self.segments is not None:
            query = query.where(table.c.segment.in_(list(self.segments)))
        return query if self.features is None else query.where(table.c.feature.in_(list(self.features)))


def _table(rows: Sequence[Any], granularity: Granularity) -> DataFrame:
    """Sum what the driver gave, days as text (SQLite) or dates (PostgreSQL), by period: `COLUMNS`, in their order.

    On numbers, because pandas takes three times as long to group and sort by texts.
    """
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(COLUMNS)
    codes, names = zip(*(_coded(values) for values in columns[:-1]), strict=True)
    periods, of_day = np.unique(_PERIODS[granularity](np.array(names[0], dtype="datetime64[D]")), return_inverse=True)
    keys = (of_day[codes[0]], *codes[1:])
    order = np.lexsort(keys[::-1])
    is_first = np.ones(len(rows), dtype=np.bool_)
    is_first[1:] = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
    counts = np.array(columns[-1], dtype=np.int64)[order]
    sums = np.add.reduceat(counts, np.flatnonzero(is_first)) if len(rows) else counts
    chosen = [key[order][is_first] for key in keys]
    texts = {
        name: pd.array(found, dtype="str").take(code)
        for name, found, code in zip(COLUMNS[2:-1], names[2:], chosen[2:], strict=True)
    }
    version = np.array(names[1], dtype=np.int64)[chosen[1]]
    period = periods.astype("datetime64[us]")[chosen[0]]
    return DataFrame({"period": period, "model_version": version, **texts, "count": sums}, copy=False)


def _coded(values: Sequence[Any]) -> tuple[IntArray, Sequence[Any]]:
    """The place of each value among the different ones, which ascend."""
    codes, found = pd.factorize(np.array(values, dtype=object), sort=True)
    return codes.astype(np.int64), found.tolist()


_PERIODS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "day": lambda days: days,
    # Day 0, 1 January 1970, was a Thursday.
    "week": lambda days: days - (days.astype(np.int64) + 3) % 7,
    "month": lambda days: days.astype("datetime64[M]").astype("datetime64[D]"),
}
