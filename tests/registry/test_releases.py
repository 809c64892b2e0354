"""A release takes two people and whole evidence, survives a crash, and can be undone."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from sqlalchemy import Engine, text

from pipeline import contract
from pipeline.registry import ledger, releases, versions
from pipeline.registry.ledger import LedgerEntry
from pipeline.registry.policies import read_policy, write_policy
from pipeline.registry.releases import ReleaseError
from pipeline.store.engine import open_store, writing
from tests.store.made_runs import PASSED, PROJECT, Tracking

pytest_plugins = ["tests.store.fixtures"]


@dataclass(frozen=True)
class Desk:
    """A store and a tracking store with versions to release."""

    store: Engine
    tracking: Tracking

    def version(self, model: str = "model") -> tuple[int, str]:
        """Register a new version and write a policy for it."""
        run_id = self.tracking.run(model=model)
        number = versions.register_version(run_id, PROJECT)
        policy = write_policy(
            self.store, PROJECT, model_version=number, run_id=run_id, approve_below=0.1, decline_above=0.3,
            rationale="cheapest on validation", author="pm",
        )  # fmt: skip
        return number, policy.id

    def propose(self, version: int, policy_id: str, actor: str = "pm") -> LedgerEntry:
        return releases.propose(self.store, PROJECT, version=version, policy_id=policy_id, actor=actor, reason="better F1")

    def approve(self, proposal: LedgerEntry, actor: str = "risk-lead") -> LedgerEntry:
        return releases.approve(self.store, proposal.seq, actor=actor, reason="evidence read")

    def release(self, model: str) -> int:
        version, policy_id = self.version(model)
        self.approve(self.propose(version, policy_id))
        return version

    def rollback(self) -> LedgerEntry:
        return releases.rollback(self.store, PROJECT, actor="risk-lead", reason="losses rise")

    def live(self) -> tuple[int | None, str | None, int | None]:
        """What the ledger, the policy and the alias say."""
        live = ledger.live_at(self.store, PROJECT)
        policy = live and read_policy(self.store, live.policy_id)
        return live and live.model_version, policy and policy.id, versions.champion(PROJECT)

    def events(self) -> list[str]:
        return [entry.event for entry in ledger.history(self.store, PROJECT) if entry.event != "policy"]


@pytest.fixture
def desk(sqlite_store: Engine, tracking: Tracking) -> Desk:
    return Desk(sqlite_store, tracking)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_desk(request: pytest.FixtureRequest, tracking: Tracking) -> Iterator[Desk]:
    engine = open_store(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))
    yield Desk(engine, tracking)
    engine.dispose()


def test_a_release_and_its_rollback_move_version_policy_and_alias_together(any_desk: Desk) -> None:
    desk = any_desk
    assert desk.live() == (None, None, None)
    desk.release("one")
    assert desk.live() == (1, "taiwan-policy-1", 1)
    desk.release("two")
    assert desk.live() == (2, "taiwan-policy-2", 2)
    entry = desk.rollback()
    assert desk.live() == (1, "taiwan-policy-1", 1)
    assert entry.subject["restores"] < entry.subject["replaces"]
    assert desk.events() == ["proposal", "approval", "promotion"] * 2 + ["rollback"]
    assert releases.alias_differs(desk.store, PROJECT) is None
    assert ledger.verify(desk.store, PROJECT) == []


def test_the_promotion_carries_the_evidence_it_rests_on(desk: Desk) -> None:
    version, policy_id = desk.version("one")
    promotion = desk.approve(desk.propose(version, policy_id))
    assert promotion.event == "promotion"
    assert promotion.evidence["gate"] == PASSED
    assert promotion.evidence["model_sha256"] == versions.read_version(PROJECT, version).model_sha256
    assert promotion.evidence["data_sha256"] == "d" * 64
    assert not promotion.actor_verified


def test_what_stands_beside_the_model_is_neither_approved_nor_proposed_again_once_it_changed(desk: Desk) -> None:
    first, (version, policy_id) = desk.version("one"), desk.version("two")
    desk.approve(desk.propose(*first))
    proposal = desk.propose(version, policy_id)
    run_id = versions.read_version(PROJECT, version).run_id
    desk.tracking.client.log_text(run_id, "other ranges", contract.ARTIFACT_RANGES)
    sentence = f"{contract.ARTIFACT_RANGES} of version {version} changed after ledger row {proposal.seq} named the sha256"
    for refused in (lambda: desk.approve(proposal), lambda: desk.propose(version, policy_id)):
        with pytest.raises(ReleaseError, match=sentence):
            refused()
    assert desk.live() == (first[0], first[1], first[0]), "what decides goes on deciding"


@pytest.mark.parametrize("approver", ["pm", " PM ", "p m", "P\u200bM", "\uff30\uff2d"])
def test_nobody_approves_their_own_proposal_however_they_spell_their_name(desk: Desk, approver: str) -> None:
    proposal = desk.propose(*desk.version())
    with pytest.raises(ReleaseError, match="was made by 'pm'; another person must approve it"):
        desk.approve(proposal, actor=approver)
    assert desk.events() == ["proposal"]
    assert desk.live() == (None, None, None)


def test_a_proposal_is_decided_once(desk: Desk) -> None:
    approved, rejected = (desk.propose(*desk.version(model)) for model in ("one", "two"))
    desk.approve(approved)
    releases.reject(desk.store, rejected.seq, actor="risk-lead", reason="too few defaults")
    for proposal, word in ((approved, "approval"), (rejected, "rejection")):
        with pytest.raises(ReleaseError, match=f"proposal {proposal.seq} is already decided: {word} by 'risk-lead'"):
            desk.approve(proposal, actor="cro")
        with pytest.raises(ReleaseError, match="already decided"):
            releases.reject(desk.store, proposal.seq, actor="cro", reason="late")
    assert desk.live() == (1, "taiwan-policy-1", 1)


def test_the_proposer_may_withdraw(desk: Desk) -> None:
    proposal = desk.propose(*desk.version())
    assert releases.reject(desk.store, proposal.seq, actor="pm", reason="found a mistake").event == "rejection"


@pytest.mark.parametrize(("number", "sentence"), [(99, "there is none"), (1, "ledger row 1 is a policy")])
def test_what_is_no_proposal_cannot_be_approved(desk: Desk, number: int, sentence: str) -> None:
    desk.version()
    with pytest.raises(ReleaseError, match=f"{number} is no proposal: {sentence}"):
        releases.approve(desk.store, number, actor="risk-lead", reason="r")


def test_a_version_or_policy_that_does_not_fit_is_not_proposed(desk: Desk) -> None:
    (first, policy), (second, _) = desk.version("one"), desk.version("two")
    with pytest.raises(ReleaseError, match=r"was written for version 1 of taiwan, not for version 2"):
        desk.propose(second, policy)
    with pytest.raises(ReleaseError, match="no policy 'nothing'"):
        desk.propose(first, "nothing")
    with pytest.raises(ReleaseError, match="no registered version 9"):
        desk.propose(9, policy)
    with pytest.raises(ReleaseError, match="actor is empty"):
        desk.propose(first, policy, actor=" ")
    assert desk.events() == []


def test_a_version_registered_past_the_gate_is_not_proposed(desk: Desk) -> None:
    run_id = desk.tracking.run(gate=None)
    desk.tracking.client.create_registered_model(PROJECT)
    desk.tracking.client.create_model_version(PROJECT, f"runs:/{run_id}/model.skops", run_id)
    with pytest.raises(ReleaseError, match="was not registered through its gate"):
        desk.propose(1, "taiwan-policy-1")
    # Tags are free to edit in MLflow; the gate's own result is not there all the same.
    for tag in (contract.VERSION_TAG_GATE, contract.VERSION_TAG_SHA256):
        desk.tracking.client.set_model_version_tag(PROJECT, "1", tag, "passed")
    policy = write_policy(
        desk.store, PROJECT, model_version=1, run_id=run_id, approve_below=0.1, decline_above=0.2, rationale="r", author="pm"
    )  # fmt: skip
    with pytest.raises(ReleaseError, match="has no gate result"):
        desk.propose(1, policy.id)


def test_a_proposal_without_gate_evidence_is_not_approved(desk: Desk) -> None:
    version, policy_id = desk.version()
    subject = {"model_version": version, "policy_id": policy_id, "run_id": versions.read_version(PROJECT, version).run_id}
    for evidence in ({}, {"gate": {"passed": False, "rules": [1]}}, {"gate": {"passed": True, "rules": []}}):
        proposal = ledger.append(desk.store, PROJECT, "proposal", "pm", subject, "trust me", evidence)
        with pytest.raises(ReleaseError, match="holds no passed gate result"):
            desk.approve(proposal)
    assert desk.live() == (None, None, None)


def test_a_version_changed_in_mlflow_after_the_proposal_is_not_approved(desk: Desk) -> None:
    version, policy_id = desk.version()
    proposal = desk.propose(version, policy_id)
    desk.tracking.client.set_model_version_tag(PROJECT, str(version), contract.VERSION_TAG_SHA256, "0" * 64)
    with pytest.raises(ReleaseError, match="is no longer the model in ledger row"):
        desk.approve(proposal)


def test_nothing_is_released_on_a_broken_ledger(any_desk: Desk) -> None:
    desk = any_desk
    proposal = desk.propose(*desk.version())
    with writing(desk.store) as connection:
        if desk.store.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER ledger_refuses_update"))
        else:
            connection.execute(text("ALTER TABLE ledger DISABLE TRIGGER ALL"))
        connection.execute(text("UPDATE ledger SET actor = 'nobody' WHERE event = 'proposal'"))
    for step in (lambda: desk.approve(proposal, actor="pm"), desk.rollback):
        with pytest.raises(ReleaseError, match=rf"ledger of taiwan is broken.*row {proposal.seq} \(proposal\) was changed"):
            step()
    assert desk.live() == (None, None, None)


def test_rollbacks_go_further_back_and_stop_at_the_first_release(desk: Desk) -> None:
    with pytest.raises(ReleaseError, match="cannot be rolled back: nothing is live yet"):
        desk.rollback()
    for model in ("one", "two", "three"):
        desk.release(model)
    desk.rollback()
    assert desk.live() == (2, "taiwan-policy-2", 2)
    desk.release("four")
    for version in (2, 1):
        desk.rollback()
        assert desk.live() == (version, f"taiwan-policy-{version}", version)
    with pytest.raises(ReleaseError, match="only version 1 has been live"):
        desk.rollback()


def cut_off(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow answers reads but refuses the alias: the crash between ledger and alias."""

    def refuse(project: str, number: int) -> None:
        raise versions.VersionError("the tracking store went away.")

    monkeypatch.setattr(versions, "set_champion", refuse)


