"""A run becomes a version only with a passed gate and the very model file that was evaluated."""

from pathlib import Path

import pytest

from pipeline import contract
from pipeline.registry import versions
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.registry.versions import VersionError
from tests.store.made_runs import PASSED, PROJECT, Tracking

pytest_plugins = ["tests.store.fixtures"]


def test_a_run_that_passed_its_gate_becomes_a_version_with_its_proof_attached(tracking: Tracking) -> None:
    run_id = tracking.run(model="model one")
    assert versions.register_version(run_id, PROJECT) == 1
    found = tracking.client.get_model_version(PROJECT, "1")
    assert found.source == f"runs:/{run_id}/model.skops"
    assert found.run_id == run_id
    sha256 = tracking.client.get_run(run_id).data.tags[contract.TAG_MODEL_SHA256]
    assert found.tags == {
        contract.VERSION_TAG_GATE: "passed",
        contract.VERSION_TAG_RUN: run_id,
        contract.VERSION_TAG_SHA256: sha256,
    }
    assert versions.read_version(PROJECT, 1) == versions.Version(PROJECT, 1, run_id, sha256, "passed")


def test_the_same_run_keeps_its_version_and_another_gets_the_next(tracking: Tracking) -> None:
    first, second = tracking.run(), tracking.run(model="model two")
    assert [versions.register_version(run, PROJECT) for run in (first, second, first)] == [1, 2, 1]
    found = versions.find_version(PROJECT, second)
    assert found is not None
    assert found.number == 2
    assert versions.find_version(PROJECT, tracking.run()) is None


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        ({"gate": None}, r"has no gate result \(gates.json\); run `gate` on it first"),
        ({"gate": PASSED | {"passed": False}}, "did not pass its gate"),
        ({"gate": PASSED | {"passed": "true"}}, "did not pass its gate"),
        ({"gate": {"passed": True, "rules": []}}, "names no rules"),
        ({"gate": "[1]"}, "names no rules"),
        ({"gate": "{passed"}, "not readable JSON"),
        ({"model": None}, r"has no model file \(model.skops\)"),
        ({"tags": {contract.TAG_MODEL_SHA256: "0" * 64}}, "is not the one that was evaluated"),
        ({"tags": {contract.TAG_MODEL_SHA256: None}}, "is not the one that was evaluated"),
        ({"tags": {contract.TAG_COMPLETE: None}}, "is not complete"),
        ({"tags": {contract.TAG_PROJECT: "simulated"}}, "belongs to project 'simulated', not to 'taiwan'"),
    ],
)
def test_a_run_without_its_proof_is_refused_and_registers_nothing(tracking: Tracking, run: dict, sentence: str) -> None:
    with pytest.raises(VersionError, match=sentence):
        versions.register_version(tracking.run(**run), PROJECT)
    assert tracking.client.search_registered_models() == []


def test_a_model_file_swapped_after_training_is_refused(tracking: Tracking) -> None:
    run_id = tracking.run(model="model one")
    tracking.client.log_text(run_id, "another model", contract.ARTIFACT_MODEL)
    with pytest.raises(VersionError, match="is not the one that was evaluated"):
        versions.register_version(run_id, PROJECT)


@pytest.mark.parametrize("run_id", ["0" * 32, "it's not an id"])
def test_an_unknown_run_is_named(tracking: Tracking, run_id: str) -> None:
    with pytest.raises(VersionError, match=f"there is no run .{run_id}"):
        versions.register_version(run_id, PROJECT)


def test_a_value_the_gate_could_not_compute_is_none(tracking: Tracking) -> None:
    rule = {"name": "latency", "passed": True, "value": float("nan")}
    run_id = tracking.run(gate={"passed": True, "rules": [rule]})
    assert versions.gate_result(run_id)["rules"][0]["value"] is None


def test_the_champion_is_nobody_until_it_is_set(tracking: Tracking) -> None:
    assert versions.champion(PROJECT) is None
    for run in (tracking.run(), tracking.run(model="model two")):
        versions.register_version(run, PROJECT)
    assert versions.champion(PROJECT) is None
    for number in (2, 1):
        versions.set_champion(PROJECT, number)
        assert versions.champion(PROJECT) == number


def test_a_version_that_is_not_there_is_named(tracking: Tracking) -> None:
    with pytest.raises(VersionError, match="taiwan has no registered version 7"):
        versions.read_version(PROJECT, 7)
    with pytest.raises(VersionError, match="refused"):
        versions.set_champion(PROJECT, 7)


def test_before_the_first_run_there_is_nothing_and_no_database_is_made(riskdeck_home: Path) -> None:
    assert versions.champion(PROJECT) is None
    assert versions.find_version(PROJECT, "0" * 32) is None
    with pytest.raises(VersionError, match="no registered version 1"):
        versions.read_version(PROJECT, 1)
    assert list(riskdeck_home.iterdir()) == []


def test_a_dead_server_is_named_within_seconds_for_reads_and_writes(
    riskdeck_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:hunter2@127.0.0.1:1")
    for call in (
        lambda: versions.champion(PROJECT),
        lambda: versions.set_champion(PROJECT, 1),
        lambda: versions.gate_result("0" * 32),
    ):
        with pytest.raises(TrackingUnavailable, match="cannot be read") as caught:
            call()
        assert "hunter2" not in str(caught.value)
