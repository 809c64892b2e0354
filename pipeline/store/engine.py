"""Open the store: one engine for SQLite and PostgreSQL, migrated, durable, and silent about passwords."""

import hashlib
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError

from pipeline.store.address import StoreError, parse_address, shown, without_secrets
from pipeline.store.documents import canonical_json

__all__ = ["HEAD", "Engine", "StoreError", "is_writing", "open_store", "require_durable", "transaction_lock", "writing"]

HEAD: Final = "0005"
"""The newest revision in `migrations/versions`: lets a store that is up to date open without loading Alembic."""
BUSY_MS: Final = 5_000
MIGRATION_BUSY_MS: Final = 60_000
"""How long a process waits for another one that is migrating the same file."""
_SYNCHRONOUS: Final = ("OFF", "NORMAL", "FULL", "EXTRA")
"""Names of SQLite's levels, by number."""


def open_store(database_url: str) -> Engine:
    """Open the store at an address, building or upgrading its tables first.

    Takes ``sqlite:///path`` (the folder is created) or ``postgresql://user:password@host/name``. Several processes may open
    a fresh store at once: one migrates, the others wait for it. Dispose of the engine when done.

    Raises StoreError when the address is malformed or unreachable, was written by a newer Riskdeck, or would lose
    acknowledged writes in a power cut.
    """
    url = parse_address(database_url)
    engine = _sqlite_engine(url) if url.get_backend_name() == "sqlite" else _postgres_engine(url)
    try:
        _migrate(engine)
        with engine.connect() as connection:
            require_durable(connection)
    except (DBAPIError, sqlite3.Error, StoreError) as error:
        engine.dispose()
        reason = str(error.orig if isinstance(error, DBAPIError) else error).strip()
        # "from None": a chained driver error could show the address with its password.
        raise StoreError(without_secrets(f"cannot open the store at {shown(url)}: {reason}", url)) from None
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that will write: committed at the end, rolled back on an exception.

    On SQLite it begins IMMEDIATE, so that it waits for other writers now instead of failing half-way.
    """
    with engine.execution_options(riskdeck_writes=True).begin() as connection:
        yield connection


def is_writing(connection: Connection) -> bool:
    """True when the connection comes from `writing`, or from an engine that needs no such care (PostgreSQL)."""
    return connection.dialect.name != "sqlite" or bool(connection.get_execution_options().get("riskdeck_writes"))


def transaction_lock(connection: Connection, name: str) -> None:
    """Let one transaction at a time past this point until it ends; on SQLite `writing` already does.

    Taking it again in the same transaction is harmless.
    """
    if connection.dialect.name == "postgresql":
        key = int.from_bytes(hashlib.sha256(f"riskdeck.{name}".encode()).digest()[:8], "big", signed=True)
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})


def require_durable(connection: Connection) -> None:
    """Raise StoreError unless a committed row survives a power cut on this connection."""
    if connection.dialect.name == "sqlite":
        level = _SYNCHRONOUS[connection.exec_driver_sql("PRAGMA synchronous").scalar_one()]
        if level != "FULL":
            raise StoreError(f"PRAGMA synchronous is {level}; it must be FULL, or a power cut loses recorded decisions")
    elif connection.exec_driver_sql("SHOW synchronous_commit").scalar_one() == "off":
        raise StoreError("synchronous_commit is off; it must be on, or a crash loses recorded decisions")


def _sqlite_engine(url: URL) -> Engine:
    path = Path(str(url.database)).expanduser()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot create the folder {path.parent} for the store: {error.strerror}") from None
    engine = create_engine(url.set(database=str(path)), json_serializer=canonical_json, hide_parameters=True)
    event.listen(engine, "connect", _set_pragmas)
    event.listen(engine, "begin", _begin)
    return engine


def _postgres_engine(url: URL) -> Engine:
    return create_engine(
        url,
        json_serializer=canonical_json,
        hide_parameters=True,  # applicants' data stay out of error texts and logs
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5},
    )


def _set_pragmas(raw: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction handling delays BEGIN until the first write; `_begin` replaces it.
    raw.isolation_level = None
    raw.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    raw.execute("PRAGMA synchronous = FULL")
    raw.execute("PRAGMA foreign_keys = ON")
    # Without it INSERT OR REPLACE deletes the old row past the triggers.
    raw.execute("PRAGMA recursive_triggers = ON")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("riskdeck_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _migrate(engine: Engine) -> None:
    if engine.dialect.name == "sqlite":
        _enter_wal(engine)
    if _revision(engine) == HEAD:
        return
    writes = engine.execution_options(riskdeck_writes=True)
    with writes.connect() as connection, _patience(connection), connection.begin():
        transaction_lock(connection, "migration")
        _upgrade(connection)


def _revision(engine: Engine) -> str | None:
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _enter_wal(engine: Engine) -> None:
    """Set write-ahead logging, which stays with the file; here SQLite does not wait for others, so we do."""
    deadline = time.monotonic() + MIGRATION_BUSY_MS / 1000
    raw = engine.raw_connection()
    try:
        mode = None
        while mode is None:
            try:
                mode = raw.cursor().execute("PRAGMA journal_mode = WAL").fetchone()[0]
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
    finally:
        raw.close()
    if mode != "wal":
        raise StoreError(f"the file system allows only journal mode {mode!r}, not WAL; keep the file on a local disk")


@contextmanager
def _patience(connection: Connection) -> Iterator[None]:
    """Wait longer than usual for the write lock: another process may be in the middle of a migration."""
    if connection.dialect.name != "sqlite":
        yield
        return
    raw = connection.connection.cursor()
    raw.execute(f"PRAGMA busy_timeout = {MIGRATION_BUSY_MS}")
    try:
        yield
    finally:
        raw.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        raw.close()


def _upgrade(connection: Connection) -> None:
    # Alembic is imported here: a store that is up to date opens without it.
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError(f"another version of Riskdeck wrote it ({error}); use that version or a newer one") from None
