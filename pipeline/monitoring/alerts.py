"""Alerts: opened by firings, acknowledged and resolved by people; what state one is in follows from its events alone.

The same matter (measure, side of the limit, subject) opens one alert until that is resolved and its cool-down has passed, so a
run that is repeated, or killed and repeated, changes nothing. A milder rule on the matter stays silent meanwhile; a graver one
opens its own.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert, select

from pipeline.monitoring.rules import Firing, Judgement, period_number, rank
from pipeline.project_monitoring import Rule
from pipeline.store.engine import transaction_lock, writing
from pipeline.store.plain_errors import plain_store_errors
from pipeline.store.tables import alert_events, alerts

OPEN: Final = "open"
ACKNOWLEDGED: Final = "acknowledged"
RESOLVED: Final = "resolved"
STATES: Final = (OPEN, ACKNOWLEDGED, RESOLVED)
OPENED: Final = "opened"
DELIVERED: Final = "delivered"
MONITOR: Final = "monitor"
"""Who opens and delivers."""
_WHAT: Final = "the alerts cannot be read or written"
_LONGEST: Final = {"your name": 80, "the note": 2000}


class AlertError(ValueError):
    """A step that an alert cannot take; the message says why and what would be right."""


@dataclass(frozen=True)
class AlertEvent:
    """What happened to an alert: opened, acknowledged, resolved or delivered. ``at`` is UTC, ``day`` the product's own."""

    at: datetime
    event: str
    actor: str
    note: str
    day: date | None


@dataclass(frozen=True)
class Alert:
    """One matter that somebody was called for, as it stood when it was opened, and everything that happened to it since."""

    id: str
    project: str
    opened_at: datetime
    firing: Firing
    lag: int
    """Periods by which the rule's newest judged period lay behind the day of opening: outcomes ripen late."""
    events: tuple[AlertEvent, ...] = ()

    @property
    def state(self) -> str:
        """`OPEN`, `ACKNOWLEDGED` or `RESOLVED`."""
        seen = {event.event for event in self.events}
        return RESOLVED if RESOLVED in seen else ACKNOWLEDGED if ACKNOWLEDGED in seen else OPEN

    @property
    def is_delivered(self) -> bool:
        """True when every address has it."""
        return any(event.event == DELIVERED for event in self.events)

    def event(self, name: str) -> AlertEvent | None:
        """Return the first event of a name, or None."""
        return next((event for event in self.events if event.event == name), None)


def open_alerts(
    engine: Engine, project: str, judgement: Judgement, rules: Sequence[Rule], granularity: str, as_of: date
) -> tuple[Alert, ...]:
    """Open an alert for every firing whose matter has none, in the order of periods, and return the new ones.

    as_of: the product's day; cool-downs count from the day of a resolution to it in periods of the granularity, less the lag
    with which the rule can judge. All are written together or none. Raises StoreError.
    """
    cooldowns = {rule.name: rule.cooldown for rule in rules}
    now, day = datetime.now(UTC), as_of
    with plain_store_errors(_WHAT), writing(engine) as connection:
        transaction_lock(connection, f"alerts.{project}")
        known, made = list(_read(connection, project)), []
        for firing in judgement.firings:
            cooldown = cooldowns.get(firing.rule, 0)
            if any(_silences(alert, firing, cooldown, granularity) for alert in known):
                continue
            lag = _lag(judgement, firing.rule, granularity, day)
            opened = AlertEvent(now, OPENED, MONITOR, "", day)
            alert = Alert(_id(project, firing), project, now, firing, lag, (opened,))
            known.append(alert)
            made.append(alert)
        if made:
            connection.execute(insert(alerts), [_row(alert) for alert in made])
            connection.execute(insert(alert_events), [_event_row(alert.id, alert.events[0]) for alert in made])
    return tuple(made)


def acknowledge(engine: Engine, alert_id: str, *, actor: str, note: str = "", day: date | None = None) -> Alert:
    """Say that somebody looks after an alert. Raises AlertError when it is not open or no name is given; StoreError."""
    return _step(engine, alert_id, ACKNOWLEDGED, actor, _text("the note", note, needed=False), day)


def resolve(engine: Engine, alert_id: str, *, actor: str, note: str, day: date | None = None) -> Alert:
    """Close an alert with a note on what it was and what was done; day: the product's, from which the cool-down counts.

    Raises AlertError when it is closed already, or name or note is empty; StoreError.
    """
    return _step(engine, alert_id, RESOLVED, actor, _text("the note", note), day)


def note_delivery(engine: Engine, alert_ids: Sequence[str]) -> None:
    """Note that all addresses have these alerts; one that is noted already is left as it is. Raises StoreError."""
    now = datetime.now(UTC)
    with plain_store_errors(_WHAT), writing(engine) as connection:
        transaction_lock(connection, "alerts.delivered")
        query = select(alert_events.c.alert_id).where(
            alert_events.c.event == DELIVERED, alert_events.c.alert_id.in_(list(alert_ids))
        )
        done = set(connection.execute(query).scalars())
        event = AlertEvent(now, DELIVERED, MONITOR, "", None)
        rows = [_event_row(alert_id, event) for alert_id in dict.fromkeys(alert_ids) if alert_id not in done]
        if rows:
            connection.execute(insert(alert_events), rows)


