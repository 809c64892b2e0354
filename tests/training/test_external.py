"""Other people's runs get our metrics, curve and scored rows; what cannot be evaluated is refused."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import pipeline
from pipeline import contract as c
from pipeline.registry.runs import COMPLETE, read_artifact_table, read_run, read_runs
from pipeline.training.external import log_evaluation
from pipeline.training.tracking import TrackingError, open_client
from tests.conftest import Trained, settings_of
from tests.training.conftest import artifacts


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(8)
    y = (rng.random(400) < 0.2).astype(int)
    return y, np.round(np.clip(0.2 + 0.2 * y + rng.normal(0, 0.1, 400), 0, 1), 3)


def test_a_new_and_an_existing_run_get_the_same_evaluation(migrated_home: Path, scored: Any) -> None:
    y, pd_ = scored
    new = pipeline.log_evaluation(y, pd_, cutoff=0.3, project="cards")
    client = open_client(settings_of(migrated_home))
    existing = client.create_run(client.get_experiment_by_name("cards").experiment_id, run_name="theirs").info.run_id
    client.log_param(existing, "depth", 3)
    assert log_evaluation(y, pd_, cutoff=0.3, run_id=existing) == existing
    client.set_terminated(existing)
    a, b = (read_run(r) for r in (new, existing))
    assert a.metrics == b.metrics
    assert {t: v for t, v in a.tags.items() if t.startswith(c.PREFIX)} == {
        t: v for t, v in b.tags.items() if t.startswith(c.PREFIX)
    }
    assert (a.state, b.state, b.params) == (COMPLETE, COMPLETE, {"depth": "3"})
    paths = artifacts(migrated_home, new)
    assert paths == artifacts(migrated_home, existing) == {c.ARTIFACT_CURVE, c.ARTIFACT_HOLDOUT, c.ARTIFACT_SEGMENTS}
    for path in paths:
        pd.testing.assert_frame_equal(read_artifact_table(new, path), read_artifact_table(existing, path))


def test_an_outside_run_keeps_the_details_and_validation_it_was_given(migrated_home: Path, scored: Any) -> None:
    y, pd_ = scored
    details = pd.DataFrame({"id": [f"c{i}" for i in range(400)], "amount": 100.0, "segment.shop": np.arange(400) % 2})
    run_id = log_evaluation(y, pd_, cutoff=0.3, valid=(y[:200], pd_[:200]), details=details, project="cards", name="mine")
    rows = read_artifact_table(run_id, c.ARTIFACT_HOLDOUT)
    assert rows["split"].value_counts().to_dict() == {c.TEST: 400, c.VALID: 200}
    test = rows[rows["split"] == c.TEST]
    assert test["id"].tolist()[:2] == ["c0", "c1"]
    assert set(test["segment.shop"]) == {"0", "1"}
    metrics = read_run(run_id).metrics
    assert metrics[c.CUTOFF] == 0.3
    assert metrics["test_accuracy"] == pytest.approx(((pd_ >= 0.3) == y).mean())
    assert {"valid_f1", "valid_f1_lo", "test_ece_floor"} <= set(metrics)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"pd_": np.zeros(3)}, r"y has shape \(400,\) and pd \(3,\)"),
        ({"pd_": np.full(400, 1.5)}, "pd"),
        ({"pd_": np.full(400, np.nan)}, "pd"),
        ({"y": np.full(400, 0.5)}, r"y holds \[0.5\]; it must be 0 or 1"),
        ({"y": np.full(400, 2)}, r"y holds \[2\]"),
        ({"y": np.full(400, np.nan)}, r"y holds \[nan\]"),
        ({"y": np.array(["bad"] * 400)}, "y holds"),
        ({"details": pd.DataFrame({"id": [1]})}, "details has 1 rows; it must have the 400 test rows"),
        ({"valid": (np.zeros(2), np.zeros(3))}, "valid: y has shape"),
        ({"project": None}, "give either project"),
        ({"run_id": "abc"}, "give either project"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_and_leaves_no_run(
    migrated_home: Path, scored: Any, change: dict[str, Any], sentence: str
) -> None:
    given: dict[str, Any] = {"y": scored[0], "pd_": scored[1], "cutoff": 0.3, "project": "cards", **change}
    with pytest.raises(ValueError, match=sentence):
        log_evaluation(**given)
    assert read_runs("cards").empty


def test_a_run_of_a_bakeoff_keeps_its_own_evaluation(trained: Trained, scored: Any) -> None:
    run_id = trained.run_id("forest")
    with pytest.raises(ValueError, match="belongs to a bake-off"):
        log_evaluation(*scored, cutoff=0.3, run_id=run_id)
    assert read_run(run_id).tags[c.TAG_FAMILY] == "forest"


def test_a_run_that_is_not_there_is_named(migrated_home: Path, scored: Any) -> None:
    with pytest.raises(TrackingError, match="00000"):
        log_evaluation(*scored, cutoff=0.3, run_id="0" * 32)


def test_a_server_that_is_down_is_named_without_its_password(
    home: Path, migrated: Path, scored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://user:hunter2@127.0.0.1:1")
    with pytest.raises(TrackingError, match="MLFLOW_TRACKING_URI") as caught:
        log_evaluation(*scored, cutoff=0.3, project="cards")
    assert "hunter2" not in str(caught.value)
    shutil.rmtree(home)
