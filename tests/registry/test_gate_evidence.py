"""The gate on real runs: weak models fail it, and the champion is the ledger's, scored on the candidate's own rows."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from pipeline import commands_release
from pipeline import contract as c
from pipeline.data.snapshot import read_snapshot
from pipeline.data.split import split_rows
from pipeline.project import load_project, open_project
from pipeline.registry import versions
from pipeline.registry.gate_evidence import GateError, gate_run, read_evidence
from pipeline.registry.gates import GateResult
from pipeline.registry.runs import read_artifact_bytes, read_artifact_table, read_run, read_text
from pipeline.registry.versions import VersionError
from pipeline.store.engine import open_store
from pipeline.training.job import train
from pipeline.training.persistence import load_model
from pipeline.training.tracking import open_client
from tests.conftest import LOGISTIC_ONLY, Trained, settings_of

PRIOR_ONLY = '[models.prior]\nfamily = "prior"\n'


@pytest.fixture
def engine(home: Path) -> Iterator[Engine]:
    engine = open_store(settings_of(home).database_url)
    yield engine
    engine.dispose()


def failing(result: GateResult) -> set[str]:
    return {rule.name for rule in result.rules if not rule.passed}


def release(trained: Trained, engine: Engine, candidate: str) -> int:
    """Gate, propose by one, approve by another; returns the version that is live."""
    run_id = trained.run_id(candidate)
    assert gate_run(trained.settings, engine, run_id).passed
    done = commands_release.propose(str(trained.toml), run_id, (None, None), "pm", "first release")
    commands_release.decide("approve", done["proposal"], "risk-lead", "gate passed")
    return int(done["version"])


def test_a_good_run_passes_and_the_result_is_filed_with_it(trained: Trained, engine: Engine) -> None:
    run_id = trained.run_id("logistic C=0.01")
    result = gate_run(trained.settings, engine, run_id)
    assert result.passed, failing(result)
    assert read_text(run_id, c.ARTIFACT_GATES) == result.to_json()


def test_a_constant_model_fails_the_gate_and_cannot_be_registered(trained: Trained, engine: Engine) -> None:
    run_id = trained.run_id("prior")
    assert "floor roc_auc" in failing(gate_run(trained.settings, engine, run_id))
    with pytest.raises(VersionError, match="did not pass its gate"):
        versions.register_version(run_id, "small")


def test_shuffled_labels_fail_the_gate(migrated_home: Path, trained_once: Trained, engine: Engine, tmp_path: Path,
                                       write_project: Callable[..., Path]) -> None:  # fmt: skip
    book = pd.read_parquet(trained_once.book)
    book["default"] = np.random.default_rng(3).permutation(book["default"])
    book.to_parquet(tmp_path / "shuffled.parquet")
    settings = settings_of(migrated_home)
    done = train(open_project(str(write_project(LOGISTIC_ONLY))), settings, tmp_path / "shuffled.parquet", n_jobs=1)
    assert "floor roc_auc" in failing(gate_run(settings, engine, done.chosen_run_id))


def test_a_check_that_cannot_be_read_is_missing_evidence(trained: Trained, engine: Engine) -> None:
    run_id = trained.run_id("forest")
    open_client(trained.settings).log_text(run_id, "not json", c.ARTIFACT_CHECKS)
    assert "no suspected leak" in failing(gate_run(trained.settings, engine, run_id))


@pytest.mark.parametrize(
    ("artifact", "rule"),
    [(c.ARTIFACT_SEGMENTS, "no segment far worse"), (c.ARTIFACT_CHECKS, "no suspected leak")],
)
def test_a_lost_artifact_fails_its_rule(trained: Trained, engine: Engine, artifact: str, rule: str) -> None:
    run_id = trained.run_id("forest")
    next(trained.home.glob(f"artifacts/**/{run_id}/artifacts/{artifact}")).unlink()
    assert failing(gate_run(trained.settings, engine, run_id)) == {rule}


def test_the_first_run_has_no_champion_to_beat(trained: Trained, engine: Engine) -> None:
    evidence = read_evidence(trained.settings, engine, read_run(trained.run_id("forest")), "small")
    assert (evidence.champion, evidence.champion_missing) == (None, "")


def test_on_the_same_rows_the_champion_is_compared_by_the_pds_it_logged(trained: Trained, engine: Engine) -> None:
    version = release(trained, engine, "logistic C=0.01")
    challenger = read_run(trained.run_id("lightgbm"))
    champion = read_evidence(trained.settings, engine, challenger, "small").champion
    assert champion is not None and champion.version == version
    logged = read_artifact_table(trained.run_id("logistic C=0.01"), c.ARTIFACT_HOLDOUT)
    np.testing.assert_array_equal(champion.pd, logged.loc[logged["split"] == c.TEST, c.HOLDOUT_PD])
    assert champion.cutoff == read_run(trained.run_id("logistic C=0.01")).metrics[c.CUTOFF]
    assert "no worse than champion" in failing(gate_run(trained.settings, engine, trained.run_id("prior")))
    assert gate_run(trained.settings, engine, trained.run_id("logistic C=0.01")).passed


def test_on_other_rows_the_champion_is_scored_again_by_its_own_model(
    trained: Trained, engine: Engine, write_project: Callable[..., Path]
) -> None:
    release(trained, engine, "logistic C=0.01")
    later = {"test_until = 2025-04-30": "test_until = 2025-08-31"}
    other = train(open_project(str(write_project(PRIOR_ONLY, **later))), trained.settings, trained.book, n_jobs=1)
    run = read_run(other.chosen_run_id)
    assert run.tags[c.TAG_TEST_SHA256] != trained.bakeoff["test_sha256"]
    champion = read_evidence(trained.settings, engine, run, "small").champion
    assert champion is not None
    frame = read_snapshot(trained.settings.snapshots, other.data_sha256)
    config = open_project(str(write_project(PRIOR_ONLY, **later))).config
    rows = frame.iloc[split_rows(frame, config).test]
    content = read_artifact_bytes(trained.run_id("logistic C=0.01"), c.ARTIFACT_MODEL)
    model = load_model(content, read_run(trained.run_id("logistic C=0.01")).tags[c.TAG_MODEL_SHA256])
    np.testing.assert_array_equal(champion.pd, model.predict_proba(rows)[:, 1])
    assert len(champion.pd) == run.metrics["test_n"]
    assert "no worse than champion" in failing(gate_run(trained.settings, engine, run.run_id))


def test_a_champion_whose_model_file_was_changed_is_missing_evidence(
    trained: Trained, engine: Engine, write_project: Callable[..., Path]
) -> None:
    release(trained, engine, "logistic C=0.01")
    file = next(trained.home.glob(f"artifacts/**/{trained.run_id('logistic C=0.01')}/artifacts/{c.ARTIFACT_MODEL}"))
    file.write_bytes(file.read_bytes() + b" ")
    later = {"test_until = 2025-04-30": "test_until = 2025-08-31"}
    other = train(open_project(str(write_project(PRIOR_ONLY, **later))), trained.settings, trained.book, n_jobs=1)
    evidence = read_evidence(trained.settings, engine, read_run(other.chosen_run_id), "small")
    assert evidence.champion is None
    assert "was approved" in evidence.champion_missing
    assert "no worse than champion" in failing(gate_run(trained.settings, engine, other.chosen_run_id))


def test_moving_the_alias_does_not_change_the_champion(trained: Trained, engine: Engine) -> None:
    live = release(trained, engine, "logistic C=0.01")
    assert gate_run(trained.settings, engine, trained.run_id("forest")).rules
    weak = open_client(trained.settings).create_model_version(
        "small", f"runs:/{trained.run_id('prior')}", trained.run_id("prior")
    )
    versions.set_champion("small", int(weak.version))
    assert versions.champion("small") != live
    champion = read_evidence(trained.settings, engine, read_run(trained.run_id("prior")), "small").champion
    assert champion is not None and champion.version == live
    assert "no worse than champion" in failing(gate_run(trained.settings, engine, trained.run_id("prior")))


def test_an_alias_without_any_approval_makes_no_champion(trained: Trained, engine: Engine) -> None:
    client = open_client(trained.settings)
    client.create_registered_model("small")
    client.create_model_version("small", f"runs:/{trained.run_id('forest')}", trained.run_id("forest"))
    versions.set_champion("small", 1)
    evidence = read_evidence(trained.settings, engine, read_run(trained.run_id("prior")), "small")
    assert (evidence.champion, evidence.champion_missing) == (None, "")


@pytest.mark.parametrize("run_id", ["0" * 32, "it's not an id"])
def test_a_run_that_is_not_there_is_named(trained: Trained, engine: Engine, run_id: str) -> None:
    with pytest.raises(GateError, match="cannot be judged: there is no run"):
        gate_run(trained.settings, engine, run_id)


def test_somebody_elses_run_cannot_be_judged_and_the_reason_is_told(trained: Trained, engine: Engine) -> None:
    from pipeline import log_evaluation

    run_id = log_evaluation([0, 1] * 50, np.linspace(0.1, 0.9, 100), cutoff=0.5, project="small")
    with pytest.raises(GateError, match=r"has no project\.toml"):
        gate_run(trained.settings, engine, run_id)


def test_todays_rules_judge_a_run_trained_under_older_ones(trained: Trained, engine: Engine) -> None:
    run_id = trained.run_id("forest")
    config = trained.project.config
    stricter = config.model_copy(update={"gates": config.gates.model_copy(update={"floors": {"roc_auc": 0.999}})})
    assert "floor roc_auc" not in failing(gate_run(trained.settings, engine, run_id, config))
    assert "floor roc_auc" in failing(gate_run(trained.settings, engine, run_id, stricter))


def test_a_run_of_another_project_is_refused_by_name(trained: Trained, engine: Engine) -> None:
    with pytest.raises(GateError, match="belongs to project"):
        gate_run(trained.settings, engine, trained.run_id("forest"), load_project("taiwan"))
