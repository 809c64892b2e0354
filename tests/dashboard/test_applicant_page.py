"""The Applicant page: what is asked, what is answered, and that nothing is shown that the log does not hold."""

import json
import re
import sqlite3
import threading
from contextlib import closing
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from dashboard import loading
from pipeline.project import load_project
from tests.dashboard import opened
from tests.dashboard.opened import answer, no_thread_outlives_its_home, words
from tests.serving.conftest import PROJECT, LiveHome, live_home, live_once

__all__ = ["live_home", "live_once", "no_thread_outlives_its_home"]

PAGE = "views/applicant.py"
SCORED = re.compile(r"(Approve|Send to review|Decline): PD ([\d.]+) %, grade \w\. (Of|Only) [\d,]+ past applicants")


def open_page(**link: str) -> AppTest:
    return opened.open_page(PAGE, **link)


def field_of(app: AppTest, name: str) -> Any:
    """The field of a feature; fields filled from an example have a number behind their name."""
    fields = (*app.number_input, *app.selectbox, *app.text_input)
    return next(w for w in fields if str(w.key).partition("~")[0] == f"in.{PROJECT}.{name}")


def own(widgets: Any, name: str) -> Any:
    """The widget that belongs to the decision that is shown."""
    return next(w for w in widgets if str(w.key).partition(".")[0] == name)


def score(app: AppTest, **typed: object) -> AppTest:
    """Type into fields and press the button."""
    for name, value in typed.items():
        field_of(app, name).set_value(value)
    app.button(key="score").click().run()
    assert not app.exception
    return app


def scored(example: str = "Defaults", **link: str) -> AppTest:
    app = open_page(**link)
    app.button(key=f"example_{example}").click().run()
    return score(app)


def rows(live: LiveHome, table: str = "decisions") -> list[dict[str, object]]:
    with closing(sqlite3.connect(live.home / "riskdeck.db")) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute(f"SELECT * FROM {table}")]


def test_the_form_asks_for_every_feature_in_the_projects_order_words_and_start(live_home: LiveHome) -> None:
    app, config = open_page(), load_project(live_home.toml)
    drawn = {w.key: w for w in (*app.number_input, *app.selectbox)}
    for feature in config.features:
        field = drawn[f"in.{PROJECT}.{feature.name}"]
        assert feature.label in field.label.replace("\\", "") and feature.help.split(".")[0] in field.help.replace("\\", "")
        if feature.default is not None:
            assert field.value == feature.default
        if feature.range is not None:
            assert f"{feature.range[1]:,.10g}" in field.help.replace("\\", "")
    asked = [str(key).removeprefix(f"in.{PROJECT}.") for key in drawn if str(key).startswith("in.")]
    numbers = [f.name for f in config.features if f.kind == "number"]
    assert [name for name in asked if name in numbers] == numbers


def test_the_page_opens_with_who_decides_and_by_which_rule(live_home: LiveHome) -> None:
    said = answer(open_page())
    assert "Version 1 decides" in said and "below 15.0 %" in said and "from 25.0 %" in said and "asks a person between" in said


def test_a_score_shows_decision_pd_grade_peers_and_is_what_the_log_holds(live_home: LiveHome) -> None:
    app = scored("High risk")
    said = SCORED.search(answer(app).replace("\\", ""))
    assert said, answer(app)
    (row,) = rows(live_home)
    assert said[1] == {"approve": "Approve", "review": "Send to review", "decline": "Decline"}[str(row["outcome"])]
    assert float(said[2]) == pytest.approx(100 * float(str(row["pd"])), abs=0.05)
    assert row["source"] == "form" and row["idempotency_key"]


def test_every_faulty_field_is_named_at_once_beside_it_and_in_the_list_and_nothing_is_recorded(live_home: LiveHome) -> None:
    app = score(open_page(), amount=10.0, income=-5.0, credit_lines=None)
    assert "3 fields need another look; nothing was scored" in answer(app)
    for label, limit in (("Loan amount: 10 is below 1000", "50000"), ("Yearly income: −5", "1000000"), ("Open credit", "60")):
        plain = label.replace("−", "-")
        beside = [c.value.replace("\\", "") for c in app.caption if plain in c.value.replace("\\", "")]
        listed = [m.value.replace("\\", "") for m in app.markdown if plain in m.value.replace("\\", "")]
        assert len(beside) == 1 and listed and limit in beside[0], label
    assert rows(live_home) == []
    counted = {str(row["field"]): row["count"] for row in rows(live_home, "service_events")}
    assert counted == {"amount": 1, "income": 1, "credit_lines": 1, "": 1}, "the fields at fault are counted, without a value"
    assert SCORED.search(answer(score(app, amount=8000.0, income=32000.0, credit_lines=3)).replace("\\", ""))


