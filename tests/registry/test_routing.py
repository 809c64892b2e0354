"""A challenger runs beside the champion by ledger rows alone, and another person than its author lets it decide."""

import json
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from pipeline.__main__ import app
from pipeline.registry import ledger, releases, routing, versions
from pipeline.registry.ledger import LedgerEntry
from pipeline.registry.routing import RoutingError
from tests.registry.test_releases import Desk
from tests.store.made_runs import PROJECT, Tracking

pytest_plugins = ["tests.store.fixtures"]


@pytest.fixture
def desk(sqlite_store: Engine, tracking: Tracking) -> Desk:
    """Version 1 is live."""
    made = Desk(sqlite_store, tracking)
    made.release("model one")
    return made


@pytest.fixture
def proposal(desk: Desk) -> LedgerEntry:
    """Version 2, proposed by ``pm``."""
    return desk.propose(*desk.version("model two"))


def route(desk: Desk, proposal: LedgerEntry, mode: str, share: float = 0.0, actor: str = "risk-lead") -> LedgerEntry:
    return routing.route(desk.store, proposal.seq, mode=mode, share=share, actor=actor, reason="see how it does")


def running(desk: Desk) -> tuple[str, float, int] | None:
    """Mode, share and version of what runs beside the champion."""
    now = routing.current(desk.store, PROJECT)
    return now and (now.mode, now.share, now.model_version)


def test_nothing_runs_beside_the_champion_until_somebody_says_so(desk: Desk, proposal: LedgerEntry) -> None:
    assert running(desk) is None
    assert versions.challenger(PROJECT) is None


def test_shadow_canary_and_off_are_ledger_rows_that_the_alias_follows(desk: Desk, proposal: LedgerEntry) -> None:
    entry = route(desk, proposal, "shadow", actor="pm")
    now = routing.current(desk.store, PROJECT)
    assert now is not None
    assert (now.mode, now.share, now.proposal, now.seq) == ("shadow", 0.0, proposal.seq, entry.seq)
    assert (now.policy_id, now.run_id) == (proposal.subject["policy_id"], proposal.subject["run_id"])
    assert now.model_sha256 == proposal.evidence["model_sha256"]
    assert versions.challenger(PROJECT) == 2
    route(desk, proposal, "canary", 0.1)
    assert running(desk) == ("canary", 0.1, 2)
    route(desk, proposal, "off", actor="analyst")
    assert running(desk) is None
    assert versions.challenger(PROJECT) is None
    assert desk.events()[-3:] == ["routing"] * 3
    assert ledger.verify(desk.store, PROJECT) == []


@pytest.mark.parametrize("actor", ["pm", " PM ", "P M"])
def test_the_proposer_may_run_a_shadow_but_not_start_a_canary(desk: Desk, proposal: LedgerEntry, actor: str) -> None:
    route(desk, proposal, "shadow", actor=actor)
    with pytest.raises(RoutingError, match=f"proposal {proposal.seq} was made by 'pm'; another person must approve it"):
        route(desk, proposal, "canary", 0.1, actor=actor)
    assert running(desk) == ("shadow", 0.0, 2)


@pytest.mark.parametrize(
    ("mode", "share", "said"),
    [
        ("canary", 0.0, "share 0: a canary decides more than 0 and at most 0.5 of the applicants"),
        ("canary", 0.51, "share 0.51: a canary decides more than 0"),
        ("canary", -0.1, "share -0.1: a canary"),
        ("canary", float("nan"), "share nan: a canary"),
        ("shadow", 0.1, "share 0.1: only a canary has a share; leave it out"),
        ("half", 0.0, "mode 'half' is none; use one of off, shadow, canary"),
    ],
)
def test_a_mode_or_share_that_makes_no_sense_is_refused(
    desk: Desk, proposal: LedgerEntry, mode: str, share: float, said: str
) -> None:
    with pytest.raises(RoutingError, match=f"^{said}"):
        route(desk, proposal, mode, share)
    assert running(desk) is None


def test_a_row_that_is_no_proposal_is_refused(desk: Desk, proposal: LedgerEntry) -> None:
    for seq in (1, 999):
        with pytest.raises(RoutingError, match=f"{seq} is no proposal"):
            routing.route(desk.store, seq, mode="shadow", actor="pm", reason="why not")


def test_without_a_champion_there_is_nothing_to_run_beside(sqlite_store: Engine, tracking: Tracking) -> None:
    desk = Desk(sqlite_store, tracking)
    proposal = desk.propose(*desk.version())
    with pytest.raises(RoutingError, match=f"nothing is live in {PROJECT}, so there is no champion to run beside"):
        route(desk, proposal, "shadow")


