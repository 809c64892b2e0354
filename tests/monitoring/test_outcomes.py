"""Outcomes come months late, twice, corrected, and about strangers: nothing is lost, overwritten or counted twice."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import count
from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from pipeline.monitoring.outcomes import (
    JOINED,
    KNOWN_COLUMNS,
    OutcomeError,
    OutcomesRecorded,
    last_known,
    read_outcomes,
    record_outcomes,
    with_outcomes,
)
from pipeline.project import load_project
from tests.monitoring.made_outcomes import PROJECT, decide, stored, told
from tests.serving.made_decisions import with_policy

pytest_plugins = ["tests.store.fixtures"]

GOOD = told(("A-1", "2025-06-30", 1, -5000.0), ("A-2", "2025-06-30", 0, 1200.5))


def known(engine: Engine, as_of: str | None = None) -> dict[str, tuple[bool, float]]:
    """Subject to (defaulted, cash) as of a day."""
    table = read_outcomes(engine, PROJECT, None if as_of is None else date.fromisoformat(as_of))
    return dict(zip(table["subject_id"], zip(table["defaulted"], table["cash"], strict=True), strict=True))


def y_of(table: pd.DataFrame) -> dict[str, float | None]:
    """Decision id to y, None while it is not known."""
    return {i: None if pd.isna(y) else float(y) for i, y in zip(table["id"], table["y"], strict=True)}


def test_what_is_recorded_comes_back_typed(store: Engine) -> None:
    assert record_outcomes(store, PROJECT, GOOD) == OutcomesRecorded(given=2, new=2, unknown=2)
    table = read_outcomes(store, PROJECT)
    assert list(table.columns) == list(KNOWN_COLUMNS)
    assert known(store) == {"A-1": (True, -5000.0), "A-2": (False, 1200.5)}
    assert table["known_at"].eq(pd.Timestamp("2025-06-30", tz="UTC")).all()
    assert last_known(store, PROJECT) == date(2025, 6, 30)
    assert read_outcomes(store, "other").empty and last_known(store, "other") is None


def test_the_same_outcome_again_adds_nothing(store: Engine) -> None:
    record_outcomes(store, PROJECT, GOOD)
    before = stored(store)
    assert record_outcomes(store, PROJECT, GOOD) == OutcomesRecorded(given=2, repeated=2, unknown=2)
    assert stored(store) == before


def test_the_same_with_a_later_day_is_kept_and_changes_nothing_that_is_known(store: Engine) -> None:
    record_outcomes(store, PROJECT, GOOD)
    before = read_outcomes(store, PROJECT)
    later = GOOD.assign(known_at="2025-09-01")
    assert record_outcomes(store, PROJECT, later) == OutcomesRecorded(given=2, confirmed=2, unknown=2)
    assert record_outcomes(store, PROJECT, later).repeated == 2
    same = ["subject_id", "defaulted", "cash", "first_known_at", "since"]
    pd.testing.assert_frame_equal(read_outcomes(store, PROJECT)[same], before[same])


def test_a_correction_is_a_new_row_and_the_old_one_stays(store: Engine) -> None:
    record_outcomes(store, PROJECT, GOOD)
    done = record_outcomes(store, PROJECT, told(("A-1", "2025-09-01", 0, 300.0)))
    assert (done.new, done.corrected) == (0, 1)
    assert [row for row in stored(store) if row[0] == "A-1"] == [
        ("A-1", "2025-06-30", True, -5000.0, 1),
        ("A-1", "2025-09-01", False, 300.0, 2),
    ]
    assert known(store)["A-1"] == (False, 300.0)
    assert known(store, "2025-08-31")["A-1"] == (True, -5000.0)


def test_a_file_sent_again_does_not_undo_the_correction_that_came_between(store: Engine) -> None:
    record_outcomes(store, PROJECT, told(("A-1", "2025-06-30", 1, -5000.0)))
    record_outcomes(store, PROJECT, told(("A-1", "2025-06-30", 0, 300.0)))
    done = record_outcomes(store, PROJECT, told(("A-1", "2025-06-30", 1, -5000.0)))
    assert (done.corrected, done.overtaken) == (0, 1)
    assert known(store) == {"A-1": (False, 300.0)}


def test_a_late_file_tells_what_was_known_then_and_leaves_what_is_known_now(store: Engine) -> None:
    record_outcomes(store, PROJECT, told(("A-1", "2025-09-01", 1, -5000.0)))
    assert record_outcomes(store, PROJECT, told(("A-1", "2025-06-30", 0, 0.0))).corrected == 1
    assert known(store) == {"A-1": (True, -5000.0)}
    assert known(store, "2025-07-01") == {"A-1": (False, 0.0)}
    (first,) = read_outcomes(store, PROJECT)["first_known_at"]
    assert f"{first:%Y-%m-%d}" == "2025-06-30"


def test_an_outcome_is_not_known_before_its_day(store: Engine) -> None:
    record_outcomes(store, PROJECT, GOOD)
    assert known(store, "2025-06-29") == {}
    assert len(known(store, "2025-06-30")) == 2


def test_money_that_comes_later_moves_neither_the_default_nor_its_day(store: Engine) -> None:
    record_outcomes(store, PROJECT, told(("A-1", "2025-06-30", 1)))
    assert record_outcomes(store, PROJECT, told(("A-1", "2025-12-01", 1, -4000.0))).corrected == 1
    assert record_outcomes(store, PROJECT, told(("A-1", "2026-01-01", 1))).confirmed == 1, "no money told takes none back"
    assert record_outcomes(store, PROJECT, told(("A-1", "2025-12-01", 1))).repeated == 1
    (row,) = read_outcomes(store, PROJECT).to_dict("records")
    assert (row["defaulted"], row["cash"], row["revision"]) == (True, -4000.0, 3)
    assert [f"{row[name]:%Y-%m-%d}" for name in ("first_known_at", "since", "known_at")] == [
        "2025-06-30", "2025-06-30", "2026-01-01",
    ]  # fmt: skip


def test_unknown_ids_are_kept_and_counted(store: Engine) -> None:
    decided = decide(with_policy(store), "A-1", "2025-01-02")
    done = record_outcomes(store, PROJECT, told(("A-1", "2025-06-30", 1), (decided, "2025-06-30", 1), ("X-9", "2025-06-30", 0)))
    assert (done.new, done.unknown) == (3, 1)
    assert "X-9" in known(store)


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (told(("A-1", "2025-06-30", 2)), "row 1: defaulted is '2'; 1 is a default, 0 is none"),
        (told(("A-1", "2025-06-30", None)), "row 1: defaulted is empty"),
        (told(("A-1", "30/06/2025", 1)), "row 1: known_at '30/06/2025' is no date; write it as 2025-06-30"),
        (told((None, "2025-06-30", 1)), "row 1: subject_id is empty"),
        (told(("A" * 201, "2025-06-30", 1)), "row 1: subject_id is over 200 characters"),
        (told(("A\x001", "2025-06-30", 1)), "row 1: subject_id is over 200 characters or unprintable"),
        (told(("A-1", "2025-06-30", 1), ("A-1", "2025-07-30", 0)), "row 1: subject 'A-1' comes more than once; keep one row"),
        (told(("A-1", "2025-06-30", 1, "ten")), "row 1: cash 'ten' is no number"),
        (GOOD.rename(columns={"cash": "money"}), "column 'money' is unknown; outcomes have the columns subject_id, known_at"),
        (GOOD.drop(columns="known_at"), "column 'known_at' is missing"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_row_and_nothing_is_recorded(
    sqlite_store: Engine, frame: pd.DataFrame, said: str
) -> None:
    with pytest.raises(OutcomeError) as caught:
        record_outcomes(sqlite_store, PROJECT, frame)
    assert said in str(caught.value)
    assert stored(sqlite_store) == []


def test_ids_are_one_text_however_they_were_typed(sqlite_store: Engine) -> None:
    decide(with_policy(sqlite_store), "36", "2025-01-02")
    for subject in (36, 36.0, "36", " 36 ", "36.0"):
        record_outcomes(sqlite_store, PROJECT, told((subject, "2025-06-30", True)))
    assert stored(sqlite_store) == [("36", "2025-06-30", True, None, 1)]


def test_two_writers_at_once_record_each_outcome_once(store: Engine) -> None:
    many = told(*((f"A-{i}", "2025-06-30", i % 2, float(i)) for i in range(500)))
    with ThreadPoolExecutor(4) as pool:
        done = [future.result() for future in [pool.submit(record_outcomes, store, PROJECT, many) for _ in range(4)]]
    assert sum(part.new for part in done) == 500
    assert sum((part for part in done), OutcomesRecorded()).repeated == 1500
    assert len(stored(store)) == 500


NUMBERS = count()
DAY_2, DAY_5, DAY_6 = (date(2025, 1, day) for day in (2, 5, 6))
DAYS = st.dates(date(2025, 1, 1), DAY_6)


@given(st.lists(st.tuples(DAYS, st.booleans(), st.sampled_from([None, 1.0, 2.0])), min_size=1, max_size=5), st.randoms())
@example([(DAY_2, True, None), (DAY_6, True, None), (DAY_5, False, None)], Random(1))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_sent_again_in_any_order_nothing_is_added_and_every_day_reads_the_same(
    sqlite_store: Engine, sent: list[tuple[date, bool, float | None]], chance: Random
) -> None:
    project = f"p{next(NUMBERS)}"
    for day, defaulted, cash in sent:
        assert record_outcomes(sqlite_store, project, told(("S", f"{day}", defaulted, cash))).given == 1
    days = [date(2025, 1, 1 + i) for i in range(6)]
    before = pd.concat([read_outcomes(sqlite_store, project, day) for day in days])
    again = list(sent)
    chance.shuffle(again)
    for day, defaulted, cash in again:
        done = record_outcomes(sqlite_store, project, told(("S", f"{day}", defaulted, cash)))
        assert done.repeated + done.overtaken == 1
    pd.testing.assert_frame_equal(pd.concat([read_outcomes(sqlite_store, project, day) for day in days]), before)
    revisions = [row[-1] for row in stored(sqlite_store, project)]
    assert revisions == list(range(1, len(revisions) + 1))


def test_every_decision_is_joined_once_and_waits_while_nothing_is_known(store: Engine) -> None:
    one = decide(with_policy(store), "A-1", "2025-01-02", inputs={"amount": 9000.0, "purpose": "car"})
    two = decide(store, "A-2", "2025-01-03", inputs={"amount": None})
    nobody = decide(store, None, "2025-01-04")
    record_outcomes(store, PROJECT, told(("A-1", "2025-06-30", 1, -5000.0)))
    table = with_outcomes(store, PROJECT)
    assert list(table.columns) == list(JOINED)
    assert y_of(table) == {one: 1.0, two: None, nobody: None}
    assert table["amount"].iloc[0] == 9000.0 and np.isnan(table["amount"].iloc[1:]).all()
    assert (table["cash"].iloc[0], f"{table['known_at'].iloc[0]:%Y-%m-%d}") == (-5000.0, "2025-06-30")
    assert table["known_at"].iloc[1:].isna().all()
    assert y_of(with_outcomes(store, PROJECT, as_of=date(2025, 6, 29)))[one] is None
    assert list(with_outcomes(store, PROJECT, first=date(2025, 1, 3), last=date(2025, 1, 3))["id"]) == [two]


def test_an_outcome_belongs_to_the_latest_decision_on_or_before_the_day_it_became_known(store: Engine) -> None:
    before = decide(with_policy(store), "A-1", "2025-01-02")
    same_day = decide(store, "A-1", "2025-06-30")
    after = decide(store, "A-1", "2025-07-01")
    record_outcomes(store, PROJECT, told(("A-1", "2025-06-30", 1)))
    assert y_of(with_outcomes(store, PROJECT)) == {before: None, same_day: 1.0, after: None}
    january = with_outcomes(store, PROJECT, first=date(2025, 1, 1), last=date(2025, 1, 31))
    assert y_of(january) == {before: None}, "a decision after the window has it"


def test_a_correction_stays_with_the_decision_that_the_outcome_was_about(store: Engine) -> None:
    first = decide(with_policy(store), "A-1", "2025-01-02")
    record_outcomes(store, PROJECT, told(("A-1", "2025-06-30", 1)))
    second = decide(store, "A-1", "2025-07-01")
    record_outcomes(store, PROJECT, told(("A-1", "2025-09-01", 0)))
    assert y_of(with_outcomes(store, PROJECT)) == {first: 0.0, second: None}


def test_an_outcome_by_decision_id_is_of_that_decision_whatever_is_known_of_the_applicant(store: Engine) -> None:
    first = decide(with_policy(store), "A-1", "2025-01-02")
    second = decide(store, "A-1", "2025-02-02")
    record_outcomes(store, PROJECT, told((first, "2025-06-30", 1), ("A-1", "2025-06-30", 0)))
    assert y_of(with_outcomes(store, PROJECT)) == {first: 1.0, second: 0.0}


def test_an_outcome_known_before_any_decision_belongs_to_none(store: Engine) -> None:
    decided = decide(with_policy(store), "A-1", "2025-07-01")
    record_outcomes(store, PROJECT, told(("A-1", "2025-06-30", 1)))
    assert y_of(with_outcomes(store, PROJECT)) == {decided: None}


def test_without_decisions_or_outcomes_the_join_is_empty_or_waits(sqlite_store: Engine) -> None:
    assert list(with_outcomes(sqlite_store, PROJECT).columns) == list(JOINED)
    assert with_outcomes(sqlite_store, "never_released").empty
    decided = decide(with_policy(sqlite_store), "A-1", "2025-07-01")
    assert y_of(with_outcomes(sqlite_store, PROJECT)) == {decided: None}
    config = load_project("taiwan")
    assert np.isnan(with_outcomes(sqlite_store, PROJECT, config=config)["amount"]).all()
