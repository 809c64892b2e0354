"""Counts of what was decided, kept as decisions come in: per day, version, segment and feature, in the version's own bins.

Panels read these and never the decisions, so their cost does not grow with traffic.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pandas import DataFrame
from sqlalchemy import Engine

from pipeline.monitoring.baseline import Artifacts, BaselineError, VersionBins, load_bins
from pipeline.monitoring.profile_counts import count_decisions, uncounted_segments
from pipeline.monitoring.profile_rows import decision_frame
from pipeline.monitoring.profile_store import add_counts, lock_profiles, move_mark, read_mark, safe_seq
from pipeline.monitoring.profiles_read import is_behind, read_counts, span, versions
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.settings import Settings
from pipeline.store.engine import writing
from pipeline.store.plain_errors import plain_store_errors

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
    artifacts: Artifacts | None
    bins: dict[int, VersionBins] = field(default_factory=dict)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not counted, in words."""
        return tuple(dict.fromkeys(note for bins in self.bins.values() for note in uncounted_segments(bins.config)))

    def readable(self, rows: Sequence[Any]) -> tuple[Sequence[Any], str]:
        """Return the rows before the first one whose version cannot be read, and what is wrong with that one."""
        first = {row.model_version: at for at, row in reversed(list(enumerate(rows)))}
        for version, at in sorted(first.items(), key=lambda found: found[1]):
            try:
                if version not in self.bins:
                    self.bins[version] = load_bins(self.settings, version, rows[at].run_id, artifacts=self.artifacts)
            except (BaselineError, TrackingUnavailable) as error:
                return rows[:at], f"decisions from number {rows[at].seq} on wait to be counted: version {version}: {error}"
        return rows, ""

    def counted(self, rows: Sequence[Any]) -> dict[int, DataFrame]:
        """Count rows version by version: champion and challenger may take turns."""
        mine: dict[int, list[Any]] = {}
        for row in rows:
            mine.setdefault(row.model_version, []).append(row)
        return {version: count_decisions(self.bins[version], _frame(self.bins[version], mine[version])) for version in mine}


def update_profiles(
    settings: Settings, engine: Engine, project: str, *, tell: Callable[[int], None] | None = None, chunk: int = CHUNK,
    artifacts: Artifacts | None = None,
) -> ProfileUpdate:  # fmt: skip
    """Count every decision that is not counted yet; ``tell`` is called with how many were after each commit.

    Counts and mark move in one transaction per ``chunk``: a crash loses nothing, a repeat changes nothing, and processes that
    run at once count each decision once. Raises ProfileError at decisions whose version's artifacts cannot be read: what came
    before them is counted, they are not, and the next update begins with them.
    """
    known, counted = _Known(settings, artifacts), 0
    with plain_store_errors("decisions cannot be counted", "what was finished before stays, run it again"):
        until = safe_seq(engine)
        while True:
            with engine.connect() as connection:
                mark = read_mark(connection, project)
                rows = _read(connection, project, mark, until, chunk)
            if mark >= until:
                return ProfileUpdate(counted, mark, known.notes)
            ready, problem = known.readable(rows)
            end = until if len(rows) < chunk and not problem else ready[-1].seq if ready else mark
            if end > mark and _commit(engine, project, mark, end, known.counted(ready)):
                counted += len(ready)
                if tell is not None and ready:
                    tell(counted)
            if problem:
                raise ProfileError(problem)


def _commit(engine: Engine, project: str, mark: int, end: int, tables: Mapping[int, DataFrame]) -> bool:
    """Add the counts of each version and move the mark, unless another process has moved it meanwhile."""
    with writing(engine) as connection:
        lock_profiles(connection)
        if read_mark(connection, project) != mark:
            return False
        for version, table in tables.items():
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
