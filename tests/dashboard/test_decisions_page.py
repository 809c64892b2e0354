"""The Decisions page: what was decided is found, shown as it was recorded, and shown again by the version that decided."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import decision_book, decision_store
from dashboard.decision_book import Query
from pipeline import contract
from pipeline.project import load_project
from tests.dashboard import opened
from tests.dashboard.opened import answer, no_thread_outlives_its_home, words
from tests.serving.conftest import PROJECT, LiveHome, desk, live_engine, live_home, live_once

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.serving.desk import Desk
    from pipeline.serving.records import Decision

__all__ = ["desk", "live_engine", "live_home", "live_once", "no_thread_outlives_its_home"]

PAGE = "views/decisions.py"
N = 60


@pytest.fixture
def recorded(live_home: LiveHome, live_engine: "Engine", desk: "Desk") -> "list[Decision]":
    """Sixty applicants of the book, decided and recorded."""
    from pipeline.serving.decision_log import record
    from pipeline.serving.records import Application
    from pipeline.serving.scorer import decide

    pair = desk.pair()
    checked = pair.champion.rules.check_frame(live_home.book().head(N))
    rows = checked.frame.astype(object).where(checked.frame.notna(), None).to_dict("records")
    applications = [Application({str(k): v for k, v in row.items()}, f"applicant-{i}") for i, row in enumerate(rows)]
    return record(live_engine, decide(pair, applications, contract.SOURCE_HTTP))


def open_page(**link: str) -> AppTest:
    return opened.open_page(PAGE, **{"project": PROJECT, **link})


def listed(app: AppTest) -> list[str]:
    return list(app.dataframe[0].value["Id"])


def declined(decisions: "list[Decision]") -> "Decision":
    return next(d for d in decisions if d.outcome == contract.DECLINE)


def test_without_decisions_the_page_says_what_will_be_here_and_the_command(live_home: LiveHome) -> None:
    app = open_page()
    assert "No decision is recorded yet" in answer(app)
    assert "python -m pipeline serve small" in words(app)


def test_where_nothing_is_live_the_way_there_is_shown_and_not_a_service_that_could_not_start(migrated_home: Path) -> None:
    said = words(open_page())
    assert "Nothing is live yet" in answer(open_page()) and "release propose" in said and "pipeline serve" not in said


def test_the_answer_counts_every_decision_by_how_it_went(recorded: "list[Decision]") -> None:
    said = answer(open_page())
    assert f"{N} decisions recorded" in said
    for outcome, word in decision_book.OUTCOME_WORDS.items():
        n = sum(d.outcome == outcome for d in recorded)
        assert (f"{100 * n / N:.1f} % {word}" in said) == (n > 0)


def test_a_page_of_the_list_holds_the_newest_and_older_ones_follow_once_each(recorded: "list[Decision]") -> None:
    app, seen = open_page(), []
    for _ in range(3):
        seen += listed(app)
        if any(b.key == "older" for b in app.button):
            app.button(key="older").click().run()
    assert sorted(seen) == sorted(d.id for d in recorded) and len(set(seen)) == N
    app.button(key="newest").click().run()
    assert listed(app) == seen[:25]


@pytest.mark.parametrize("searched", ["id", "beginning", "applicant"])
def test_a_decision_is_found_by_its_id_its_beginning_and_its_applicant(recorded: "list[Decision]", searched: str) -> None:
    one = recorded[7]
    text = {"id": one.id, "beginning": one.id[:30], "applicant": "applicant-7"}[searched]
    app = open_page(find=text)
    assert one.id in listed(app)
    if searched != "beginning":
        assert answer(app).endswith(f"1 decision matches: 100.0 % {decision_book.OUTCOME_WORDS[one.outcome]}.")


def test_outcome_version_source_and_day_narrow_the_list(recorded: "list[Decision]") -> None:
    today = datetime.now(UTC).date()
    n = sum(d.outcome == contract.DECLINE for d in recorded)
    assert f"{n} decision" in answer(open_page(outcome="declined"))
    assert f"{N} decisions match" in answer(open_page(version="1", source="HTTP", since=str(today - timedelta(days=1))))
    assert "No decision matches" in answer(open_page(source="form"))
    assert "No decision matches" in answer(open_page(until=str(today - timedelta(days=2))))


def test_more_than_can_be_counted_is_said_so_and_no_share_is_stated() -> None:
    said = decision_book.found({contract.APPROVE: 100, contract.DECLINE: 7}, Query(), 100)
    assert said.text == "At least 107 decisions are recorded." and "%" not in said.detail
    assert "At least 100 decisions match" in decision_book.found({contract.APPROVE: 100}, Query(text="a"), 100).text


def test_a_day_is_searched_from_its_first_moment_to_its_last() -> None:
    asked = Query(since=date(2026, 3, 1), until=date(2026, 3, 1)).as_search()
    assert asked["since"] == datetime(2026, 3, 1, tzinfo=UTC)
    assert asked["until"] == datetime(2026, 3, 2, tzinfo=UTC)


def test_a_link_opens_one_decision_with_its_reasons_inputs_and_record(recorded: "list[Decision]") -> None:
    one = declined(recorded)
    app = open_page(decision=one.id)
    assert f"Declined on {one.decided_at:%Y-%m-%d %H:%M} UTC: probability of default {100 * one.pd:.1f} %" in answer(app)
    reasons = app.table[0].value
    assert [str(text) for text in reasons.index] == [reason.text for reason in one.reasons]
    record = next(frame.value for frame in app.dataframe if "What" in frame.value).set_index("What")["Value"]
    assert record["Decision"] == one.id and record["Model (sha256)"] == one.model_sha256
    assert record["PD, every digit"] == repr(one.pd)
    inputs = next(frame.value for frame in app.dataframe if "Field" in frame.value)
    assert len(inputs) == len(one.inputs)


def test_shown_again_it_is_identical_and_a_changed_record_is_not(
    recorded: "list[Decision]", live_engine: "Engine", live_home: LiveHome
) -> None:
    from pipeline.serving.decision_log import record

    app = open_page(decision=declined(recorded).id)
    app.button(key="again").click().run()
    assert "identical to the last bit" in words(app)
    forged = replace(declined(recorded), id="00000000-0000-7000-8000-000000000000", pd=0.9, applicant_id="other")
    record(live_engine, [forged])
    app = open_page(decision=forged.id)
    app.button(key="again").click().run()
    assert "Not identical" in words(app) and "0.9" in words(app)


def test_a_review_that_came_by_http_is_decided_by_a_person_here(recorded: "list[Decision]") -> None:
    one = next(d for d in recorded if d.outcome == contract.REVIEW)
    app = open_page(decision=one.id)
    app.radio(key=f"override_outcome.{one.id}").set_value("decline")
    app.selectbox(key=f"override_reason.{one.id}").select_index(0)
    app.text_input(key=f"override_name.{one.id}").set_value("analyst")
    app.button(key=f"send_override.{one.id}").click().run()
    assert not app.exception and "Declined by analyst" in app.success[0].value
    assert "analyst then declined it on" in words(open_page(decision=one.id))
    assert "declined" in list(open_page(find=one.id).dataframe[0].value["Then"])
    app = open_page(decision=declined(recorded).id)
    assert not [b for b in app.button if str(b.key).startswith("send_override")]


def test_the_download_holds_all_that_match_and_not_one_page(recorded: "list[Decision]") -> None:
    taken = decision_store.find_all(PROJECT, Query(), at_once=25)
    assert taken["id"].tolist() == [d.id for d in sorted(recorded, key=lambda d: (d.decided_at, d.seq or 0), reverse=True)]
    assert len(decision_store.find_all(PROJECT, Query(), at_once=20)) == N
    assert len(decision_store.find_all(PROJECT, Query(), at_most=30, at_once=25)) == 30
    assert decision_store.find_all(PROJECT, Query(text="nobody")).empty
    assert f"All {N} (CSV)" in [getattr(b, "label", "") for b in open_page().get("download_button")]


def test_a_recorded_model_that_is_gone_is_said_so_without_a_traceback(recorded: "list[Decision]", live_home: LiveHome) -> None:
    from pipeline.serving import again

    again._loaded.clear()
    live_home.artifact(live_home.champion_run, contract.ARTIFACT_MODEL).unlink()
    app = open_page(decision=recorded[0].id)
    app.button(key="again").click().run()
    assert "cannot be shown again" in words(app) and contract.ARTIFACT_MODEL in words(app)


def test_a_link_to_an_unknown_decision_says_so_and_leads_back(recorded: "list[Decision]") -> None:
    app = open_page(decision="<img src=x onerror=alert(1)>")
    assert "which is not in this log" in answer(app)
    app.button(key="back").click().run()
    assert f"{N} decisions recorded" in answer(app)


def test_nonsense_in_the_link_shows_everything(recorded: "list[Decision]") -> None:
    app = open_page(before="-1", version="many", outcome="maybe", since="yesterday", source="post")
    assert f"{N} decisions recorded" in answer(app)
    assert len(listed(open_page(before="999999"))) == 25


def test_a_store_that_cannot_be_read_is_one_plain_sentence(recorded: "list[Decision]", live_home: LiveHome) -> None:
    with closing(sqlite3.connect(live_home.home / "riskdeck.db")) as db:
        db.execute("DROP TABLE overrides")
        db.commit()
    app = open_page()
    assert any("The decision log cannot be read" in str(e.value) for e in app.error)


def test_the_record_as_json_holds_every_field_and_digit(recorded: "list[Decision]") -> None:
    one = declined(recorded)
    document = json.loads(decision_book.as_json(one, ()))
    assert document["pd"] == one.pd and document["inputs"] == dict(one.inputs)
    assert [reason["contribution"] for reason in document["reasons"]] == [reason.contribution for reason in one.reasons]


def test_values_are_written_as_the_form_shows_them() -> None:
    config = load_project("simulated")
    assert decision_book.value_text(config.feature("amount"), 7200.0) == "7,200 EUR"
    assert decision_book.value_text(config.feature("existing_customer"), 1.0) == "yes"
    assert decision_book.value_text(config.feature("housing"), "tenant") == "Rents"
    assert decision_book.value_text(config.feature("income"), None) == "not known"
    assert decision_book.value_text(None, 0.25) == "0.25"
