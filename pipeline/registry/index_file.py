"""The SQLite file behind the run index: opened for each transaction, shared by processes, made anew when it is broken."""

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, TypeVar

T = TypeVar("T")

VERSION: Final = 1
WAIT_SECONDS: Final = 10
_REBUILT: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_ERROR}
"""Errors after which a new file helps; SQLITE_ERROR is a table or column that is not there. A lock or a full disk is none."""
_SCHEMA: Final = """
CREATE TABLE epoch (id TEXT NOT NULL);
CREATE TABLE projects (
    project TEXT PRIMARY KEY, experiment TEXT, as_of INTEGER, failed_at INTEGER, problem TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE TABLE experiments (
    experiment TEXT PRIMARY KEY, created INTEGER, revision INTEGER NOT NULL DEFAULT 0,
    sweep_started INTEGER, sweep_bound INTEGER, sweep_token TEXT, swept_at INTEGER
) WITHOUT ROWID;
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, experiment TEXT NOT NULL, start INTEGER, status TEXT NOT NULL, digest TEXT NOT NULL,
    read_at INTEGER NOT NULL, revision INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX runs_by_experiment ON runs (experiment, revision);
CREATE TABLE bodies (run_id TEXT PRIMARY KEY, body TEXT NOT NULL);
"""


class IndexUnavailable(RuntimeError):  # noqa: N818  # a state of the machine that pages show, not a fault of code
    """The index can be neither read nor made anew; the message names the file and what to do."""


class IndexFile:
    """The file of one tracking store. Its version stands in its name too, so that two releases never fight over one file."""

    def __init__(self, folder: Path, key: str) -> None:
        self.path = folder / f"{key}.v{VERSION}.db"

    def transact(self, job: Callable[[sqlite3.Connection], T], begin: str = "BEGIN IMMEDIATE") -> T:
        """Do a job in one transaction; on a broken file once more, in a new one. Raises IndexUnavailable."""
        try:
            try:
                return self._attempt(job, begin)
            except sqlite3.DatabaseError as exc:
                if getattr(exc, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF not in _REBUILT:
                    raise
                self._discard_broken()
                return self._attempt(job, begin)
        except (sqlite3.Error, OSError) as exc:
            raise IndexUnavailable(
                f"The index of runs ({self.path.name}) cannot be kept: {exc}. "
                "Check that RISKDECK_HOME is writable and its disk is not full."
            ) from exc

    def _attempt(self, job: Callable[[sqlite3.Connection], T], begin: str) -> T:
        with _connection(self.path) as db:
            db.execute(begin)
            result = job(db)
            db.execute("COMMIT")
            return result

    def _discard_broken(self) -> None:
        """Remove the file, unless another process has made it anew meanwhile; it holds the lock until then."""
        with closing(sqlite3.connect(self.path.with_suffix(".lock"), isolation_level=None, timeout=WAIT_SECONDS)) as lock:
            lock.execute("BEGIN EXCLUSIVE")
            if not _is_sound(self.path):
                for suffix in ("", "-wal", "-shm"):
                    self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)


@contextmanager
def _connection(file: Path) -> Iterator[sqlite3.Connection]:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file, isolation_level=None, timeout=WAIT_SECONDS)) as db:
        # NORMAL loses at most the last moments when the power fails; they are read from MLflow again.
        db.execute("PRAGMA synchronous = NORMAL")
        if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:
            _create(db)
        yield db


def _create(db: sqlite3.Connection) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("BEGIN IMMEDIATE")
    if db.execute("PRAGMA user_version").fetchone()[0] != VERSION:  # another process may have been first
        for name in [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]:
            db.execute(f'DROP TABLE "{name}"')
        for statement in _SCHEMA.split(";"):
            db.execute(statement)
        db.execute("INSERT INTO epoch VALUES (?)", (uuid.uuid4().hex,))
        db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _is_sound(file: Path) -> bool:
    try:
        with _connection(file) as db:
            tables = {r[0] for r in db.execute("SELECT name FROM sqlite_master")}
            whole = {"epoch", "projects", "experiments", "runs", "runs_by_experiment", "bodies"} <= tables
            return whole and bool(db.execute("PRAGMA quick_check").fetchone()[0] == "ok")
    except sqlite3.DatabaseError:
        return False
