"""Alerts: one per matter until it is resolved and cooled down, however often monitoring runs; steps bear people's names."""

import threading
from collections.abc import Callable
from datetime import date

import pytest
from sqlalchemy import Engine, func, select

from pipeline.monitoring.alerts import (
    AlertError,
    acknowledge,
    active_alerts,
    note_delivery,
    open_alerts,
    read_alerts,
    resolve,
)
from pipeline.monitoring.rules import Judgement, judge
from pipeline.monitoring.signals import signal_table
from pipeline.project_monitoring import Rule
from pipeline.store.engine import open_store
from pipeline.store.tables import alert_events
from tests.monitoring.test_rules import month

pytest_plugins = ["tests.store.fixtures"]

MOVED = Rule(name="moved", measure="psi", above=0.1, cooldown=2)
SHIFTED = Rule(name="shifted", measure="psi", above=0.25, severity="critical", cooldown=2)
LATE = Rule(name="ranks-worse", measure="auc_drop", above=0.05, cooldown=1)
RULES = (MOVED, SHIFTED, LATE)


def judged(values: list[float], measure: str = "psi", subject: str = "income") -> Judgement:
    table = signal_table((measure, subject, month(i), value, 1000, "") for i, value in enumerate(values))
    return judge([rule for rule in RULES if rule.measure == measure], table, "month")


def day(number: int) -> date:
    return date.fromisoformat(month(number)).replace(day=20)


def run(store: Engine, values: list[float], measure: str = "psi", at: int | None = None) -> list[tuple[str, str]]:
    """One round as of the last value's month (or another), and what it opened: rule and period."""
    as_of = day(len(values) - 1 if at is None else at)
    return [(a.firing.rule, a.firing.period) for a in open_alerts(store, "p", judged(values, measure), RULES, "month", as_of)]


def test_a_finding_opens_one_alert_however_often_it_is_found(store: Engine) -> None:
    assert run(store, [0.0, 0.2]) == [("moved", "2025-02-01")]
    assert run(store, [0.0, 0.2]) == []
    assert run(store, [0.0, 0.2, 0.2]) == []
    (alert,) = read_alerts(store, "p")
    assert alert.state == "open" and alert.firing.evidence.startswith("PSI of income in 2025-02")
    assert [(e.event, e.actor, e.day) for e in alert.events] == [("opened", "monitor", date(2025, 2, 20))]


def test_another_subject_and_another_product_have_alerts_of_their_own(store: Engine) -> None:
    run(store, [0.2])
    assert len(open_alerts(store, "p", judged([0.2], subject="age"), RULES, "month", day(0))) == 1
    assert len(open_alerts(store, "q", judged([0.2]), RULES, "month", day(0))) == 1
    assert len(read_alerts(store, "p")) == 2 and len(read_alerts(store, "q")) == 1


def test_an_acknowledged_alert_still_stands_for_its_matter(store: Engine) -> None:
    run(store, [0.2])
    acknowledge(store, read_alerts(store, "p")[0].id, actor="analyst")
    assert run(store, [0.2, 0.2, 0.2]) == []


def test_after_a_resolution_nothing_opens_until_the_cool_down_has_passed(store: Engine) -> None:
    run(store, [0.2])
    resolve(store, read_alerts(store, "p")[0].id, actor="analyst", note="campaign, as planned", day=day(1))
    assert run(store, [0.2, 0.2]) == []
    assert run(store, [0.2, 0.2, 0.2, 0.2]) == []  # February and two periods
    assert run(store, [0.2, 0.2, 0.2, 0.2, 0.2]) == [("moved", "2025-05-01")]
    assert run(store, [0.2, 0.2, 0.2, 0.2, 0.2]) == []


def test_what_was_closed_before_is_not_opened_by_its_past(store: Engine) -> None:
    run(store, [0.2, 0.2, 0.2, 0.2, 0.2, 0.2])
    resolve(store, read_alerts(store, "p")[0].id, actor="analyst", note="done", day=day(5))
    assert run(store, [0.2, 0.2, 0.2, 0.2, 0.2, 0.2]) == []


def test_a_graver_rule_opens_its_own_alert_and_silences_the_milder_one(store: Engine) -> None:
    assert run(store, [0.2]) == [("moved", "2025-01-01")]
    assert run(store, [0.2, 0.5]) == [("shifted", "2025-02-01")]
    for alert in read_alerts(store, "p"):
        if alert.firing.rule == "moved":
            resolve(store, alert.id, actor="analyst", note="see the graver one", day=day(1))
    assert run(store, [0.2, 0.5, 0.2, 0.2, 0.2, 0.2]) == []


def test_one_period_beyond_both_limits_opens_the_graver_alert_only(store: Engine) -> None:
    assert run(store, [0.5]) == [("shifted", "2025-01-01")]


