"""The Trade-offs page: every control does what it says, and the policy it proposes is the one that is written."""

import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pipeline import contract as c
from pipeline.project import parse_project, read_project_text
from pipeline.registry import ledger
from pipeline.registry.policies import read_policy, write_policy
from pipeline.store.engine import open_store
from tests.dashboard import opened
from tests.dashboard.made_store import PROJECT, Store, client_of, experiment, log_run, scored
from tests.dashboard.opened import answer, words

PAGE = "views/trade_offs.py"


def open_page(**link: str) -> AppTest:
    return opened.open_page(PAGE, **link)


def named(app: AppTest) -> dict[str, str]:
    return {str(b.key).removeprefix("to_"): b.label for b in app.button if str(b.key).startswith("to_")}


def test_the_page_opens_with_saving_interval_band_flat_region_and_break_even(filled_home: Store) -> None:
    said = words(open_page())
    assert re.search(r"saves [\d,]+ TWD \[[\d,]+, [\d,]+\] against approving everybody, on 1,200 test applicants", said)
    assert "a year at 30,000 applications" in said
    assert "in 95 % of resamples it lies between" in said and "the cost changes by less than 1 %" in said
    assert re.search(r"is the cheapest on validation where the ratio miss to refusal|No ratio miss to refusal", said)


def test_moving_the_cutoff_moves_people_picture_and_proposal_together(filled_home: Store) -> None:
    app = open_page()
    app.slider(key="cutoff").set_value(60.0).run()
    story = next(str(m.value) for m in app.markdown if str(m.value).startswith("Of 1,000"))
    cells = app.table[0].value
    approved, missed = (int(n) for n in re.findall(r"\*\*(\d+)\*\*", story)[:2])
    people = dict(zip(cells["What happens"], cells["Per 1,000"].astype(int), strict=True))
    assert sum(people.values()) == 1000
    assert (approved, missed) == (people["Missed"] + people["Rightly approved"], people["Missed"])
    assert "Propose this policy: decline from 60.0 %" in [e.label for e in app.expander]


def test_the_marks_come_from_validation_alone(filled_home: Store) -> None:
    from dashboard import loading
    from pipeline.evaluation.cost import CaseCosts, best_f1_cutoff, cheapest_cutoff

    marks, valid = named(open_page()), loading.curve(filled_home.best, c.VALID)
    assert valid is not None
    assert marks["cheapest"] == f"cheapest {100 * cheapest_cutoff(valid, CaseCosts(75_000, 15_000)):.1f} %"
    assert marks["best F1"] == f"best F1 {100 * best_f1_cutoff(valid):.1f} %"
    assert marks["Elkan's"] == "Elkan's 16.7 %", "1 / (1 + 5)"


def test_costs_per_loan_and_per_case_give_their_own_cutoffs(filled_home: Store) -> None:
    app = open_page()
    app.button_group(key="costs").set_value("per loan amount").run()
    assert named(app)["Elkan's"] == "Elkan's 16.7 %"
    app.number_input(key="margin").set_value(45.0).run()
    assert named(app)["Elkan's"] == "Elkan's 50.0 %", "LGD and margin alike"
    assert not app.exception


def test_realised_cash_is_offered_only_where_it_is_known(filled_home: Store) -> None:
    app = open_page(costs="realised cash")
    assert app.button_group(key="costs").options == ["per case", "per loan amount"]
    assert "realised cash (the project names no cash columns)" in words(app)


def test_a_limit_moves_the_answer_and_an_impossible_pair_is_named(filled_home: Store) -> None:
    free = float(re.findall(r"PD of ([\d.]+) %", answer(open_page()))[0])
    app = open_page(min_approval="90")
    assert float(re.findall(r"PD of ([\d.]+) %", answer(app))[0]) > free
    assert "within your limits (an approval rate of at least 90.0 %)" in words(app)
    assert "cheapest within limits" in named(app)
    app.number_input(key="min_recall").set_value(95.0).run()
    assert "These limits clash: no policy keeps an approval rate of at least 90.0 % and a recall of at least 95.0 %" in words(
        app
    )


