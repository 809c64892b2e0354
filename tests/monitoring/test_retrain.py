"""Retraining ends at most as a challenger in shadow; bad data, a failing gate and the calendar stop it and say why."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline.monitoring.retrain_need import Case, judge_need
from pipeline.registry.releases import approve
from tests.conftest import copied_home, settings_of
from tests.monitoring.made_performance import replay, tell
from tests.monitoring.made_retraining import end_state, recent_project, retrain_small
from tests.serving.conftest import PROJECT, LiveHome, desk, live_engine, live_home, live_once

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.monitoring.retrain_result import RetrainResult
    from pipeline.project import Project
    from pipeline.serving.desk import Desk

__all__ = ["desk", "live_engine", "live_home", "live_once"]


@dataclass(frozen=True)
class Retrained:
    """A home in which a retraining went all the way, once; only to be read."""

    home: Path
    engine: "Engine"
    project: "Project"
    result: "RetrainResult"
    before: Any
    after: Any


@pytest.fixture(scope="module")
def retrained(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retrained]:
    from pipeline.store.engine import open_store

    folder = tmp_path_factory.mktemp("retrained")
    with copied_home(live_once.home, folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RISKDECK_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("RISKDECK_DATABASE_URL", raising=False)
        engine, project = open_store(settings_of(folder).database_url), recent_project(folder)
        before = end_state(engine, folder, PROJECT)
        result = retrain_small(engine, folder, project, actor="retrain (schedule)")
        yield Retrained(folder, engine, project, result, before, end_state(engine, folder, PROJECT))
        engine.dispose()


@pytest.fixture
def project(live_home: LiveHome) -> "Project":
    return recent_project(live_home.home)


# --- a model that passes ----------------------------------------------------------------------------------------------


def test_a_passing_model_ends_as_challenger_in_shadow_with_a_proposal_and_the_champion_stays(retrained: Retrained) -> None:
    from pipeline.registry import ledger, routing

    result, engine = retrained.result, retrained.engine
    assert result.status == "in shadow", result.said
    live, beside = ledger.live_at(engine, PROJECT), routing.current(engine, PROJECT)
    assert live is not None and beside is not None
    assert (live.model_version, beside.model_version, beside.mode) == (1, 3, "shadow")
    assert (beside.proposal, beside.policy_id, beside.run_id) == (result.proposal, result.policy, result.run_id)
    proposed = ledger.read_entry(engine, beside.proposal)
    assert proposed is not None and proposed.actor == "retrain (schedule)"
    assert "outcomes known by 2026-12-31, tested on 2025-08-01 to 2025-12-31" in proposed.reason
    after = retrained.after
    assert [row[0] for row in after["ledger"][len(retrained.before["ledger"]) :]] == ["policy", "proposal", "routing"]
    assert (after["champion"], after["challenger"]) == (1, 3)
    assert result.said.endswith("Version 1 stays live until a person approves.") and not result.caveat


def test_only_another_person_can_make_it_live(retrained: Retrained) -> None:
    from pipeline.registry.releases import ReleaseError

    assert retrained.result.proposal is not None
    with pytest.raises(ReleaseError, match="another person must approve it, not 'Retrain  \\(schedule\\)'"):
        approve(retrained.engine, retrained.result.proposal, actor="Retrain  (schedule)", reason="looks good")


def test_the_gate_compares_with_the_champion_on_the_same_recent_test_rows(retrained: Retrained) -> None:
    """By hand: the champion's own model on the rows that the new run was tested on, which are not those it was tested on."""
    from pipeline import contract
    from pipeline.evaluation.metrics import score_metrics
    from pipeline.registry.runs import read_artifact_bytes, read_artifact_table
    from pipeline.registry.versions import read_version
    from pipeline.training.persistence import load_model

    assert retrained.result.run_id is not None and retrained.result.gate is not None
    settings = settings_of(retrained.home)
    holdout = read_artifact_table(retrained.result.run_id, contract.ARTIFACT_HOLDOUT, settings)
    mine = holdout[holdout["split"] == contract.TEST].set_index(contract.HOLDOUT_ID)
    assert mine[contract.HOLDOUT_TIME].min() >= pd.Timestamp("2025-08-01")
    book = pd.read_parquet(retrained.home / "book.parquet").set_index("application_id", drop=False)
    champion = read_version(PROJECT, 1)
    model = load_model(read_artifact_bytes(champion.run_id, contract.ARTIFACT_MODEL, settings), champion.model_sha256)
    from pipeline.data.clean import clean_table

    rows = clean_table(book.loc[mine.index], retrained.project.config)
    theirs = model.predict_proba(rows)[:, 1]
    y = mine[contract.HOLDOUT_Y].to_numpy()
    difference = (
        score_metrics(y, mine[contract.HOLDOUT_PD].to_numpy(), 0.2)["roc_auc"] - score_metrics(y, theirs, 0.2)["roc_auc"]
    )
    (rule,) = (rule for rule in retrained.result.gate.rules if rule.name == "no worse than champion")
    assert rule.found.startswith(f"{difference:+.4f} [") and rule.found.endswith("against version 1")


