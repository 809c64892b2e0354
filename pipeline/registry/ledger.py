"""The ledger: who proposed, approved, promoted or rolled back what, when and why. Append-only and hash-chained.

Each row's hash covers all its fields and the hash before it, per project, so an edited or removed row breaks every hash
after it. Rows cut off the end leave a chain that still holds: note the newest hash elsewhere (a release note, a ticket) and
give it to `verify` as anchor.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, func, insert, select

from pipeline.store.documents import as_stored, content_sha256
from pipeline.store.engine import is_writing, transaction_lock, writing
from pipeline.store.tables import ledger as table

PROPOSAL, APPROVAL, REJECTION, PROMOTION, ROLLBACK, POLICY, OVERRIDE, ROUTING = EVENTS = (
    "proposal", "approval", "rejection", "promotion", "rollback", "policy", "override", "routing",
)  # fmt: skip
GENESIS: Final = "0" * 64
"""What the first row of a project follows."""


class LedgerError(ValueError):
    """A row that cannot be appended; the message names the field and what would be right."""


@dataclass(frozen=True)
class LedgerEntry:
    """One row. ``actor_verified`` is False while names are typed rather than signed in; ``at`` is UTC."""

    seq: int
    project: str
    at: datetime
    event: str
    actor: str
    actor_verified: bool
    subject: Mapping[str, Any]
    reason: str
    evidence: Mapping[str, Any]
    prev_hash: str
    hash: str


@dataclass(frozen=True)
class Live:
    """What decides: a model version and a policy, since the ledger row that made them live."""

    model_version: int
    policy_id: str
    run_id: str
    model_sha256: str
    since: datetime
    seq: int


def append(
    store: Engine | Connection, project: str, event: str, actor: str, subject: Mapping[str, Any], reason: str,
    evidence: Mapping[str, Any], at: datetime | None = None,
) -> LedgerEntry:  # fmt: skip
    """Append one row and return it; inside the caller's transaction when given a connection of `writing`.

    ``subject`` says what it is about (model_version, policy_id, run_id, proposal), ``evidence`` what it rests on (gate,
    model_sha256, data_sha256); both must be JSON. ``at`` defaults to now and never lies before the row it follows.

    Raises LedgerError for an unknown event, an empty name or reason, or a time that breaks the order.
    """
    if event not in EVENTS:
        raise LedgerError(f"{event!r} is no ledger event; use one of {', '.join(EVENTS)}")
    texts = {"project": project, "actor": actor, "reason": reason}
    texts = {name: required_text(name, value) for name, value in texts.items()}
    with writing(store) if isinstance(store, Engine) else nullcontext(store) as connection:
        lock(connection)
        last = _last(connection, project)
        body: dict[str, Any] = texts | {
            "seq": (connection.execute(select(func.max(table.c.seq))).scalar() or 0) + 1,
            "at": _moment(at, last),
            "event": event,
            "actor_verified": False,  # until sign-in exists, a name is what somebody typed
            "subject": as_stored(subject),
            "evidence": as_stored(evidence),
            "prev_hash": last.hash if last else GENESIS,
        }
        entry = LedgerEntry(**body, hash=content_sha256(body, leave_out="hash"))
        connection.execute(insert(table).values(_row(entry)))
    return entry


def lock(connection: Connection) -> None:
    """Hold the ledger until the transaction ends, so that what is read from it stays true until the append."""
    if not is_writing(connection):
        raise LedgerError("the ledger is written through a connection of pipeline.store.engine.writing")
    transaction_lock(connection, "ledger")


def history(store: Engine | Connection, project: str) -> list[LedgerEntry]:
    """Return the rows of a project, oldest first."""
    query = select(table).where(table.c.project == project).order_by(table.c.seq)
    with _reading(store) as connection:
        return [LedgerEntry(**row) for row in connection.execute(query).mappings()]


def read_entry(store: Engine | Connection, seq: int) -> LedgerEntry | None:
    """Return one row of any project by its number, or None."""
    with _reading(store) as connection:
        row = connection.execute(select(table).where(table.c.seq == seq)).mappings().first()
    return LedgerEntry(**row) if row else None


def verify(store: Engine | Connection, project: str, anchor: str | None = None) -> list[str]:
    """Return one sentence per broken row, first broken first; an empty list means the chain is intact.

    ``anchor`` is a hash noted earlier, which must still be in the chain: it shows rows missing at the end.
    """
    problems, expected = [], GENESIS
    with _reading(store) as connection:
        try:
            entries = history(connection, project)
        except ValueError:  # not JSON, not a date: the store itself never writes such a row
            return [f"ledger row {_first_unreadable(connection, project)} cannot be read: it was changed after it was written"]
    for entry in entries:
        if content_sha256(_row(entry), leave_out="hash") != entry.hash:
            problems.append(f"ledger row {entry.seq} ({entry.event}) was changed after it was written")
        if entry.prev_hash != expected:
            problems.append(f"ledger row {entry.seq} ({entry.event}) does not follow the row before it: one is missing")
        expected = entry.hash
    if anchor is not None and anchor not in (GENESIS, *(entry.hash for entry in entries)):
        problems.append(f"no ledger row has the hash {anchor}: rows were removed at the end or the chain was rewritten")
    return problems


def live_at(store: Engine | Connection, project: str, moment: datetime | None = None) -> Live | None:
    """Return what was live at a moment (an aware datetime; by default now), or None when nothing was yet.

    At the very instant of a change the new pair is live. Raises LedgerError when its row names only part of it.
    """
    if moment is not None and moment.tzinfo is None:
        raise LedgerError(f"the moment {moment} has no time zone; give an aware datetime such as {moment}+00:00")
    changes = [entry for entry in history(store, project) if entry.event in (PROMOTION, ROLLBACK)]
    if moment is not None:
        changes = [entry for entry in changes if entry.at <= moment]
    return live_of(changes[-1]) if changes else None


def live_projects(store: Engine | Connection) -> list[str]:
    """Return the names of the projects in which something is live, in order."""
    query = select(table.c.project).where(table.c.event.in_((PROMOTION, ROLLBACK))).distinct().order_by(table.c.project)
    with _reading(store) as connection:
        return list(connection.execute(query).scalars())


def newest_seq(store: Engine | Connection, project: str) -> int:
    """Return the number of the project's newest row, 0 without any: a cheap way to see whether anything changed."""
    with _reading(store) as connection:
        return connection.execute(select(func.max(table.c.seq)).where(table.c.project == project)).scalar() or 0


