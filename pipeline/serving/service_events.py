"""What was asked for and not decided: refused inputs by field, errors by kind, counted in the store.

Counts only: no value that anybody gave is kept, and no name that a stranger made up.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Engine, insert
from sqlalchemy.exc import SQLAlchemyError

from pipeline.store.engine import writing
from pipeline.store.tables import service_events as table

REFUSED: Final = "refused"
"""The kind of a row that counts faults in a field. Every other kind names an error."""
WHOLE: Final = ""
"""Under this field stands how many applications were refused; an error, which has no field, stands under it too."""
UNUSABLE_FILE: Final = "unusable-file"
"""The kind of a file that could not be scored at all."""
ROW: Final = "(row)"
"""The field of a row that could not even be split into fields."""
OTHER: Final = "(other)"
"""Stands for every field that is no input of the project, and for what a counter has no more room to name."""
FLUSH_SECONDS: Final = 5.0
MOST_NAMES: Final = 500
"""Different things a counter tells apart while the store does not answer; the rest is counted together."""
MOST_LETTERS: Final = 100
_log = logging.getLogger(__name__)


def record_refusals(
    engine: Engine, project: str, source: str, at: datetime, fields: Mapping[str, int], *, applications: int | None = None
) -> None:
    """Add faults found in inputs: ``fields`` gives how many by field; zeros and an empty mapping record nothing.

    source: of `contract.SOURCES`; at: when, with a zone; applications: how many were refused, without it the most that one
    field was at fault, which is the least it can be. Raises ValueError for a negative count, DBAPIError when the store fails.
    """
    faults = {(REFUSED, field): n for field, n in fields.items()}
    refused = max(fields.values(), default=0) if applications is None else applications
    _write(engine, project, source, at, {**faults, (REFUSED, WHOLE): refused})


def record_errors(engine: Engine, project: str, source: str, at: datetime, kinds: Mapping[str, int]) -> None:
    """Add requests that could not be answered, by kind; raises as `record_refusals` does."""
    _write(engine, project, source, at, {(kind, WHOLE): n for kind, n in kinds.items()})


def count_refusals(engine: Engine, project: str, source: str, fields: Mapping[str, int], applications: int) -> bool:
    """Record refusals of this moment; a store that fails costs the count and nothing else: False, and the log says so."""
    return _or_log(lambda: record_refusals(engine, project, source, datetime.now(UTC), fields, applications=applications))


def count_error(engine: Engine, project: str, source: str, kind: str) -> bool:
    """Record one error of this moment, as `count_refusals` does."""
    return _or_log(lambda: record_errors(engine, project, source, datetime.now(UTC), {kind: 1}))


class EventCounter:
    """Counts for one source in memory, and moves the counts to the store every few seconds and at the end.

    Adding never waits for the store and never fails. While the store does not answer the counts stay, each with the day it
    belongs to. A process that is killed loses what it counted since the last move.
    """

    def __init__(self, project: str, source: str, *, every: float = FLUSH_SECONDS) -> None:
        self._project, self._source, self._every = project, source, every
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._last: dict[str, datetime] = {}
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._engine: Engine | None = None

    def refuse(self, fields: Mapping[str, int], applications: int = 1) -> None:
        """Count the faults of refused applications, by field."""
        self._add({**{(REFUSED, field): n for field, n in fields.items()}, (REFUSED, WHOLE): applications})

    def error(self, kind: str, n: int = 1) -> None:
        """Count requests that could not be answered."""
        self._add({(kind, WHOLE): n})

    def start(self, engine: Engine) -> None:
        """Begin to move counts to a store."""
        self._engine = engine
        self._thread = threading.Thread(target=self._go_on, daemon=True, name="riskdeck-events")
        self._thread.start()

    def close(self) -> None:
        """Move what was counted and end; what the store does not take now is lost, and the process's log says how much."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()
        if not self.flush():
            _log.warning("%d counts of refusals and errors could not be stored", self._counts.total())

    def flush(self) -> bool:
        """Move what was counted so far; False when the store did not take it, and then nothing is forgotten."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
            last = dict(self._last)
        try:
            for day in sorted({day for day, _, _ in taken} if self._engine is not None else ()):
                of_day = {(kind, field): n for (on, kind, field), n in taken.items() if on == day}
                self._move(last[day], of_day)
                taken = Counter({key: n for key, n in taken.items() if key[0] != day})
        except SQLAlchemyError as error:
            _log.warning("refusals and errors stay in memory: the store failed (%s)", type(error).__name__)
        finally:
            with self._lock:
                self._counts.update(taken)
                self._last = {day: at for day, at in self._last.items() if any(key[0] == day for key in self._counts)}
        return not taken

    def _move(self, at: datetime, counts: Mapping[tuple[str, str], int]) -> None:
        assert self._engine is not None
        _write(self._engine, self._project, self._source, at, counts)

    def _add(self, counts: Mapping[tuple[str, str], int]) -> None:
        now = datetime.now(UTC)
        day = now.date().isoformat()
        with self._lock:
            self._last[day] = now
            for (kind, field), n in counts.items():
                key = (day, kind, field)
                has_room = key in self._counts or len(self._counts) < MOST_NAMES or field == WHOLE
                self._counts[key if has_room else (day, kind, OTHER)] += n

    def _go_on(self) -> None:
        while not self._end.wait(self._every):
            self.flush()


def _or_log(record: Callable[[], None]) -> bool:
    try:
        record()
    except SQLAlchemyError as error:
        _log.warning("a refusal or an error was not counted: the store failed (%s)", type(error).__name__)
        return False
    return True


def _write(engine: Engine, project: str, source: str, at: datetime, counts: Mapping[tuple[str, str], int]) -> None:
    rows = list(_rows(project, source, at, counts))
    if rows:
        with writing(engine) as connection:
            connection.execute(insert(table), rows)


def _rows(project: str, source: str, at: datetime, counts: Mapping[tuple[str, str], int]) -> Iterator[dict[str, Any]]:
    for (kind, field), n in counts.items():
        if n < 0:
            raise ValueError(f"{field or kind} was counted {n} times; give how many there were")
        if n:
            named = {"kind": kind[:MOST_LETTERS], "field": field[:MOST_LETTERS].replace("\0", "?"), "count": int(n)}
            yield {"project": project, "source": source, "at": at, **named}
