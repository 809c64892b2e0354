"""Notes on the time axis: added, taken back, never lost."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select, text
from sqlalchemy.exc import DBAPIError

from pipeline.monitoring.annotations import AnnotationError, annotate, list_annotations, withdraw
from pipeline.store.engine import writing
from pipeline.store.tables import annotations

pytest_plugins = ["tests.store.fixtures"]

DAY = date(2025, 5, 2)


def test_notes_come_back_by_day_within_the_days_asked_for_and_of_their_project(store: Engine) -> None:
    later = annotate(store, "simulated", date(2025, 9, 1), " new login page ", "analyst")
    first = annotate(store, "simulated", DAY, "campaign started", "analyst")
    annotate(store, "taiwan", DAY, "elsewhere", "analyst")
    assert list_annotations(store, "simulated") == (first, later)
    assert later.text == "new login page"
    assert list_annotations(store, "simulated", date(2025, 5, 3)) == (later,)
    assert list_annotations(store, "simulated", None, DAY) == (first,)


def test_a_note_taken_back_is_gone_from_the_axis_and_stays_in_the_store(store: Engine) -> None:
    note = annotate(store, "simulated", DAY, "campaign started", "analyst")
    withdraw(store, "simulated", note.id, "risk-lead", "it began in June")
    withdraw(store, "simulated", note.id, "risk-lead", "once more")
    assert list_annotations(store, "simulated") == ()
    with store.connect() as connection:
        rows = connection.execute(select(annotations.c.text, annotations.c.withdraws)).all()
    assert [tuple(row) for row in rows] == [("campaign started", None), ("it began in June", note.id)]


def test_nobody_can_change_or_delete_a_note(store: Engine) -> None:
    annotate(store, "simulated", DAY, "campaign started", "analyst")
    for statement in ("UPDATE annotations SET text = 'x'", "DELETE FROM annotations"):
        with pytest.raises(DBAPIError), writing(store) as connection:
            connection.execute(text(statement))
    assert list_annotations(store, "simulated")[0].text == "campaign started"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"text": "  "}, "text is empty"),
        ({"author": ""}, "author is empty"),
        ({"text": "x" * 201}, "text has 201 characters; at most 200"),
        ({"text": "a\0b"}, "NUL character"),
        ({"day": datetime.now(UTC).date() + timedelta(days=2)}, "lies in the future"),
    ],
)
def test_what_cannot_be_kept_is_refused_by_name(sqlite_store: Engine, changed: dict[str, object], said: str) -> None:
    fields = {"day": DAY, "text": "campaign", "author": "analyst"} | changed
    with pytest.raises(AnnotationError, match=said):
        annotate(sqlite_store, "simulated", **fields)
    assert list_annotations(sqlite_store, "simulated") == ()


def test_only_a_note_of_the_project_can_be_taken_back(sqlite_store: Engine) -> None:
    note = annotate(sqlite_store, "simulated", DAY, "campaign", "analyst")
    for project, name in (("taiwan", note.id), ("simulated", "nothing")):
        with pytest.raises(AnnotationError, match="has no note"):
            withdraw(sqlite_store, project, name, "analyst", "wrong")
    with pytest.raises(AnnotationError, match="reason is empty"):
        withdraw(sqlite_store, "simulated", note.id, "analyst", " ")