def test_outcomes_ripen_late_and_so_does_the_cool_down_of_rules_on_them(store: Engine) -> None:
    assert run(store, [0.1], "auc_drop", at=12) == [("ranks-worse", "2025-01-01")]
    (alert,) = read_alerts(store, "p")
    assert alert.lag == 12
    resolve(store, alert.id, actor="analyst", note="recalibrated", day=day(12))
    assert run(store, [0.1, 0.1], "auc_drop", at=13) == []
    assert run(store, [0.1, 0.1, 0.1], "auc_drop", at=14) == [("ranks-worse", "2025-03-01")]


def test_a_person_takes_an_alert_and_closes_it_with_a_note(store: Engine) -> None:
    run(store, [0.2])
    (alert,) = read_alerts(store, "p")
    assert acknowledge(store, alert.id, actor=" analyst ", note="looking").state == "acknowledged"
    closed = resolve(store, alert.id, actor="risk-lead", note="as planned", day=day(3))
    assert closed.state == "resolved" and not active_alerts(store, "p")
    assert [(e.event, e.actor, e.note) for e in closed.events] == [
        ("opened", "monitor", ""), ("acknowledged", "analyst", "looking"), ("resolved", "risk-lead", "as planned"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda s, i: resolve(s, i, actor="analyst", note=" "), "the note is empty"),
        (lambda s, i: resolve(s, i, actor="", note="done"), "your name is empty"),
        (lambda s, i: acknowledge(s, i, actor="x" * 81), "81 characters; at most 80"),
        (lambda s, i: acknowledge(s, i, actor="a\0b"), "NUL"),
        (lambda s, i: resolve(s, "nothing", actor="analyst", note="done"), "there is no alert 'nothing'"),
    ],
)
def test_a_step_that_is_not_whole_is_refused_and_changes_nothing(sqlite_store: Engine, step, words: str) -> None:
    run(sqlite_store, [0.2])
    (alert,) = read_alerts(sqlite_store, "p")
    with pytest.raises(AlertError, match=words):
        step(sqlite_store, alert.id)
    assert read_alerts(sqlite_store, "p") == (alert,)


def test_a_step_that_somebody_took_already_is_refused_with_their_name(sqlite_store: Engine) -> None:
    run(sqlite_store, [0.2])
    (alert,) = read_alerts(sqlite_store, "p")
    acknowledge(sqlite_store, alert.id, actor="analyst")
    with pytest.raises(AlertError, match="analyst has already acknowledged"):
        acknowledge(sqlite_store, alert.id, actor="risk-lead")
    resolve(sqlite_store, alert.id, actor="risk-lead", note="done")
    with pytest.raises(AlertError, match="risk-lead has already resolved"):
        acknowledge(sqlite_store, alert.id, actor="pm")
    with pytest.raises(AlertError, match="risk-lead has already resolved"):
        resolve(sqlite_store, alert.id, actor="pm", note="n")


def at_once(n: int, url: str, work: Callable[[Engine], object]) -> list[Exception]:
    """Let n threads, each with an engine of its own, do the same at the same moment; what they raised."""
    barrier, raised = threading.Barrier(n), []

    def one() -> None:
        engine = open_store(url)
        try:
            barrier.wait()
            work(engine)
        except Exception as error:
            raised.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=one) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def test_rounds_at_the_same_moment_open_each_alert_once(store: Engine, store_url: str) -> None:
    assert at_once(4, store_url, lambda engine: run(engine, [0.0, 0.2, 0.5])) == []
    assert sorted(a.firing.rule for a in read_alerts(store, "p")) == ["moved", "shifted"]
    with store.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(alert_events)) == 2


def test_two_people_at_the_same_moment_leave_one_resolution(store: Engine, store_url: str) -> None:
    run(store, [0.2])
    (alert,) = read_alerts(store, "p")
    refused = at_once(3, store_url, lambda engine: resolve(engine, alert.id, actor="analyst", note="done"))
    assert [type(error) for error in refused] == [AlertError] * 2
    assert [e.event for e in read_alerts(store, "p")[0].events] == ["opened", "resolved"]


def test_a_delivery_is_noted_once(sqlite_store: Engine) -> None:
    run(sqlite_store, [0.2])
    (alert,) = read_alerts(sqlite_store, "p")
    note_delivery(sqlite_store, [alert.id, alert.id])
    note_delivery(sqlite_store, [alert.id])
    (alert,) = read_alerts(sqlite_store, "p")
    assert alert.is_delivered and [e.event for e in alert.events] == ["opened", "delivered"] and alert.state == "open"


def test_active_alerts_come_gravest_first(sqlite_store: Engine) -> None:
    run(sqlite_store, [0.2, 0.5, 0.5])
    open_alerts(sqlite_store, "p", judged([0.2], subject="age"), RULES, "month", day(0))
    assert [a.firing.severity for a in active_alerts(sqlite_store, "p")] == ["critical", "warning", "warning"]
