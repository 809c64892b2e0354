"""Show it again: the recorded version gives the recorded bits, or what differs is named; never a guess."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from typer.testing import CliRunner

from pipeline.serving import again
from pipeline.serving.again import Again, reason_differences, show_again
from pipeline.serving.records import Application, Decision, Reason
from tests.serving.conftest import LiveHome
from tests.serving.made_inputs import inputs_of

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.serving.desk import Desk


@pytest.fixture(autouse=True)
def nothing_loaded() -> Iterator[None]:
    """Copies of the home share their run ids; each test starts without what another one loaded."""
    again._loaded.clear()
    yield
    again._loaded.clear()


@pytest.fixture
def recorded(desk: "Desk", live_home: LiveHome, live_engine: "Engine") -> list[Decision]:
    """An approval, reviews and declines with a challenger in shadow, as the log gives them back."""
    from pipeline.registry import routing
    from pipeline.serving.decision_log import read_decision, record
    from pipeline.serving.scorer import decide

    routing.route(live_engine, live_home.proposal, mode="shadow", actor="risk-lead", reason="run it beside")
    pair = desk.pair()
    background, policy = pair.champion.background.sort_values("pd"), pair.champion.policy
    edges = np.searchsorted(background["pd"], [policy.approve_below, policy.decline_above])
    chosen = background.iloc[[0, edges[0] - 1, edges[0], edges[1] - 1, edges[1], -1]]
    applications = [Application(inputs_of(pair.champion.config, row)) for _, row in chosen.iterrows()]
    made = record(live_engine, decide(pair, applications, "form"))
    back = [read_decision(live_engine, decision.id) for decision in made]
    assert {d.outcome for d in back if d} == {"approve", "review", "decline"}
    return [decision for decision in back if decision is not None]


def test_every_recorded_decision_is_identical_with_its_reasons_and_its_shadow(
    recorded: list[Decision], live_home: LiveHome, live_engine: "Engine"
) -> None:
    for decision in recorded:
        assert decision.shadow is not None
        found = show_again(live_home.settings, live_engine, decision)
        assert found == Again(decision.id)
        assert found.is_identical
        assert found.verdict == "identical to the last bit"
        assert 1 <= len(decision.reasons) <= 4 or decision.outcome == "approve"


def test_it_is_the_recorded_version_and_policy_that_answer_not_todays(
    recorded: list[Decision], live_home: LiveHome, live_engine: "Engine"
) -> None:
    from pipeline.registry import releases

    releases.approve(live_engine, live_home.proposal, actor="risk-lead", reason="better")
    assert show_again(live_home.settings, live_engine, recorded[-1]).is_identical


def test_each_thing_that_differs_is_one_plain_line(
    recorded: list[Decision], live_home: LiveHome, live_engine: "Engine"
) -> None:
    decision = recorded[-1]
    other = replace(decision, pd=decision.pd + 2e-16, grade="A", outcome="review")
    found = show_again(live_home.settings, live_engine, other)
    assert found.differences == (
        f"PD: {other.pd!r} then, {decision.pd!r} now", f"grade: 'A' then, {decision.grade!r} now",
        "outcome: 'review' then, 'decline' now",
    )  # fmt: skip
    assert not found.is_identical
    assert found.verdict == "3 differ"


def test_a_reason_that_differs_in_its_last_bit_is_named(
    recorded: list[Decision], live_home: LiveHome, live_engine: "Engine"
) -> None:
    decision = recorded[-1]
    first = decision.reasons[0]
    nudged = replace(first, contribution=first.contribution * (1 + 4e-16))
    found = show_again(live_home.settings, live_engine, replace(decision, reasons=(nudged, *decision.reasons[1:])))
    assert found.differences == (
        f"reason {first.feature}, contribution: {nudged.contribution!r} then, {first.contribution!r} now",
    )
    assert found.verdict == "1 differs"


def test_reasons_in_another_order_are_one_difference() -> None:
    a, b = (Reason(name, name, 1.0, 2.0, 0.1, 0.2) for name in ("a", "b"))
    assert reason_differences((a, b), (b, a)) == ["reasons: a, b then, b, a now"]
    assert reason_differences((a,), ()) == ["reasons: a then, none now"]
    assert reason_differences((a, b), (replace(a, value=1), b)) == [], "JSON gives 1.0 and 1 alike"


def test_a_shadow_that_differs_is_named_and_one_that_is_gone_is_a_note(
    recorded: list[Decision], live_home: LiveHome, live_engine: "Engine"
) -> None:
    decision = recorded[-1]
    assert decision.shadow is not None
    other = replace(decision, shadow=replace(decision.shadow, pd=0.5))
    assert show_again(live_home.settings, live_engine, other).differences == (
        f"challenger in shadow: PD: 0.5 then, {decision.shadow.pd!r} now",
    )
    gone = replace(decision, shadow=replace(decision.shadow, policy_id="small-policy-99"))
    found = show_again(live_home.settings, live_engine, gone)
    assert found.is_identical
    assert "challenger in shadow was not compared" in found.notes[0]
    assert "small-policy-99" in found.notes[0]


def test_a_decline_recorded_without_reasons_says_that_none_are_compared(
    recorded: list[Decision], live_home: LiveHome, live_engine: "Engine"
) -> None:
    found = show_again(live_home.settings, live_engine, replace(recorded[-1], reasons=()))
    assert found.is_identical
    assert found.notes == ("no reasons were recorded with this decision, so none are compared",)


def test_a_model_that_was_altered_since_answers_nothing(
    recorded: list[Decision], live_home: LiveHome, live_engine: "Engine"
) -> None:
    path = live_home.artifact(live_home.champion_run, "model.skops")
    path.write_bytes(path.read_bytes() + b" ")
    found = show_again(live_home.settings, live_engine, recorded[-1])
    assert not found.is_identical
    assert "but " + recorded[-1].model_sha256 + " was approved" in found.problem
    assert found.verdict.startswith("cannot be shown again: version 1 cannot be used")


def test_a_model_that_is_gone_is_a_plain_answer(recorded: list[Decision], live_home: LiveHome, live_engine: "Engine") -> None:
    shutil.rmtree(live_home.artifact(live_home.champion_run, "model.skops").parent)
    assert show_again(live_home.settings, live_engine, recorded[-1]).problem.startswith("version 1 cannot be used")


def test_an_input_that_was_not_recorded_is_named(recorded: list[Decision], live_home: LiveHome, live_engine: "Engine") -> None:
    inputs = {name: value for name, value in recorded[-1].inputs.items() if name != "income"}
    found = show_again(live_home.settings, live_engine, replace(recorded[-1], inputs=inputs))
    assert found.problem == "version 1 needs income, which was not recorded with the decision"


def test_a_version_is_loaded_once_and_few_are_kept(
    recorded: list[Decision], live_home: LiveHome, live_engine: "Engine", monkeypatch: pytest.MonkeyPatch
) -> None:
    show_again(live_home.settings, live_engine, recorded[-1])
    kept = list(again._loaded.values())
    shutil.rmtree(live_home.home / "artifacts")
    assert show_again(live_home.settings, live_engine, recorded[-1]).is_identical
    assert list(map(id, again._loaded.values())) == list(map(id, kept))
    monkeypatch.setattr(again, "MAX_LOADED", 1)
    again._loaded.popitem(last=False)
    assert show_again(live_home.settings, live_engine, recorded[-1]).problem, "what was dropped is read again"


def test_the_command_line_exits_0_when_identical_1_when_it_differs_2_when_it_cannot_be_shown(
    recorded: list[Decision], live_home: LiveHome, live_engine: "Engine"
) -> None:
    from pipeline.serving.decision_log import record
    from pipeline.serving.ids import new_id

    decision = recorded[-1]
    same = run("reproduce", decision.id)
    assert (same.exit_code, same.stdout.strip()) == (0, f"decision {decision.id} by version 1: identical to the last bit")
    other = replace(decision, id=new_id(decision.decided_at), pd=0.5, idempotency_key=None, seq=None)
    record(live_engine, [other])
    differs = run("reproduce", other.id, "--json")
    assert differs.exit_code == 1
    content = json.loads(differs.stdout)
    assert content["is_identical"] is False
    assert content["differences"] == [f"PD: 0.5 then, {decision.pd!r} now"]
    again._loaded.clear()
    shutil.rmtree(live_home.home / "artifacts")
    gone = run("reproduce", decision.id)
    assert gone.exit_code == 2
    assert "cannot be shown again" in gone.stderr
    unknown = run("reproduce", "0-no-such")
    assert unknown.exit_code == 2
    assert "there is no decision '0-no-such'" in unknown.stderr


def run(*words: str) -> Any:
    from pipeline.__main__ import app

    return CliRunner().invoke(app, list(words))
