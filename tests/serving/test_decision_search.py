"""Every search shows exactly what was asked for, newest first and page by page, and reads no more than it must."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, event

from pipeline import contract
from pipeline.serving.decision_log import record
from pipeline.serving.decision_search import COLUMNS, count, find, versions_seen
from pipeline.serving.ids import new_id
from pipeline.serving.records import Decision
from tests.serving.made_decisions import NOW, REASON, decision, with_policy

pytest_plugins = ["tests.store.fixtures"]

PROJECT = "simulated"


def made(n: int) -> list[Decision]:
    """n decisions, several at each instant, some replayed into the past, four for each applicant."""
    return [
        decision(
            id=new_id(NOW + timedelta(minutes=i)), decided_at=NOW + timedelta(hours=i // 3 * (-1 if i % 4 == 3 else 1)),
            source=contract.SOURCES[i % 4], outcome=contract.OUTCOMES[i * i % 3], model_version=1 + i * 3 // n * (i % 2),
            applicant_id=f"A-{i // 4}", idempotency_key=None, reasons=(REASON,) * (i % 3), pd=i / n,
            project="other" if i % 11 == 5 else PROJECT,
        )
        for i in range(n)
    ]  # fmt: skip


@pytest.fixture(params=["sqlite_store", "postgres"])
def searched(request: pytest.FixtureRequest) -> Iterator[tuple[Engine, list[Decision]]]:
    from pipeline.store.engine import open_store

    if request.param == "sqlite_store":
        engine = request.getfixturevalue("sqlite_store")
    else:
        engine = open_store(request.getfixturevalue("postgres_url"))
    with_policy(engine)
    yield engine, record(engine, made(120))
    if request.param == "postgres":
        engine.dispose()


def wanted(rows: list[Decision], **asked: Any) -> list[str]:
    """The ids that a search must show, found the slow way."""

    def fits(one: Decision) -> bool:
        text = asked.get("text", "")
        return (
            one.project == PROJECT
            and (not asked.get("outcomes") or one.outcome in asked["outcomes"])
            and (not asked.get("versions") or one.model_version in asked["versions"])
            and (not asked.get("sources") or one.source in asked["sources"])
            and (asked.get("since") is None or one.decided_at >= asked["since"])
            and (asked.get("until") is None or one.decided_at < asked["until"])
            and (not text or text in (one.id, one.applicant_id) or (len(text) >= 8 and one.id.startswith(text)))
        )

    return [one.id for one in sorted(filter(fits, rows), key=lambda one: (one.decided_at, one.seq), reverse=True)]


moments = st.none() | st.integers(-15, 45).map(lambda hours: NOW + timedelta(hours=hours))
texts = st.just("") | st.tuples(st.integers(0, 119), st.sampled_from([8, 13, 36])) | st.integers(0, 31).map("A-{}".format)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(contract.OUTCOMES), max_size=2), st.lists(st.integers(1, 4), max_size=2),
    st.lists(st.sampled_from(contract.SOURCES), max_size=2), moments, moments, texts, st.integers(1, 40),
)  # fmt: skip
def test_a_search_shows_what_looking_through_all_would_and_pages_meet(
    searched: tuple[Engine, list[Decision]], outcomes: list, versions: list, sources: list, since: datetime | None,
    until: datetime | None, text: Any, limit: int,
) -> None:  # fmt: skip
    engine, rows = searched
    text = rows[text[0]].id[: text[1]] if isinstance(text, tuple) else text
    asked = {"outcomes": outcomes, "versions": versions, "sources": sources, "since": since, "until": until, "text": text}
    expected = wanted(rows, **asked)
    shown: list[str] = []
    before = None
    while True:
        page = find(engine, PROJECT, limit=limit, before=before, **asked)
        shown += page["id"].tolist()
        if len(page) < limit:
            break
        before = int(page["seq"].iloc[-1])
    assert shown == expected
    assert count(engine, PROJECT, **asked) == len(expected)


def test_a_row_says_what_was_decided(searched: tuple[Engine, list[Decision]]) -> None:
    engine, rows = searched
    table = find(engine, PROJECT, text=rows[2].id)
    assert tuple(table.columns) == COLUMNS
    row = table.iloc[0]
    assert (row["seq"], row["id"], row["pd"], row["outcome"]) == (rows[2].seq, rows[2].id, rows[2].pd, rows[2].outcome)
    assert row["decided_at"] == pd.Timestamp(rows[2].decided_at)
    assert row["reasons"] == "; ".join([REASON.text] * 2)
    assert row["override"] is None


def test_an_empty_answer_has_the_same_columns_and_types(searched: tuple[Engine, list[Decision]]) -> None:
    engine, _ = searched
    empty, full = find(engine, "nobody"), find(engine, PROJECT)
    assert empty.empty
    assert list(empty.columns) == list(full.columns)
    for name in ("seq", "model_version", "pd"):
        assert empty[name].dtype == full[name].dtype
    assert str(empty["decided_at"].dt.tz) == "UTC"
    assert count(engine, "nobody") == 0
    assert versions_seen(engine, "nobody") == []


def test_versions_that_decided_are_listed(searched: tuple[Engine, list[Decision]]) -> None:
    engine, rows = searched
    assert versions_seen(engine, PROJECT) == sorted({one.model_version for one in rows if one.project == PROJECT})


def test_more_stretches_than_one_statement_takes_are_all_read(sqlite_store: Engine) -> None:
    with_policy(sqlite_store)
    rows = record(
        sqlite_store,
        [decision(id=f"d{i}", idempotency_key=None, model_version=i + 1, outcome=contract.OUTCOMES[i % 3]) for i in range(230)],
    )
    assert find(sqlite_store, PROJECT, limit=300)["id"].tolist() == wanted(rows)
    assert [count(sqlite_store, PROJECT, at_most=most) for most in (7, 150, 1000)] == [7, 150, 230]


@pytest.mark.parametrize("text", ["' OR 1=1 --", "%", "_", "nul\0", "\ud83d", "0", "A"])
def test_odd_text_finds_nothing_and_breaks_nothing(searched: tuple[Engine, list[Decision]], text: str) -> None:
    engine, _ = searched
    assert find(engine, PROJECT, text=text).empty
    assert count(engine, PROJECT, text=text) == 0


def test_an_id_is_found_as_people_paste_it(searched: tuple[Engine, list[Decision]]) -> None:
    engine, rows = searched
    assert find(engine, PROJECT, text=f"  {rows[0].id.upper()} ")["id"].tolist() == [rows[0].id]


def test_another_products_decision_is_not_shown(searched: tuple[Engine, list[Decision]]) -> None:
    engine, rows = searched
    foreign = next(one for one in rows if one.project == "other")
    assert find(engine, PROJECT, text=foreign.id).empty
    assert find(engine, "other", text=foreign.id)["id"].tolist() == [foreign.id]


def test_a_page_before_nothing_and_a_time_without_zone_are_refused(searched: tuple[Engine, list[Decision]]) -> None:
    engine, _ = searched
    with pytest.raises(ValueError, match="no decision has the number 999999"):
        find(engine, PROJECT, before=999_999)
    with pytest.raises(ValueError, match=r"since .* has no time zone"):
        find(engine, PROJECT, since=NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"text": "A-1"}, {"text": "019dedd1"}, {"outcomes": ["decline"], "versions": [3], "sources": ["form"]},
        {"since": datetime(2026, 1, 1, tzinfo=UTC), "until": datetime(2026, 2, 1, tzinfo=UTC)}, {"before": 60},
    ],
)  # fmt: skip
def test_no_search_walks_through_the_log(sqlite_store: Engine, asked: dict) -> None:
    record(with_policy(sqlite_store), made(120))
    ran: list[tuple[str, Any]] = []

    def note(_connection, _cursor, statement, parameters, *_rest) -> None:
        ran.append((statement, parameters))

    event.listen(sqlite_store, "before_cursor_execute", note)
    find(sqlite_store, PROJECT, **asked)
    count(sqlite_store, PROJECT, **{name: value for name, value in asked.items() if name != "before"})
    event.remove(sqlite_store, "before_cursor_execute", note)
    plans = []
    with sqlite_store.connect() as connection:
        for statement, parameters in [(s, p) for s, p in ran if s.lstrip().startswith(("SELECT", "WITH"))]:
            plans += [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
    assert any("SEARCH decisions" in step for step in plans)
    assert [step for step in plans if step.startswith("SCAN decisions")] == []
    assert [step for step in plans if "(project=?)" in step] == []
