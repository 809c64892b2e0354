"""What the run index keeps: what was last seen of every run of one tracking store, safe for many processes.

Everything in it can be read again from MLflow, so a file that is broken or of another version is thrown away, not repaired.
Its clock is the time at which a read began, in ns: a slow reader never overwrites what a later one saw.
"""

import hashlib
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pipeline.registry.index_file import IndexFile

TERMINAL: Final = ("FINISHED", "FAILED", "KILLED")
_SKEW_NS: Final = 60 * 10**9


@dataclass(frozen=True)
class ProjectState:
    """What is known of a project's experiment; times in ns since 1970, None when never."""

    experiment: str | None = None
    as_of: int | None = None
    failed_at: int | None = None
    problem: str = ""


@dataclass(frozen=True)
class Sweep:
    """How far the walk from the newest run to the oldest has come; `started` None when none is under way."""

    started: int | None = None
    bound: int | None = None
    token: str | None = None
    swept_at: int | None = None


@dataclass(frozen=True)
class Entry:
    """One run as it is kept: `start` in ms since 1970, `body` the whole run as JSON text."""

    run_id: str
    start: int | None
    status: str
    body: str

    @property
    def digest(self) -> str:
        """Changes whenever anything about the run does: name, status, tag, metric or parameter."""
        return digest_of(self.body)


@dataclass(frozen=True)
class Position:
    """Which state of an experiment the index holds: equal positions mean equal runs."""

    epoch: str
    revision: int


def digest_of(body: str) -> str:
    """Hash of a run's JSON text."""
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()


class IndexStore:
    """The SQLite file of one tracking store; every method is one transaction, on a connection of its own."""

    def __init__(self, folder: Path, key: str) -> None:
        self._file = IndexFile(folder, key)

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._file.path

    def project(self, project: str) -> ProjectState:
        """State of a project; all None when it was never asked for."""
        row = self._read("SELECT experiment, as_of, failed_at, problem FROM projects WHERE project = ?", project)
        return ProjectState(*row[0]) if row else ProjectState()

    def failed(self, project: str, at: int, problem: str) -> None:
        """Keep why the last attempt failed; what was known stays."""
        self._write(
            "INSERT INTO projects (project, failed_at, problem) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET "
            "failed_at = coalesce(failed_at, excluded.failed_at), problem = excluded.problem",
            project, at, problem,
        )  # fmt: skip

    def succeeded(self, project: str, as_of: int) -> None:
        """Keep that the store answered, with all that is new until `as_of`."""
        self._write("UPDATE projects SET as_of = ?, failed_at = NULL, problem = '' WHERE project = ?", as_of, project)

    def assign(self, project: str, experiment: str | None, created: int | None) -> None:
        """Keep which experiment a project has; another experiment under an old id loses the old one's runs."""

        def job(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT INTO projects (project, experiment) VALUES (?, ?) "
                "ON CONFLICT DO UPDATE SET experiment = excluded.experiment",
                (project, experiment),
            )
            if experiment is None:
                return
            known = db.execute("SELECT created FROM experiments WHERE experiment = ?", (experiment,)).fetchone()
            if known is None:
                db.execute("INSERT INTO experiments (experiment, created) VALUES (?, ?)", (experiment, created))
            elif known[0] != created:
                _clear(db, experiment, created)

        self._file.transact(job)

    def sweep(self, experiment: str) -> Sweep:
        """How far the walk over all runs has come."""
        sql = "SELECT sweep_started, sweep_bound, sweep_token, swept_at FROM experiments WHERE experiment = ?"
        row = self._read(sql, experiment)
        return Sweep(*row[0]) if row else Sweep()

    def begin_sweep(self, experiment: str, at: int) -> None:
        """Start the walk at the newest run again."""
        sql = "UPDATE experiments SET sweep_started = ?, sweep_bound = NULL, sweep_token = NULL WHERE experiment = ?"
        self._write(sql, at, experiment)

    def finish_sweep(self, experiment: str, started: int) -> None:
        """Keep that every run was looked at since `started`."""
        self._write(
            "UPDATE experiments SET swept_at = ?, sweep_started = NULL, sweep_bound = NULL, sweep_token = NULL "
            "WHERE experiment = ? AND sweep_started = ?",
            started, experiment, started,
        )  # fmt: skip

    def save(self, experiment: str, entries: Sequence[Entry], read_at: int, sweep: Sweep | None = None) -> int:
        """Keep runs as they were at `read_at`, and the walk's next position with them. Returns how many had changed."""

        def job(db: sqlite3.Connection) -> int:
            changed = _changed(db, entries, read_at)
            _upsert(db, experiment, changed, read_at)
            if sweep is not None:
                # Whoever wrote last, all runs newer than its bound were read since the walk started: no run is left out.
                db.execute(
                    "UPDATE experiments SET sweep_bound = ?, sweep_token = ? WHERE experiment = ? AND sweep_started = ? "
                    "AND (sweep_bound IS NULL OR sweep_bound >= ?)",
                    (sweep.bound, sweep.token, experiment, sweep.started, sweep.bound),
                )
            return len(changed)

        return self._file.transact(job)

    def drop(self, experiment: str, run_ids: Sequence[str], read_at: int) -> int:
        """Forget runs that were gone at `read_at`. Returns how many were known until then."""

        def job(db: sqlite3.Connection) -> int:
            sql = "DELETE FROM runs WHERE run_id = ? AND read_at <= ?"
            gone = [run_id for run_id in run_ids if db.execute(sql, (run_id, read_at)).rowcount]
            db.executemany("DELETE FROM bodies WHERE run_id = ?", [(run_id,) for run_id in gone])
            if gone:
                _next_revision(db, experiment)
            return len(gone)

        return self._file.transact(job)

    def distrust(self, experiment: str, run_ids: Sequence[str]) -> None:
        """Forget runs whose text is damaged, and have every run looked at again."""
        self.drop(experiment, run_ids, time.time_ns() + _SKEW_NS)
        self._write("UPDATE experiments SET swept_at = NULL, sweep_started = NULL WHERE experiment = ?", experiment)

    def unseen(self, experiment: str, since: int) -> list[str]:
        """Ids of runs that nobody has read since a time."""
        return [r[0] for r in self._read("SELECT run_id FROM runs WHERE experiment = ? AND read_at < ?", experiment, since)]

    def unfinished(self, experiment: str, since: int, limit: int) -> list[str]:
        """Ids of runs that were not at their end when last read, before `since`; the newest first."""
        sql = (
            "SELECT run_id FROM runs WHERE experiment = ? AND read_at < ? AND status NOT IN (?, ?, ?) "
            "ORDER BY start DESC LIMIT ?"
        )
        return [r[0] for r in self._read(sql, experiment, since, *TERMINAL, limit)]

    def newest_start(self, experiment: str) -> int | None:
        """Start of the newest run, in ms since 1970; None when no run is known."""
        newest = self._read("SELECT max(start) FROM runs WHERE experiment = ?", experiment)[0][0]
        return None if newest is None else int(newest)

    def count(self, experiment: str, after: int = -1) -> int:
        """How many runs are known, or how many of them changed after a revision."""
        return int(self._read("SELECT count(*) FROM runs WHERE experiment = ? AND revision > ?", experiment, after)[0][0])

    def position(self, experiment: str) -> Position:
        """Which state of the experiment is held."""
        row = self._read("SELECT id, revision FROM epoch, experiments WHERE experiment = ?", experiment)
        return Position(*row[0]) if row else Position("", 0)

    def changes(self, experiment: str, after: int) -> tuple[Position, list[str], list[tuple[str, str, str]]]:
        """The position, ids of all runs, and (id, digest, body) of those that changed after a revision: one moment's view."""

        def job(db: sqlite3.Connection) -> tuple[Position, list[str], list[tuple[str, str, str]]]:
            at = db.execute("SELECT id, revision FROM epoch, experiments WHERE experiment = ?", (experiment,)).fetchone()
            ids = db.execute("SELECT run_id FROM runs WHERE experiment = ?", (experiment,)).fetchall()
            sql = "SELECT run_id, digest, body FROM runs JOIN bodies USING (run_id) WHERE experiment = ? AND revision > ?"
            rows = db.execute(sql, (experiment, after)).fetchall()
            return (Position(*at) if at else Position("", 0)), [r[0] for r in ids], rows

        return self._file.transact(job, begin="BEGIN")

    def body(self, run_id: str) -> str | None:
        """The whole run as JSON text, None when it is not known."""
        row = self._read("SELECT body FROM bodies WHERE run_id = ?", run_id)
        return str(row[0][0]) if row else None

    def _read(self, sql: str, *values: object) -> list[Any]:
        return self._file.transact(lambda db: db.execute(sql, values).fetchall(), begin="BEGIN")

    def _write(self, sql: str, *values: object) -> None:
        self._file.transact(lambda db: db.execute(sql, values).rowcount)


