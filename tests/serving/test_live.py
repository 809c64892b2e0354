"""What may decide is what was approved, to the byte; anything else runs nothing and says so."""

import hashlib
import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import skops.io
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from pipeline import contract
from pipeline.registry import ledger
from pipeline.registry.ledger import LedgerError
from pipeline.registry.pins import PinError, Pins, read_pins
from pipeline.registry.policies import write_policy
from pipeline.serving.desk import Desk, Pair
from pipeline.serving.live import LiveModel, load_version
from pipeline.serving.records import ServingError
from pipeline.store.engine import open_store
from pipeline.training.persistence import ModelError, load_model
from tests.serving.conftest import PROJECT, LiveHome

if TYPE_CHECKING:
    from sqlalchemy import Engine


class Trap:
    """Anything that unpickles it makes the canary file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return os.mkdir, (str(self.canary),)


class Foreign:
    """Anything that restores it makes the canary file."""

    def __init__(self, canary: Path) -> None:
        self.canary = str(canary)

    def __setstate__(self, state: dict[str, str]) -> None:
        Path(state["canary"]).mkdir()


def load(live_home: LiveHome, engine: "Engine", model_sha256: str) -> LiveModel:
    """Load version 1 as if the ledger had named this sha256."""
    live = ledger.live_at(engine, PROJECT)
    assert live is not None
    return load_version(live_home.settings, engine, live.model_version, live.run_id, model_sha256, live.policy_id)


@pytest.fixture
def old_ledger(tmp_path: Path) -> "Iterator[Engine]":
    """A store of its own, to hold rows as they were written before."""
    engine = open_store(f"sqlite:///{tmp_path / 'old.db'}")
    yield engine
    engine.dispose()


def promote(engine: "Engine", live_home: LiveHome, evidence: dict[str, str]) -> None:
    """Make version 1 live by a row with no other evidence."""
    policy = write_policy(
        engine, PROJECT, model_version=1, run_id=live_home.champion_run, approve_below=0.15, decline_above=0.25,
        rationale="cheapest on validation", author="pm",
    )  # fmt: skip
    subject = {"model_version": 1, "policy_id": policy.id, "run_id": live_home.champion_run}
    ledger.append(engine, PROJECT, ledger.PROMOTION, "risk-lead", subject, "agreed", evidence)


def sha256_of_model(live_home: LiveHome) -> str:
    return hashlib.sha256(live_home.artifact(live_home.champion_run, contract.ARTIFACT_MODEL).read_bytes()).hexdigest()


def replace_model(live_home: LiveHome, content: bytes) -> str:
    """Put other bytes in the place of the live model; returns their sha256."""
    live_home.artifact(live_home.champion_run, contract.ARTIFACT_MODEL).write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def skops_file(schema: dict[str, Any], canary: Path) -> bytes:
    """A file as skops writes it, with a schema of our own and a pickle beside it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema | {"protocol": 1, "_skops_version": "0.16.0"}))
        archive.writestr("1.pkl", pickle.dumps(Trap(canary)))
    return file.getvalue()


def crafted(canary: Path) -> dict[str, bytes]:
    """Files that would run something, were they read as what they claim to be."""
    function = {"__class__": "mkdir", "__module__": "posix", "__loader__": "FunctionNode", "__id__": 1, "content": {}}
    arguments = {
        "__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "__id__": 2,
        "content": [{"__class__": "str", "__module__": "builtins", "__loader__": "JsonNode", "__id__": 3,
                     "content": json.dumps(str(canary)), "is_json": True}],
    }  # fmt: skip
    reduced = {
        "__class__": "mkdir", "__module__": "os", "__loader__": "ReduceNode", "__id__": 4,
        "__reduce__": {"args": arguments}, "content": {},
    }  # fmt: skip
    return {
        "a pickle": pickle.dumps(Trap(canary)),
        "a pickle in a zip": skops_file({}, canary),
        "a foreign function": skops_file(function, canary),
        "a call": skops_file(reduced, canary),
        "a foreign object": skops.io.dumps(Foreign(canary)),
        "a foreign function in a pipeline": skops.io.dumps(Pipeline([("call", FunctionTransformer(os.mkdir))])),
        "an unknown loader": skops_file({**function, "__loader__": "NoSuchNode"}, canary),
        "a list of nothing": skops_file({"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"}, canary),
        "half a model": b"PK\x03\x04 and no more",
        "nothing": b"",
    }  # fmt: skip


def test_the_desk_loads_what_the_ledger_names(desk: Desk, live_home: LiveHome) -> None:
    pair = desk.pair()
    assert (pair.champion.version, pair.champion.run_id) == (1, live_home.champion_run)
    assert (pair.champion.policy.approve_below, pair.champion.policy.decline_above) == (0.15, 0.25)
    assert pair.challenger is None


def test_a_shadow_is_loaded_beside_it(live_pair: Pair) -> None:
    assert live_pair.challenger is not None, live_pair.problem
    assert live_pair.challenger.version == 2


def test_the_traps_of_these_tests_work(tmp_path: Path) -> None:
    files = crafted(tmp_path / "canary")
    pickle.loads(files["a pickle"])
    (tmp_path / "canary").rmdir()
    skops.io.loads(files["a foreign object"], trusted=skops.io.get_untrusted_types(data=files["a foreign object"]))
    assert (tmp_path / "canary").is_dir()


