"""The decision log: what was decided, durably, before anybody sees it; the same key is the same decision for ever."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC

from sqlalchemy import Connection, Engine, select

from pipeline.serving.decision_rows import among, decision_of, ids_of_keys, insert_rows, numbers, reading, row_of
from pipeline.serving.log_errors import KeyConflict, LogError, in_plain_words
from pipeline.serving.records import Decision
from pipeline.store.engine import transaction_lock, writing
from pipeline.store.tables import decisions as table

__all__ = ["KeyConflict", "LogError", "known", "read_decision", "record", "record_each"]

_Keyed = dict[tuple[str, str], Decision]


def record(engine: Engine, decisions: Sequence[Decision]) -> list[Decision]:
    """Record decisions in one durable transaction and return them as recorded, in order, numbered.

    A decision whose idempotency key the project has seen is not written again: the recorded one comes back. Show only what
    this returns. Raises KeyConflict when a key came before with other inputs or another applicant, LogError when the log
    cannot record; after either nothing of this call is recorded.
    """
    with in_plain_words(), writing(engine) as connection:
        answers = _settle(connection, decisions)
        recorded = []
        for answer in answers:
            if isinstance(answer, KeyConflict):
                raise answer
            recorded.append(answer)
    return recorded


def record_each(engine: Engine, decisions: Sequence[Decision]) -> list[Decision | KeyConflict]:
    """Record like `record`, but return a KeyConflict in its place: for callers who join strangers' requests into one commit.

    Raises LogError, after which nothing of this call is recorded.
    """
    with in_plain_words(), writing(engine) as connection:
        return _settle(connection, decisions)


def read_decision(store: Engine | Connection, decision_id: str) -> Decision | None:
    """Return one decision of any project by its id, or None."""
    if "\0" in decision_id:
        return None
    with reading(store) as connection:
        row = connection.execute(select(table).where(table.c.id == decision_id)).mappings().first()
    return decision_of(row) if row else None


def known(store: Engine | Connection, project: str, keys: Iterable[str]) -> dict[str, str]:
    """Return the decision id of each idempotency key that the project has recorded."""
    with reading(store) as connection:
        return ids_of_keys(connection, project, list(keys))


def _settle(connection: Connection, decisions: Sequence[Decision]) -> list[Decision | KeyConflict]:
    """Write what is new and answer for each: the recorded decision, or the conflict of its key."""
    rows = {decision.id: row_of(decision, connection.dialect.name) for decision in decisions}
    # Numbers are given out in the order of commits, so whoever has read up to a number has missed nothing below it.
    transaction_lock(connection, "decisions")
    seen = _recorded(connection, decisions)
    fresh: list[Decision] = []
    answers: list[Decision | KeyConflict] = []
    for decision in decisions:
        key = decision.idempotency_key
        first = seen.get((decision.project, key)) if key is not None else None
        if first is None:
            first = replace(decision, decided_at=decision.decided_at.astimezone(UTC))
            fresh.append(first)
            if key is not None:
                seen[decision.project, key] = first
        answers.append(first if _same(first, decision) else KeyConflict(str(key)))
    insert_rows(connection, [rows[decision.id] for decision in fresh])
    seqs = numbers(connection, [decision.id for decision in fresh]) if fresh else {}
    return [_numbered(answer, seqs) for answer in answers]


def _recorded(connection: Connection, decisions: Sequence[Decision]) -> _Keyed:
    """Return the decisions recorded under the keys of these."""
    wanted: dict[str, list[str]] = {}
    for decision in decisions:
        if decision.idempotency_key is not None:
            wanted.setdefault(decision.project, []).append(decision.idempotency_key)
    found: _Keyed = {}
    for project, keys in wanted.items():
        ids = ids_of_keys(connection, project, keys)
        query = select(table).where(among(connection, table.c.id, ids.values()))
        for row in connection.execute(query).mappings() if ids else ():
            found[project, row["idempotency_key"]] = decision_of(row)
    return found


def _same(first: Decision, again: Decision) -> bool:
    return first.inputs == again.inputs and first.applicant_id == again.applicant_id


def _numbered(answer: Decision | KeyConflict, seqs: dict[str, int]) -> Decision | KeyConflict:
    if isinstance(answer, KeyConflict) or answer.seq is not None:
        return answer
    return replace(answer, seq=seqs[answer.id])