def test_the_saving_is_against_the_baseline_that_is_chosen(filled_home: Store) -> None:
    app = open_page()
    assert app.selectbox(key="baseline").options == ["approve all", "declining from 50 %"]
    app.selectbox(key="baseline").set_value("declining from 50 %").run()
    assert "against declining from 50 %" in answer(app)


def test_the_volume_scales_the_saving_per_year(filled_home: Store) -> None:
    app = open_page(volume="1000")
    per_1000, per_year = (re.search(p, words(app)) for p in (r"saves ([\d,]+) TWD", r"About ([\d.]+)M TWD a year at 1,000"))
    assert per_1000 and per_year
    assert float(per_year[1]) == pytest.approx(float(per_1000[1].replace(",", "")) / 1e6, rel=0.01)


def test_reviewers_and_capacity_shape_the_band(filled_home: Store) -> None:
    app = open_page(part="Review band", capacity="5", review_cost="100", share_right="95")
    assert "Approve below" in words(app) and re.search(
        r"\(\d a day\)\. Cheapest on validation within reviews a day of at most 5", words(app)
    )
    app.number_input(key="share_right").set_value(10.0).run()
    assert "A review band pays nothing here" in words(app), "reviewers who are mostly wrong are not asked"


def test_reviewers_start_as_good_as_the_project_says(filled_home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    text = read_project_text(PROJECT)
    assert text.count("[costs]") == 1 and "review_share_right" not in text
    config = parse_project(text.replace("[costs]", "[costs]\nreview_share_right = 0.8"))
    monkeypatch.setattr("dashboard.loading.project_config", lambda *_: config)
    app = open_page(part="Review band")
    assert app.number_input(key="share_right").value == 80
    assert "Reviewers are assumed to get 80 % right" in words(app)


def test_two_models_name_their_cutoffs_and_hold_the_approval_rate_when_asked(filled_home: Store) -> None:
    app = open_page(part="Two models")
    assert "Taking over from logistic C=1" in words(app) and "each at its own best cut-off" in words(app)
    app.selectbox(key="match").set_value("at the same approval rate").run()
    table = app.dataframe[0].value
    total = table[table["Segment"] == "all"].set_index("Who")["People"]
    assert abs(int(total["net"].replace("−", "-"))) <= 3, "as many are newly approved as newly refused, but for ties"
    assert "Every outcome here is known, so none is inferred" in words(app)


def test_the_link_names_the_other_model_by_its_id_so_that_renaming_breaks_nothing(filled_home: Store) -> None:
    app = open_page(part="Two models", run=filled_home.close, rival=filled_home.best)
    assert "Taking over from lightgbm learning_rate=0.05" in words(app) and "The link names run" not in words(app)
    gone = words(open_page(part="Two models", rival="0123456789abcdef"))
    assert "names run `0123456789abcdef`, which is not in this list" in gone and "Taking over from logistic C=1" in gone


def test_sensitivity_default_rate_and_measures_draw_when_opened(filled_home: Store) -> None:
    assert "Each cell: the best cut-off on validation" in words(open_page(part="Sensitivity"))
    app = open_page(part="Default rate")
    app.number_input(key="default_rate").set_value(40.0).run()
    assert "At a default rate of 40.0 % instead of" in words(app)
    measures = open_page(part="Measures").table[-1].value
    assert measures["Measure"].tolist() == ["Expected maximum profit", "Break-even ratio", "Elkan's cut-off"]


def test_nonsense_in_the_link_opens_with_defaults_and_says_nothing_false(filled_home: Store) -> None:
    app = open_page(
        baseline="x", part="y", min_approval="lots", capacity="-1", volume="NaN", rival="<b>", match="?", default_rate="900"
    )
    assert "on 1,200 test applicants" in answer(app)
    assert "clash" not in words(app)


@pytest.fixture
def gated_home(migrated_home: Path) -> tuple[Path, str]:
    """One run that passed its gate, with a model file to register."""
    import hashlib
    import json

    client = client_of(migrated_home)
    tags = {c.TAG_CHOSEN: "true", c.TAG_MODEL_SHA256: hashlib.sha256(b"model").hexdigest()}
    run_id = log_run(client, experiment(client, migrated_home), migrated_home / "w", "lightgbm x=1", scored(0.3), tags=tags)
    client.log_text(run_id, "model", c.ARTIFACT_MODEL)
    client.log_text(run_id, json.dumps({"passed": True, "rules": [{"name": "floor", "passed": True}]}), c.ARTIFACT_GATES)
    return migrated_home, run_id


def propose(app: AppTest, name: str = "pm", reason: str = "cheapest on validation") -> AppTest:
    app.text_input(key="author_plain").set_value(name)
    app.text_area(key="rationale_plain").set_value(reason)
    send = next(b for b in app.button if "send_plain" in str(b.key))
    send.click().run()
    assert not app.exception
    return app


def test_proposing_writes_what_is_on_the_screen_and_says_what_comes_next(gated_home: tuple[Path, str]) -> None:
    home, run_id = gated_home
    app = propose(open_page(cutoff="21.5", min_recall="50"))
    assert "Nothing changes yet: another person than pm must approve it" in words(app)
    engine = open_store(f"sqlite:///{home / 'riskdeck.db'}")
    (proposal,) = [entry for entry in ledger.history(engine, PROJECT) if entry.event == ledger.PROPOSAL]
    policy = read_policy(engine, str(proposal.subject["policy_id"]))
    engine.dispose()
    assert f"release approve {proposal.seq} --as NAME" in words(app)
    assert (policy.run_id, policy.decline_above, policy.author) == (run_id, 0.215, "pm")
    assert policy.costs["limits"] == {"recall": 0.5} and policy.costs["fn_cost"] == 75_000
    assert policy.baseline["chosen_on"] == "stated" and set(policy.baseline["outcomes"]) == {"valid", "test"}


def test_only_a_cutoff_that_validation_chose_is_said_to_be_chosen_there(filled_home: Store) -> None:
    app = open_page(cutoff="21.5")
    assert "Not a cut-off that validation chose" in words(app)
    for name in ("cheapest", "the run's own"):
        app.button(key=f"to_{name}").click().run()
        assert "Not a cut-off" not in words(app) and "Chosen on validation, reported on test" in words(app), name


def test_a_proposal_that_is_refused_says_why_and_how_to_mend_it(filled_home: Store, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("RISKDECK_DATABASE_URL", f"sqlite:///{tmp_path / 'riskdeck.db'}")
    app = propose(open_page())
    assert "Nothing was proposed" in words(app) and "has no gate result" in words(app)
    assert f"python -m pipeline gate {PROJECT} --run {filled_home.best}" in words(app)
    assert "author is empty" in words(propose(open_page(), name=" "))


def test_todays_policy_is_a_baseline_once_one_is_live(filled_home: Store, tmp_path: Path, monkeypatch) -> None:
    url = f"sqlite:///{tmp_path / 'riskdeck.db'}"
    monkeypatch.setenv("RISKDECK_DATABASE_URL", url)
    engine = open_store(url)
    policy = write_policy(
        engine, PROJECT, model_version=1, run_id=filled_home.close, approve_below=0.25, decline_above=0.25,
        rationale="agreed", author="pm",
    )  # fmt: skip
    subject = {"model_version": 1, "policy_id": policy.id, "run_id": filled_home.close}
    ledger.append(engine, PROJECT, ledger.PROMOTION, "risk-lead", subject, "agreed", {"model_sha256": "f" * 64})
    engine.dispose()
    assert open_page().slider(key="cutoff").value == 25.0
    other = open_page(run=filled_home.best, baseline="today's policy")
    assert re.search(r"\[[−\d,]+, [−\d,]+\] against today's policy, on 1,200", answer(other))