def test_what_may_be_missing_may_be_left_empty(live_home: LiveHome) -> None:
    app = open_page()
    home = app.selectbox(key=f"in.{PROJECT}.housing")
    home.select_index(home.options.index("not known"))
    app = score(app, income=None, utilisation=None)
    assert SCORED.search(answer(app).replace("\\", ""))
    inputs = json.loads(str(rows(live_home)[0]["inputs"]))
    assert inputs["income"] is None and inputs["utilisation"] is None and inputs["housing"] is None


def test_pressing_twice_or_drawing_again_records_once_and_another_input_once_more(live_home: LiveHome) -> None:
    app = scored()
    app.button(key="score").click().run()
    app.run()
    assert len(rows(live_home)) == 1
    score(app, amount=9000.0)
    assert len(rows(live_home)) == 2


def test_an_example_fills_the_form_and_decides_nothing(live_home: LiveHome) -> None:
    app, seen = open_page(), set()
    for name in ("Low risk", "Typical", "Near the cut-off", "High risk"):
        app.button(key=f"example_{name}").click().run()
        seen.add(tuple(w.value for w in app.number_input if str(w.key).startswith("in.")))
        assert "Version 1 decides" in answer(app)
    assert len(seen) == 4 and rows(live_home) == []


def test_a_browser_that_still_shows_the_old_fields_scores_the_example_that_was_pressed(live_home: LiveHome) -> None:
    app = open_page()
    behind = app._tree  # what the browser still shows, and sends, while the example is on its way
    for field in (*app.number_input, *app.selectbox, *app.text_input):
        field.set_value(field.value)
    app.run().button(key="example_High risk").click().run()
    app._tree = behind
    score(app)
    (row,) = rows(live_home)
    assert row["outcome"] == "decline" and json.loads(str(row["inputs"]))["amount"] == field_of(app, "amount").value


@pytest.mark.parametrize("next_press", ["score", "example_Low risk"])
def test_a_press_that_cuts_in_while_an_example_is_read_loses_none(
    live_home: LiveHome, monkeypatch: pytest.MonkeyPatch, next_press: str
) -> None:
    """As in Streamlit: the next press breaks off what the one before it still does, wherever it touches the session."""
    app, read, presses = open_page(), loading.read_table, iter([True])

    def broken_off_once(run_id: str, path: str) -> Any:
        if next(presses, False):
            st.stop()
        return read(run_id, path)

    monkeypatch.setattr(loading, "read_table", broken_off_once)
    tree = app._tree
    for field in (*app.number_input, *app.selectbox, *app.text_input):
        field.set_value(field.value)
    app.button(key="example_High risk").click().run()
    app._tree = tree
    app.button(key="example_High risk").set_value(False)
    app.button(key=next_press).click().run()
    assert not app.exception
    decided = [row["outcome"] for row in rows(live_home)]
    assert decided == (["decline"] if next_press == "score" else [])


def test_examples_are_what_their_names_say(live_home: LiveHome) -> None:
    found = {}
    for name in ("Low risk", "Near the cut-off", "High risk"):
        said = SCORED.search(answer(scored(name)).replace("\\", ""))
        assert said
        found[name] = float(said[2])
    assert found["Low risk"] < found["Near the cut-off"] < found["High risk"]
    assert found["Near the cut-off"] == pytest.approx(15.0, abs=0.3)


def test_no_score_is_shown_when_the_log_cannot_record(live_home: LiveHome) -> None:
    app = open_page()
    with closing(sqlite3.connect(live_home.home / "riskdeck.db")) as db:
        db.execute("ALTER TABLE decisions RENAME TO gone")
        db.commit()
    score(app)
    assert "could not be recorded, so no score is shown" in answer(app)
    assert not SCORED.search(words(app)) and "PD of" not in words(app)


def test_inputs_never_stand_in_the_link(live_home: LiveHome) -> None:
    app = score(open_page(), amount=12345.0)
    assert "12345" not in str(dict(app.query_params)) and not any("in." in name for name in app.query_params)


def test_the_application_number_goes_with_the_decision_and_is_shown_as_text(live_home: LiveHome) -> None:
    app = open_page(case="Record")
    app.text_input(key=f"in.{PROJECT}.applicant id").set_value("A-1 <b>x</b>")
    score(app)
    assert rows(live_home)[0]["applicant_id"] == "A-1 <b>x</b>"
    assert r"A\-1 \<b\>x\<\/b\>" in app.table[0].value["Recorded"].tolist()


def test_declines_give_reasons_in_words_with_what_they_do(live_home: LiveHome) -> None:
    said = words(scored("High risk")).replace("\\", "")
    assert re.search(r"1\. \*\*.+\*\*: .+, where applicants who just pass have .+\. With that the PD would be [\d.]+ %", said)


