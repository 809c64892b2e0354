import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import text

from pipeline import contract
from pipeline.registry import routing
from pipeline.serving.desk import Desk
from pipeline.serving.http import window as window_module
from pipeline.serving.http.body import Applicant
from pipeline.serving.http.collect import Answer, Ask, Collector
from pipeline.serving.http.metrics import Metrics
from pipeline.serving.http.problems import Problem
from pipeline.serving.http.ready import Probe
from pipeline.serving.http.window import Window
from pipeline.serving.scorer import canary_position
from pipeline.serving.service_events import EventCounter
from pipeline.store.engine import Engine
from tests.serving.conftest import PROJECT, LiveHome
from tests.serving.http_parts import GOOD, client_of, recorded_rows


def ask_of(*applicants: Applicant) -> Ask:
    return Ask(applicants or [Applicant(GOOD)], time.perf_counter())


class Recorder:
    """Answers with the number of asks it got, as slowly as told; fails where asked to."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.batches: list[int] = []
        self.seconds = seconds

    def __call__(self, asks: Sequence[Ask]) -> Sequence[Answer]:
        self.batches.append(len(asks))
        time.sleep(self.seconds)
        return [Problem(422, "x", "x") if ask.is_list else [] for ask in asks]


def test_what_arrives_while_a_batch_is_answered_is_answered_together() -> None:
    recorder = Recorder(seconds=0.05)

    async def run() -> None:
        lane = Collector(recorder, most_together=64, most_waiting=100)
        first = asyncio.create_task(lane.answer(ask_of()))
        await asyncio.sleep(0.02)
        await asyncio.gather(first, *(lane.answer(ask_of()) for _ in range(15)))
        lane.close()

    asyncio.run(run())
    assert recorder.batches == [1, 15]


def test_a_lone_caller_waits_for_nobody() -> None:
    recorder = Recorder()

    async def run() -> None:
        lane = Collector(recorder, most_together=64, most_waiting=100)
        for _ in range(51):
            await lane.answer(ask_of())
        lane.close()

    asyncio.run(run())
    assert recorder.batches == [1] * 51


def test_no_batch_is_larger_than_allowed_and_nobody_is_left_behind() -> None:
    recorder = Recorder(seconds=0.001)

    async def run() -> None:
        lane = Collector(recorder, most_together=7, most_waiting=100)
        await asyncio.gather(*(lane.answer(ask_of()) for _ in range(50)))
        lane.close()

    asyncio.run(run())
    assert sum(recorder.batches) == 50
    assert max(recorder.batches) == 7


def test_the_fault_of_one_is_not_the_fault_of_another() -> None:
    async def run() -> list[Any]:
        lane = Collector(Recorder(), most_together=64, most_waiting=100)
        asks = [ask_of(), replace(ask_of(), is_list=True), ask_of()]
        found = await asyncio.gather(*(lane.answer(a) for a in asks), return_exceptions=True)
        lane.close()
        return found

    good, bad, also_good = asyncio.run(run())
    assert (good, also_good) == ([], [])
    assert isinstance(bad, Problem)


def test_when_too_many_wait_the_next_is_turned_away_at_once() -> None:
    gate = threading.Event()

    def slow(asks: Sequence[Ask]) -> Sequence[Answer]:
        gate.wait(10)
        return [[] for _ in asks]

    async def run() -> Problem:
        lane = Collector(slow, most_together=1, most_waiting=2)
        waiting = [asyncio.create_task(lane.answer(ask_of())) for _ in range(3)]
        await asyncio.sleep(0.05)
        waiting.append(asyncio.create_task(lane.answer(ask_of())))
        done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_EXCEPTION)
        gate.set()
        await asyncio.gather(*waiting, return_exceptions=True)
        lane.close()
        error = next(iter(done)).exception()
        assert isinstance(error, Problem)
        return error

    problem = asyncio.run(run())
    assert (problem.status, problem.headers["Retry-After"]) == (503, "1")


@pytest.fixture
def window(desk: Desk, live_engine: Engine) -> Window:
    return Window(desk, live_engine, Metrics(), EventCounter(PROJECT, "http"))


def test_joined_requests_are_one_prediction_and_one_commit_each_with_its_own_faults(
    window: Window, live_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    decide = window_module.decide
    monkeypatch.setattr(window_module, "decide", lambda p, a, *r, **k: calls.append(len(a)) or decide(p, a, *r, **k))
    key = Applicant(GOOD, idempotency_key="k")
    asks = [
        ask_of(), ask_of(Applicant({**GOOD, "amount": 1})), ask_of(key), ask_of(replace(key, inputs={**GOOD, "amount": 2000})),
        ask_of(key), ask_of(Applicant(GOOD, applicant_id="A")),
    ]  # fmt: skip

    first, faulty, keyed, conflict, again, last = window.answer_singles(asks)

    assert calls == [5]
    assert isinstance(faulty, Problem) and (faulty.status, faulty.errors[0][1].field) == (422, "amount")
    assert isinstance(conflict, Problem) and conflict.status == 409
    for answer in (first, keyed, again, last):
        assert not isinstance(answer, Exception)
        assert len(answer) == 1
    assert keyed == again
    assert last[0].applicant_id == "A"
    assert recorded_rows(live_engine) == 3


def test_a_request_that_breaks_the_scorer_breaks_no_other(
    window: Window, live_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    decide = window_module.decide

    def fragile(pair: Any, applications: Any, *rest: Any, **named: Any) -> Any:
        if any(a.applicant_id == "poison" for a in applications):
            raise RuntimeError("boom")
        return decide(pair, applications, *rest, **named)

    monkeypatch.setattr(window_module, "decide", fragile)
    good, bad, also_good = window.answer_singles([ask_of(), ask_of(Applicant(GOOD, applicant_id="poison")), ask_of()])

    assert isinstance(bad, RuntimeError)
    assert not isinstance(good, Exception) and not isinstance(also_good, Exception)
    assert recorded_rows(live_engine) == 2


def test_a_pd_that_is_no_number_decides_nothing(window: Window, live_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    decide = window_module.decide

    def without_pd(*given: Any, **named: Any) -> Any:
        return [replace(d, pd=float("nan")) if d.applicant_id == "odd" else d for d in decide(*given, **named)]

    monkeypatch.setattr(window_module, "decide", without_pd)
    odd, good = window.answer_singles([ask_of(Applicant(GOOD, applicant_id="odd")), ask_of()])

    assert isinstance(odd, ValueError) and not isinstance(good, Exception)
    assert recorded_rows(live_engine) == 1


def test_a_failure_after_the_record_never_records_again(
    window: Window, live_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("the disk of the counters is full")

    monkeypatch.setattr(Window, "_count_decisions", broken)
    with pytest.raises(OSError, match="counters"):
        window.answer_singles([ask_of(), ask_of()])
    assert recorded_rows(live_engine) == 2


def test_when_the_log_fails_no_score_is_shown(live_home: LiveHome, live_engine: Engine) -> None:
    with client_of(live_home) as client:
        assert client.get("/readyz").status_code == 200
        with live_engine.begin() as connection:
            connection.execute(text("ALTER TABLE decisions RENAME TO decisions_elsewhere"))
        answer = client.post("/v1/score", json={"inputs": dict(GOOD)})
        listed = client.post("/v1/score", json={"applications": [{"inputs": dict(GOOD)}]})
        read = client.get("/v1/decisions/0190f3b2-0000-7000-8000-000000000000")
        with live_engine.begin() as connection:
            connection.execute(text("ALTER TABLE decisions_elsewhere RENAME TO decisions"))
        assert client.post("/v1/score", json={"inputs": dict(GOOD)}).status_code == 200

    for refused in (answer, listed):
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
        assert "none is shown" in refused.json()["detail"]
        assert "pd" not in refused.json()
    assert read.status_code == 503


def test_nothing_live_is_alive_but_not_ready(live_home: LiveHome) -> None:
    from pipeline.serving.http.app import build_app
    from pipeline.settings import HttpSettings
    from tests.serving.http_parts import TestClient

    with TestClient(build_app("other", live_home.settings, HttpSettings()), base_url="http://localhost") as client:
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")
        refused = client.post("/v1/score", json={"inputs": dict(GOOD)})
    assert ready.status_code == 503
    assert "nothing is live in other" in ready.json()["problems"]["model"]
    assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")


def test_readiness_sees_a_store_that_cannot_be_written_and_leaves_nothing_in_one_that_can(
    desk: Desk, live_engine: Engine
) -> None:
    assert Probe(desk, live_engine).look().problems == {}
    with live_engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM profile_marks")).scalar_one() == 0

    with live_engine.begin() as connection:
        connection.execute(text("CREATE TRIGGER shut BEFORE INSERT ON profile_marks BEGIN SELECT RAISE(ABORT, 'shut'); END"))
    assert set(Probe(desk, live_engine).look().problems) == {"store"}


def test_readiness_sees_a_broken_ledger(desk: Desk, live_engine: Engine) -> None:
    assert Probe(desk, live_engine).look().problems == {}
    with live_engine.begin() as connection:
        for trigger in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
            if "ledger" in trigger:
                connection.execute(text(f"DROP TRIGGER {trigger}"))
        connection.execute(text("UPDATE ledger SET reason = 'another' WHERE seq = (SELECT min(seq) FROM ledger)"))
    assert "changed after it was written" in Probe(desk, live_engine).look().problems["ledger"]


def test_a_canary_switched_on_decides_its_share_without_a_restart(
    live_home: LiveHome, live_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.serving.desk.REFRESH_SECONDS", 0.0)
    rows = [{"inputs": dict(GOOD), "applicant_id": f"A-{i}"} for i in range(40)]
    by_challenger = [canary_position(PROJECT, f"A-{i}") < 0.5 for i in range(40)]
    with client_of(live_home) as client:
        before = client.post("/v1/score", json={"applications": rows}).json()["decisions"]
        routing.route(live_engine, live_home.proposal, mode="canary", share=0.5, actor="risk-lead", reason="half of them")
        during = client.post("/v1/score", json={"applications": rows}).json()["decisions"]
        recorded = client.get(f"/v1/decisions/{during[by_challenger.index(True)]['id']}").json()
        routing.route(live_engine, live_home.proposal, mode="shadow", actor="risk-lead", reason="seen enough")
        after = client.post("/v1/score", json={"applications": rows}).json()["decisions"]

    assert {d["model_version"] for d in (*before, *after)} == {1}
    assert [d["model_version"] == 2 for d in during] == by_challenger
    assert recorded["shadow"]["role"] == "champion"
    assert recorded["source"] == contract.SOURCE_HTTP