def test_the_run_says_on_which_dates_it_was_split_and_can_be_reproduced(retrained: Retrained) -> None:
    from pipeline import contract
    from pipeline.project import parse_project
    from pipeline.registry.reproduce import reproduce_run
    from pipeline.registry.runs import read_text

    assert retrained.result.run_id is not None
    settings = settings_of(retrained.home)
    split = parse_project(read_text(retrained.result.run_id, contract.ARTIFACT_PROJECT, settings)).split
    assert (split.test_from, split.test_until) == (date(2025, 8, 1), date(2025, 12, 31))
    again = reproduce_run(settings, retrained.result.run_id)
    assert again.is_identical and again.n_pds > 1000


def test_a_second_run_makes_nothing_twice(retrained: Retrained) -> None:
    again = retrain_small(retrained.engine, retrained.home, retrained.project, actor="retrain (alert)")
    assert end_state(retrained.engine, retrained.home, PROJECT) == retrained.after
    assert not again.trained
    assert (again.status, again.proposal, again.run_id) == ("in shadow", retrained.result.proposal, retrained.result.run_id)


def test_a_retrained_model_that_waits_for_people_is_reason_enough_to_wait(retrained: Retrained, tmp_path: Path) -> None:
    waiting = retrain_small(retrained.engine, retrained.home, impatient(tmp_path), if_needed=True, as_of=later())
    assert waiting.status == "not needed"
    assert waiting.said.startswith("Not needed: version 3, retrained on ")
    assert waiting.said.endswith(f", waits for a decision on proposal {retrained.result.proposal}.")


class Killed(BaseException):
    """What no code catches, as no code catches a kill."""


LAST_STEPS = (
    "pipeline.monitoring.retrain.gate_run",  # the bake-off is there
    "pipeline.registry.releases.propose",  # the policy is written
    "pipeline.registry.routing.route",  # the proposal is filed
    "pipeline.registry.versions.set_challenger",  # the ledger says it runs in shadow, the alias does not
)


