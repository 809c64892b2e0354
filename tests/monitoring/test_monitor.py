"""A round of the watch: silent on good data, calling on bad, the same when repeated, and whole when a watcher fails."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from pipeline import contract
from pipeline.__main__ import app
from pipeline.monitoring.alerts import read_alerts, resolve
from pipeline.monitoring.monitor import current, monitoring_of, run_monitor
from pipeline.monitoring.rounds import MonitorRound, last_round
from pipeline.project_monitoring import Monitoring
from pipeline.settings import Settings
from pipeline.store.engine import open_store
from tests.monitoring.made_traffic import copy_decisions, copy_release
from tests.monitoring.made_watch import BAD, QUIET, RULES, engine, watched, watched_once
from tests.monitoring.test_deliver import Server, server
from tests.serving.conftest import PROJECT, LiveHome, live_engine, live_home, live_once

pytest_plugins = ["tests.store.fixtures"]

__all__ = ["engine", "live_engine", "live_home", "live_once", "server", "watched", "watched_once"]


def look(home: LiveHome, engine: Engine, **more: Any) -> Any:
    return run_monitor(home.settings, engine, PROJECT, monitoring=RULES, **more)


def command(*words: object) -> Any:
    return CliRunner().invoke(app, ["monitor", *(str(word) for word in words)], catch_exceptions=False)


FOUND = {("shifted", "days_since_last_login", "2025-05-01"), ("missing", "savings_balance", "2025-05-01")}


def test_months_like_development_call_nobody_and_columns_that_went_wrong_do_by_name_and_once(
    watched: LiveHome, engine: Engine
) -> None:
    then = look(watched, engine, as_of=QUIET[1])
    assert set(then.signals["layer"]) == set(contract.LAYERS) and then.counted == 2100
    assert not then.opened and not then.active and not then.faults
    now = look(watched, engine)
    assert now.as_of == BAD and now.counted == 0
    assert {(a.firing.rule, a.firing.subject, a.firing.period) for a in now.opened} == FOUND
    assert now.has_open and {f.subject for f in current(now, "month")} >= {"savings_balance"}
    again = look(watched, engine)
    assert not again.opened and again.active == now.active


def test_every_round_leaves_a_row_of_what_it_judged_opened_and_missed(watched: LiveHome, engine: Engine) -> None:
    assert last_round(engine, PROJECT) is None
    began = datetime.now(UTC)
    report = look(watched, engine)
    kept = last_round(engine, PROJECT)
    assert kept is not None and began <= kept.at <= datetime.now(UTC)
    assert kept == MonitorRound(kept.at, BAD, len(report.signals), 2)
    watched.artifact(watched.champion_run, contract.ARTIFACT_REFERENCE).unlink()
    look(watched, engine, as_of=QUIET[1])
    later = last_round(engine, PROJECT)
    assert later is not None and (later.as_of, later.opened, later.failed) == (QUIET[1], 1, ("drift",))
    assert last_round(engine, "another") is None


@pytest.mark.long
def test_postgresql_finds_the_same(watched: LiveHome, engine: Engine, postgres_url: str) -> None:
    other = open_store(postgres_url)
    copy_release(engine, other)
    copy_decisions(engine, other)
    settings = Settings(watched.settings.home, watched.settings.tracking_uri, postgres_url)
    there, here = (run_monitor(s, e, PROJECT, monitoring=RULES) for s, e in ((settings, other), (watched.settings, engine)))
    assert not there.faults and there.counted == here.counted == 2100
    assert [alert.firing for alert in there.opened] == [alert.firing for alert in here.opened]
    other.dispose()


def test_a_closed_alert_stays_closed_while_its_cool_down_lasts(watched: LiveHome, engine: Engine) -> None:
    for alert in look(watched, engine).opened:
        resolve(engine, alert.id, actor="analyst", note="upstream repaired it", day=BAD)
    report = look(watched, engine)
    assert not report.opened and not report.active and len(read_alerts(engine, PROJECT)) == 2


def test_a_watcher_that_fails_hides_no_other_and_calls_somebody_itself(watched: LiveHome, engine: Engine) -> None:
    look(watched, engine)
    watched.artifact(watched.champion_run, contract.ARTIFACT_REFERENCE).unlink()
    report = look(watched, engine)
    assert [fault.partition(":")[0] for fault in report.faults] == ["drift"]
    assert [(a.firing.rule, a.firing.subject) for a in report.opened] == [("watcher-failed", "drift")]
    assert set(report.signals["layer"]) >= {contract.LAYER_SERVICE, contract.LAYER_MODEL}


def test_a_fault_of_the_program_is_reported_without_what_it_says(
    watched: LiveHome, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("could not convert 'somebody@example.com'")

    monkeypatch.setattr("pipeline.monitoring.drift.drift_signals", fail)
    report = look(watched, engine)
    assert report.faults == ("drift: failed with ValueError, a fault of the program; the other watchers looked all the same",)
    assert "somebody" not in str(report.opened)


def test_where_nothing_was_decided_there_is_nothing_to_watch(live_home: LiveHome, live_engine: Engine) -> None:
    report = look(live_home, live_engine)
    assert report.as_of is None and not report.has_open and report.signals.empty
    assert last_round(live_engine, PROJECT) is None


def test_rules_come_from_the_built_in_file_else_from_the_live_run(live_home: LiveHome, live_engine: Engine) -> None:
    assert monitoring_of(live_home.settings, live_engine, PROJECT).min_rows == 500
    assert monitoring_of(live_home.settings, live_engine, "simulated").granularity == "month"
    assert monitoring_of(live_home.settings, live_engine, "unheard") == Monitoring()


def test_the_command_says_what_it_found_sends_it_and_exits_1_when_asked(
    watched: LiveHome, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISKDECK_ALERT_URLS", server.url)
    server.answer = 503
    done = command(watched.toml)
    assert done.exit_code == 0
    assert "Alerts of small as of 2025-05-14" in done.stdout and "savings_balance in 2025-05" in done.stdout
    assert "small: counting decisions" in done.stderr and "rule ranks-worse could not judge" in done.stderr
    assert "did not take the message" in done.stderr and str(server.port) not in done.stderr + done.stdout
    assert command(PROJECT, "--fail-on-alert").exit_code == 1


def test_the_command_as_json_names_alerts_what_was_sent_and_what_could_not_be_judged(
    watched: LiveHome, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RISKDECK_ALERT_URLS", server.url)
    (report,) = json.loads(command("--json").stdout)
    assert report["project"] == PROJECT and report["as_of"] == "2025-05-14" and report["decisions_counted"] == 2100
    assert {(a["rule"], a["subject"], a["period"]) for a in report["alerts"]} == FOUND
    assert all(alert["is_new"] and alert["state"] == "open" for alert in report["alerts"])
    assert len(report["delivery"]["sent"]) == len(server.bodies) == len(FOUND)
    assert report["not_judged"] and all(left["reason"] for left in report["not_judged"])
    (again,) = json.loads(command("--json", "--as-of", "2025-04-30").stdout)
    assert {(a["is_new"], a["is_delivered"]) for a in again["alerts"]} == {(False, True)}


@pytest.mark.parametrize(("words", "said"), [(("nobody",), "no project 'nobody'"), ((), "nothing is live yet")])
def test_nothing_to_watch_is_said_in_plain_words(home: object, words: tuple[str, ...], said: str) -> None:
    done = command(*words)
    assert done.exit_code == 2 and said in done.stderr
