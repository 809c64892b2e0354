"""A decision is recorded before it is shown, once per key, exactly as it was made."""

import sqlite3
import struct
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, text

from pipeline import contract
from pipeline.serving.decision_log import KeyConflict, LogError, known, read_decision, record, record_each
from pipeline.serving.ids import new_id
from pipeline.serving.records import Decision, Reason, Shadow
from pipeline.store.engine import open_store, writing
from pipeline.store.tables import decisions as table
from tests.serving.made_decisions import NOW, POLICY, decision, session_ends, with_policy

pytest_plugins = ["tests.store.fixtures"]


def recorded(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def test_decisions_come_back_in_order_numbered_and_are_read_as_they_were_made(log: Engine) -> None:
    made = [decision(id=f"d{n}", idempotency_key=None, pd=n / 7) for n in range(5)]
    answers = record(log, made)
    assert answers == made
    assert [answer.seq for answer in answers] == sorted({answer.seq for answer in answers})
    assert [read_decision(log, answer.id) for answer in answers] == answers
    assert read_decision(log, "nobody") is None
    assert read_decision(log, "nul\0") is None


def test_nothing_to_record_records_nothing(log: Engine) -> None:
    assert record(log, []) == []
    assert recorded(log) == 0


def test_a_decision_reads_the_same_inside_a_transaction(log: Engine) -> None:
    (made,) = record(log, [decision()])
    with log.connect() as connection:
        assert read_decision(connection, made.id) == made
        assert known(connection, "simulated", ["k-1"]) == {"k-1": made.id}


def test_the_same_key_brings_back_the_first_decision_and_writes_nothing(log: Engine) -> None:
    (first,) = record(log, [decision()])
    again = decision(pd=0.9, outcome="decline", decided_at=NOW + timedelta(hours=1))
    new = decision(idempotency_key="k-2")
    assert record(log, [again, new]) == [first, new]
    assert recorded(log) == 2
    assert known(log, "simulated", ["k-1", "k-2", "k-3"]) == {"k-1": first.id, "k-2": new.id}
    assert known(log, "other", ["k-1"]) == {}


def test_the_same_key_twice_in_one_call_is_one_decision(log: Engine) -> None:
    first, second = decision(), decision(pd=0.2)
    assert record(log, [first, second]) == [first, first]
    assert recorded(log) == 1


def test_the_same_key_in_another_project_is_another_decision(log: Engine) -> None:
    both = [decision(), decision(project="taiwan", inputs={})]
    assert record(log, both) == both


@pytest.mark.parametrize("change", [{"inputs": {"income": 1200.5}}, {"applicant_id": "A-2"}, {"applicant_id": None}])
def test_a_key_used_for_something_else_is_refused_by_name_and_nothing_is_written(log: Engine, change: dict) -> None:
    new, wrong = decision(idempotency_key="k-2"), decision(**change)
    with pytest.raises(KeyConflict, match="'k-1' was already used for other inputs") as caught:
        record(log, [decision(), wrong])
    assert caught.value.key == "k-1"
    assert recorded(log) == 0
    record(log, [decision()])
    with pytest.raises(KeyConflict):
        record(log, [new, wrong])
    assert recorded(log) == 1


def test_one_callers_conflict_does_not_cost_another_the_record(log: Engine) -> None:
    first, wrong, other = decision(), decision(applicant_id="A-2"), decision(idempotency_key="k-2")
    one, two, three = record_each(log, [first, wrong, other])
    assert (one, three) == (first, other)
    assert isinstance(two, KeyConflict)
    assert recorded(log) == 2


def test_sixteen_writers_with_the_same_keys_record_each_key_once(log: Engine, store_url: str) -> None:
    keys = [f"k{n}" for n in range(20)]

    def write(_writer: int) -> list[str]:
        own = open_store(store_url)
        try:
            return [record(own, [decision(idempotency_key=key)])[0].id for key in keys]
        finally:
            own.dispose()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(write, range(16)))
    assert len({tuple(answer) for answer in answers}) == 1
    assert recorded(log) == len(keys)


def test_numbers_follow_the_order_of_commits(log: Engine) -> None:
    """A reader that has seen a number has seen everything below it, even while others write."""
    seen: list[int] = []
    with ThreadPoolExecutor(8) as pool:
        writers = [pool.submit(record, log, [decision(idempotency_key=None)]) for _ in range(60)]
        while not all(writer.done() for writer in writers):
            with log.connect() as connection:
                rows = set(connection.execute(select(table.c.seq)).scalars())
            missed = {seq for seq in rows if seen and seq < max(seen)} - set(seen)
            assert not missed
            seen = sorted(rows)
    assert recorded(log) == 60


texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
finite = st.floats(allow_nan=False, allow_infinity=False)
values = st.none() | finite | texts
shares = st.floats(0, 1)
moments = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC))
reasons = st.builds(Reason, texts, texts, values, values, finite, shares)
shadows = st.builds(Shadow, texts, st.integers(1, 10**6), texts, texts, shares, st.sampled_from(contract.OUTCOMES))
decisions = st.builds(
    Decision,
    id=st.uuids().map(str),
    project=texts,
    decided_at=moments,
    source=st.sampled_from(contract.SOURCES),
    model_version=st.integers(1, 2**31 - 1),
    model_sha256=texts,
    run_id=texts,
    policy_id=st.just(POLICY),
    inputs=st.dictionaries(texts, values, max_size=5),
    pd=shares,
    grade=texts,
    outcome=st.sampled_from(contract.OUTCOMES),
    reasons=st.lists(reasons, max_size=3).map(tuple),
    warnings=st.lists(texts, max_size=3).map(tuple),
    shadow=st.none() | shadows,
    applicant_id=st.none() | texts,
    idempotency_key=st.none(),
    latency_ms=st.none() | st.floats(0, 1e300),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(made=decisions)
def test_any_decision_comes_back_exactly(log: Engine, made: Decision) -> None:
    made = replace(made, id=new_id(NOW))
    (answer,) = record(log, [made])
    found = read_decision(log, made.id)
    assert found == answer == made
    assert found is not None
    assert repr(found.inputs) == repr(dict(sorted(made.inputs.items())))
    assert struct.pack("d", found.pd) == struct.pack("d", made.pd)
    assert found.decided_at.tzinfo is UTC


def test_a_time_of_another_zone_is_the_same_instant(log: Engine) -> None:
    paris = NOW.astimezone(timezone(timedelta(hours=2)))
    (answer,) = record(log, [decision(decided_at=paris)])
    found = read_decision(log, answer.id)
    assert found is not None
    assert (found.decided_at, found.decided_at.tzinfo, answer.decided_at.tzinfo) == (NOW, UTC, UTC)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"inputs": {"age": 1.0, "income": float("nan")}}, "income must be a finite number or None"),
        ({"applicant_id": "Ann\0"}, "applicant_id holds a NUL character"),
        ({"idempotency_key": "\ud83d"}, "idempotency_key holds half a character"),
        ({"policy_id": "nowhere"}, "the decision log refused a row"),
        ({"pd": 1.5}, "the decision log refused a row"),
    ],
)
def test_what_cannot_be_kept_is_refused_without_showing_the_applicant(log: Engine, fields: dict, sentence: str) -> None:
    wrong = decision(**({"applicant_id": "Somebody"} | fields))
    with pytest.raises(LogError, match=rf"{sentence}.*no decision was recorded, so none is shown") as caught:
        record(log, [decision(idempotency_key=None), wrong])
    for private in ("Somebody", "Ann", "1200", "car"):
        assert private not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert recorded(log) == 0


def test_the_same_decision_twice_without_a_key_is_refused(log: Engine) -> None:
    made = decision(idempotency_key=None)
    record(log, [made])
    with pytest.raises(LogError, match="refused a row"):
        record(log, [made])
    assert recorded(log) == 1


def test_a_time_without_zone_is_refused_and_nothing_is_written(log: Engine) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        record(log, [decision(), decision(idempotency_key=None, decided_at=NOW.replace(tzinfo=None))])
    assert recorded(log) == 0


def test_every_change_of_a_recorded_decision_is_refused(log: Engine) -> None:
    (made,) = record(log, [decision()])
    replaced = "INSERT OR REPLACE INTO decisions SELECT * FROM decisions"
    if log.dialect.name == "postgresql":
        replaced = "INSERT INTO decisions SELECT * FROM decisions ON CONFLICT (id) DO UPDATE SET pd = 0"
    for change in ("UPDATE decisions SET pd = 0", "DELETE FROM decisions", replaced):
        with pytest.raises(Exception, match="append-only"), writing(log) as connection:
            connection.execute(text(change))
    assert read_decision(log, made.id) == made


def test_a_log_that_is_held_by_another_process_says_so(sqlite_log: Engine, sqlite_url: str) -> None:
    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with sqlite_log.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    with pytest.raises(LogError, match="another process holds the decision log; no decision was recorded"):
        record(sqlite_log, [decision()])
    other.execute("ROLLBACK")
    other.close()
    assert record(sqlite_log, [decision()])[0].seq == 1


def test_a_read_only_log_says_so(log: Engine) -> None:
    with log.connect() as connection:
        if log.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA query_only = 1")
        else:
            connection.exec_driver_sql("SET default_transaction_read_only = on")
            connection.commit()
    with pytest.raises(LogError, match="the decision log is read-only; no decision was recorded"):
        record(log, [decision()])


def test_a_lost_connection_says_so_and_the_next_record_works(postgres_url: str) -> None:
    engine = with_policy(open_store(postgres_url))
    made = decision()
    with pytest.raises(LogError, match="was lost before it confirmed the record"), session_ends(engine, turn=1):
        record(engine, [made])
    assert record(engine, [made]) == [made]
    assert recorded(engine) == 1
    engine.dispose()
