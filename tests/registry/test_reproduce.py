"""`reproduce` says identical only when every digit is, and names what is not."""

import numpy as np
import pandas as pd
import pytest

from pipeline import contract as c
from pipeline.data.read import DataError
from pipeline.registry.reproduce import ReproduceError, metric_differences, pd_differences, reproduce_run
from pipeline.registry.runs import read_artifact_table
from pipeline.training.tracking import open_client
from tests.conftest import Trained


@pytest.mark.parametrize("name", ["prior", "logistic C=1.0", "forest", "lightgbm"])
def test_a_run_trained_again_is_identical_to_the_last_digit(trained_once: Trained, name: str) -> None:
    result = reproduce_run(trained_once.settings, trained_once.run_id(name))
    assert result.is_identical, result.differences
    assert result.n_metrics >= len(c.METRICS) * 6
    holdout = read_artifact_table(trained_once.run_id(name), c.ARTIFACT_HOLDOUT, trained_once.settings)
    assert result.n_pds == len(holdout)


def test_a_changed_metric_is_named_with_both_values(trained: Trained) -> None:
    run_id = trained.run_id("prior")
    open_client(trained.settings).log_metric(run_id, "test_roc_auc", 0.5000000000000001)
    result = reproduce_run(trained.settings, run_id)
    assert not result.is_identical
    assert result.differences == ("test_roc_auc: 0.5000000000000001 then, 0.5 now",)


def test_a_changed_pd_is_counted(trained: Trained) -> None:
    run_id = trained.run_id("prior")
    file = next(trained.home.glob(f"artifacts/**/{run_id}/artifacts/{c.ARTIFACT_HOLDOUT}"))
    rows = pd.read_parquet(file)
    rows.loc[3, c.HOLDOUT_PD] = np.nextafter(rows.loc[3, c.HOLDOUT_PD], 1)
    rows.to_parquet(file, index=False)
    result = reproduce_run(trained.settings, run_id)
    assert len(result.differences) == 1
    assert result.differences[0].startswith(f"1 of {len(rows)} PDs differ, at most by ")


def test_an_altered_snapshot_is_named_as_the_difference(trained: Trained) -> None:
    sha256 = trained.bakeoff["data_sha256"]
    file = trained.settings.snapshots / f"{sha256}.parquet"
    frame = pd.read_parquet(file)
    frame.loc[0, "amount"] += 1
    frame.to_parquet(file, index=False)
    result = reproduce_run(trained.settings, trained.run_id("prior"))
    assert not result.is_identical
    assert sha256 in result.differences[0] and "altered after it was written" in result.differences[0]


def test_a_lost_snapshot_is_said_so(trained: Trained) -> None:
    (trained.settings.snapshots / f"{trained.bakeoff['data_sha256']}.parquet").unlink()
    with pytest.raises(DataError, match="no such snapshot"):
        reproduce_run(trained.settings, trained.run_id("prior"))


def test_another_commit_and_lock_are_mentioned_and_are_no_difference(trained: Trained) -> None:
    run_id = trained.run_id("prior")
    for tag in (c.TAG_GIT_COMMIT, c.TAG_LOCK_SHA256):
        open_client(trained.settings).set_tag(run_id, tag, "f" * 40)
    result = reproduce_run(trained.settings, run_id)
    assert result.is_identical
    assert [s.split(":")[0] for s in result.surroundings] == ["commit", "lock"]


@pytest.mark.parametrize("which", ["failed candidate", "bake-off", "nobody's"])
def test_a_run_without_a_model_cannot_be_reproduced(trained_once: Trained, which: str) -> None:
    ids = {
        "failed candidate": trained_once.run_id("broken"),
        "bake-off": trained_once.bakeoff["parent_id"],
        "nobody's": "0" * 32,
    }
    with pytest.raises(ReproduceError, match="cannot be reproduced"):
        reproduce_run(trained_once.settings, ids[which])


def test_a_metric_on_one_side_only_is_a_difference_and_a_time_never_is() -> None:
    found = metric_differences({"a": 1.0, c.FIT_SECONDS: 1.0}, {"b": 2.0, "gone": float("nan"), c.FIT_SECONDS: 9.0})
    assert found == ["a: 1.0 then, None now", "b: None then, 2.0 now"]


def test_rows_that_are_fewer_and_pds_that_are_missing_are_differences() -> None:
    before = pd.DataFrame({c.HOLDOUT_PD: [0.1, 0.2]})
    assert pd_differences(before, before) == []
    assert pd_differences(before, before.iloc[:1]) == ["2 holdout rows then, 1 now"]
    assert pd_differences(before, pd.DataFrame({c.HOLDOUT_PD: [0.1, np.nan]}))[0].startswith("1 of 2 PDs differ")
