"""Rounds of the watch: a row of each, so that "no alert" can be told from "nobody looked"."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Final

from sqlalchemy import Engine, insert, select

from pipeline.store.engine import writing
from pipeline.store.plain_errors import plain_store_errors
from pipeline.store.tables import monitor_rounds

_WHAT: Final = "the rounds of the watch cannot be read or written"


@dataclass(frozen=True)
class MonitorRound:
    """One round that judged: when, up to which day of the product, and what it found."""

    at: datetime
    """UTC."""
    as_of: date
    signals: int
    """Signals judged."""
    opened: int
    """Alerts opened."""
    failed: tuple[str, ...] = ()
    """Watchers that did not finish."""


def record_round(engine: Engine, project: str, as_of: date, *, signals: int, opened: int, failed: Sequence[str]) -> None:
    """Add the row of a round that ends now. Raises StoreError."""
    made = MonitorRound(datetime.now(UTC), as_of, signals, opened, tuple(failed))
    with plain_store_errors(_WHAT), writing(engine) as connection:
        connection.execute(insert(monitor_rounds).values(project=project, **asdict(made)))


def last_round(engine: Engine, project: str) -> MonitorRound | None:
    """Return the newest round of a project, None where none is recorded. Raises StoreError."""
    newest = select(monitor_rounds).where(monitor_rounds.c.project == project).order_by(monitor_rounds.c.seq.desc()).limit(1)
    with plain_store_errors(_WHAT), engine.connect() as connection:
        row = connection.execute(newest).mappings().first()
    if row is None:
        return None
    return MonitorRound(row["at"], row["as_of"], row["signals"], row["opened"], tuple(row["failed"]))
