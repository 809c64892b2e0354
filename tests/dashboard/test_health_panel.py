"""Service health in its tab, and the four lights of the Overview: silent when all is well, and each names what is wrong."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import health_words, light_words, overview_book
from dashboard.batch_jobs import REFUSED, Job
from dashboard.charts.health import latency_chart, volume_chart
from dashboard.overview_book import Watch
from pipeline import contract
from pipeline.monitoring.alerts import acknowledge, open_alerts
from pipeline.monitoring.health import read_health
from pipeline.monitoring.profiles import update_profiles
from pipeline.monitoring.rounds import MonitorRound, record_round
from pipeline.monitoring.rules import judge
from pipeline.monitoring.signals import signal_table
from pipeline.project_monitoring import Rule
from pipeline.registry import versions
from pipeline.serving import decision_log
from pipeline.serving.desk import Desk
from pipeline.serving.ids import new_ids
from pipeline.serving.records import Application, Decision, Shadow
from pipeline.serving.scorer import decide
from pipeline.serving.service_events import OTHER, record_errors, record_refusals
from tests.dashboard.opened import APP, answer, no_thread_outlives_its_home, open_page, words
from tests.serving.conftest import PROJECT, LiveHome, live_engine, live_home, live_once

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["live_engine", "live_home", "live_once", "no_thread_outlives_its_home"]

DAY = datetime(2025, 6, 10, 12, tzinfo=UTC)
ROOT = Path(APP).parents[1]
TAB = {"alert_part": "Service health"}


def ask(live: LiveHome, engine: "Engine", at: datetime, source: str, n: int, latency: float | None) -> None:
    """Let n applicants of the book be decided on a day."""
    pair = Desk(live.settings, engine, PROJECT).pair()
    names = list(pair.champion.config.feature_names)
    checked = [pair.champion.rules.check(row, from_text=True)[0] for row in live.book()[names].head(n).to_dict("records")]
    made = decide(pair, [Application(values) for values in checked], source)
    shadow = Shadow(contract.ALIAS_CHALLENGER, 2, "b" * 64, pair.champion.policy.id, 0.5, contract.DECLINE)
    rows: list[Decision] = [
        replace(d, id=one, decided_at=at, latency_ms=latency, shadow=shadow)
        for d, one in zip(made, new_ids(at, n), strict=True)
    ]
    decision_log.record(engine, rows)


@pytest.fixture
def busy(live_home: LiveHome, live_engine: "Engine") -> LiveHome:
    """Thirty by HTTP in May and June each, counted; ten refused in June, and one error of ours."""
    for at in (DAY - timedelta(days=31), DAY):
        ask(live_home, live_engine, at, contract.SOURCE_HTTP, 30, 42.0)
    record_refusals(live_engine, PROJECT, contract.SOURCE_HTTP, DAY, {"income": 8, OTHER: 3}, applications=10)
    record_errors(live_engine, PROJECT, contract.SOURCE_HTTP, DAY, {"not-recorded": 1, "no-token": 5})
    update_profiles(live_home.settings, live_engine, PROJECT)
    record_round(live_engine, PROJECT, DAY.date(), signals=99, opened=0, failed=())
    return live_home


def health_said(app: AppTest) -> str:
    return next(str(m.value) for m in app.markdown if str(m.value).startswith("#### In ")).replace("\\", "")


def light(app: AppTest, name: str) -> str:
    return next(str(m.value) for m in app.markdown if f"**{name}** ·" in str(m.value)).replace("\\", "")


def test_the_tab_says_how_many_how_fast_what_was_refused_and_what_failed(busy: LiveHome) -> None:
    app = open_page("views/alerts.py", **TAB)
    assert health_said(app) == (
        "#### In 2025-06 30 applications were decided, 95 of 100 answered within 42 ms (n = 30), "
        "10 refused (24.4 %, most often for Yearly income), 1 failed (2.4 %)."
    )
    refused, errors = (frame.value for frame in app.dataframe[-2:])
    assert refused["Field"].tolist() == ["Yearly income", "(a field that is not asked for)"]
    assert refused["In 2025-06 (%)"].round(1).tolist() == [19.5, 7.3]
    assert errors[["Whose", "Times"]].values.tolist() == [["ours", 1], ["the caller's", 5]]
    said = words(app)
    assert "the other model would have decided" in said and "(n = 30)" in said
    assert "The model file of version 1 is the one that was approved" in said and "chain of the ledger is whole" in said
    assert "All are counted in the profiles" in said


def test_the_last_days_are_one_press_away_and_stand_in_the_link(busy: LiveHome) -> None:
    app = open_page("views/alerts.py", **TAB, health_time="Last 14 days")
    assert health_said(app).startswith("#### In 2025-06-10 30 applications were decided")


def test_a_moved_alias_stands_first_among_what_was_looked_at(busy: LiveHome) -> None:
    versions.set_champion(PROJECT, 2)
    app = open_page("views/alerts.py", **TAB)
    looked = [
        str(m.value) for m in app.markdown if str(m.value).startswith((":red[:material/error:]", ":green[:material/check_c"))
    ]
    assert "somebody moved the alias" in looked[0] and len(looked) == 4


def test_the_lights_are_good_only_where_enough_was_judged_and_say_why(busy: LiveHome) -> None:
    app = open_page("views/overview.py")
    few = "Too few decisions to judge inputs: at most 30 a month, and 500 are needed."
    assert "Not known" in light(app, "Data") and few in light(app, "Data")
    seen = Watch(as_of=DAY.date(), last=MonitorRound(DAY, DAY.date(), 99, 0))
    judged = light_words.data_light(seen, {}, None)
    assert (judged.state, judged.sentence) == ("good", "No rule on inputs is broken, as of 2025-06-10.")
    assert "Look" in light(app, "Service") and "1 failed" in light(app, "Service")
    assert "ROC AUC" in light(app, "Model")
    assert "The 30 decisions of 2025-05 mature in 355 days, on 2026-05-31" in words(app)
    assert "Last round just now, as of 2025-06-10: 99 signals judged, 0 new alerts." in words(app)
    assert "2025-06" in str(next(c.proto.spec for c in app.get("plotly_chart")))


def test_a_light_turns_with_an_alert_of_its_layer_and_the_alert_is_on_the_list(busy: LiveHome, live_engine: "Engine") -> None:
    rules = (
        Rule(name="shifted", measure="psi", above=0.25, severity="critical"),
        Rule(name="fewer", measure="approval_rate_change", below=-0.05),
    )
    found = signal_table(
        [("psi", "income", "2025-06-01", 0.8, 900, ""), ("approval_rate_change", "", "2025-06-01", -0.2, 900, "")]
    )
    opened = open_alerts(live_engine, PROJECT, judge(rules, found, "month"), rules, "month", DAY.date())
    app = open_page("views/overview.py")
    assert "Act" in light(app, "Data") and "PSI of Yearly income: 0.800 (limit 0.25) in 2025-06" in light(app, "Data")
    assert "Look" in light(app, "Business") and "approval rate: −20.0 points" in light(app, "Business")
    assert "2 alerts" not in light(app, "Data")
    waiting = [
        str(m.value)
        for m in app.markdown
        if str(m.value).startswith((":red[:material/error:] PSI", ":orange[:material/warning:] Change"))
    ]
    assert len(waiting) == 2
    assert "things below need somebody" in words(app)
    for alert in opened:
        acknowledge(live_engine, alert.id, actor="analyst")
    app.run()
    assert "Look" in light(app, "Data") and "Somebody looks after it" in light(app, "Data")


def test_decisions_that_nobody_has_counted_are_not_called_good(busy: LiveHome, live_engine: "Engine") -> None:
    ask(busy, live_engine, DAY, contract.SOURCE_BATCH, 3, None)
    assert "3 decisions are not watched yet" in light(open_page("views/overview.py"), "Data")


def test_inputs_that_the_last_round_or_no_round_looked_at_are_not_called_good(busy: LiveHome, live_engine: "Engine") -> None:
    record_round(live_engine, PROJECT, DAY.date(), signals=9, opened=0, failed=("drift",))
    app = open_page("views/overview.py")
    assert "Not known" in light(app, "Data") and "could not look at inputs" in light(app, "Data")
    with closing(sqlite3.connect(busy.home / "riskdeck.db")) as db:
        db.executescript("DROP TRIGGER monitor_rounds_refuses_delete; DELETE FROM monitor_rounds")
    app.run()
    assert "Not known" in light(app, "Data") and "No round of the watch is recorded" in light(app, "Data")
    assert "3 things below need somebody" in words(app), "one of them is that nobody looked"


def test_before_anybody_is_decided_the_lights_say_so_and_no_store_is_made(live_home: LiveHome) -> None:
    app = open_page("views/overview.py")
    assert "Not known" in light(app, "Service") and "Nobody has asked for a decision yet" in light(app, "Service")
    assert "rows of development passed" in light(app, "Data")


def test_a_store_that_cannot_be_read_turns_the_service_light(busy: LiveHome) -> None:
    with closing(sqlite3.connect(busy.home / "riskdeck.db")) as db:
        db.execute("DROP TABLE alert_events")
        db.commit()
    app = open_page("views/overview.py")
    assert "Act" in light(app, "Service") and "cannot be read" in light(app, "Service")
    assert answer(app)


def test_the_next_vintage_is_the_first_with_decisions_that_is_not_a_year_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts = {date(2025, 1, 1): 5, date(2025, 2, 1): 0, date(2025, 3, 1): 7}
    monkeypatch.setattr(overview_book.loading_risk, "decisions_by_month", lambda *_: counts)
    assert overview_book.next_to_mature(PROJECT, date(2026, 1, 30), 12) == overview_book.Maturing(
        date(2025, 1, 1), 5, date(2026, 1, 31)
    )
    assert overview_book.next_to_mature(PROJECT, date(2026, 1, 31), 12) == overview_book.Maturing(
        date(2025, 3, 1), 7, date(2026, 3, 31)
    )


def test_a_file_that_cannot_be_scored_at_all_is_one_error_of_the_service(live_home: LiveHome, live_engine: "Engine") -> None:
    job = Job(lambda: Desk(live_home.settings, live_engine, PROJECT), "odd.csv", b"a,b\n1,2\n")
    until = time.monotonic() + 60
    while job.state.is_busy and time.monotonic() < until:
        time.sleep(0.02)
    job.close()
    assert job.state.step == REFUSED
    found = read_health(live_engine, PROJECT, datetime.now(UTC).date(), "day", 2)
    assert found.errors[["source", "kind", "n"]].values.tolist() == [["batch", "unusable-file", 1]]


def test_a_share_that_is_not_nought_is_never_written_as_nought() -> None:
    assert health_words.share(0.0004) == "below 0.1 %" and health_words.share(0.0) == "0.0 %"
    assert health_words.points(0.0) == "the same" and health_words.points(-0.021) == "2.1 points lower"


def test_pictures_name_each_source_beside_the_newest_bar_and_each_line_at_its_end() -> None:
    months = [date(2025, 5, 1), date(2025, 6, 1)]
    volume = pd.DataFrame({"period": months * 2, "source": ["http"] * 2 + ["form"] * 2, "n": [10, 12, 1, 2]})
    figure = volume_chart(months, volume, {"form": "form", "http": "HTTP"}, "month", "Title")
    assert [a.text for a in figure.layout.annotations] == ["form", "HTTP"]
    times = pd.DataFrame({"period": months, "n_timed": [9, 0]}).assign(
        latency_p50_ms=[5.0, None], latency_p95_ms=[9.0, None], latency_p99_ms=[20.0, None]
    )
    drawn = latency_chart(times, "month", "Title")
    assert [a.text for a in drawn.layout.annotations] == ["99 %", "95 %", "half"]
    assert all(len(line.x) == 1 for line in drawn.data), "a month without any answer time is no nought"


@pytest.mark.long
def test_the_overview_of_a_watched_product_draws_without_mlflow_once_its_runs_were_seen(busy: LiveHome) -> None:
    """In a process of its own; MLflow may come in behind, for the index of runs, but no visitor waits for it."""
    code = f"""
import sys, threading
class Look:
    def find_spec(self, name, path, target=None):
        is_waited_for = "script" in threading.current_thread().name.lower()
        if is_waited_for and name in ("mlflow", "sklearn", "evidently", "lightgbm", "scipy"):
            print("waited for", name)
sys.meta_path.insert(0, Look())
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({APP!r}, default_timeout=120).run()
print("drawn", not app.exception, any("What needs somebody" in str(m.value) for m in app.markdown))
"""
    for _ in range(2):  # the first visit ever reads the runs and keeps their copies
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "drawn True True"
