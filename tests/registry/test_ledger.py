"""The ledger keeps its order, notices every tampering, and says what was live when."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pipeline.registry import ledger
from pipeline.registry.ledger import GENESIS, LedgerError
from pipeline.store.engine import open_store, writing

pytest_plugins = ["tests.store.fixtures"]

MAY = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)


def add(store: Engine, event: str = "proposal", project: str = "taiwan", **fields: Any) -> ledger.LedgerEntry:
    given = {"actor": "pm", "subject": {"model_version": 1}, "reason": "because", "evidence": {"auc": 0.1 + 0.2}} | fields
    return ledger.append(store, project, event, **given)


def go_live(store: Engine, version: int, at: datetime, event: str = "promotion") -> None:
    subject = {"model_version": version, "policy_id": f"taiwan-policy-{version}", "run_id": f"r{version}"}
    add(store, event, subject=subject, evidence={"model_sha256": f"m{version}"}, at=at)


def tamper(store: Engine, statement: str) -> None:
    """Do what only the owner of the database can: take the lock off, change a row, put the lock back unseen."""
    sqlite = store.dialect.name == "sqlite"
    with writing(store) as connection:
        if sqlite:
            connection.execute(text("DROP TRIGGER ledger_refuses_update"))
            connection.execute(text("DROP TRIGGER ledger_refuses_delete"))
        else:
            connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER ALL"))
        connection.exec_driver_sql(statement)


def test_rows_come_back_as_written_and_chained_per_project(store: Engine) -> None:
    written = [add(store), add(store, project="simulated"), add(store, "approval", actor=" risk-lead ")]
    assert ledger.history(store, "taiwan") == [written[0], written[2]]
    assert [entry.seq for entry in written] == [1, 2, 3]
    assert [entry.prev_hash for entry in written] == [GENESIS, GENESIS, written[0].hash]
    assert written[2].actor == "risk-lead"
    assert not any(entry.actor_verified for entry in written)
    assert ledger.read_entry(store, 2) == written[1]
    assert ledger.read_entry(store, 9) is None
    assert ledger.verify(store, "taiwan") == ledger.verify(store, "simulated") == ledger.verify(store, "empty") == []


@pytest.mark.parametrize(
    "change",
    [
        "actor = 'somebody else'",
        "reason = 'another reason'",
        "event = 'rejection'",
        "project = 'taiwan', evidence = '{\"auc\":0.31}'",
        "subject = '{\"model_version\":2}'",
        "at = '2020-01-01 00:00:00.000000'",
        "hash = 'abc'",
    ],
)
def test_an_edited_row_is_found_and_named(store: Engine, change: str) -> None:
    for _ in range(4):
        add(store)
    tamper(store, f"UPDATE ledger SET {change} WHERE seq = 2")
    problems = ledger.verify(store, "taiwan")
    assert problems[0] == f"ledger row 2 ({ledger.history(store, 'taiwan')[1].event}) was changed after it was written"


def test_a_verified_flag_set_by_hand_is_found(store: Engine) -> None:
    add(store)
    tamper(store, "UPDATE ledger SET actor_verified = true")
    assert "row 1 (proposal) was changed" in ledger.verify(store, "taiwan")[0]


def test_an_unreadable_row_is_named_rather_than_breaking_the_check(store: Engine) -> None:
    add(store)
    add(store)
    tamper(store, "UPDATE ledger SET subject = '\"\"' WHERE seq = 2")
    assert "row 2" in ledger.verify(store, "taiwan")[0]


def test_a_row_that_is_no_json_is_named(sqlite_store: Engine) -> None:
    add(sqlite_store)
    add(sqlite_store)
    tamper(sqlite_store, "UPDATE ledger SET subject = 'not json' WHERE seq = 2")
    assert ledger.verify(sqlite_store, "taiwan") == [
        "ledger row 2 cannot be read: it was changed after it was written"
    ]  # fmt: skip


def test_a_removed_row_is_found_by_the_one_after_it(store: Engine) -> None:
    for _ in range(4):
        add(store)
    tamper(store, "DELETE FROM ledger WHERE seq = 2")
    assert ledger.verify(store, "taiwan") == ["ledger row 3 (proposal) does not follow the row before it: one is missing"]


def test_an_anchor_shows_rows_removed_at_the_end(store: Engine) -> None:
    hashes = [add(store).hash for _ in range(3)]
    assert ledger.verify(store, "taiwan", anchor=hashes[-1]) == []
    tamper(store, "DELETE FROM ledger WHERE seq = 3")
    assert ledger.verify(store, "taiwan") == []
    assert hashes[-1] in ledger.verify(store, "taiwan", anchor=hashes[-1])[0]


def test_eight_concurrent_writers_leave_an_unbroken_chain(store: Engine, store_url: str) -> None:
    def write(number: int) -> None:
        engine = open_store(store_url)
        for _ in range(5):
            add(engine, actor=f"writer-{number}", project="taiwan" if number % 2 else "simulated")
        engine.dispose()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    entries = ledger.history(store, "taiwan") + ledger.history(store, "simulated")
    assert sorted(entry.seq for entry in entries) == list(range(1, 41))
    assert len(ledger.history(store, "taiwan")) == 20
    assert ledger.verify(store, "taiwan") == ledger.verify(store, "simulated") == []


def test_a_row_of_a_transaction_that_fails_never_was(store: Engine) -> None:
    with pytest.raises(RuntimeError), writing(store) as connection:
        ledger.append(connection, "taiwan", "proposal", "pm", {}, "because", {})
        raise RuntimeError
    assert ledger.history(store, "taiwan") == []


def test_a_connection_that_only_reads_cannot_append(sqlite_store: Engine) -> None:
    with sqlite_store.connect() as connection, pytest.raises(LedgerError, match="through a connection of"):
        ledger.append(connection, "taiwan", "proposal", "pm", {}, "because", {})


def test_what_was_live_is_answered_between_changes(store: Engine) -> None:
    day = timedelta(days=1)
    assert ledger.live_at(store, "taiwan") is None
    go_live(store, 1, MAY)
    add(store, at=MAY + day)
    go_live(store, 2, MAY + 2 * day)
    go_live(store, 1, MAY + 4 * day, event="rollback")

    def version(moment: datetime | None) -> int | None:
        live = ledger.live_at(store, "taiwan", moment)
        return live.model_version if live else None

    moments = [
        MAY - day,
        MAY,
        MAY + day,
        MAY + 2 * day - timedelta(microseconds=1),
        MAY + 2 * day,
        MAY + 3 * day,
        MAY + 4 * day,
    ]
    assert [version(moment) for moment in moments] == [None, 1, 1, 1, 2, 2, 1]
    assert version(None) == 1
    third_of_may = ledger.live_at(store, "taiwan", MAY + 2.5 * day)
    assert third_of_may == ledger.Live(2, "taiwan-policy-2", "r2", "m2", since=MAY + 2 * day, seq=3)
    assert ledger.live_at(store, "simulated") is None


def test_time_never_runs_backwards(sqlite_store: Engine) -> None:
    add(sqlite_store, at=MAY)
    with pytest.raises(LedgerError, match=r"lies before ledger row 1"):
        add(sqlite_store, at=MAY - timedelta(seconds=1))
    with pytest.raises(LedgerError, match="lies in the future"):
        add(sqlite_store, at=datetime.now(UTC) + timedelta(minutes=1))
    with pytest.raises(LedgerError, match="no time zone"):
        add(sqlite_store, at=MAY.replace(tzinfo=None))
    with pytest.raises(LedgerError, match="no time zone"):
        ledger.live_at(sqlite_store, "taiwan", MAY.replace(tzinfo=None))
    assert [entry.at for entry in ledger.history(sqlite_store, "taiwan")] == [MAY]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"event": "sold"}, "'sold' is no ledger event; use one of proposal, approval"),
        ({"actor": "  "}, "actor is empty"),
        ({"reason": ""}, "reason is empty"),
        ({"reason": "a\0b"}, "NUL"),
    ],
)
def test_a_row_that_says_nothing_is_refused(sqlite_store: Engine, fields: dict, sentence: str) -> None:
    with pytest.raises(LedgerError, match=sentence):
        add(sqlite_store, **fields)
    assert ledger.history(sqlite_store, "taiwan") == []