def _changed(db: sqlite3.Connection, entries: Sequence[Entry], read_at: int) -> list[Entry]:
    """Entries that differ from what is kept; those that do not are marked as read."""
    changed, same, too_late = [], [], time.time_ns() + _SKEW_NS
    for entry in entries:
        known = db.execute("SELECT digest, read_at FROM runs WHERE run_id = ?", (entry.run_id,)).fetchone()
        # A clock that was set back must not freeze what was read under the faster one.
        if known is not None and read_at < known[1] <= too_late:
            continue
        if known is not None and known[0] == entry.digest:
            same.append((read_at, entry.run_id))
        else:
            changed.append(entry)
    db.executemany("UPDATE runs SET read_at = ? WHERE run_id = ?", same)
    return changed


def _upsert(db: sqlite3.Connection, experiment: str, changed: Sequence[Entry], read_at: int) -> None:
    if not changed:
        return
    revision = _next_revision(db, experiment)
    db.executemany(
        "INSERT OR REPLACE INTO runs (run_id, experiment, start, status, digest, read_at, revision) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(e.run_id, experiment, e.start, e.status, e.digest, read_at, revision) for e in changed],
    )
    db.executemany("INSERT OR REPLACE INTO bodies (run_id, body) VALUES (?, ?)", [(e.run_id, e.body) for e in changed])


def _next_revision(db: sqlite3.Connection, experiment: str) -> int:
    # The row is missing when the file was made anew in the middle of a sync.
    sql = "INSERT INTO experiments (experiment, revision) VALUES (?, 1) ON CONFLICT DO UPDATE SET revision = revision + 1"
    return int(db.execute(f"{sql} RETURNING revision", (experiment,)).fetchone()[0])


def _clear(db: sqlite3.Connection, experiment: str, created: int | None) -> None:
    db.execute("DELETE FROM bodies WHERE run_id IN (SELECT run_id FROM runs WHERE experiment = ?)", (experiment,))
    db.execute("DELETE FROM runs WHERE experiment = ?", (experiment,))
    db.execute(
        "UPDATE experiments SET created = ?, revision = revision + 1, sweep_started = NULL, sweep_bound = NULL, "
        "sweep_token = NULL, swept_at = NULL WHERE experiment = ?",
        (created, experiment),
    )
