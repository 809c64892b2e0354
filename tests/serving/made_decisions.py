"""Decisions as the scorer makes them, and the policy they must name."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, event, insert, text

from pipeline.serving.ids import new_id
from pipeline.serving.records import Decision, Reason, Shadow
from pipeline.store.engine import writing
from pipeline.store.tables import policies

NOW = datetime(2026, 5, 3, 12, 30, 15, 123456, tzinfo=UTC)
POLICY = "simulated-policy-1"
REASON = Reason("income", "Income too low for the amount", 1200.0, 2400.5, 0.1 + 0.2, 0.07)
SHADOW = Shadow("challenger", 2, "b" * 64, POLICY, 1 / 3, "decline")


def with_policy(engine: Engine, policy_id: str = POLICY, number: int = 1) -> Engine:
    """Write the policy that decisions name."""
    row = {
        "id": policy_id, "project": "simulated", "number": number, "model_version": 1, "run_id": "r1", "approve_below": 0.1,
        "decline_above": 0.3, "costs": {}, "baseline": {}, "rationale": "why", "author": "pm", "created_at": NOW, "sha256": "s",
    }  # fmt: skip
    with writing(engine) as connection:
        connection.execute(insert(policies).values(row))
    return engine


def decision(**fields: Any) -> Decision:
    """A review with a reason, a warning and a shadow, every field filled."""
    base = Decision(
        id=new_id(NOW), project="simulated", decided_at=NOW, source="form", model_version=1, model_sha256="a" * 64,
        run_id="r1", policy_id=POLICY, inputs={"income": 1200.0, "purpose": "car", "age": None}, pd=0.1 + 0.02, grade="C",
        outcome="review", reasons=(REASON,), warnings=("income lies below all of training",), shadow=SHADOW,
        applicant_id="A-1", idempotency_key="k-1", latency_ms=3.25,
    )  # fmt: skip
    return replace(base, **fields)


@contextmanager
def session_ends(engine: Engine, turn: int) -> Iterator[None]:
    """Let PostgreSQL end our session in the middle of a transaction: once the lock was taken for the ``turn``-th time."""
    locks: list[str] = []

    def end(connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        locks.extend([statement] if "pg_advisory_xact_lock" in statement else [])
        if len(locks) == turn:
            locks.append("over")
            pid = connection.connection.driver_connection.info.backend_pid
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})

    event.listen(engine, "after_cursor_execute", end)
    try:
        yield
    finally:
        event.remove(engine, "after_cursor_execute", end)
