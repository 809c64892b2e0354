"""Refusals and errors are counted: by field and kind, never a value, and never at the cost of a request."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, inspect, select, text

from pipeline import contract
from pipeline.serving.batch import Order, score_file
from pipeline.serving.batch_read import open_batch
from pipeline.serving.desk import Desk
from pipeline.serving.inputs import InputError
from pipeline.serving.service_events import (
    OTHER,
    REFUSED,
    WHOLE,
    EventCounter,
    count_error,
    count_refusals,
    record_errors,
    record_refusals,
)
from pipeline.store.engine import open_store
from pipeline.store.tables import service_events
from tests.serving.conftest import LiveHome
from tests.serving.http_parts import GOOD, client_of

pytest_plugins = ["tests.store.fixtures"]
AT = datetime(2026, 3, 2, 10, 30, tzinfo=UTC)


def counted(engine: Engine) -> dict[tuple[str, str, str], int]:
    """Counts by source, kind and field."""
    with engine.connect() as connection:
        table = pd.read_sql(select(service_events), connection)
    return table.groupby(["source", "kind", "field"])["count"].sum().to_dict()


def test_refusals_are_added_by_field_with_how_many_applications_they_were(store: Engine) -> None:
    record_refusals(store, "p", contract.SOURCE_HTTP, AT, {"income": 3, "age": 1, "term": 0}, applications=3)
    record_refusals(store, "p", contract.SOURCE_HTTP, AT, {"income": 2})
    assert counted(store) == {
        ("http", REFUSED, "income"): 5, ("http", REFUSED, "age"): 1, ("http", REFUSED, WHOLE): 5,
    }  # fmt: skip


def test_errors_are_added_by_kind(store: Engine) -> None:
    record_errors(store, "p", contract.SOURCE_BATCH, AT, {"not-recorded": 2})
    record_errors(store, "p", contract.SOURCE_BATCH, AT, {})
    assert counted(store) == {("batch", "not-recorded", WHOLE): 2}
    with store.connect() as connection:
        assert connection.execute(select(service_events.c.at)).scalar_one() == AT


def test_a_negative_count_is_refused_and_nothing_of_it_is_kept(sqlite_store: Engine) -> None:
    with pytest.raises(ValueError, match="age was counted -1 times"):
        record_refusals(sqlite_store, "p", contract.SOURCE_FORM, AT, {"income": 1, "age": -1})
    assert counted(sqlite_store) == {}


def test_no_column_could_hold_what_anybody_gave(sqlite_store: Engine) -> None:
    names = {column["name"] for column in inspect(sqlite_store).get_columns("service_events")}
    assert names == {"seq", "project", "at", "source", "kind", "field", "count"}


def test_a_counter_moves_what_many_threads_added_exactly_once(store: Engine) -> None:
    counter = EventCounter("p", contract.SOURCE_HTTP, every=0.01)
    counter.start(store)

    def ask() -> None:
        for _ in range(200):
            counter.refuse({"income": 2, "age": 1})
            counter.error("busy")

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counter.close()
    assert counted(store) == {
        ("http", REFUSED, "income"): 1600, ("http", REFUSED, "age"): 800, ("http", REFUSED, WHOLE): 800,
        ("http", "busy", WHOLE): 800,
    }  # fmt: skip


def test_counts_outlive_a_store_that_is_down_and_reach_it_once_when_it_is_back(sqlite_url: str) -> None:
    engine = open_store(sqlite_url)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE service_events RENAME TO away"))
    counter = EventCounter("p", contract.SOURCE_HTTP, every=60)
    counter.error("not-recorded", 7)
    counter.start(engine)
    assert not counter.flush()
    counter.error("not-recorded")
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO service_events"))
    assert counter.flush()
    counter.close()
    assert counted(engine) == {("http", "not-recorded", WHOLE): 8}
    engine.dispose()


def test_a_counter_that_never_met_a_store_stays_within_bounds_and_loses_no_count(sqlite_store: Engine) -> None:
    counter = EventCounter("p", contract.SOURCE_HTTP, every=60)
    for i in range(5000):
        counter.refuse({f"field {i}": 1})
    assert len(counter._counts) <= 502
    counter.start(sqlite_store)
    counter.close()
    found = counted(sqlite_store)
    assert sum(n for (_, _, field), n in found.items() if field != WHOLE) == 5000
    assert found["http", REFUSED, WHOLE] == 5000
    assert found["http", REFUSED, OTHER] > 4000


def test_closing_without_a_store_says_how_much_is_lost(caplog: pytest.LogCaptureFixture) -> None:
    counter = EventCounter("p", contract.SOURCE_HTTP)
    counter.error("internal", 3)
    counter.close()
    assert "3 counts of refusals and errors could not be stored" in caplog.text


def test_http_counts_faults_by_field_and_every_other_refusal_by_its_kind(live_home: LiveHome, live_engine: Engine) -> None:
    wrong = {**GOOD, "income": -5, "term_months": "long", "smoker": True}
    with client_of(live_home) as client:
        assert client.post("/v1/score", json={"inputs": GOOD}).status_code == 200
        assert client.post("/v1/score", json={"inputs": wrong}).status_code == 422
        assert client.post("/v1/score", json={"applications": [{"inputs": wrong}, {"inputs": GOOD}]}).status_code == 422
        assert client.post("/v1/score", content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
        assert client.get("/nothing-here").status_code == 404
        assert client.post("/v1/score", json={}, headers={"Host": "evil.example"}).status_code == 400
        assert client.get("/healthz").status_code == 200
    assert counted(live_engine) == {
        ("http", REFUSED, "income"): 2, ("http", REFUSED, "term_months"): 2, ("http", REFUSED, OTHER): 2,
        ("http", REFUSED, WHOLE): 2,
        ("http", "malformed", WHOLE): 1, ("http", "not-found", WHOLE): 1, ("http", "wrong-host", WHOLE): 1,
    }  # fmt: skip


def test_http_counts_what_the_log_did_not_take_and_what_broke(
    live_home: LiveHome, live_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("inside")

    with client_of(live_home) as client:
        with live_engine.begin() as connection:
            connection.execute(text("ALTER TABLE decisions RENAME TO away"))
        assert client.post("/v1/score", json={"inputs": GOOD}).status_code == 503
        with live_engine.begin() as connection:
            connection.execute(text("ALTER TABLE away RENAME TO decisions"))
        monkeypatch.setattr("pipeline.serving.http.window.decide", broken)
        assert client.post("/v1/score", json={"inputs": GOOD}).status_code == 500
    assert counted(live_engine) == {("http", "not-recorded", WHOLE): 1, ("http", "internal", WHOLE): 1}


def test_a_file_counts_its_refused_rows_once_however_often_it_comes(
    live_home: LiveHome, live_engine: Engine, desk: Desk, tmp_path: Path
) -> None:
    table = live_home.book().head(40).astype(object)
    table.loc[[3, 7], "income"] = "much"
    table.loc[7, "term_months"] = "long"
    table.to_csv(tmp_path / "apps.csv", index=False)

    def score(*, record: bool = True) -> None:
        order = Order(open_batch(tmp_path / "apps.csv"), tmp_path / "out", "csv", record=record)
        score_file(desk.pair(), live_engine, order)

    score(record=False)
    assert counted(live_engine) == {}
    score()
    score()
    assert counted(live_engine) == {
        ("batch", REFUSED, "income"): 2, ("batch", REFUSED, "term_months"): 1, ("batch", REFUSED, WHOLE): 2,
    }  # fmt: skip


def test_a_file_that_cannot_be_scored_at_all_is_one_error(
    live_home: LiveHome, live_engine: Engine, desk: Desk, tmp_path: Path
) -> None:
    live_home.book().head(5).drop(columns="amount").to_csv(tmp_path / "apps.csv", index=False)
    with pytest.raises(InputError):
        score_file(desk.pair(), live_engine, Order(open_batch(tmp_path / "apps.csv"), tmp_path / "out", "csv"))
    assert counted(live_engine) == {("batch", "unusable-file", WHOLE): 1}


def test_a_store_that_fails_costs_the_count_and_nothing_else(sqlite_store: Engine, caplog: pytest.LogCaptureFixture) -> None:
    with sqlite_store.begin() as connection:
        connection.execute(text("ALTER TABLE service_events RENAME TO away"))
    assert not count_refusals(sqlite_store, "p", contract.SOURCE_FORM, {"income": 1}, applications=1)
    assert not count_error(sqlite_store, "p", contract.SOURCE_FORM, "not-ready")
    assert "was not counted" in caplog.text