def test_what_if_shows_two_answers_and_records_nothing(live_home: LiveHome) -> None:
    app = scored("High risk", case="What if")
    before = len(rows(live_home))
    field = next(w for w in app.number_input if str(w.key).startswith("what_if.") and str(w.key).endswith(".amount"))
    field.set_value(1000.0).run()
    assert not app.exception
    said = words(app)
    assert "not recorded" in said and re.search(r"Loan amount .+ → 1,000 EUR", said)
    assert len([m for m in app.markdown if re.match(r"\*\*:\w+\[", str(m.value))]) == 2
    assert len(rows(live_home)) == before


def test_a_what_if_outside_the_range_is_refused_in_words(live_home: LiveHome) -> None:
    app = scored("High risk", case="What if")
    field = next(w for w in app.number_input if str(w.key).startswith("what_if.") and str(w.key).endswith(".amount"))
    field.set_value(5.0).run()
    assert "is below 1000" in app.error[0].value.replace("\\", "")


def test_the_curve_follows_the_feature_in_the_link(live_home: LiveHome) -> None:
    app = scored("High risk", case="What if", curve="Yearly income")
    assert app.selectbox(key="curve").value == "income"


def test_the_counter_offer_is_a_sentence_and_a_table_or_none(live_home: LiveHome) -> None:
    app = scored("Near the cut-off", case="Counter-offer")
    assert "approved as it stands" in words(app)
    score(app, amount=50000.0)
    assert "Would be approved with Loan amount" in words(app)
    (offered,) = [t.value for t in app.table if "Offered" in t.value]
    assert offered[""].tolist()[-1] == "PD" and offered["As asked"].tolist()[0] == "50,000 EUR"
    worst = {"amount": 50000.0, "income": 1000.0, "inquiries_6m": 40, "delinquencies_2y": 30, "years_employed": 0.0}
    score(app, **worst)
    assert "None within the allowed ranges" in words(app) and not app.table


def test_without_a_challenger_the_page_says_how_to_start_one(live_home: LiveHome) -> None:
    said = words(scored(case="Challenger"))
    assert "No challenger runs" in said and "release route NUMBER --mode shadow" in said


def test_a_challenger_in_shadow_stands_beside_the_champion(live_home: LiveHome) -> None:
    from pipeline.registry import routing
    from pipeline.store.engine import open_store

    engine = open_store(live_home.settings.database_url)
    routing.route(engine, live_home.proposal, mode="shadow", actor="risk-lead", reason="run it beside")
    engine.dispose()
    app = scored(case="Challenger")
    table = app.table[0].value
    assert list(table["Version"]) == ["1", "2"] and "The challenger" in words(app)
    assert rows(live_home)[0]["shadow"] is not None


def test_the_letter_names_the_recorded_reasons(live_home: LiveHome) -> None:
    app = scored("High risk", case="Letter")
    text = next(str(c.value) for c in app.code if "Dear applicant" in str(c.value))
    (row,) = rows(live_home)
    assert str(row["id"]) in text and not re.search(r"\bPD\b", text)
    assert "no adverse-action letter" in words(scored("Low risk", case="Letter"))


def test_the_record_names_version_policy_time_and_latency(live_home: LiveHome) -> None:
    app = scored(case="Record")
    shown = dict(app.table[0].value.to_numpy().tolist())
    (row,) = rows(live_home)
    assert shown["Decision"].replace("\\", "") == row["id"]
    assert shown["Policy"].replace("\\", "") == row["policy_id"] and "version 1" in shown["Model"]
    assert re.fullmatch(r"[\d,.]+ ms", shown["Time to decide"].replace("\\", ""))


def to_review(**link: str) -> AppTest:
    """An applicant whom the policy sends to a person: between 15 % and 25 %."""
    app = open_page(**link)
    app.button(key="example_Near the cut-off").click().run()
    amount = field_of(app, "amount")
    for times in (1.0, 1.3, 1.6, 2.0, 2.5):
        score(app, amount=min(round(times * float(amount.value)), 50000))
        if "Send to review" in answer(app):
            return app
    raise AssertionError("no amount leads to a review")