@pytest.mark.parametrize("what", crafted(Path("canary")))
def test_a_crafted_model_runs_nothing_and_is_reported(
    what: str, live_home: LiveHome, live_engine: "Engine", desk: Desk, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    sha256 = replace_model(live_home, crafted(canary)[what])
    with pytest.raises(
        ServingError, match=f"^version 1 cannot be used: the model's bytes hash to {sha256}, but .* was approved"
    ):
        desk.pair()
    with pytest.raises(ServingError, match=r"^version 1 cannot be used: the model .*; it is not loaded$"):
        load(live_home, live_engine, sha256)  # even if somebody had got its hash approved
    assert not canary.exists()


@pytest.mark.parametrize("what", [name for name in crafted(Path("canary")) if name.startswith("a foreign")])
def test_a_foreign_type_is_named(what: str, tmp_path: Path) -> None:
    content = crafted(tmp_path / "canary")[what]
    with pytest.raises(ModelError, match=r"holds types that are not trusted: .*(mkdir|Foreign).*; it is not loaded"):
        load_model(content, hashlib.sha256(content).hexdigest())
    assert not (tmp_path / "canary").exists()


def test_one_changed_byte_is_another_model(live_home: LiveHome, desk: Desk) -> None:
    content = bytearray(live_home.artifact(live_home.champion_run, contract.ARTIFACT_MODEL).read_bytes())
    content[len(content) // 2] ^= 1
    replace_model(live_home, bytes(content))
    with pytest.raises(ServingError, match="the model's bytes hash to"):
        desk.pair()


@pytest.mark.parametrize(
    "path", [contract.ARTIFACT_BACKGROUND, contract.ARTIFACT_RANGES, contract.ARTIFACT_MODEL, contract.ARTIFACT_PROJECT]
)
def test_a_version_without_what_its_run_promised_says_what_is_missing(path: str, live_home: LiveHome, desk: Desk) -> None:
    live_home.artifact(live_home.champion_run, path).unlink()
    with pytest.raises(
        ServingError, match=f"version 1 cannot be used: .*{path}.*; train and release a version with this Riskdeck"
    ):
        desk.pair()


def test_a_damaged_background_is_reported(live_home: LiveHome, desk: Desk) -> None:
    live_home.artifact(live_home.champion_run, contract.ARTIFACT_BACKGROUND).write_bytes(b"PAR1 no more")
    with pytest.raises(ServingError, match=r"version 1 cannot be used: .*background\.parquet"):
        desk.pair()


def test_a_changed_project_file_is_not_the_one_the_model_was_trained_with(live_home: LiveHome, desk: Desk) -> None:
    file = live_home.artifact(live_home.champion_run, contract.ARTIFACT_PROJECT)
    file.write_text(
        file.read_text(encoding="utf-8").replace("range = [1000, 50000]", "range = [1000, 90000]"), encoding="utf-8"
    )
    with pytest.raises(
        ServingError, match=f"the project file of run {live_home.champion_run} has sha256 .*, but training logged"
    ):
        desk.pair()


@pytest.mark.parametrize(
    "path", [contract.ARTIFACT_BACKGROUND, contract.ARTIFACT_RANGES, contract.ARTIFACT_HOLDOUT, contract.ARTIFACT_REFERENCE]
)
def test_what_reasons_warnings_and_peers_come_from_is_what_was_proposed_or_nothing_is_scored(
    path: str, live_home: LiveHome, desk: Desk
) -> None:
    ours, other = (live_home.artifact(run, path) for run in (live_home.champion_run, live_home.challenger_run))
    table = pd.read_parquet(other)
    table.iloc[: len(table) // 2].to_parquet(ours)  # whole and readable, but not what stood behind the approval
    with pytest.raises(
        ServingError, match=f"version 1 cannot be used: {path} has sha256 .*, but ledger row .* names .*changed"
    ):
        desk.pair()


def test_a_file_that_came_after_the_proposal_is_not_taken(live_home: LiveHome, live_engine: "Engine") -> None:
    pins = read_pins(live_engine, PROJECT, 1, live_home.champion_run)
    assert set(pins.sha256) == set(contract.PINNED_ARTIFACTS) and None not in pins.sha256.values()
    with pytest.raises(PinError, match=r"new\.parquet has sha256 .*, but ledger row 3 named no such file"):
        Pins(3, {"new.parquet": None}).require("new.parquet", b"new")


def test_an_approval_from_before_files_were_pinned_goes_on_deciding(live_home: LiveHome, old_ledger: "Engine") -> None:
    promote(old_ledger, live_home, {"model_sha256": sha256_of_model(live_home)})
    live_home.artifact(live_home.champion_run, contract.ARTIFACT_RANGES).write_bytes(
        live_home.artifact(live_home.challenger_run, contract.ARTIFACT_RANGES).read_bytes()
    )
    assert Desk(live_home.settings, old_ledger, PROJECT).pair().champion.version == 1


def test_a_promotion_that_names_no_model_is_said_in_words(live_home: LiveHome, old_ledger: "Engine") -> None:
    promote(old_ledger, live_home, {"gate": "passed"})
    sentence = r"ledger row 2 \(promotion\) of small names no model_sha256"
    with pytest.raises(LedgerError, match=sentence):
        ledger.live_at(old_ledger, PROJECT)
    with pytest.raises(ServingError, match=sentence):
        Desk(live_home.settings, old_ledger, PROJECT).pair()


def test_a_policy_of_another_version_is_refused(live_home: LiveHome, live_engine: "Engine") -> None:
    live = ledger.live_at(live_engine, PROJECT)
    assert live is not None
    with pytest.raises(ServingError, match=r"policy '.*-2' was not written for version 1; release it again"):
        load_version(live_home.settings, live_engine, live.model_version, live.run_id, live.model_sha256, f"{PROJECT}-policy-2")