def test_the_live_version_is_no_challenger(desk: Desk, proposal: LedgerEntry) -> None:
    desk.approve(proposal)
    with pytest.raises(RoutingError, match=f"version 2 of {PROJECT} is live; a challenger is another version"):
        route(desk, proposal, "shadow")


def test_evidence_that_is_no_longer_true_is_refused(desk: Desk, proposal: LedgerEntry) -> None:
    desk.tracking.client.set_model_version_tag(PROJECT, "2", "riskdeck.model_sha256", "0" * 64)
    with pytest.raises(RoutingError, match="its run or its sha256 was changed in MLflow"):
        route(desk, proposal, "shadow")


def test_a_rejected_proposal_does_not_run(desk: Desk, proposal: LedgerEntry) -> None:
    route(desk, proposal, "canary", 0.2)
    releases.reject(desk.store, proposal.seq, actor="risk-lead", reason="worse for the young")
    assert running(desk) is None, "the rejection ends what ran"
    with pytest.raises(RoutingError, match=f"proposal {proposal.seq} was rejected; propose the version again"):
        route(desk, proposal, "shadow")


def test_promotion_ends_the_routing_for_good_and_takes_the_alias_away(desk: Desk, proposal: LedgerEntry) -> None:
    route(desk, proposal, "canary", 0.2)
    desk.approve(proposal)
    assert running(desk) is None
    assert (versions.champion(PROJECT), versions.challenger(PROJECT)) == (2, None)
    desk.rollback()
    assert desk.live()[0] == 1
    assert running(desk) is None, "what was rolled back must not come back as canary by itself"


def test_promotion_of_another_version_leaves_the_challenger(desk: Desk, proposal: LedgerEntry) -> None:
    route(desk, proposal, "shadow")
    desk.release("model three")
    assert running(desk) == ("shadow", 0.0, 2)
    assert (versions.champion(PROJECT), versions.challenger(PROJECT)) == (3, 2)


def test_only_what_runs_can_be_stopped(desk: Desk, proposal: LedgerEntry) -> None:
    with pytest.raises(RoutingError, match="does not run, so it cannot be stopped: nothing runs beside the champion"):
        route(desk, proposal, "off")
    other = desk.propose(*desk.version("model three"))
    route(desk, proposal, "shadow")
    with pytest.raises(RoutingError, match=f"proposal {other.seq} does not run, .* proposal {proposal.seq} was routed last"):
        route(desk, other, "off")
    assert running(desk) == ("shadow", 0.0, 2)


def test_an_alias_left_behind_is_reported_and_repaired_by_the_same_step(
    desk: Desk, proposal: LedgerEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_project: str, _number: int | None) -> None:
        raise versions.VersionError("the tracking store refused.")

    with monkeypatch.context() as broken:
        broken.setattr(versions, "set_challenger", refuse)
        with pytest.raises(
            RoutingError, match=r"the routing holds by ledger row \d+, but MLflow's alias 'challenger' could not"
        ):
            route(desk, proposal, "shadow")
    assert running(desk) == ("shadow", 0.0, 2)
    assert versions.challenger(PROJECT) is None
    route(desk, proposal, "shadow")
    assert versions.challenger(PROJECT) == 2


def test_a_broken_ledger_routes_nothing(desk: Desk, proposal: LedgerEntry) -> None:
    with closing(sqlite3.connect(str(desk.store.url.database))) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        db.execute("UPDATE ledger SET reason = 'another' WHERE seq = 1")
        db.commit()
    with pytest.raises(RoutingError, match=f"the ledger of {PROJECT} is broken, so nothing can be routed: ledger row 1"):
        route(desk, proposal, "shadow")


def test_release_route_says_what_it_did(desk: Desk, proposal: LedgerEntry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISKDECK_DATABASE_URL", desk.store.url.render_as_string(hide_password=False))
    words = ["release", "route", str(proposal.seq), "--mode", "canary", "--share", "0.1", "--reason", "try it", "--json"]
    done = CliRunner().invoke(app, [*words, "--as", "risk-lead"], catch_exceptions=False)
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["event"], told["mode"], told["share"], told["model_version"]) == ("routing", "canary", 0.1, 2)
    refused = CliRunner().invoke(app, [*words, "--as", "pm"], catch_exceptions=False)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "another person must approve it" in refused.stderr.replace("\n", " ")
    assert running(desk) == ("canary", 0.1, 2)