def test_a_review_is_overridden_with_a_reason_and_shown_as_recorded(live_home: LiveHome) -> None:
    app = to_review(case="Record")
    own(app.button, "send_override").click().run()
    assert "the decision and a reason and your name must be given" in app.error[0].value
    own(app.radio, "override_outcome").set_value("approve")
    own(app.selectbox, "override_reason").select("Other (see note)")
    own(app.text_input, "override_name").set_value("analyst")
    own(app.button, "send_override").click().run()
    assert "write the reason into the note" in app.error[0].value
    own(app.text_area, "override_note").set_value("*payslips* seen")
    own(app.button, "send_override").click().run()
    assert not app.exception and not app.error
    assert "Approved by analyst" in app.success[0].value and r"\*payslips\* seen" in app.success[0].value
    (made,) = rows(live_home, "overrides")
    assert (made["author"], made["outcome"], made["reason"]) == ("analyst", "approve", "Other (see note)")
    own(app.button, "send_override").click().run()
    assert len(rows(live_home, "overrides")) == 1, "a second press changes nothing"
    app.query_params["case"] = "Letter"
    assert "An approval has no adverse-action letter" in words(app.run())


def test_what_was_written_about_one_applicant_does_not_stand_under_the_next(live_home: LiveHome) -> None:
    app = to_review(case="Record")
    own(app.text_area, "override_note").set_value("payslips seen")
    own(app.button, "send_override").click().run()  # refused: no reason yet
    assert own(app.text_area, "override_note").value == "payslips seen"
    score(app, amount=float(field_of(app, "amount").value) - 1)
    assert "Send to review" in answer(app)
    assert not own(app.text_area, "override_note").value


def test_what_the_model_decides_itself_is_not_overridden(live_home: LiveHome) -> None:
    app = scored("Low risk", case="Record")
    assert not [b for b in app.button if str(b.key).startswith("send_override")]


def test_a_canary_s_answer_is_explained_by_the_model_that_decided(live_home: LiveHome) -> None:
    from pipeline.registry import routing
    from pipeline.serving.scorer import canary_position
    from pipeline.store.engine import open_store

    engine = open_store(live_home.settings.database_url)
    routing.route(engine, live_home.proposal, mode="canary", share=0.5, actor="risk-lead", reason="try it")
    engine.dispose()
    mine = next(f"A-{i}" for i in range(50) if canary_position(PROJECT, f"A-{i}") < 0.5)
    app = open_page(case="Challenger")
    app.text_input(key=f"in.{PROJECT}.applicant id").set_value(mine)
    score(app)
    (row,) = rows(live_home)
    assert row["model_version"] == 2 and "version 2 under policy" in words(app)
    assert list(app.table[0].value["Version"]) == ["2", "1"] and "The champion" in words(app)


def test_after_a_release_the_old_answer_says_that_its_model_decides_no_more(
    live_home: LiveHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.registry import releases
    from pipeline.store.engine import open_store

    app = scored()
    engine = open_store(live_home.settings.database_url)
    releases.approve(engine, live_home.proposal, actor="risk-lead", reason="evidence read")
    engine.dispose()
    monkeypatch.setattr("pipeline.serving.desk.REFRESH_SECONDS", 0.0)  # as after two seconds
    app.run()
    assert not app.exception and "Version 1 made this answer and decides no more" in words(app)
    score(app)
    assert [row["model_version"] for row in rows(live_home)] == [1, 2]


def test_nothing_live_says_which_command_mends_it(trained: object) -> None:
    said = words(open_page())
    assert "Nothing is live yet" in said and f"release propose {PROJECT}" in said


def test_a_broken_store_is_said_and_nothing_is_asked(live_home: LiveHome, monkeypatch: pytest.MonkeyPatch) -> None:
    (live_home.home / "broken.db").write_bytes(b"this is no database at all, whatever its name says" * 50)
    monkeypatch.setenv("RISKDECK_DATABASE_URL", f"sqlite:///{live_home.home / 'broken.db'}")
    app = open_page()
    assert "The store cannot be used" in answer(app)
    assert not [w for w in app.number_input if str(w.key).startswith("in.")]


def test_a_moved_alias_stops_scoring_and_names_the_command(live_home: LiveHome) -> None:
    from mlflow import MlflowClient

    app = open_page()
    MlflowClient(tracking_uri=live_home.settings.tracking_uri).set_registered_model_alias(PROJECT, "champion", "2")
    score(app)
    for thread in threading.enumerate():
        if thread.name in ("riskdeck-warm", "riskdeck-alias"):
            thread.join(60)
    score(app, amount=9000.0)
    said = words(app)
    assert "Nothing is scored now" in said and "somebody moved the alias" in said.replace("\\", "")
    assert f"python -m pipeline ledger {PROJECT}" in said


def test_a_tracking_store_that_is_down_is_said_before_the_model_is_loaded(
    live_home: LiveHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_page()  # the project file is seen once
    monkeypatch.setattr("dashboard.loading_desk.warm_desk", lambda project: None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    said = words(open_page())
    assert "127.0.0.1" in said.replace("\\", "")
    assert not SCORED.search(said)
