"""Store and model are looked at: silent when all is well, and each fault found by its own name."""

import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import Engine, event, text

from pipeline import contract
from pipeline.monitoring.health import health_signals
from pipeline.monitoring.health_state import ALIAS, LEDGER, MODEL, STORE, SUBJECTS, findings, store_state
from pipeline.registry import versions
from pipeline.store.engine import HEAD
from tests.serving.conftest import PROJECT, LiveHome, live_engine, live_home, live_once

__all__ = ["live_engine", "live_home", "live_once"]
pytest_plugins = ["tests.store.fixtures"]


def faults(live: LiveHome, engine: Engine) -> dict[str, str]:
    return {found.subject: found.fault for found in findings(live.settings, engine, PROJECT) if found.fault}


def test_a_sound_store_and_model_have_no_fault_and_say_what_was_seen(live_home: LiveHome, live_engine: Engine) -> None:
    found = findings(live_home.settings, live_engine, PROJECT)
    assert tuple(f.subject for f in found) == SUBJECTS
    assert not any(f.fault or f.unknown for f in found) and all(f.detail for f in found)


def test_a_moved_alias_and_other_bytes_are_each_found_and_named(live_home: LiveHome, live_engine: Engine) -> None:
    versions.set_champion(PROJECT, 2)
    assert set(faults(live_home, live_engine)) == {ALIAS} and "version 2" in faults(live_home, live_engine)[ALIAS]
    versions.set_champion(PROJECT, 1)
    file = live_home.artifact(live_home.champion_run, contract.ARTIFACT_MODEL)
    file.write_bytes(file.read_bytes() + b" ")
    assert set(faults(live_home, live_engine)) == {MODEL} and "approved was" in faults(live_home, live_engine)[MODEL]
    file.unlink()
    assert "is gone" in faults(live_home, live_engine)[MODEL]


def test_a_changed_ledger_is_found_and_then_nothing_else_is_claimed(live_home: LiveHome, live_engine: Engine) -> None:
    with closing(sqlite3.connect(live_home.home / "riskdeck.db")) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE ledger SET reason = 'another'")
        db.commit()
    found = {f.subject: f for f in findings(live_home.settings, live_engine, PROJECT)}
    assert "was changed after it was written" in found[LEDGER].fault
    assert found[ALIAS].unknown and found[MODEL].unknown and not found[ALIAS].fault


def test_another_revision_and_a_store_that_could_lose_a_record_are_faults(live_home: LiveHome, live_engine: Engine) -> None:
    assert store_state(live_engine, PROJECT).revision == HEAD
    with live_engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert "revision 0001" in faults(live_home, live_engine)[STORE]
    with live_engine.begin() as connection:
        connection.execute(text(f"UPDATE alembic_version SET version_num = '{HEAD}'"))
    event.listen(live_engine, "checkout", lambda raw, *_: raw.execute("PRAGMA synchronous = NORMAL"))
    assert "must be FULL" in faults(live_home, live_engine)[STORE]


def test_a_store_that_does_not_answer_is_a_fault_and_the_rest_is_unknown(live_home: LiveHome, live_engine: Engine) -> None:
    with live_engine.begin() as connection:
        connection.execute(text("DROP TABLE alembic_version"))
    found = {f.subject: f for f in findings(live_home.settings, live_engine, PROJECT)}
    assert found[STORE].fault and all(found[name].unknown and not found[name].fault for name in SUBJECTS if name != STORE)


def test_a_silent_tracking_store_is_unknown_and_no_fault(
    live_home: LiveHome, live_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    away = replace(live_home.settings, tracking_uri="http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    found = {f.subject: f for f in findings(away, live_engine, PROJECT)}
    assert found[ALIAS].unknown and found[MODEL].unknown and not any(f.fault for f in found.values())


def test_store_faults_are_signals_of_the_newest_period_one_per_subject(live_home: LiveHome, live_engine: Engine) -> None:
    from datetime import date

    versions.set_champion(PROJECT, 2)
    table = health_signals(live_home.settings, live_engine, PROJECT, date(2026, 3, 31))
    mine = table[table["measure"] == "store_fault"].set_index("subject")
    assert mine["value"].to_dict() == {STORE: 0.0, LEDGER: 0.0, ALIAS: 1.0, MODEL: 0.0}
    assert set(mine["period"]) == {"2026-03-01"}
    assert "somebody moved the alias" in mine.loc[ALIAS, "note"]