def live_of(entry: LedgerEntry) -> Live:
    """Read the pair that a promotion or rollback made live. Raises LedgerError when the row does not name all of it."""
    said = {**entry.subject, "model_sha256": entry.evidence.get("model_sha256")}
    named: dict[str, Any] = {key: said.get(key) for key in ("model_version", "policy_id", "run_id", "model_sha256")}
    missing = [key for key, value in named.items() if value is None]
    if missing:
        raise LedgerError(
            f"ledger row {entry.seq} ({entry.event}) of {entry.project} names no {' and no '.join(missing)}, so what it made "
            "live is not known; propose and approve a version again"
        )
    return Live(**named, since=entry.at, seq=entry.seq)


def required_text(name: str, value: str) -> str:
    """Return the text trimmed; raise LedgerError when nothing is left or it holds what no database keeps."""
    if not value.strip():
        raise LedgerError(f"{name} is empty; it must say something, because the ledger keeps it for good")
    if "\0" in value:
        raise LedgerError(f"{name} {value!r} holds a NUL character; remove it")
    return value.strip()


def _reading(store: Engine | Connection) -> AbstractContextManager[Connection]:
    return store.connect() if isinstance(store, Engine) else nullcontext(store)


def _first_unreadable(connection: Connection, project: str) -> int | None:
    for seq in connection.execute(select(table.c.seq).where(table.c.project == project).order_by(table.c.seq)).scalars():
        try:
            connection.execute(select(table).where(table.c.seq == seq)).all()
        except ValueError:
            return seq
    return None


def _last(connection: Connection, project: str) -> LedgerEntry | None:
    query = select(table).where(table.c.project == project).order_by(table.c.seq.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return LedgerEntry(**row) if row else None


def _moment(at: datetime | None, last: LedgerEntry | None) -> datetime:
    """Times never run backwards along the chain, or "what was live then" would have two answers."""
    now = datetime.now(UTC)
    if at is None:
        # Clocks of two machines differ a little: the later row keeps the later time.
        return max(now, last.at) if last else now
    if at.tzinfo is None:
        raise LedgerError(f"the time {at} has no time zone; give an aware datetime such as {at}+00:00")
    if at > now:
        raise LedgerError(f"the time {at} lies in the future; it is now {now:%Y-%m-%d %H:%M} UTC")
    if last and at < last.at:
        raise LedgerError(f"the time {at} lies before ledger row {last.seq} of {last.at}; the ledger only goes forward")
    return at.astimezone(UTC)


def _row(entry: LedgerEntry) -> dict[str, Any]:
    return {field.name: getattr(entry, field.name) for field in fields(entry)}
