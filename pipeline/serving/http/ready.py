"""Whether an applicant can be taken now: something verified is live, the ledger is intact, the store can be written."""

import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, insert
from sqlalchemy.exc import DBAPIError

from pipeline.registry import ledger
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.serving.desk import Desk
from pipeline.serving.log_errors import LogError, in_plain_words
from pipeline.serving.records import ServingError
from pipeline.store.engine import writing
from pipeline.store.tables import profile_marks

KEEP_SECONDS: Final = 1.0
"""A result answers every probe of this time: probes are open to all and must cost little."""
_PROBE: Final = "(readiness probe)"
_PROBE_BYTES: Final = 65_536


@dataclass(frozen=True)
class Readiness:
    """``problems`` per check that failed, ``notes`` on what goes on without stopping anything."""

    problems: dict[str, str]
    notes: tuple[str, ...] = ()


@dataclass
class Probe:
    """Looks at everything a decision needs, at most once a second."""

    desk: Desk
    engine: Engine
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _found: Readiness | None = None
    _at: float = 0.0

    def look(self) -> Readiness:
        """Return the readiness, at most `KEEP_SECONDS` old."""
        with self._lock:
            if self._found is None or time.monotonic() - self._at >= KEEP_SECONDS:
                self._found, self._at = self._look(), time.monotonic()
            return self._found

    def _look(self) -> Readiness:
        checks: dict[str, Callable[[], None]] = {
            "model": lambda: _require_pair(self.desk),
            "ledger": lambda: _require_ledger(self.engine, self.desk.project),
            "store": lambda: _require_writable(self.engine),
        }
        problems = {}
        for name, check in checks.items():
            try:
                check()
            except (ServingError, TrackingUnavailable, LogError, OSError) as error:
                problems[name] = str(error)
        notes = () if "model" in problems else (self.desk.pair().problem,)
        return Readiness(problems, tuple(note for note in notes if note))


def _require_pair(desk: Desk) -> None:
    desk.pair()


def _require_ledger(engine: Engine, project: str) -> None:
    try:
        broken = ledger.verify(engine, project)
    except DBAPIError:
        raise ServingError("the ledger cannot be read") from None
    if broken:
        raise ServingError(f"the ledger of {project} is broken: {broken[0]}")


def _require_writable(engine: Engine) -> None:
    """Write as a decision would and take it back: locks, rights and tables are tried, nothing stays."""
    with in_plain_words(), writing(engine) as connection:
        step = connection.begin_nested()
        row = {"project": _PROBE, "last_seq": 0, "updated_at": datetime.now(UTC)}
        connection.execute(insert(profile_marks).values(row))
        step.rollback()
    if engine.dialect.name == "sqlite":  # an insert that is taken back never reaches the disk, so the disk is asked as well
        with tempfile.TemporaryFile(dir=Path(str(engine.url.database)).parent) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()
