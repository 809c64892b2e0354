"""Send open alerts to people through Apprise: in bounded time, tried again by later runs, and without anybody's data.

An address holds secrets. It is never stored, logged or shown: a channel is known by its kind and a slow fingerprint.
"""

import hashlib
import logging
import queue
import threading
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from sqlalchemy import Engine, insert, select

from pipeline.monitoring.alerts import OPEN, Alert, note_delivery, read_alerts
from pipeline.monitoring.rules import rank
from pipeline.settings import AlertSettings
from pipeline.store.engine import writing
from pipeline.store.tables import alert_deliveries

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(hours=1)
_GIVES_UP_AFTER: Final = 2
"""Failures in a row after which a channel is left alone for this run."""
_Result = tuple[str, str, bool]
"""Channel, alert, whether it was taken."""


@dataclass(frozen=True)
class Channel:
    """One address, known by a name that betrays nothing, and how it went so far."""

    name: str
    address: str = field(repr=False)
    has: frozenset[str] = frozenset()
    """Ids of the alerts it took."""
    tries: Mapping[str, int] = field(default_factory=dict)
    """Failed attempts by alert."""
    rests_until: datetime | None = None


@dataclass(frozen=True)
class Delivery:
    """What one run sent: alerts that every address has now, those that still wait, and what went wrong, without addresses."""

    sent: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def deliver(engine: Engine, project: str, settings: AlertSettings) -> Delivery:
    """Send every open alert that not all addresses have yet, and note each attempt.

    It takes no longer than `AlertSettings.seconds`; whatever is not sent waits for the next run. After a failure a channel
    rests for a minute, then two, four and so on, an hour at most. An alert reaches an address twice only when the
    process dies between sending and noting it. Raises StoreError; nothing that an address does is raised.
    """
    pending = [alert for alert in read_alerts(engine, project) if alert.state == OPEN and not alert.is_delivered]
    ids = tuple(alert.id for alert in pending)
    if not pending or not settings.addresses:
        return Delivery(waiting=ids if settings.addresses else ())
    now, channels = datetime.now(UTC), read_channels(engine, settings.addresses)
    awake = [channel for channel in channels if channel.rests_until is None or channel.rests_until <= now]
    results = _send_all(engine, awake, pending, settings)
    taken = {c.name: set(c.has) | {i for name, i, ok in results if ok and name == c.name} for c in channels}
    sent = tuple(i for i in ids if all(i in has for has in taken.values()))
    note_delivery(engine, sent)
    return Delivery(sent, tuple(i for i in ids if i not in sent), _faults(channels, awake, results, pending))


def message(alert: Alert, page: str) -> tuple[str, str]:
    """Return subject and text of an alert's message: rule, subject, period and numbers, and a link; nobody's data."""
    firing = alert.firing
    subject = f" ({firing.subject})" if firing.subject else ""
    lines = [firing.evidence, f"Layer: {firing.layer}. For: {firing.owner}. Rule: {firing.rule}."]
    if page:
        lines.append(f"{page}/alerts?project={quote(alert.project)}&alert={quote(alert.id)}")
    return f"[{firing.severity}] {alert.project}: {firing.rule}{subject}", "\n".join(lines)


def channel_name(address: str) -> str:
    """Return the kind of an address and a fingerprint, e.g. ``slack:1f0c2a9b``: slow to guess a password from, and short."""
    digest = hashlib.scrypt(address.encode(), salt=b"riskdeck.alerts", n=2**14, r=8, p=1, dklen=4)
    return f"{address.partition('://')[0].lower()}:{digest.hex()}"


def read_channels(engine: Engine, addresses: Sequence[str]) -> tuple[Channel, ...]:
    """Return the channels of addresses with what is known of each."""
    named = {channel_name(address): address for address in addresses}
    columns = (alert_deliveries.c.channel, alert_deliveries.c.alert_id, alert_deliveries.c.at, alert_deliveries.c.is_delivered)
    query = select(*columns).where(alert_deliveries.c.channel.in_(list(named))).order_by(alert_deliveries.c.seq)
    with engine.connect() as connection:
        rows = connection.execute(query).all()
    return tuple(_channel(name, address, [row[1:] for row in rows if row[0] == name]) for name, address in named.items())


def _channel(name: str, address: str, attempts: Sequence[Sequence[object]]) -> Channel:
    has = frozenset(str(alert_id) for alert_id, _, ok in attempts if ok)
    tries: dict[str, int] = {}
    failures, rests_until = 0, None
    for alert_id, at, ok in attempts:
        failures = 0 if ok else failures + 1
        tries[str(alert_id)] = tries.get(str(alert_id), 0) + (not ok)
        pause = min(FIRST_PAUSE * 2 ** min(failures - 1, 10), LONGEST_PAUSE) if failures else None
        rests_until = at + pause if pause is not None and isinstance(at, datetime) else None
    return Channel(name, address, has, tries, rests_until)


