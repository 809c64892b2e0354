"""The Alerts page: what waits is said first, each row leads to where it is looked into, and steps bear a name and a note."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import alert_words
from dashboard.charts.alerts import alert_timeline
from dashboard.round_words import ago, looked
from pipeline.contract import MEASURES
from pipeline.monitoring.alerts import Alert, acknowledge, open_alerts, read_alerts, resolve
from pipeline.monitoring.rounds import MonitorRound, record_round
from pipeline.monitoring.rules import judge
from pipeline.monitoring.signals import signal_table
from pipeline.project_monitoring import Monitoring, Rule
from tests.dashboard.opened import answer, no_thread_outlives_its_home, open_page, words
from tests.monitoring.made_watch import decide, rows_of
from tests.serving.conftest import PROJECT, LiveHome, live_engine, live_home, live_once

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["live_engine", "live_home", "live_once", "no_thread_outlives_its_home"]

PAGE = "views/alerts.py"
DAY = date(2025, 5, 14)
RULES = (
    Rule(name="shifted", measure="psi", above=0.25, severity="critical"),
    Rule(name="fewer", measure="approval_rate_change", below=-0.05, owner="product"),
    Rule(name="ranks-worse", measure="auc_drop", above=0.05),
    Rule(name="slow", measure="latency_p95_ms", above=500, severity="info", owner="operations"),
)
FOUND = (
    ("psi", "days_since_last_login", "2025-05-01", 0.826, 3604, "mostly channel=partner"),
    ("approval_rate_change", "", "2025-05-01", -0.08, 3604, ""),
    ("auc_drop", "", "2024-03-01", 0.07, 900, ""),
    ("latency_p95_ms", "", "2025-04-01", 900.0, 50, ""),
)


def open_them(engine: "Engine", project: str = PROJECT) -> dict[str, Alert]:
    found = judge(RULES, signal_table(FOUND), "month")
    return {alert.firing.rule: alert for alert in open_alerts(engine, project, found, RULES, "month", DAY)}


@pytest.fixture
def decided(live_home: LiveHome, live_engine: "Engine") -> LiveHome:
    decide(live_home, live_engine, rows_of(live_home, 1, 40), DAY, 1)
    return live_home


@pytest.fixture
def opened(decided: LiveHome, live_engine: "Engine") -> dict[str, Alert]:
    return open_them(live_engine)


def titles(app: AppTest) -> list[str]:
    """Rows of what is to do, in order."""
    bold = (str(m.value).split("**") for m in app.markdown if "**" in str(m.value))
    return [parts[1].replace("\\", "") for parts in bold]


def test_the_answer_counts_what_waits_and_names_the_gravest(opened: dict[str, Alert]) -> None:
    app = open_page(PAGE)
    assert "1 critical alert, 2 warnings and 1 notice wait for somebody." in answer(app)
    assert "Gravest: PSI of Days since last login: 0.826 (limit 0.25) in 2025-05" in answer(app).replace("\\", "")
    assert "None of them was sent to anybody yet" in words(app) and "About the service: 1 alert." in words(app)


def test_rows_come_gravest_first_with_the_number_its_limit_and_the_owner(opened: dict[str, Alert]) -> None:
    app = open_page(PAGE)
    assert titles(app) == [
        "PSI of Days since last login: 0.826 (limit 0.25) in 2025-05",
        "Fall of the AUC below the promised one: 0.070 (limit 0.05) in 2024-03",
        "Change of the approval rate: −8.0 points (limit −5 points) in 2025-05",
        "Answer time of the slowest 5 %: 900 ms (limit 500 ms) in 2025-04",
    ]
    said = words(app)
    assert "Data · rule shifted · for risk team · 3,604 rows" in said and "Mostly channel=partner." in said
    assert app.get("plotly_chart")


def test_an_alert_is_taken_and_closed_with_a_name_and_a_note(opened: dict[str, Alert], live_engine: "Engine") -> None:
    one = opened["shifted"]
    app = open_page(PAGE)
    app.button(key=f"act_{one.id}").click().run()
    assert "Days since last login" in answer(app) and "2025-05: waits." in answer(app)
    app.text_input(key="alert_name").input("analyst")
    app.button(key="acknowledge").click().run()
    assert "Acknowledged by analyst. It stays until somebody closes it." in words(app)
    assert "looked after." in answer(app)
    app.text_input(key="alert_name").input("risk-lead")
    app.text_area(key="alert_note").input("upstream field renamed; repaired")
    app.button(key="resolve").click().run()
    assert "closed." in answer(app) and not app.get("form")
    closed = next(a for a in read_alerts(live_engine, PROJECT) if a.id == one.id)
    assert [(e.event, e.actor, e.note) for e in closed.events][1:] == [
        ("acknowledged", "analyst", ""), ("resolved", "risk-lead", "upstream field renamed; repaired"),
    ]  # fmt: skip
    assert closed.events[-1].day == DAY


def test_a_step_without_name_or_note_is_refused_in_words(opened: dict[str, Alert], live_engine: "Engine") -> None:
    app = open_page(PAGE, alert=opened["shifted"].id)
    app.button(key="resolve").click().run()
    assert "Nothing was recorded: your name and a note must be given." in words(app)
    app.text_input(key="alert_name").input("analyst")
    app.button(key="resolve").click().run()
    assert "Nothing was recorded: a note must be given." in words(app)
    assert all(alert.state == "open" for alert in read_alerts(live_engine, PROJECT))


def test_somebody_else_was_faster_is_said_with_their_name(opened: dict[str, Alert], live_engine: "Engine") -> None:
    app = open_page(PAGE, alert=opened["shifted"].id)
    acknowledge(live_engine, opened["shifted"].id, actor="risk-lead")
    app.text_input(key="alert_name").input("analyst")
    app.button(key="acknowledge").click().run()
    assert "risk-lead has already acknowledged" in words(app)


def test_a_link_to_an_unknown_alert_says_so_and_leads_back(opened: dict[str, Alert]) -> None:
    app = open_page(PAGE, alert="<img src=x onerror=alert(1)>")
    assert "which this product does not have" in answer(app)
    app.button(key="all").click().run()
    assert "wait for somebody" in answer(app)


def test_the_history_is_narrowed_by_choices_of_the_link(opened: dict[str, Alert], live_engine: "Engine") -> None:
    resolve(live_engine, opened["fewer"].id, actor="analyst", note="=SUM(A1) planned")
    app = open_page(PAGE, alert_part="History", state="Closed")
    (table,) = [frame.value for frame in app.dataframe]
    assert list(table["Rule"]) == ["fewer"] and table["Note"].iloc[0] == "=SUM(A1) planned"
    assert len(open_page(PAGE, alert_part="History", layer="Data", severity="nonsense").dataframe[0].value) == 1
    assert "No alert matches" in words(open_page(PAGE, alert_part="History", layer="Service", severity="Critical"))


def test_the_rules_stand_in_words(opened: dict[str, Alert]) -> None:
    table = open_page(PAGE, alert_part="Rules").dataframe[0].value
    words_of = table.set_index("Rule")["Called when"]
    assert words_of["shifted"] == "PSI above 0.25" and words_of["moved"] == "PSI above 0.1, in 2 of 3 months"
    assert words_of["constant"] == "Column with one value only" and set(table["Rows needed"]) == {"any", "100", "200", "500"}


def test_without_any_alert_the_page_does_not_claim_that_somebody_looked(decided: LiveHome, live_engine: "Engine") -> None:
    from pipeline.monitoring.profiles import update_profiles

    update_profiles(decided.settings, live_engine, PROJECT)
    app = open_page(PAGE)
    assert "Nobody has looked yet" in answer(app) and "Nothing needs anybody" not in words(app)
    assert "No alert waits and none is looked after" in words(app)
    assert "No round of the watch is recorded" in words(app) and "`python -m pipeline monitor`" in words(app)


def test_a_quiet_round_is_told_with_its_day_and_what_it_judged(decided: LiveHome, live_engine: "Engine") -> None:
    record_round(live_engine, PROJECT, DAY, signals=1204, opened=0, failed=())
    app = open_page(PAGE)
    assert "check_circle" in answer(app) and "Nothing needs anybody: no alert was ever opened." in answer(app)
    assert "Last round just now, as of 2025-05-14: 1,204 signals judged, 0 new alerts." in words(app)


def test_a_round_is_told_with_its_age_what_it_missed_and_what_came_since() -> None:
    now = datetime(2025, 6, 1, 12, tzinfo=UTC)
    one = MonitorRound(now - timedelta(hours=3), DAY, 1, 1, ("drift",))
    assert looked(one, date(2025, 5, 20), now).text == (
        "Last round 3 h ago, as of 2025-05-14: 1 signal judged, 1 new alert. Drift could not be looked at. "
        "What came later, up to 2025-05-20, waits for the next round."
    )
    ages = [ago(now - timedelta(minutes=m), now) for m in (0, 89, 90, 2879, 2880)]
    assert ages == ["just now", "89 min ago", "1 h ago", "47 h ago", "2 days ago"]
    whole = looked(replace(one, failed=()), DAY, now)
    assert whole.is_current and not looked(one, DAY, now).is_current and not looked(None, DAY, now).ever


def test_a_product_that_nobody_watched_says_how_to_begin(live_home: LiveHome) -> None:
    app = open_page(PAGE)
    assert "Nobody has looked yet" in answer(app)
    assert f"python -m pipeline monitor {PROJECT}" in words(app)


def test_a_store_that_cannot_be_read_is_one_plain_sentence(opened: dict[str, Alert], live_home: LiveHome) -> None:
    with closing(sqlite3.connect(live_home.home / "riskdeck.db")) as db:
        db.execute("DROP TABLE alert_deliveries")
        db.execute("DROP TABLE alert_events")
        db.commit()
    assert any("The alerts cannot be read" in str(e.value).capitalize() for e in open_page(PAGE).error)


def test_each_alert_leads_to_the_page_that_shows_it(opened: dict[str, Alert]) -> None:
    labels = {"days_since_last_login": "Days since last login"}
    places = {rule: alert_words.place_of(alert, labels) for rule, alert in opened.items()}
    assert places["slow"] is None
    shifted, fewer, worse = places["shifted"], places["fewer"], places["ranks-worse"]
    assert shifted is not None and fewer is not None and worse is not None
    assert shifted.page == "views/drift.py" and shifted.choices == {"drift_part": "Feature", "feature": "Days since last login"}
    assert fewer.choices == {"drift_part": "PD and decisions"}
    assert worse.page == "views/performance.py" and worse.choices == {"metric": "AUC"}


def test_every_rule_that_can_be_stated_has_words() -> None:
    for measure in MEASURES:
        rule = Rule(name="one", measure=measure, below=1, persist=(2, 5), subjects=("a", "b"))
        said = alert_words.rule_words(rule, "week")
        assert "of a, b below" in said and said.endswith(", in 2 of 5 weeks")
    assert alert_words.rules_table(Monitoring(rules=())).empty


def test_marks_of_one_layer_and_period_do_not_hide_each_other() -> None:
    table = pd.DataFrame(
        {
            "period": ["2025-05-01"] * 4, "layer": ["Data"] * 3 + ["Model"],
            "severity": ["critical", "warning", "info", "info"],
            "is_closed": [False, True, False, False], "text": ["<b>a</b>", "b", "c", "d"],
        }
    )  # fmt: skip
    figure = alert_timeline(table, ["Service", "Data", "Model"], date(2025, 5, 1), date(2025, 6, 1), "Title")
    heights = {(trace.name, y) for trace in figure.data for y in trace.y}
    assert len({y for _, y in heights}) == 4
    assert any("&lt;b&gt;" in text for trace in figure.data for text in trace.text)
    assert {trace.marker.symbol for trace in figure.data} == {"diamond", "circle-open", "square"}
