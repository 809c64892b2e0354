"""When somebody last looked: the newest round of the watch in one sentence. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.monitoring.rounds import MonitorRound


@dataclass(frozen=True)
class Looked:
    """The newest round as it is told, and what may be said on the ground of it."""

    text: str
    ever: bool
    """Some round is recorded."""
    is_current: bool
    """It saw everything that is known, and every watcher finished."""


def looked(last: "MonitorRound | None", as_of: date | None, now: datetime) -> Looked:
    """Say when the newest round was, up to which day it looked, what it found, and what it did not see.

    as_of: the product's day, that of its newest decision or outcome; now: aware.
    """
    if last is None:
        text = (
            "No round of the watch is recorded, so nobody can tell whether anybody looked: `python -m pipeline monitor` does."
        )
        return Looked(text, ever=False, is_current=False)
    found = f"{_of(last.signals, 'signal')} judged, {_of(last.opened, 'new alert')}"
    parts = [f"Last round {ago(last.at, now)}, as of {last.as_of}: {found}."]
    if last.failed:
        parts.append(f"{' and '.join(last.failed).capitalize()} could not be looked at.")
    is_behind = as_of is not None and last.as_of < as_of
    if is_behind:
        parts.append(f"What came later, up to {as_of}, waits for the next round.")
    return Looked(" ".join(parts), ever=True, is_current=not is_behind and not last.failed)


def ago(then: datetime, now: datetime) -> str:
    """Write how long ago something was, in minutes, hours or days."""
    minutes = int((now - then).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 90:
        return f"{minutes} min ago"
    return f"{minutes // 60} h ago" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days ago"


def _of(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"
