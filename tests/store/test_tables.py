"""Values come back from the store as they went in, to the last bit and with their time zone."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import StatementError

from pipeline.store.documents import as_stored, canonical_json, content_sha256
from pipeline.store.engine import writing
from pipeline.store.tables import alerts, profile_marks

pytest_plugins = ["tests.store.fixtures"]

ALERT = {"project": "p", "rule": "psi", "layer": "data", "severity": "red", "period": "2026-05", "payload": {}}
NOW = datetime(2026, 5, 3, 12, tzinfo=UTC)


def test_instants_come_back_aware_and_in_utc(store: Engine) -> None:
    paris = datetime(2026, 5, 3, 14, 30, 15, 123456, tzinfo=timezone(timedelta(hours=2)))
    with writing(store) as connection:
        connection.execute(insert(profile_marks).values(project="p", last_seq=1, updated_at=paris))
        found = connection.execute(select(profile_marks.c.updated_at)).scalar_one()
    assert found == paris
    assert found.tzinfo is UTC


def test_a_time_without_zone_is_refused(sqlite_store: Engine) -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(StatementError, match="no time zone"), writing(sqlite_store) as connection:
        connection.execute(insert(profile_marks).values(project="p", last_seq=1, updated_at=naive))


@pytest.mark.parametrize(
    "payload",
    [
        {"x": 0.1 + 0.2, "y": -0.0, "big": 1e22, "small": 5e-324, "int": 10**30},
        {"text": "Crédit Ω \u0000 \U0001f3e6", "nested": [None, True, {"": []}]},
    ],
)
def test_documents_come_back_exactly(store: Engine, payload: dict) -> None:
    with writing(store) as connection:
        connection.execute(insert(alerts).values(ALERT | {"id": "1", "opened_at": NOW, "payload": payload}))
        found = connection.execute(select(alerts.c.payload)).scalar_one()
    assert repr(found) == repr(dict(sorted(payload.items())))


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_know_are_refused(store: Engine, number: float) -> None:
    with pytest.raises((StatementError, ValueError), match="JSON compliant"), writing(store) as connection:
        connection.execute(insert(alerts).values(ALERT | {"id": "1", "opened_at": NOW, "payload": {"psi": number}}))


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)))
def test_canonical_json_does_not_depend_on_the_order_of_keys(values: dict[str, float]) -> None:
    backwards = dict(reversed(list(values.items())))
    assert canonical_json(values) == canonical_json(backwards)


def test_the_hash_of_a_row_survives_storage() -> None:
    row = {"at": NOW, "subject": {"rules": ("a", "b"), 10: 1, 9: 2}, "hash": "x"}
    stored = row | {"at": NOW.astimezone(timezone(timedelta(hours=2))), "subject": as_stored(row["subject"]), "hash": "y"}
    assert stored["subject"] == {"rules": ["a", "b"], "10": 1, "9": 2}
    written = content_sha256(row | {"subject": as_stored(row["subject"])}, leave_out="hash")
    assert content_sha256(stored, leave_out="hash") == written
    assert content_sha256(stored, leave_out="at") != written
