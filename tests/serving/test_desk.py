"""The desk follows the ledger without a restart, goes on without MLflow, and stops when ledger and alias part."""

import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from pipeline.registry import ledger, releases, routing, versions
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.serving import desk as desk_module
from pipeline.serving.desk import REFRESH_SECONDS, Desk
from pipeline.serving.records import ServingError
from tests.conftest import settings_of
from tests.serving.conftest import PROJECT, LiveHome

if TYPE_CHECKING:
    from sqlalchemy import Engine


def until(holds: Callable[[], bool], seconds: float) -> bool:
    """Wait for something to become true."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def approve(engine: "Engine", live_home: LiveHome) -> None:
    releases.approve(engine, live_home.proposal, actor="risk-lead", reason="better on test")


def said(desk: Desk) -> str:
    """What the desk refuses with, or nothing."""
    try:
        desk.pair()
    except (ServingError, TrackingUnavailable) as error:
        return str(error)
    return ""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A desk that looks at every call, and whose audits come often."""
    monkeypatch.setattr(desk_module, "REFRESH_SECONDS", 0.0)
    monkeypatch.setattr(desk_module, "AUDIT_SECONDS", 0.1)
    monkeypatch.setattr(desk_module, "CONFIRM_SECONDS", 0.05)


def lose_tracking(live_home: LiveHome) -> None:
    """Move MLflow's database away."""
    shutil.move(live_home.home / "mlflow.db", live_home.home / "mlflow.db.away")


def change_history(live_home: LiveHome) -> None:
    """Edit a ledger row as somebody with the file could, past the triggers."""
    with closing(sqlite3.connect(live_home.home / "riskdeck.db")) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE ledger SET actor = 'somebody else' WHERE event = 'promotion'")
        db.commit()


def test_a_release_and_its_rollback_are_followed_within_seconds_without_a_restart(
    desk: Desk, live_home: LiveHome, live_engine: "Engine"
) -> None:
    assert desk.pair().champion.version == 1
    approve(live_engine, live_home)
    started = time.monotonic()
    assert until(lambda: desk.pair().champion.version == 2, REFRESH_SECONDS + 30)  # loading takes a moment on a busy machine
    releases.rollback(live_engine, PROJECT, actor="risk-lead", reason="losses rise")
    assert until(lambda: desk.pair().champion.version == 1, REFRESH_SECONDS + 30)
    assert time.monotonic() - started >= REFRESH_SECONDS, "the ledger is not asked for every applicant"


def test_a_routing_is_followed_and_the_champion_kept(
    desk: Desk, live_home: LiveHome, live_engine: "Engine", quick: None
) -> None:
    champion = desk.pair().champion
    routing.route(live_engine, live_home.proposal, mode="canary", share=0.2, actor="risk-lead", reason="try it")
    pair = desk.pair()
    assert pair.champion is champion, "it is not loaded again"
    assert pair.challenger is not None
    assert pair.routing is not None
    assert (pair.challenger.version, pair.routing.mode, pair.routing.share) == (2, "canary", 0.2)
    routing.route(live_engine, live_home.proposal, mode="off", actor="risk-lead", reason="seen enough")
    assert desk.pair().challenger is None


def test_a_challenger_that_becomes_champion_is_not_loaded_twice(
    desk: Desk, live_home: LiveHome, live_engine: "Engine", quick: None
) -> None:
    routing.route(live_engine, live_home.proposal, mode="shadow", actor="pm", reason="run it beside")
    challenger = desk.pair().challenger
    approve(live_engine, live_home)
    pair = desk.pair()
    assert challenger is not None
    assert pair.champion.model is challenger.model
    assert pair.challenger is None


def test_the_loaded_champion_goes_on_while_the_tracking_server_is_down(desk: Desk, live_home: LiveHome, quick: None) -> None:
    champion = desk.pair().champion
    desk.settings = replace(desk.settings, tracking_uri="http://127.0.0.1:9")
    lose_tracking(live_home)
    for _ in range(5):
        assert desk.pair().champion is champion
        time.sleep(0.1)


