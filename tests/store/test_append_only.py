"""Append-only tables refuse every way of changing a row, on both engines."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from pipeline.store.engine import writing
from pipeline.store.tables import APPEND_ONLY, metadata

pytest_plugins = ["tests.store.fixtures"]

NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)

ROWS = {
    "policies": {
        "id": "taiwan-policy-1", "project": "taiwan", "number": 1, "model_version": 1, "run_id": "r1", "approve_below": 0.1,
        "decline_above": 0.3, "costs": {}, "baseline": {}, "rationale": "why", "author": "pm", "created_at": NOW,
        "sha256": "s",
    },
    "decisions": {
        "id": "d1", "project": "taiwan", "idempotency_key": "k1", "decided_at": NOW, "source": "form", "applicant_id": "a1",
        "model_version": 1, "model_sha256": "m", "run_id": "r1", "policy_id": "taiwan-policy-1", "inputs": {"age": 41},
        "pd": 0.07, "grade": "B", "outcome": "approve", "reasons": [], "warnings": [],
    },
    "overrides": {"id": "o1", "decision_id": "d1", "author": "pm", "reason": "r", "outcome": "decline", "at": NOW},
    "outcomes": {"id": "x1", "project": "taiwan", "subject_id": "d1", "known_at": NOW, "defaulted": False, "revision": 1},
    "ledger": {
        "seq": 1, "project": "taiwan", "at": NOW, "event": "policy", "actor": "pm", "actor_verified": False, "subject": {},
        "reason": "r", "evidence": {}, "prev_hash": "0", "hash": "1",
    },
    "alerts": {
        "id": "al1", "project": "taiwan", "rule": "psi", "layer": "data", "severity": "red", "period": "2026-05",
        "opened_at": NOW, "payload": {},
    },
    "alert_events": {"seq": 1, "alert_id": "al1", "at": NOW, "event": "opened", "actor": "monitor"},
    "alert_deliveries": {"seq": 1, "alert_id": "al1", "at": NOW, "channel": "json:ab12cd34", "is_delivered": False},
    "monitor_rounds": {
        "seq": 1, "project": "taiwan", "at": NOW, "as_of": NOW.date(), "signals": 1204, "opened": 0, "failed": [],
    },
    "annotations": {"id": "n1", "project": "taiwan", "day": NOW.date(), "text": "campaign", "author": "pm", "at": NOW},
    "service_events": {
        "seq": 1, "project": "taiwan", "at": NOW, "source": "http", "kind": "refused", "field": "income", "count": 3,
    },
}  # fmt: skip


@pytest.fixture
def filled(store: Engine) -> Engine:
    with writing(store) as connection:
        for name, row in ROWS.items():
            connection.execute(insert(metadata.tables[name]).values(row))
    return store


def rows_of(engine: Engine, table: str) -> list[tuple]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(select(metadata.tables[table]))]


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_every_way_to_change_a_row_is_refused_and_changes_nothing(filled: Engine, table: str) -> None:
    before = rows_of(filled, table)
    other = {"alert_events": "event", "alert_deliveries": "channel", "overrides": "author"}
    column = other.get(table, "project")
    changes = [f"UPDATE {table} SET {column} = 'other'", f"DELETE FROM {table}"]
    if filled.dialect.name == "postgresql":
        changes.append(f"TRUNCATE {table} CASCADE")
    for change in changes:
        with pytest.raises(IntegrityError, match="append-only"), writing(filled) as connection:
            connection.execute(text(change))
    assert rows_of(filled, table) == before
    assert len(before) == 1


@pytest.mark.parametrize("table", APPEND_ONLY)
def test_insert_or_replace_is_refused(filled: Engine, table: str) -> None:
    before = rows_of(filled, table)
    if filled.dialect.name == "sqlite":
        statement = insert(metadata.tables[table]).prefix_with("OR REPLACE").values(ROWS[table])
    else:
        from sqlalchemy.dialects.postgresql import insert as pg_insert

        key = "id" if "id" in ROWS[table] else "seq"
        statement = pg_insert(metadata.tables[table]).values(ROWS[table])
        statement = statement.on_conflict_do_update(index_elements=[key], set_={key: statement.excluded[key]})
    with pytest.raises(IntegrityError, match="append-only"), writing(filled) as connection:
        connection.execute(statement)
    assert rows_of(filled, table) == before


def test_a_repeated_idempotency_key_keeps_the_first_decision(filled: Engine) -> None:
    again = ROWS["decisions"] | {"id": "d2", "pd": 0.9, "outcome": "decline"}
    with pytest.raises(IntegrityError), writing(filled) as connection:
        connection.execute(insert(metadata.tables["decisions"]).values(again))
    # The same key in another project is another decision.
    with writing(filled) as connection:
        connection.execute(insert(metadata.tables["decisions"]).values(again | {"project": "simulated"}))
    assert [row[1] for row in sorted(rows_of(filled, "decisions"))] == ["d1", "d2"]


def test_decisions_are_numbered_in_the_order_of_writing(filled: Engine) -> None:
    for number in range(2, 6):
        with writing(filled) as connection:
            row = ROWS["decisions"] | {"id": f"d{number}", "idempotency_key": None}
            connection.execute(insert(metadata.tables["decisions"]).values(row))
    found = sorted(rows_of(filled, "decisions"))
    assert [row[1] for row in found] == ["d1", "d2", "d3", "d4", "d5"]
    assert len({row[0] for row in found}) == 5


@pytest.mark.parametrize(
    "wrong", [{"outcome": "maybe"}, {"pd": 1.5}, {"pd": float("nan")}, {"source": "fax"}, {"policy_id": "nowhere"}]
)
def test_a_decision_outside_the_contract_is_refused(filled: Engine, wrong: dict) -> None:
    with pytest.raises(DBAPIError), writing(filled) as connection:
        connection.execute(insert(metadata.tables["decisions"]).values(ROWS["decisions"] | {"id": "d2"} | wrong))
