"""The health of the service: counted exactly, percentiles right, shadows with intervals, and cheap however long the log."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from pipeline import contract
from pipeline.evaluation.calibration import wilson_interval
from pipeline.monitoring import health_reads as reads
from pipeline.monitoring.health import FAULTS, health_signals, read_health
from pipeline.monitoring.signals import SIGNAL_COLUMNS
from pipeline.serving import decision_log
from pipeline.serving.ids import new_id
from pipeline.serving.records import Decision, Shadow
from pipeline.serving.service_events import record_errors, record_refusals
from pipeline.settings import Settings
from tests.serving.made_decisions import POLICY, decision, with_policy

pytest_plugins = ["tests.store.fixtures"]
P = "simulated"


def at(day: str, hour: int = 12) -> datetime:
    return datetime.fromisoformat(day).replace(hour=hour, tzinfo=UTC)


def made(
    day: str, source: str = "http", latency: float | None = None, shadow: Shadow | None = None, **more: object
) -> Decision:
    when = at(day)
    return decision(
        id=new_id(when), decided_at=when, source=source, latency_ms=latency, shadow=shadow, idempotency_key=None,
        applicant_id=None, **more,
    )  # fmt: skip


def log(engine: Engine, decisions: Sequence[Decision]) -> None:
    decision_log.record(engine, decisions)


@pytest.fixture
def book(store: Engine) -> Engine:
    """Three months: January by HTTP, none in February, March by form and file."""
    with_policy(store)
    log(store, [made("2026-01-05", latency=float(ms)) for ms in range(1, 101)])
    log(store, [made("2026-03-01", "form", 40.0), made("2026-03-31", "batch"), made("2026-03-31", "batch", outcome="approve")])
    return store


def test_weeks_start_on_monday_months_on_the_first_and_periods_follow_each_other() -> None:
    weeks = reads.windows(date(2026, 3, 4), 3, "week")
    assert [w.start for w in weeks] == [date(2026, 2, 16), date(2026, 2, 23), date(2026, 3, 2)]
    assert [w.end for w in reads.windows(date(2026, 3, 31), 2, "month")] == [date(2026, 3, 1), date(2026, 4, 1)]
    assert reads.windows(date(2026, 3, 31), 1, "day")[0].end == date(2026, 4, 1)


def test_volume_is_counted_by_period_and_source_and_a_silent_month_is_nought(book: Engine) -> None:
    found = read_health(book, P, date(2026, 3, 31), "month")
    assert found.periods["period"].tolist() == [date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
    assert found.periods["decided"].tolist() == [100, 0, 3]
    assert found.volume.set_index(["period", "source"])["n"].to_dict() == {
        (date(2026, 1, 1), "http"): 100, (date(2026, 3, 1), "batch"): 2, (date(2026, 3, 1), "form"): 1,
    }  # fmt: skip


def test_the_last_instant_of_a_month_belongs_to_it_and_the_next_one_does_not(store: Engine) -> None:
    with_policy(store)
    last = datetime(2026, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
    for when in (last, last + timedelta(microseconds=1)):
        log(store, [replace(made("2026-01-31"), id=new_id(when), decided_at=when)])
    assert read_health(store, P, date(2026, 2, 1), "month").periods["decided"].tolist() == [1, 1]


def test_latency_percentiles_are_those_of_the_rows_that_carry_one(book: Engine) -> None:
    table = read_health(book, P, date(2026, 3, 31), "month").periods.set_index("period")
    january = table.loc[date(2026, 1, 1)]
    assert (january["latency_p50_ms"], january["latency_p95_ms"], january["latency_p99_ms"]) == (50.0, 95.0, 99.0)
    assert table.loc[date(2026, 2, 1), "latency_p95_ms"] != table.loc[date(2026, 2, 1), "latency_p95_ms"], "NaN, not nought"
    assert table["n_timed"].tolist() == [100, 0, 1]


def test_sources_that_take_turns_are_sampled_alike(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    with_policy(store)
    turns = ["form", "http", "batch", "replay"] * 1000
    log(store, [made("2026-01-05", source, float(at % 100)) for at, source in enumerate(turns)])
    monkeypatch.setattr(reads, "SAMPLE", 125)
    day = reads.windows(date(2026, 1, 5), 1, "day")
    found = reads.latencies(store, P, day, reads.volumes(store, P, day)).groupby("source")["weight"].agg(["size", "sum"])
    assert set(found.index) == {"form", "http"}
    assert found["size"].between(110, 140).all() and found["sum"].between(880, 1120).all()


@given(st.lists(st.tuples(st.floats(0, 1e4), st.integers(1, 9)), min_size=1, max_size=60), st.floats(0.01, 0.99))
def test_a_weighted_percentile_is_the_percentile_of_the_rows_written_out(rows: list[tuple[float, int]], level: float) -> None:
    written_out = np.repeat([ms for ms, _ in rows], [n for _, n in rows])
    expected = np.quantile(written_out, level, method="inverted_cdf")
    (found,) = reads.percentiles([ms for ms, _ in rows], [n for _, n in rows], [level])
    assert found == expected


def test_of_many_decisions_a_sample_is_read_and_the_percentiles_hardly_move(
    store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_policy(store)
    log(store, [made("2026-01-05", latency=float(ms)) for ms in np.random.default_rng(0).permutation(3000)])
    whole = read_health(store, P, date(2026, 1, 5), "day").periods.iloc[-1]
    monkeypatch.setattr(reads, "SAMPLE", 500)
    some = read_health(store, P, date(2026, 1, 5), "day").periods.iloc[-1]
    assert 950 <= whole["n_timed"] <= 1050 and 475 <= some["n_timed"] <= 525
    assert some["decided"] == whole["decided"] == 3000
    assert abs(some["latency_p95_ms"] - 2850) < 100 and abs(some["latency_p50_ms"] - 1500) < 200


def test_refusals_and_errors_are_shares_of_all_who_asked(book: Engine) -> None:
    record_refusals(book, P, "http", at("2026-01-07"), {"income": 60, "age": 5}, applications=62)
    record_errors(book, P, "http", at("2026-01-07"), {"not-recorded": 38, "no-token": 500})
    record_refusals(book, "another", "http", at("2026-01-07"), {"income": 999})
    found = read_health(book, P, date(2026, 3, 31), "month")
    january = found.periods.iloc[0]
    assert (january["decided"], january["refused"], january["failed"], january["asked"]) == (100, 62, 38, 200)
    assert (january["refused_share"], january["error_share"]) == (0.31, 0.19)
    assert found.refused[["field", "n", "share"]].values.tolist() == [["income", 60, 0.30], ["age", 5, 0.025]]
    assert found.errors.set_index("kind")["n"].to_dict() == {"not-recorded": 38, "no-token": 500}
    assert np.isnan(found.periods.iloc[1]["error_share"]), "nobody asked in February"


def test_the_mistakes_of_callers_are_no_faults_of_ours() -> None:
    assert set(FAULTS) == {"internal", "not-ready", "not-recorded", "busy"}


def test_shadow_disagreement_is_a_rate_with_its_interval_and_the_difference_is_challenger_less_champion(store: Engine) -> None:
    with_policy(store)
    same = Shadow(contract.ALIAS_CHALLENGER, 2, "b" * 64, POLICY, 0.15, "review")
    other = Shadow(contract.ALIAS_CHALLENGER, 2, "b" * 64, POLICY, 0.35, "decline")
    by_canary = Shadow(contract.ALIAS_CHAMPION, 1, "a" * 64, POLICY, 0.10, "review")
    shadows = [same] * 6 + [other] * 2 + [by_canary] * 2
    log(store, [made("2026-01-05", shadow=shadow, pd=0.12) for shadow in shadows])
    log(store, [made("2026-01-06", pd=0.12)])
    (row,) = read_health(store, P, date(2026, 1, 6), "month").periods.to_dict("records")
    (lo, lo_canary), (hi, hi_canary) = wilson_interval([2, 2], [10, 10])
    assert row["n_shadow"] == 10
    assert (row["disagreement"], row["disagreement_lo"], row["disagreement_hi"]) == (0.2, lo, hi)
    assert row["pd_difference"] == pytest.approx((6 * 0.03 + 2 * 0.23 + 2 * 0.02) / 10)
    assert (row["canary_share"], row["canary_lo"], row["canary_hi"]) == (0.2, lo_canary, hi_canary)


def test_nothing_decided_and_nothing_refused_is_silence_without_an_error(store: Engine) -> None:
    found = read_health(store, P, date(2026, 3, 31), "week")
    assert found.is_silent and found.periods.empty and found.refused.empty


def test_signals_cover_every_measure_of_the_service_and_a_field_stays_until_it_is_well_again(
    book: Engine, tmp_path: object
) -> None:
    record_refusals(book, P, "http", at("2026-01-07"), {"income": 100})
    settings = Settings(tmp_path, f"sqlite:///{tmp_path}/none.db", "sqlite://")
    found = health_signals(settings, book, P, date(2026, 3, 31), granularity="month")
    assert tuple(found.columns) == SIGNAL_COLUMNS
    assert set(found["measure"]) == {name for name, layer in contract.MEASURES.items() if layer == contract.LAYER_SERVICE} - {
        "watcher_fault"
    }
    income = found[(found["measure"] == "refused_share") & (found["subject"] == "income")].set_index("period")["value"]
    assert income["2026-01-01"] == 0.5 and income["2026-03-01"] == 0.0 and np.isnan(income["2026-02-01"])
    volume = found[found["measure"] == "volume"].set_index("period")["value"]
    assert volume.to_dict() == {"2026-01-01": 100.0, "2026-02-01": 0.0, "2026-03-01": 3.0}
    unknown = found[(found["measure"] == "store_fault") & found["value"].isna()]
    assert set(unknown["note"]) == {"nothing is live"} and set(unknown["subject"]) == {"alias", "model file"}
    notes = found[found["value"].isna()]["note"]
    assert (notes != "").all(), "what cannot be computed says why"


def test_counting_and_choosing_use_the_index_alone_and_nothing_ever_walks_the_table(sqlite_store: Engine) -> None:
    with_policy(sqlite_store)
    log(sqlite_store, [made("2026-01-05", source, 1.0) for source in contract.SOURCES])
    plans: dict[str, list[str]] = {}

    def explain(connection: Any, _cursor: Any, statement: str, given: Any, *_rest: Any) -> None:
        if " IN (" in statement:
            raw = connection.connection.driver_connection.cursor()
            plans[statement] = [str(row[-1]) for row in raw.execute(f"EXPLAIN QUERY PLAN {statement}", given).fetchall()]

    periods = reads.windows(date(2026, 1, 31), 1, "month")
    event.listen(sqlite_store, "after_cursor_execute", explain)
    try:
        counts = reads.volumes(sqlite_store, P, periods).assign(n=10**6)
        reads.latencies(sqlite_store, P, periods, counts)
        reads.shadows(sqlite_store, P, periods, counts)
    finally:
        event.remove(sqlite_store, "after_cursor_execute", explain)
    assert len(plans) >= 3
    for statement, plan in plans.items():
        touched = [line for line in plan if " decisions" in line]
        chosen = [line for line in touched if "USING INTEGER PRIMARY KEY" in line]
        rest = [line for line in touched if line not in chosen]
        assert rest and all("COVERING INDEX ix_decisions_project_source" in line for line in rest), (statement, plan)