def test_without_a_tracking_server_nothing_can_be_loaded_first(
    live_home: LiveHome, live_engine: "Engine", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "REFRESH_SECONDS", 3600.0)
    desk = Desk(replace(live_home.settings, tracking_uri="http://127.0.0.1:9"), live_engine, PROJECT)
    with pytest.raises(TrackingUnavailable, match=r"The tracking store \(http://127\.0\.0\.1:9\) cannot be read"):
        desk.pair()
    desk.settings = live_home.settings
    assert "cannot be read" in said(desk), "it is not asked again before the next look, or applicants would queue behind it"
    monkeypatch.setattr(desk_module, "REFRESH_SECONDS", 0.0)
    assert said(desk) == ""


def test_what_is_no_longer_live_decides_nothing_while_its_successor_cannot_be_loaded(
    desk: Desk, live_home: LiveHome, live_engine: "Engine", quick: None
) -> None:
    assert desk.pair().champion.version == 1
    approve(live_engine, live_home)
    desk.settings = replace(desk.settings, tracking_uri="http://127.0.0.1:9")
    with pytest.raises(TrackingUnavailable):
        desk.pair()
    desk.settings = live_home.settings
    assert desk.pair().champion.version == 2


def test_an_alias_moved_by_hand_blocks_scoring_until_it_is_put_back(desk: Desk, live_home: LiveHome, quick: None) -> None:
    desk.pair()
    versions.set_champion(PROJECT, 2)
    assert until(lambda: "somebody moved the alias" in said(desk), 5)
    assert said(desk) == (
        "nothing is scored: the ledger says version 1 of small is live, but MLflow's alias 'champion' names version 2; "
        "somebody moved the alias, or a release was interrupted"
    )
    versions.set_champion(PROJECT, 1)
    assert until(lambda: not said(desk), 5)


def test_an_alias_that_differs_at_the_start_lets_nobody_be_scored(desk: Desk) -> None:
    versions.set_champion(PROJECT, 2)
    assert "nothing is scored" in said(desk)


def test_a_block_stays_while_mlflow_cannot_be_asked(desk: Desk, live_home: LiveHome, quick: None) -> None:
    versions.set_champion(PROJECT, 2)
    assert "nothing is scored" in said(desk)
    desk.settings = replace(desk.settings, tracking_uri="http://127.0.0.1:9")
    assert not until(lambda: not said(desk), 0.6)


def test_a_broken_ledger_blocks_scoring(desk: Desk, live_home: LiveHome, live_engine: "Engine", quick: None) -> None:
    assert desk.pair().champion.version == 1
    change_history(live_home)
    assert until(lambda: "was changed after it was written" in said(desk), 5)
    fresh = Desk(live_home.settings, live_engine, PROJECT)
    assert said(fresh).startswith("the ledger of small is broken, so nothing is scored: ledger row")


def test_a_challenger_that_cannot_be_loaded_never_stops_the_champion(
    desk: Desk, live_home: LiveHome, live_engine: "Engine"
) -> None:
    routing.route(live_engine, live_home.proposal, mode="shadow", actor="pm", reason="run it beside")
    live_home.artifact(live_home.challenger_run, "model.skops").write_bytes(b"another model")
    pair = desk.pair()
    assert (pair.champion.version, pair.challenger, pair.routing) == (1, None, None)
    assert pair.problem.startswith("the challenger is left out: version 2 cannot be used: the model's bytes hash to")


def test_nothing_live_says_what_to_do(live_home: LiveHome, live_engine: "Engine") -> None:
    assert said(Desk(live_home.settings, live_engine, "taiwan")) == (
        "nothing is live in taiwan; propose and approve a version first"
    )


def test_a_store_that_is_gone_scores_nothing(live_home: LiveHome, live_engine: "Engine", quick: None) -> None:
    desk = Desk(live_home.settings, live_engine, PROJECT)
    desk.pair()
    with closing(sqlite3.connect(live_home.home / "riskdeck.db")) as db:
        db.execute("DROP TABLE ledger")
    assert said(desk).startswith("the store cannot be read, so nothing can be recorded or scored: no such table")


def test_what_was_live_is_what_the_ledger_says(desk: Desk, live_engine: "Engine") -> None:
    live, champion = ledger.live_at(live_engine, PROJECT), desk.pair().champion
    assert live is not None
    assert (live.model_version, live.model_sha256, live.policy_id) == (1, champion.model_sha256, champion.policy.id)


def test_homes_of_two_tests_do_not_meet(live_home: LiveHome) -> None:
    assert live_home.settings == settings_of(live_home.home)
    assert live_home.artifact(live_home.champion_run, "model.skops").is_relative_to(live_home.home)
