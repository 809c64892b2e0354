"""Overrides: what a person decided where the policy asked for one, each a record of its own and a row of the ledger.

Only a decision to review can be overridden. The last override stands: a later one corrects the one before it, which stays on
record, and must say something else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert, select

from pipeline import contract
from pipeline.registry import ledger
from pipeline.registry.ledger import LedgerError
from pipeline.serving.decision_log import read_decision
from pipeline.serving.decision_rows import reading
from pipeline.serving.ids import new_id
from pipeline.serving.log_errors import in_plain_words
from pipeline.serving.records import Decision
from pipeline.store.engine import writing
from pipeline.store.tables import overrides as table

FINAL_OUTCOMES: Final = (contract.APPROVE, contract.DECLINE)
"""What a person can decide."""


class OverrideError(ValueError):
    """An override that cannot be made; the message says why and what would be right."""


@dataclass(frozen=True)
class Override:
    """What a person decided in place of a review. ``at`` is UTC."""

    id: str
    decision_id: str
    at: datetime
    outcome: str
    reason: str
    note: str
    """Free words, kept here alone: the ledger holds none, because it can name people."""
    author: str


def override(
    engine: Engine, decision_id: str, *, outcome: str, reason: str, note: str, author: str, allowed_reasons: Sequence[str]
) -> Override:
    """Decide a review: record the override with its ledger row in one transaction and return it.

    ``reason`` is one of ``allowed_reasons`` (the project's); one that begins with "Other" needs a ``note``. Raises
    OverrideError when the decision is unknown or no review, a field is not as it must be, or nothing would change;
    `LogError` when the store cannot record, after which nothing is.
    """
    note = note.strip()
    _require_words(outcome, reason, note, allowed_reasons)
    try:
        author = ledger.required_text("author", author)
        with in_plain_words(), writing(engine) as connection:
            ledger.lock(connection)  # what was decided so far stays true until our row stands
            decision = _review(connection, decision_id)
            made = _next(connection, decision, outcome, reason, note, author)
            connection.execute(insert(table).values(made.__dict__ | {"note": note or None}))
            _note_in_ledger(connection, decision, made)
    except LedgerError as error:
        raise OverrideError(str(error)) from None
    return made


def overrides_of(store: Engine | Connection, decision_id: str) -> list[Override]:
    """Return the overrides of a decision, first to last; the last one stands."""
    query = select(table).where(table.c.decision_id == decision_id).order_by(table.c.at, table.c.id)
    with reading(store) as connection:
        return [_override(row._mapping) for row in connection.execute(query)]


def _require_words(outcome: str, reason: str, note: str, allowed_reasons: Sequence[str]) -> None:
    if outcome not in FINAL_OUTCOMES:
        raise OverrideError(f"the outcome {outcome!r} decides nothing; choose {' or '.join(FINAL_OUTCOMES)}")
    if reason not in allowed_reasons:
        raise OverrideError(f"{reason!r} is no reason of this project; choose one of: {'; '.join(allowed_reasons)}")
    if reason.startswith("Other") and not note:
        raise OverrideError(f"the reason {reason!r} says nothing by itself; write the reason into the note")
    if "\0" in note:
        raise OverrideError("the note holds a NUL character; remove it")


def _review(connection: Connection, decision_id: str) -> Decision:
    decision = read_decision(connection, decision_id)
    if decision is None:
        raise OverrideError(f"there is no decision {decision_id!r}; check the id")
    if decision.outcome != contract.REVIEW:
        raise OverrideError(
            f"decision {decision_id} is {decision.outcome!r} by its policy; only a decision to review can be overridden"
        )
    return decision


def _next(connection: Connection, decision: Decision, outcome: str, reason: str, note: str, author: str) -> Override:
    """Return the override that follows those so far; it must change something."""
    earlier = overrides_of(connection, decision.id)
    now = datetime.now(UTC)
    if earlier:
        last = earlier[-1]
        if (last.outcome, last.reason, last.note) == (outcome, reason, note):
            raise OverrideError(
                f"{last.author} has already decided {outcome!r} for this reason on {last.at:%Y-%m-%d %H:%M} UTC"
            )
        now = max(now, last.at + timedelta(microseconds=1))  # clocks of two machines differ a little; the later one stands
    return Override(new_id(now), decision.id, now, outcome, reason, note, author)


def _note_in_ledger(connection: Connection, decision: Decision, made: Override) -> None:
    subject = {
        "decision_id": decision.id, "override_id": made.id, "outcome": made.outcome,
        "model_version": decision.model_version, "policy_id": decision.policy_id, "run_id": decision.run_id,
    }  # fmt: skip
    evidence = {"decided": decision.outcome, "pd": decision.pd, "model_sha256": decision.model_sha256}
    ledger.append(connection, decision.project, ledger.OVERRIDE, made.author, subject, made.reason, evidence)


def _override(row: Any) -> Override:
    return Override(**dict(row) | {"note": row["note"] or ""})
