"""What was acknowledged stays: through kill -9, a full disk and a server that dies, and never twice."""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Engine, event, func, select

from pipeline.serving.decision_log import LogError, known, read_decision, record
from pipeline.store.engine import open_store, writing
from pipeline.store.tables import decisions as table
from tests.serving.made_decisions import decision, with_policy
from tests.store.fixtures import import_pgserver

pytest_plugins = ["tests.store.fixtures"]

ROOT = Path(__file__).parents[2]
WRITES = 1000


def start(url: str, key: str, first: int, last: int = WRITES, file_bytes: int = 0) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.serving.recording_process", url, key, str(first), str(last), str(file_bytes)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def killed_in_the_middle(url: str, key: str, after: int, pause: float) -> dict[str, str]:
    """Let a process write until ``after`` decisions are acknowledged, kill it a little later; return key -> id."""
    process = start(url, key, 0)
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(after)]
    time.sleep(pause)
    os.kill(process.pid, signal.SIGKILL)
    lines += process.stdout.read().splitlines(keepends=True)
    process.stdout.close()
    assert process.wait() == -signal.SIGKILL
    whole = [line.decode().split() for line in lines if line.endswith(b"\n")]
    return {f"{key}:{number}": decision_id for number, decision_id in whole}


def rounds_of_kill(engine: Engine, url: str, rounds: int) -> None:
    chance = random.Random(rounds)
    for turn in range(rounds):
        key = f"round-{turn}"
        acknowledged = killed_in_the_middle(url, key, after=chance.randint(1, 300), pause=chance.random() / 20)
        assert 0 < len(acknowledged) < WRITES
        there = known(engine, "simulated", [f"{key}:{number}" for number in range(WRITES)])
        assert acknowledged.items() <= there.items()
        assert len(there) - len(acknowledged) <= 1  # at most the one that was committed and not yet acknowledged
        again = [decision(idempotency_key=f"{key}:{number}") for number in range(WRITES)]
        recorded = {str(one.idempotency_key): one.id for one in record(engine, again)}
        assert there.items() <= recorded.items()
        with engine.connect() as connection:
            total = connection.execute(select(func.count()).select_from(table)).scalar_one()
        assert total == (turn + 1) * WRITES


def test_a_killed_writer_loses_nothing_acknowledged_and_a_retry_records_nothing_twice(store: Engine, store_url: str) -> None:
    rounds_of_kill(with_policy(store), store_url, rounds=2)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_twenty_killed_writers_lose_nothing_acknowledged(store: Engine, store_url: str) -> None:
    rounds_of_kill(with_policy(store), store_url, rounds=20)


@pytest.fixture
def own_server() -> Iterator[str]:
    """A PostgreSQL server of this test's own, which it may kill."""
    pgserver = import_pgserver()
    server = pgserver.get_server(tempfile.mkdtemp(prefix="riskdeck-pg-"), cleanup_mode="delete")
    yield server.get_uri()
    server.cleanup()


def crash(url: str, times: int) -> None:
    """Kill a server process again and again: PostgreSQL then drops all memory and recovers from its write-ahead log."""
    for _time in range(times):
        time.sleep(0.5)
        with suppress(psycopg.OperationalError), closing(psycopg.connect(url)) as other:
            os.kill(other.info.backend_pid, signal.SIGKILL)


@pytest.mark.long
def test_a_database_that_crashes_again_and_again_loses_nothing_acknowledged(own_server: str) -> None:
    engine = with_policy(open_store(own_server))
    acknowledged: dict[str, str] = {}
    failures: list[str] = []
    with ThreadPoolExecutor(1) as pool, closing_engine(engine):
        crashing = pool.submit(crash, own_server, times=10)
        calm = False
        while not calm or len(acknowledged) < WRITES:
            over = crashing.done()
            key = f"k:{len(acknowledged)}"
            try:
                (made,) = record(engine, [decision(idempotency_key=key)])
            except LogError as error:
                failures.append(str(error))
                time.sleep(0.05)
            else:
                acknowledged[key], calm = made.id, over
        assert failures
        assert all("decision log" in failure for failure in failures)
        assert known(engine, "simulated", acknowledged) == acknowledged
        with engine.connect() as connection:
            assert connection.execute(select(func.count()).select_from(table)).scalar_one() == len(acknowledged)


@contextmanager
def closing_engine(engine: Engine) -> Iterator[None]:
    try:
        yield
    finally:
        engine.dispose()


def test_a_full_disk_records_nothing_more_keeps_everything_and_goes_on_when_there_is_space(sqlite_store: Engine) -> None:
    """PRAGMA max_page_count makes SQLite meet the end of the disk where we want it."""
    with_policy(sqlite_store)
    kept = record(sqlite_store, [decision(idempotency_key=f"k:{number}") for number in range(20)])
    with sqlite_store.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    limit = [f"PRAGMA max_page_count = {pages + 4}"]
    event.listen(sqlite_store, "checkout", lambda raw, *_: raw.execute(limit[0]))
    many = [decision(idempotency_key=f"full:{number}") for number in range(200)]
    with pytest.raises(LogError, match="the disk of the decision log is full; no decision was recorded, so none is shown"):
        record(sqlite_store, many)
    assert known(sqlite_store, "simulated", [str(one.idempotency_key) for one in many]) == {}
    assert [read_decision(sqlite_store, one.id) for one in kept] == kept
    limit[0] = "PRAGMA max_page_count = 1000000"
    assert record(sqlite_store, many) == many


def test_a_file_that_cannot_grow_is_an_error_in_words_and_nothing_acknowledged_is_lost(
    sqlite_store: Engine, sqlite_url: str
) -> None:
    """The operating system itself refuses to write more, in the middle of a file."""
    with_policy(sqlite_store)
    grown = max(path.stat().st_size for path in Path(sqlite_url.removeprefix("sqlite:///")).parent.iterdir())
    process = start(sqlite_url, "k", 0, last=300, file_bytes=grown + 300_000)
    out = process.communicate(timeout=120)[0].decode().splitlines()
    assert process.returncode == 0
    errors = [line for line in out if line.startswith("error")]
    assert len(errors) == 1
    assert "the disk of the decision log" in errors[0]
    assert "no decision was recorded, so none is shown" in errors[0]
    acknowledged = {f"k:{number}": found for number, found in (line.split() for line in out if not line.startswith("error"))}
    assert len(acknowledged) == 300
    assert known(sqlite_store, "simulated", acknowledged) == acknowledged


def test_a_full_disk_under_postgresql_is_said_alike(postgres_url: str) -> None:
    """Filling it for real needs a file system of its own; a trigger makes the server send what it then sends."""
    engine = with_policy(open_store(postgres_url))
    with writing(engine) as connection:
        connection.exec_driver_sql(
            "CREATE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION USING ERRCODE = 'disk_full', MESSAGE = 'no room for ' || NEW.applicant_id; END $$"
        )
        connection.exec_driver_sql("CREATE TRIGGER fill BEFORE INSERT ON decisions FOR EACH ROW EXECUTE FUNCTION fill()")
    with pytest.raises(LogError, match="the disk of the decision log is full; no decision was recorded") as caught:
        record(engine, [decision(applicant_id="Somebody")])
    assert "Somebody" not in str(caught.value)
    engine.dispose()
