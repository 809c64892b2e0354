"""A store that an earlier version wrote and filled opens with every row in place, and still refuses changes."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError

import pipeline.store
from pipeline.monitoring.rounds import last_round, record_round
from pipeline.store.address import parse_address
from pipeline.store.engine import open_store, writing
from pipeline.store.tables import metadata

pytest_plugins = ["tests.store.fixtures"]

MIGRATIONS = Path(pipeline.store.__file__).parent / "migrations"
THEN = "2026-05-03 12:30:15.123456"
PD = 0.1 + 0.2
FIRST: dict[str, dict[str, Any]] = {
    "policies": {
        "id": "p1", "project": "taiwan", "number": 1, "model_version": 1, "run_id": "r1", "approve_below": 0.1,
        "decline_above": 0.3, "costs": '{"lgd":0.65}', "baseline": "{}", "rationale": "why Ω", "author": "pm",
        "created_at": THEN, "sha256": "s",
    },
    "ledger": {
        "seq": 1, "project": "taiwan", "at": THEN, "event": "policy", "actor": "pm", "actor_verified": False,
        "subject": '{"policy_id":"p1"}', "reason": "r", "evidence": "{}", "prev_hash": "0", "hash": "1",
    },
    "decisions": {
        "seq": 7, "id": "d1", "project": "taiwan", "idempotency_key": "k1", "decided_at": THEN, "source": "form",
        "applicant_id": None, "model_version": 1, "model_sha256": "m", "run_id": "r1", "policy_id": "p1",
        "inputs": '{"age":41.0,"purpose":"car \\u03a9"}', "pd": PD, "grade": "B", "outcome": "review",
        "reasons": '[{"text":"why"}]', "shadow": None, "latency_ms": 3.25, "warnings": "[]",
    },
    "overrides": {
        "id": "o1", "decision_id": "d1", "author": "pm", "reason": "r", "note": None, "outcome": "decline", "at": THEN,
    },
    "outcomes": {
        "seq": 3, "id": "x1", "project": "taiwan", "subject_id": "d1", "known_at": THEN, "defaulted": True, "cash": -12.5,
        "revision": 1,
    },
    "profiles": {
        "project": "taiwan", "day": "2026-05-03", "model_version": 1, "segment": "", "feature": "age", "bin": "1", "count": 9,
    },
    "profile_marks": {"project": "taiwan", "last_seq": 7, "updated_at": THEN},
    "alerts": {
        "id": "a1", "project": "taiwan", "rule": "psi", "layer": "data", "severity": "red", "feature": None,
        "period": "2026-05", "opened_at": THEN, "payload": '{"psi":0.3}',
    },
    "alert_events": {"seq": 2, "alert_id": "a1", "at": THEN, "event": "opened", "actor": "monitor", "note": "n"},
}  # fmt: skip
"""A row of every table of revisions 0001 and 0002, as the drivers take it."""
LOCKED = ("decisions", "overrides", "outcomes", "policies", "ledger", "alert_events")


@pytest.fixture(params=[(engine, revision) for engine in ("sqlite", "postgresql") for revision in ("0001", "0002")], ids=str)
def old_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A store as an earlier revision left it, filled; 0002 added no table to the first."""
    engine_name, revision = request.param
    return filled(empty_url(request, tmp_path, engine_name), revision)


def empty_url(request: pytest.FixtureRequest, tmp_path: Path, engine_name: str) -> str:
    return f"sqlite:///{tmp_path / 'riskdeck.db'}" if engine_name == "sqlite" else request.getfixturevalue("empty_postgres_url")


def filled(url: str, revision: str) -> str:
    """The address of a store of a revision, with a row in every table of the first."""
    engine = create_engine(parse_address(url))
    with engine.begin() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for name, row in FIRST.items():
            values = ", ".join(f":{column}" for column in row)
            connection.execute(text(f"INSERT INTO {name} ({', '.join(row)}) VALUES ({values})"), row)
    engine.dispose()
    return url


def rows_of(url: str) -> dict[str, tuple]:
    """Every value of the first revision's columns, as text of the database."""
    engine = create_engine(parse_address(url))
    found = {}
    with engine.connect() as connection:
        for name, row in FIRST.items():
            columns = ", ".join(f"CAST({column} AS TEXT)" for column in row)
            found[name] = tuple(connection.execute(text(f"SELECT {columns} FROM {name}")).one())
        found["pd"] = tuple(connection.execute(text("SELECT pd FROM decisions")).one())
    engine.dispose()
    return found


def test_a_filled_store_of_the_first_revision_keeps_every_value(old_url: str) -> None:
    before = rows_of(old_url)
    assert before["pd"] == (PD,)
    open_store(old_url).dispose()
    assert rows_of(old_url) == before


@pytest.mark.parametrize("engine_name", ["sqlite", "postgresql"])
def test_a_store_of_before_rounds_had_rows_keeps_every_value_and_takes_a_round(
    request: pytest.FixtureRequest, tmp_path: Path, engine_name: str
) -> None:
    url = filled(empty_url(request, tmp_path, engine_name), "0004")
    before = rows_of(url)
    engine = open_store(url)
    assert rows_of(url) == before
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    assert last_round(engine, "taiwan") is None
    record_round(engine, "taiwan", date(2026, 5, 3), signals=7, opened=0, failed=())
    kept = last_round(engine, "taiwan")
    assert kept is not None and (kept.as_of, kept.signals) == (date(2026, 5, 3), 7)
    engine.dispose()


def test_a_migrated_store_is_what_the_tables_say_and_refuses_changes(old_url: str) -> None:
    engine = open_store(old_url)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    for name in LOCKED:
        column = next(iter(FIRST[name]))
        for change in (f"UPDATE {name} SET {column} = {column}", f"DELETE FROM {name}"):
            with pytest.raises(IntegrityError, match="append-only"), writing(engine) as connection:
                connection.execute(text(change))
    engine.dispose()


def test_a_decision_of_the_first_revision_is_read_as_it_was_made(old_url: str) -> None:
    engine = open_store(old_url)
    with engine.connect() as connection:
        (row,) = connection.execute(metadata.tables["decisions"].select()).mappings()
    assert row["inputs"] == {"age": 41.0, "purpose": "car Ω"}
    assert row["pd"] == PD
    engine.dispose()


def test_what_was_counted_by_day_is_summed_by_month(old_url: str) -> None:
    days = {"2026-05-04": 5, "2026-05-31": 2, "2026-06-01": 1}
    engine = create_engine(parse_address(old_url))
    row = FIRST["profiles"]
    with engine.begin() as connection:
        values = ", ".join(f":{column}" for column in row)
        for day, count in days.items():
            connection.execute(text(f"INSERT INTO profiles VALUES ({values})"), {**row, "day": day, "count": count})
    engine.dispose()
    engine = open_store(old_url)
    with engine.connect() as connection:
        months = connection.execute(text("SELECT CAST(month AS TEXT), count FROM profile_months ORDER BY month")).all()
        by_day = connection.execute(text("SELECT CAST(day AS TEXT), count FROM profiles ORDER BY day")).all()
    engine.dispose()
    assert [tuple(found) for found in months] == [("2026-05-01", 16), ("2026-06-01", 1)]
    assert [tuple(found) for found in by_day] == [("2026-05-03", 9), *days.items()]