def test_killed_at_any_of_its_last_steps_it_is_finished_by_running_it_again(
    retrained: Retrained, live_home: LiveHome, live_engine: "Engine", project: "Project", monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Killed

    for step in LAST_STEPS:
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(step, die)
            retrain_small(live_engine, live_home.home, project, actor="retrain (schedule)")
    assert retrain_small(live_engine, live_home.home, project, actor="retrain (schedule)").status == "in shadow"
    assert end_state(live_engine, live_home.home, PROJECT) == retrained.after


# --- what stops it ----------------------------------------------------------------------------------------------------


def test_bad_data_stops_at_the_check_and_says_so(live_home: LiveHome, live_engine: "Engine", project: "Project") -> None:
    book = live_home.book()
    book.loc[book.index[:40], "amount"] = -5.0
    book.rename(columns={"income": "yearly_income"}).to_parquet(live_home.home / "bad.parquet")
    before = end_state(live_engine, live_home.home, PROJECT)
    result = retrain_small(live_engine, live_home.home, project, data=live_home.home / "bad.parquet")
    assert (result.status, result.is_good, result.trained) == ("bad data", False, False)
    assert "Stopped at the data check, nothing was trained" in result.said
    assert "income: missing_column" in result.said and "amount: range (40 values such as -5.0" in result.said
    assert end_state(live_engine, live_home.home, PROJECT) == before


def test_a_failing_gate_files_nothing_and_says_by_how_much(live_home: LiveHome, live_engine: "Engine") -> None:
    floor = {"{ roc_auc = 0.72, recall = 0.55, f1 = 0.40 }": "{ roc_auc = 0.99 }\nmax_latency_ms = 10_000"}
    project = recent_project(live_home.home, **floor)
    before = end_state(live_engine, live_home.home, PROJECT)
    result = retrain_small(live_engine, live_home.home, project)
    assert (result.status, result.is_good, result.proposal) == ("gate failed", False, None)
    assert result.gate is not None
    (rule,) = (rule for rule in result.gate.rules if not rule.passed)
    assert rule.margin is not None and rule.margin < -0.1
    assert f"needed lower bound of test roc_auc >= 0.99 (missed by {-rule.margin:.4f})" in result.said
    assert end_state(live_engine, live_home.home, PROJECT)["ledger"] == before["ledger"]


def test_another_challenger_keeps_its_place_and_the_proposal_alone_is_filed(
    live_home: LiveHome, live_engine: "Engine", project: "Project"
) -> None:
    from pipeline.registry import releases, routing

    routing.route(live_engine, live_home.proposal, mode="canary", share=0.2, actor="risk-lead", reason="a first look")
    result = retrain_small(live_engine, live_home.home, project)
    assert result.status == "proposed"
    assert f"version 2 of proposal {live_home.proposal} does (canary), and stays" in result.said
    beside = routing.current(live_engine, PROJECT)
    assert beside is not None and (beside.model_version, beside.mode, beside.share) == (2, "canary", 0.2)
    releases.reject(live_engine, live_home.proposal, actor="risk-lead", reason="no better")
    assert retrain_small(live_engine, live_home.home, project).status == "in shadow", "the place has become free"
    assert result.proposal is not None
    releases.reject(live_engine, result.proposal, actor="risk-lead", reason="not wanted")
    again = retrain_small(live_engine, live_home.home, project)
    assert (again.status, again.proposal) == ("proposed", result.proposal), "what people rejected is not proposed again"
    assert "the proposal was settled before: rejection by risk-lead" in again.said
    assert routing.current(live_engine, PROJECT) is None


def test_test_rows_that_the_champion_has_learned_from_are_refused(
    live_home: LiveHome, live_engine: "Engine", project: "Project"
) -> None:
    """By 31 March 2026 the vintages up to March 2025 have matured; version 1 was developed on everything before March."""
    result = retrain_small(live_engine, live_home.home, project, as_of=date(2026, 3, 31))
    assert (result.status, result.is_good, result.last_matured) == ("nothing new", False, date(2025, 3, 1))
    assert "would begin on 2024-11-01" in result.said
    assert "version 1 was developed on applications before 2025-03-01: it has seen them" in result.said
    assert "the next vintage matures on 2026-04-30" in result.said
    asked = retrain_small(live_engine, live_home.home, project, as_of=date(2024, 6, 1))
    assert asked.said == "Nothing to learn yet: no vintage has matured by 2024-06-01; the next vintage matures on 2025-01-31."


def test_rows_that_are_not_split_by_time_are_learned_from_as_the_project_says_and_only_once(
    live_home: LiveHome, live_engine: "Engine"
) -> None:
    from pipeline.registry import ledger

    changes = {'method = "time"': 'method = "stratified"', "test_from = 2025-03-01": "#", "test_until = 2025-04-30": "#"}
    project = recent_project(live_home.home, **changes)
    result = retrain_small(live_engine, live_home.home, project, as_of=date(2026, 3, 31))
    assert (result.status, result.last_matured, result.test_from) == ("in shadow", date(2025, 3, 1), None), result.said
    book = live_home.book()
    assert result.n_rows == (book["application_date"] < "2025-04-01").sum()
    assert result.proposal is not None
    caveat = "version 1 may have learned from some of these test rows, because the split is stratified and not by time"
    assert result.caveat.startswith(caveat) and caveat in result.said
    entry = ledger.read_entry(live_engine, result.proposal)
    assert entry is not None and f"{caveat}: the comparison then errs in its favour" in entry.reason
    approve(live_engine, result.proposal, actor="risk-lead", reason="better")
    again = retrain_small(live_engine, live_home.home, project, as_of=date(2026, 3, 31))
    assert (again.status, again.trained) == ("nothing new", False)
    assert again.said == "Nothing to learn yet: the model that these rows give is version 3, which is live."


def test_a_champion_whose_run_is_gone_is_named(live_home: LiveHome, live_engine: "Engine", project: "Project") -> None:
    from pipeline.monitoring.retrain_rows import RetrainError

    live_home.artifact(live_home.champion_run, "project.toml").unlink()
    with pytest.raises(
        RetrainError, match=r"what version 1, which is live, was trained on cannot be read: .* has no project\.toml"
    ):
        retrain_small(live_engine, live_home.home, project)


def test_words_that_make_no_sense_are_refused(live_home: LiveHome, live_engine: "Engine", project: "Project") -> None:
    from pipeline.monitoring.retrain_rows import RetrainError

    with pytest.raises(RetrainError, match="its name begins with 'retrain'"):
        retrain_small(live_engine, live_home.home, project, actor="risk-lead")
    other = replace(
        project,
        config=project.config.model_copy(update={"project": project.config.project.model_copy(update={"name": "other"})}),
    )
    with pytest.raises(RetrainError, match="nothing is live in other"):
        retrain_small(live_engine, live_home.home, other)


def test_two_at_once_are_one(live_home: LiveHome, live_engine: "Engine", project: "Project") -> None:
    from pipeline.monitoring.retrain_rows import RetrainError
    from pipeline.monitoring.retrain_turn import only_one

    with only_one(live_home.settings, live_engine, PROJECT), pytest.raises(RetrainError, match="by another process"):
        retrain_small(live_engine, live_home.home, project)


# --- is it needed? ----------------------------------------------------------------------------------------------------


def impatient(folder: Path, days: int = 30) -> "Project":
    """The product with a limit on the age of its model."""
    return recent_project(folder, **{'granularity = "month"': f'granularity = "month"\nretrain_after_days = {days}'})


def later() -> date:
    return datetime.now(UTC).date() + timedelta(days=40)


def test_without_a_reason_it_says_why_not_and_reads_no_data(
    live_home: LiveHome, live_engine: "Engine", project: "Project"
) -> None:
    absent = live_home.home / "absent.parquet"
    result = retrain_small(live_engine, live_home.home, project, data=absent, if_needed=True)
    assert (result.status, result.is_good) == ("not needed", True)
    assert result.said.startswith("Not needed: no decision is on record by 2026-12-31, so nothing can be advised; no alert")
    assert "version 1 has been live for" in result.said and "sets no retrain_after_days" in result.said
    patient = impatient(live_home.home, 10_000)
    result = retrain_small(live_engine, live_home.home, patient, data=absent, if_needed=True)
    assert "retrain_after_days is 10,000" in result.said


def test_an_old_model_is_reason_enough_and_the_reason_is_kept(
    live_home: LiveHome, live_engine: "Engine", project: "Project"
) -> None:
    from pipeline.registry import ledger, routing

    old = impatient(live_home.home)
    result = retrain_small(live_engine, live_home.home, old, if_needed=True, as_of=later())
    assert result.status == "in shadow", result.said
    assert result.proposal is not None
    proposed = ledger.read_entry(live_engine, result.proposal)
    assert proposed is not None and "has been live for 40 days; retrain_after_days is 30" in proposed.reason
    routing.route(live_engine, result.proposal, mode="off", actor="risk-lead", reason="too slow")
    again = retrain_small(live_engine, live_home.home, old)
    assert (again.status, routing.current(live_engine, PROJECT)) == ("proposed", None)
    assert "was stopped, so it stays stopped" in again.said


def test_an_open_alert_of_a_rule_that_asks_for_it_is_reason_enough_until_it_is_resolved(
    live_home: LiveHome, live_engine: "Engine", project: "Project"
) -> None:
    from pipeline.monitoring.alerts import open_alerts, resolve
    from pipeline.monitoring.rules import Firing, Judgement
    from pipeline.registry.ledger import live_at

    rules, day = project.config.monitoring.rules_in_force, date(2026, 12, 31)
    said = "auc_drop was 0.091 in 2025-11, limit 0.05."
    firings = [
        Firing(
            rule.name, rule.measure, rule.direction, rule.severity, rule.owner, "model", "", "2025-11-01", 0.1, 0.05, 900, said
        )
        for rule in rules
        if rule.name in ("ranks-worse", "moved")
    ]
    alerts = open_alerts(live_engine, PROJECT, Judgement(tuple(firings)), rules, "month", day)
    live = live_at(live_engine, PROJECT)
    assert live is not None and len(alerts) == 2
    case = Case(live_home.settings, live_engine, project.config, live, day)
    need = judge_need(case)
    assert need.is_needed and need.reasons == (f"alert ranks-worse is open: {said.rstrip('.')}",)
    (asking,) = (alert for alert in alerts if alert.firing.rule == "ranks-worse")
    resolve(live_engine, asking.id, actor="risk-lead", note="a partner's file was sent twice")
    need = judge_need(case)
    assert not need.is_needed
    assert need.quiet[1] == "no alert is open under ranks-worse"


@pytest.mark.parametrize("ranks_well", [True, False])
def test_matured_loans_that_the_model_no_longer_ranks_are_reason_enough(
    live_home: LiveHome, live_engine: "Engine", desk: "Desk", project: "Project", ranks_well: bool
) -> None:
    from pipeline.registry.ledger import live_at

    book = live_home.book()
    book = book[book["application_date"].between("2025-03-01", "2025-06-30")]
    if not ranks_well:  # the same outcomes, but none with whom it came true
        book = book.assign(default=np.random.default_rng(1).permutation(book["default"].to_numpy()))
    replay(live_engine, desk.pair(), book)
    tell(live_engine, PROJECT, book)
    live = live_at(live_engine, PROJECT)
    assert live is not None
    need = judge_need(Case(live_home.settings, live_engine, project.config, live, date(2026, 12, 31)))
    said = (need.quiet if ranks_well else need.reasons)[0]
    assert need.is_needed is not ranks_well
    assert said.startswith(f"the advice from {len(book):,} matured loans is: {'Do nothing' if ranks_well else 'Retrain'}"), said
    early = judge_need(Case(live_home.settings, live_engine, project.config, live, date(2025, 7, 31)))
    assert early.quiet[0] == "no loan that version 1 decided has matured by 2025-07-31"


# --- the command line -------------------------------------------------------------------------------------------------


def test_the_verb_answers_with_its_exit_status_and_json(
    live_home: LiveHome, project: "Project", capsys: pytest.CaptureFixture[str]
) -> None:
    from pipeline.commands_retrain import retrain

    def call(as_json: bool, if_needed: bool) -> int:
        return retrain(
            str(project.path), live_home.home / "book.parquet", datetime(2026, 3, 31), if_needed=if_needed, actor="retrain",
            test_months=None, jobs=1, as_json=as_json,
        )  # fmt: skip

    assert call(as_json=True, if_needed=False) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["status"], document["as_of"], document["champion"]) == ("nothing new", "2026-03-31", 1)
    assert document["check"]["passed"] is True and document["gate"] is None
    assert call(as_json=False, if_needed=True) == 0
    assert "Not needed: " in capsys.readouterr().out
