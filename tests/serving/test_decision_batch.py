"""A batch leaves the very rows that single records leave, once per key, and goes on where it stopped."""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, func, select, text

from pipeline.serving.decision_batch import DecisionBatch, inputs_texts, record_rows
from pipeline.serving.decision_log import KeyConflict, LogError, read_decision, record
from pipeline.serving.decision_rows import inputs_text
from pipeline.serving.ids import new_id, new_ids
from pipeline.serving.records import Decision, Value
from pipeline.store.engine import open_store
from pipeline.store.tables import decisions as table
from tests.serving.made_decisions import NOW, POLICY, REASON, SHADOW, decision, session_ends, with_policy

pytest_plugins = ["tests.store.fixtures"]

OUTCOMES = ("approve", "review", "decline")


def batch(n: int, **fields: object) -> DecisionBatch:
    """n decisions with awkward inputs: missing numbers, missing and foreign text, a value per row."""
    numbers = np.array([math.nan if i % 7 == 3 else i / 3 for i in range(n)])
    purposes = pd.Series([None if i % 5 == 2 else ["car", 'a "q" %s', "Ω \U0001f3e6"][i % 3] for i in range(n)], dtype="str")
    made = DecisionBatch(
        project="simulated", decided_at=NOW, source="batch", model_version=1, model_sha256="a" * 64, run_id="r1",
        policy_id=POLICY, inputs=pd.DataFrame({"purpose": purposes, "income": numbers, "50 %": numbers * 0.0}),
        pd=np.arange(n) / (n + 1), grade=["ABC"[i % 3] for i in range(n)], outcome=[OUTCOMES[i % 3] for i in range(n)],
        ids=new_ids(NOW, n), keys=[f"file:{i}" for i in range(n)], applicant_ids=[None, "A-1"] * (n // 2) + [None] * (n % 2),
    )  # fmt: skip
    return replace(made, **fields)


def single(made: DecisionBatch, at: int) -> Decision:
    """The same decision as one record."""
    inputs: dict[str, Value] = {}
    for name, value in made.inputs.iloc[at].items():
        inputs[str(name)] = None if pd.isna(value) else value
    return Decision(
        id=made.ids[at], project=made.project, decided_at=made.decided_at, source=made.source,
        model_version=made.model_version, model_sha256=made.model_sha256, run_id=made.run_id, policy_id=made.policy_id,
        inputs=inputs, pd=float(made.pd[at]), grade=made.grade[at], outcome=made.outcome[at],
        reasons=made.reasons[at] if made.reasons else (), warnings=made.warnings[at] if made.warnings else (),
        shadow=made.shadows[at] if made.shadows else None,
        applicant_id=made.applicant_ids[at] if made.applicant_ids else None,
        idempotency_key=made.keys[at] if made.keys else None,
    )  # fmt: skip


def raw_rows(engine: Engine) -> list[tuple]:
    """Every row as the database keeps it: SQLite with the type of each value, PostgreSQL as text."""
    names = [column.name for column in table.columns if column.name != "seq"]
    shown = "typeof({0}), {0}" if engine.dialect.name == "sqlite" else "{0}::text"
    with engine.connect() as connection:
        columns = ", ".join(shown.format(name) for name in names)
        return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM decisions ORDER BY id"))]


def recorded(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


@pytest.mark.parametrize("url", ["sqlite_url", "postgres_url"])
def test_a_batch_leaves_the_same_bytes_as_single_records(url: str, request: pytest.FixtureRequest, tmp_path) -> None:
    made = batch(230, reasons=[(REASON,), ()] * 115, warnings=[(), ("odd",)] * 115, shadows=[None, SHADOW] * 115)
    found = []
    for one_by_one in (True, False):
        engine = with_policy(open_store(_fresh(url, request, tmp_path, one_by_one)))
        if one_by_one:
            record(engine, [single(made, at) for at in range(len(made))])
        else:
            record_rows(engine, made, chunk=100)
        found.append(raw_rows(engine))
        engine.dispose()
    assert found[0] == found[1]
    assert len(found[0]) == 230


def _fresh(url: str, request: pytest.FixtureRequest, tmp_path, one_by_one: bool) -> str:
    if one_by_one:
        return request.getfixturevalue(url)
    return f"sqlite:///{tmp_path / 'other.db'}" if url == "sqlite_url" else request.getfixturevalue("empty_postgres_url")


def test_a_batch_says_what_stands_in_the_log_and_reads_back(log: Engine) -> None:
    made = batch(25)
    told: list[int] = []
    answer = record_rows(log, made, chunk=10, tell=told.append)
    assert told == [10, 20, 25]
    assert list(answer.ids) == list(made.ids)
    assert not answer.known.any()
    assert [read_decision(log, found) for found in made.ids] == [single(made, at) for at in range(25)]


def test_a_batch_without_rows_keys_or_applicants_is_taken(log: Engine) -> None:
    assert len(record_rows(log, batch(0)).ids) == 0
    record_rows(log, batch(3, keys=None, applicant_ids=None, inputs=pd.DataFrame(index=range(3))))
    assert recorded(log) == 3


def test_a_batch_sent_again_records_nothing_and_shows_what_was_recorded(log: Engine) -> None:
    made = batch(30)
    record_rows(log, replace(made, **_head(made, 12)), chunk=5)
    again = replace(
        made, ids=new_ids(NOW, 30), pd=np.full(30, 0.9), grade=["G"] * 30, outcome=["decline"] * 30, model_version=2
    )
    answer = record_rows(log, again, chunk=8)
    assert list(answer.known) == [True] * 12 + [False] * 18
    assert list(answer.ids) == [*made.ids[:12], *again.ids[12:]]
    assert list(answer.pd) == [*made.pd[:12], *again.pd[12:]]
    assert list(answer.grade) == [*made.grade[:12], *["G"] * 18]
    assert list(answer.outcome) == [*made.outcome[:12], *["decline"] * 18]
    assert list(answer.model_version) == [1] * 12 + [2] * 18
    assert record_rows(log, again).known.all()
    assert recorded(log) == 30


def _head(made: DecisionBatch, n: int) -> dict[str, object]:
    names = ("pd", "grade", "outcome", "ids", "keys", "applicant_ids")
    return {name: getattr(made, name)[:n] for name in names} | {"inputs": made.inputs.iloc[:n]}


@pytest.mark.parametrize("chunk", [2, 10])
def test_a_key_twice_in_a_batch_is_one_decision(log: Engine, chunk: int) -> None:
    made = batch(4)
    rows = [0, 1, 2, 0]
    twice = replace(
        made, inputs=made.inputs.iloc[rows], keys=[made.keys[at] for at in rows],
        applicant_ids=[made.applicant_ids[at] for at in rows],
    )  # fmt: skip
    answer = record_rows(log, twice, chunk=chunk)
    assert list(answer.ids) == [*made.ids[:3], made.ids[0]]
    assert list(answer.known) == [False, False, False, True]
    assert (answer.pd[3], answer.outcome[3]) == (made.pd[0], made.outcome[0])
    assert recorded(log) == 3


@pytest.mark.parametrize("chunk", [1, 10])
def test_a_key_used_for_another_row_is_refused_by_name(log: Engine, chunk: int) -> None:
    with pytest.raises(KeyConflict, match="'file:0' was already used"):
        record_rows(log, batch(4, keys=["file:0", "file:1", "file:2", "file:0"]), chunk=chunk)
    assert recorded(log) == (3 if chunk == 1 else 0)


def test_a_batch_and_a_single_record_share_their_keys(log: Engine) -> None:
    made = batch(3)
    whole = decision(idempotency_key="file:1", applicant_id="A-1", inputs=single(made, 1).inputs)
    record(log, [whole])
    answer = record_rows(log, made)
    assert list(answer.known) == [False, True, False]
    assert answer.ids[1] == whole.id
    assert record(log, [replace(single(made, 2), pd=0.99)])[0] == single(made, 2)


def test_writers_of_the_same_batch_at_once_record_it_once(log: Engine) -> None:
    made = [batch(60) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda one: record_rows(log, one, chunk=10), made))
    assert len({tuple(answer.ids) for answer in answers}) == 1
    assert sum((~answer.known).sum() for answer in answers) == 60
    assert recorded(log) == 60


@pytest.mark.parametrize("chunk", [10, 150])
def test_a_batch_that_fails_half_way_says_how_far_it_came(log: Engine, chunk: int) -> None:
    """Small chunks and large ones go different ways into PostgreSQL."""
    worth = np.full(3 * chunk, 0.1)
    worth[chunk + 7] = 1.5
    sentence = rf"refused a row .*; {chunk} of {3 * chunk} decisions were recorded before and stay"
    with pytest.raises(LogError, match=sentence) as caught:
        record_rows(log, batch(3 * chunk, pd=worth), chunk=chunk)
    assert caught.value.recorded == recorded(log) == chunk
    assert "A-1" not in str(caught.value)
    answer = record_rows(log, batch(3 * chunk), chunk=chunk)
    assert answer.known.sum() == chunk


def test_a_connection_lost_within_a_batch_says_so_and_the_batch_goes_on(postgres_url: str) -> None:
    engine = with_policy(open_store(postgres_url))
    made = batch(400)
    lost = pytest.raises(LogError, match=r"was lost before it confirmed .*200 of 400 decisions were recorded before")
    with lost, session_ends(engine, turn=2):
        record_rows(engine, made, chunk=200)
    assert recorded(engine) == 200
    assert record_rows(engine, made, chunk=200).known.sum() == 200
    assert recorded(engine) == 400
    engine.dispose()


def test_what_cannot_be_kept_is_named(log: Engine) -> None:
    made = batch(3)
    wrong = made.inputs.assign(income=[1.0, math.inf, 2.0])
    with pytest.raises(LogError, match="income must be a finite number or None"):
        record_rows(log, replace(made, inputs=wrong))
    with pytest.raises(LogError, match="applicant_id holds a NUL"):
        record_rows(log, replace(made, applicant_ids=["A", "B\0", None]))
    with pytest.raises(ValueError, match="grade has 2 values for 3 ids"):
        record_rows(log, replace(made, grade=["A", "B"]))
    assert recorded(log) == 0


cells = st.floats(allow_infinity=False)
words = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(cells, words), min_size=1, max_size=8),
    st.lists(st.text(max_size=5), min_size=2, max_size=2, unique=True),
)
def test_columns_give_the_text_of_each_record(rows: list[tuple[float, str | None]], names: list[str]) -> None:
    frame = pd.DataFrame(
        {names[0]: np.array([row[0] for row in rows]), names[1]: pd.Series([row[1] for row in rows], dtype="str")}
    )
    records = [{names[0]: None if math.isnan(row[0]) else row[0], names[1]: row[1]} for row in rows]
    assert inputs_texts(frame) == [inputs_text(each) for each in records]


def test_ids_of_a_batch_are_those_of_single_decisions_in_order() -> None:
    ids = new_ids(NOW, 2000)
    assert ids == sorted(set(ids))
    assert {len(one) for one in ids} == {36}
    assert {one[:15] for one in ids} == {new_id(NOW)[:15]}
    assert {one[19] for one in ids} == set("89ab")