def _send_all(engine: Engine, channels: Sequence[Channel], pending: Sequence[Alert], settings: AlertSettings) -> list[_Result]:
    """Send side by side, a thread per channel, until all is done or time is up; each result is noted as it comes."""
    done: queue.Queue[_Result | str] = queue.Queue()
    if channels:
        _load_services()
    deadline = time.monotonic() + settings.seconds
    for channel in channels:
        # Daemons: a server that never answers must not keep the process alive.
        arguments = (channel, pending, settings.page, deadline, done)
        threading.Thread(target=_send_channel, args=arguments, name="riskdeck-deliver", daemon=True).start()
    results: list[_Result] = []
    running = {channel.name: channel for channel in channels}
    while running and (left := deadline - time.monotonic()) > 0:
        try:
            result = done.get(timeout=left)
        except queue.Empty:
            break
        if isinstance(result, str):
            running.pop(result)
        else:
            results.append(result)
            _note_attempt(engine, *result)
    for channel in running.values():
        _note_silence(engine, channel, pending, results)
    return results


def _note_silence(engine: Engine, channel: Channel, pending: Sequence[Alert], results: Sequence[_Result]) -> None:
    """Note a failure for the alert that a channel still had in hand when time was up, so that it rests too."""
    tried = {alert_id for name, alert_id, _ in results if name == channel.name}
    in_hand = next((alert.id for alert in _in_order(channel, pending) if alert.id not in tried), None)
    if in_hand is not None:
        _note_attempt(engine, channel.name, in_hand, False)


def _send_channel(
    channel: Channel, pending: Sequence[Alert], page: str, deadline: float, done: "queue.Queue[_Result | str]"
) -> None:
    failures = 0
    for alert in _in_order(channel, pending):
        if failures >= _GIVES_UP_AFTER or time.monotonic() >= deadline:
            break
        is_sent = _send(channel.address, *message(alert, page))
        failures = 0 if is_sent else failures + 1
        done.put((channel.name, alert.id, is_sent))
    done.put(channel.name)


def _in_order(channel: Channel, pending: Sequence[Alert]) -> list[Alert]:
    """Alerts that a channel lacks: those that failed least come first, so that one it never takes holds up no other."""
    lacking = (alert for alert in pending if alert.id not in channel.has)
    return sorted(lacking, key=lambda a: (channel.tries.get(a.id, 0), -rank(a.firing.severity), a.firing.period))


def _load_services() -> None:
    """Let Apprise read its services once, in the thread that asks: what it imports warns of matters of its own."""
    # It says in its log what it could not reach, with parts of the address.
    log = logging.getLogger("apprise")
    log.addHandler(logging.NullHandler())
    log.propagate = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import apprise

        apprise.Apprise.instantiate("json://localhost")


def _send(address: str, title: str, text: str) -> bool:
    """Send one message; False for whatever went wrong, because a fault of a service must not stop monitoring."""
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Riskdeck", app_desc="Riskdeck", app_url="", async_mode=False, storage_mode=apprise.PersistentStoreMode.MEMORY
    )  # fmt: skip
    try:
        service = apprise.Apprise(asset=asset)
        return bool(service.add(address)) and bool(service.notify(body=text, title=title, body_format="text"))
    except Exception:
        return False


def _note_attempt(engine: Engine, channel: str, alert_id: str, is_delivered: bool) -> None:
    row = {"alert_id": alert_id, "at": datetime.now(UTC), "channel": channel, "is_delivered": is_delivered}
    with writing(engine) as connection:
        connection.execute(insert(alert_deliveries).values(row))


def _faults(
    channels: Sequence[Channel], awake: Sequence[Channel], results: Sequence[_Result], pending: Sequence[Alert]
) -> tuple[str, ...]:
    """Say per channel what did not arrive."""
    said = []
    for number, channel in enumerate(channels, start=1):
        name = f"alert address {number} ({channel.name})"
        own = [ok for which, _, ok in results if which == channel.name]
        left = len([a for a in pending if a.id not in channel.has]) - sum(own)
        if left and channel not in awake:
            said.append(f"{name} failed before and rests until {channel.rests_until:%H:%M:%S} UTC; {left} alerts wait for it")
        elif left:
            why = "did not take the message" if False in own else "did not answer in time"
            said.append(f"{name} {why}; {left} alerts wait and are tried again by a later run")
    return tuple(said)
