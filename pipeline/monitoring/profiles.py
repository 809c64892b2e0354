"""Counts of what was decided, kept as decisions come in: per day, version, segment and feature, in the version's own bins.

Panels read these and never the decisions, so their cost does not grow with traffic.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from pandas import DataFrame
from sqlalchemy import Engine

from pipeline.monitoring.baseline import BaselineError, VersionBins, load_bins
from pipeline.monitoring.profile_counts import count_decisions
from pipeline.monitoring.profile_rows import decision_frame
from pipeline.monitoring.profile_store import add_counts, lock_profiles, move_mark, read_mark, safe_seq
from pipeline.monitoring.profiles_read import is_behind, read_counts, span, versions
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.settings import Settings
from pipeline.store.engine import writing

__all__ = ["ProfileError", "ProfileUpdate", "is_behind", "read_counts", "span", "update_profiles", "versions"]

CHUNK: Final = 20_000
"""Decisions per commit: others wait for the store while their counts are added, and hardly notice so many."""


class ProfileError(RuntimeError):
    """Decisions could not be counted and wait; the message says from which on, of which version, and why."""


@dataclass(frozen=True)
class ProfileUpdate:
    """What one update did: decisions counted, the number up to which all are counted, and what is worth knowing."""

    counted: int
    last_seq: int
    notes: tuple[str, ...] = ()


@dataclass
class _Known:
    """The bins of the versions met so far."""

    settings: Settings
    found: dict[tuple[int, str], VersionBins] = field(default_factory=dict)

    def of(self, version: int, run_id: str) -> VersionBins:
        if (version, run_id) not in self.found:
            self.found[version, run_id] = load_bins(self.settings, version, run_id)
        return self.found[version, run_id]


def update_profiles(
    settings: Settings, engine: Engine, project: str, *, tell: Callable[[int], None] | None = None, chunk: int = CHUNK
) -> ProfileUpdate:
    """Count every decision that is not counted yet; ``tell`` is called with how many were after each commit.

    Counts and mark move in one transaction per ``chunk``: a crash loses nothing, a repeat changes nothing, and processes that
    run at once count each decision once. Raises ProfileError at decisions whose version's artifacts cannot be read: what came
    before them is counted, they are not, and the next update begins with them.
    """
    with writing(engine) as connection:
        until = safe_seq(connection)
    known, counted = _Known(settings), 0
    while True:
        with engine.connect() as connection:
            mark = read_mark(connection, project)
            rows = _read(connection, project, mark, until, chunk)
        if mark >= until:
            return ProfileUpdate(counted, mark)
        tables, last, problem = _count(known, rows)
        end = last if problem or len(rows) == chunk else until
        if end > mark and _commit(engine, project, mark, end, tables):
            counted += sum(n for _, n, _ in tables)
            if tell is not None and tables:
                tell(counted)
        if problem:
            raise ProfileError(problem)


_Counted = tuple[int, int, DataFrame]


def _count(known: _Known, rows: Sequence[Any]) -> tuple[list[_Counted], int, str]:
    """Count rows version by version, in order, up to one that cannot be counted: tables, the last number, and the problem."""
    tables: list[_Counted] = []
    last = 0
    for (version, run_id), group in groupby(rows, key=lambda row: (row.model_version, row.run_id)):
        mine = list(group)
        try:
            bins = known.of(version, run_id)
        except (BaselineError, TrackingUnavailable) as error:
            return tables, last, f"decisions from number {mine[0].seq} on wait to be counted: version {version}: {error}"
        tables.append((version, len(mine), count_decisions(bins, _frame(bins, mine))))
        last = mine[-1].seq
    return tables, last, ""


def _commit(engine: Engine, project: str, mark: int, end: int, tables: Sequence[_Counted]) -> bool:
    """Add the counts and move the mark, unless another process has moved it meanwhile."""
    with writing(engine) as connection:
        lock_profiles(connection)
        if read_mark(connection, project) != mark:
            return False
        for version, _, table in tables:
            add_counts(connection, project, version, table)
        move_mark(connection, project, mark, end)
    return True


_READ: Final = {
    # NOT INDEXED: by number, not by an index that begins with the project and must then be sorted.
    "sqlite": "SELECT seq, model_version, run_id, substr(decided_at, 1, 10) AS day, inputs, pd, grade, outcome, reasons "
    "FROM decisions NOT INDEXED WHERE project = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
    "postgresql": "SELECT seq, model_version, run_id, to_char(decided_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, "
    "inputs::text AS inputs, pd, grade, outcome, reasons::text AS reasons "
    "FROM decisions WHERE project = %s AND seq > %s AND seq <= %s ORDER BY seq LIMIT %s",
}
"""Written out: Core would parse each document by itself."""


def _read(connection: Any, project: str, mark: int, until: int, chunk: int) -> Sequence[Any]:
    rows: Sequence[Any] = connection.exec_driver_sql(_READ[connection.dialect.name], (project, mark, until, chunk)).all()
    return rows


def _frame(bins: VersionBins, rows: Sequence[Any]) -> DataFrame:
    _, _, _, days, inputs, pds, grades, outcomes, reasons = zip(*rows, strict=True)
    return decision_frame(bins.config.features, inputs, days, pds, outcomes, grades, reasons)
