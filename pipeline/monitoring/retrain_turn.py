"""One retraining of a product at a time: two at once would train the same rows twice and propose both."""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from pipeline.monitoring.retrain_rows import RetrainError
from pipeline.settings import Settings


@contextmanager
def only_one(settings: Settings, engine: Engine, project: str) -> Iterator[None]:
    """Hold a product's turn until the block ends, or the process does, however it does.

    On PostgreSQL the turn is the database's, for all machines that share it; on SQLite a file's under RISKDECK_HOME. Raises
    RetrainError at once when another process has it.
    """
    if engine.dialect.name == "postgresql":
        with _held_by_session(engine, project):
            yield
    else:
        with _held_by_file(settings, project):
            yield


@contextmanager
def _held_by_file(settings: Settings, project: str) -> Iterator[None]:
    settings.home.mkdir(parents=True, exist_ok=True)
    path = settings.home / f"retrain-{project}.lock"
    # SQLite's lock on an empty file: it works on every platform and ends with the process, kill -9 included.
    with ExitStack() as held:
        try:
            lock = held.enter_context(closing(sqlite3.connect(path, isolation_level=None, timeout=0)))
            lock.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
                raise _busy(project) from None
            raise RetrainError(f"{path}: cannot be used as lock ({error}); RISKDECK_HOME must be writable") from error
        yield


@contextmanager
def _held_by_session(engine: Engine, project: str) -> Iterator[None]:
    digest = hashlib.sha256(f"riskdeck.retrain.{project}".encode()).digest()
    key = {"key": int.from_bytes(digest[:8], "big", signed=True)}
    with engine.connect() as connection:
        has_turn = connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), key)
        connection.commit()  # the lock is the session's; a transaction open for minutes would keep vacuum waiting
        if not has_turn:
            raise _busy(project)
        try:
            yield
        finally:
            with suppress(DBAPIError):  # a session that broke has given its locks back
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)
                connection.commit()


def _busy(project: str) -> RetrainError:
    return RetrainError(f"{project} is being retrained by another process; wait until that one has ended")