def test_an_interrupted_approval_is_reported_and_repaired_by_running_it_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = desk.propose(*desk.version())
    with monkeypatch.context() as crash:
        cut_off(desk, crash)
        with pytest.raises(ReleaseError, match=r"version 1 is live by ledger row .* Run the same step again"):
            desk.approve(proposal)
    assert releases.alias_differs(desk.store, PROJECT) == (
        "the ledger says version 1 of taiwan is live, but MLflow's alias 'champion' names no version; "
        "somebody moved the alias, or a release was interrupted"
    )
    assert desk.approve(proposal).event == "promotion"
    assert desk.live() == (1, "taiwan-policy-1", 1)
    assert desk.events() == ["proposal", "approval", "promotion"]


def test_an_interrupted_rollback_is_repaired_and_not_repeated(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    for model in ("one", "two", "three"):
        desk.release(model)
    with monkeypatch.context() as crash:
        cut_off(desk, crash)
        with pytest.raises(ReleaseError, match="version 2 is live"):
            desk.rollback()
    assert desk.live() == (2, "taiwan-policy-2", 3)
    desk.rollback()
    assert desk.live() == (2, "taiwan-policy-2", 2)
    assert desk.events().count("rollback") == 1


def test_an_alias_moved_by_hand_is_reported(desk: Desk) -> None:
    desk.release("one")
    number, _ = desk.version("two")
    assert releases.alias_differs(desk.store, PROJECT) is None
    versions.set_champion(PROJECT, number)
    assert "names version 2; somebody moved the alias" in str(releases.alias_differs(desk.store, PROJECT))


def test_the_history_is_one_table_with_a_row_per_step(desk: Desk) -> None:
    assert list(releases.history(desk.store, PROJECT).columns) == list(releases.HISTORY_COLUMNS)
    desk.release("one")
    table = releases.history(desk.store, PROJECT)
    assert list(table["event"]) == ["policy", "proposal", "approval", "promotion"]
    assert list(table["model_version"]) == [1, 1, 1, 1]
    assert list(table["proposal"]) == [None, None, 2, 2]
    assert list(table["actor"]) == ["pm", "pm", "risk-lead", "risk-lead"]


def test_a_lost_tracking_store_is_a_plain_refusal(desk: Desk) -> None:
    proposal = desk.propose(*desk.version())
    (desk.tracking.home / "mlflow.db").write_text("no database " * 500)
    with pytest.raises(ReleaseError, match="cannot be read"):
        desk.approve(proposal)
    assert desk.events() == ["proposal"]