def read_alerts(store: Engine | Connection, project: str) -> tuple[Alert, ...]:
    """Return every alert of a project with its events, newest first. Raises StoreError."""
    with plain_store_errors(_WHAT):
        if isinstance(store, Connection):
            return tuple(_read(store, project))
        with store.connect() as connection:
            return tuple(_read(connection, project))


def active_alerts(store: Engine | Connection, project: str) -> tuple[Alert, ...]:
    """Return the alerts that nobody has resolved, gravest first, then newest. Raises StoreError."""
    found = (alert for alert in read_alerts(store, project) if alert.state != RESOLVED)
    return tuple(sorted(found, key=lambda alert: -rank(alert.firing.severity)))


def _silences(alert: Alert, firing: Firing, cooldown: int, granularity: str) -> bool:
    """Tell whether an alert keeps a firing from opening another one."""
    if alert.firing.matter != firing.matter or rank(alert.firing.severity) < rank(firing.severity):
        return False
    resolved = alert.event(RESOLVED)
    if resolved is None:
        return True
    # Without a day of the product the clock on the wall stands for it.
    closed = period_number(resolved.day or resolved.at.date(), granularity) - alert.lag
    return period_number(date.fromisoformat(firing.period), granularity) <= closed + cooldown


def _lag(judgement: Judgement, rule: str, granularity: str, day: date) -> int:
    newest = (judgement.judged_to or {}).get(rule)
    if newest is None:
        return 0
    return max(0, period_number(day, granularity) - period_number(date.fromisoformat(newest), granularity))


def _id(project: str, firing: Firing) -> str:
    """Return an id that the same finding always has, so that no two runs can open it twice."""
    parts = "\0".join((project, firing.rule, firing.subject, firing.period))
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def _row(alert: Alert) -> dict[str, Any]:
    firing = alert.firing
    return {
        "id": alert.id, "project": alert.project, "rule": firing.rule, "layer": firing.layer, "severity": firing.severity,
        "feature": firing.subject or None, "period": firing.period, "opened_at": alert.opened_at,
        "payload": {**asdict(firing), "lag": alert.lag},
    }  # fmt: skip


def _event_row(alert_id: str, event: AlertEvent) -> dict[str, Any]:
    return {"alert_id": alert_id, **asdict(event), "note": event.note or None}


def _read(connection: Connection, project: str, alert_id: str | None = None) -> Iterator[Alert]:
    chosen = alerts.c.project == project if alert_id is None else alerts.c.id == alert_id
    events: dict[str, list[AlertEvent]] = {}
    query = select(alert_events).join(alerts, alerts.c.id == alert_events.c.alert_id).where(chosen)
    for row in connection.execute(query.order_by(alert_events.c.seq)).mappings():
        event = AlertEvent(row["at"], row["event"], row["actor"], row["note"] or "", row["day"])
        events.setdefault(row["alert_id"], []).append(event)
    newest = (alerts.c.opened_at.desc(), alerts.c.period.desc(), alerts.c.id)
    for row in connection.execute(select(alerts).where(chosen).order_by(*newest)).mappings():
        yield _alert(row, tuple(events.get(row["id"], ())))


def _alert(row: Any, events: tuple[AlertEvent, ...]) -> Alert:
    firing = {name: value for name, value in row["payload"].items() if name in Firing.__dataclass_fields__}
    return Alert(row["id"], row["project"], row["opened_at"], Firing(**firing), int(row["payload"].get("lag", 0)), events)


def _step(engine: Engine, alert_id: str, event: str, actor: str, note: str, day: date | None) -> Alert:
    """Add one event by a person, if the state allows it, and return the alert as it is then."""
    actor = _text("your name", actor)
    with plain_store_errors(_WHAT), writing(engine) as connection:
        transaction_lock(connection, f"alert.{alert_id}")
        found = next(_read(connection, "", alert_id), None)
        if found is None:
            raise AlertError(f"there is no alert {alert_id!r}; its id stands on the Alerts page")
        _require_step(found, event)
        made = AlertEvent(datetime.now(UTC), event, actor, note, day)
        connection.execute(insert(alert_events), [_event_row(alert_id, made)])
        return next(_read(connection, "", alert_id))


def _require_step(alert: Alert, event: str) -> None:
    done = alert.event(RESOLVED) or (alert.event(ACKNOWLEDGED) if event == ACKNOWLEDGED else None)
    if done is not None:
        raise AlertError(f"{done.actor} has already {done.event} this alert on {done.at:%Y-%m-%d %H:%M} UTC")


def _text(what: str, value: str, *, needed: bool = True) -> str:
    found = value.strip()
    if needed and not found:
        raise AlertError(f"{what} is empty; it must be given, because it is kept with the alert")
    if "\0" in found:
        raise AlertError(f"{what} holds a NUL character; remove it")
    if len(found) > _LONGEST[what]:
        raise AlertError(f"{what} has {len(found):,} characters; at most {_LONGEST[what]:,} are kept")
    return found
