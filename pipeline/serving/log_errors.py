"""What the decision log says when it cannot record: plain words, and nothing about an applicant."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

NOTHING: Final = "no decision was recorded, so none is shown"


class LogError(RuntimeError):
    """The log could not record, so nothing may be shown. ``recorded`` counts what earlier chunks of the same call hold."""

    def __init__(self, message: str, recorded: int = 0) -> None:
        super().__init__(message)
        self.recorded = recorded


class KeyConflict(ValueError):  # noqa: N818  # an answer to the caller, not a fault of code
    """An idempotency key that came before with other inputs or another applicant."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"the idempotency key {key!r} was already used for other inputs or another applicant; give each application its own"
        )
        self.key = key


@contextmanager
def in_plain_words() -> Iterator[None]:
    """Turn errors of the database into LogError; "from None", because a driver's own text can quote a whole row."""
    try:
        yield
    except PoolTimeout:
        raise LogError(f"all connections to the decision log are busy; {NOTHING}") from None
    except DBAPIError as error:
        raise LogError(_sentence(error)) from None


def _sentence(error: DBAPIError) -> str:
    if error.connection_invalidated:
        return (
            "the connection to the decision log was lost before it confirmed the record, so no decision is shown; "
            "send it again with the same idempotency key, which is never recorded twice"
        )
    return f"{_cause(error)}; {NOTHING}"


def _cause(error: DBAPIError) -> str:
    origin: Any = error.orig
    if isinstance(error, IntegrityError):
        constraint = getattr(getattr(origin, "diag", None), "constraint_name", None) or str(origin)
        return f"the decision log refused a row ({constraint})"
    code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None) or "08"
    return next((words for start, words in _CAUSES.items() if code.startswith(start)), f"the decision log failed ({code})")


_CAUSES: Final = {
    "SQLITE_FULL": "the disk of the decision log is full",
    "SQLITE_READONLY": "the decision log is read-only",
    "SQLITE_BUSY": "another process holds the decision log",
    "SQLITE_LOCKED": "another process holds the decision log",
    "SQLITE_IOERR": "the disk of the decision log cannot be read or written",
    "SQLITE_CANTOPEN": "the file of the decision log cannot be opened",
    "SQLITE_CORRUPT": "the file of the decision log is damaged",
    "SQLITE_NOTADB": "the file of the decision log is damaged",
    "53100": "the disk of the decision log is full",
    "53": "the server of the decision log has no resources left",
    "25006": "the decision log is read-only",
    "55P03": "another process holds the decision log",
    "57014": "the decision log took too long",
    "57P": "the server of the decision log is stopping or starting",
    "08": "the decision log cannot be reached",
    "28": "the decision log does not let us in",
    "42501": "the decision log may not be written by this user",
}
"""Beginnings of SQLite's error names and of PostgreSQL's SQLSTATE, most specific first."""
