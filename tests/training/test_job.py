"""From a file to runs: what is refused before anything is trained, who wins, and the same digits every time."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from pipeline import contract as c
from pipeline.data.intake import CheckFailed, read_data
from pipeline.data.read import DataError
from pipeline.data.snapshot import latest_snapshot
from pipeline.project import open_project
from pipeline.registry.runs import FAILED, read_runs
from pipeline.settings import load_settings
from pipeline.training.job import Outcome, choose, rank_outcomes, train
from tests.conftest import LOGISTIC_ONLY, Trained, settings_of

MACHINE = (c.FIT_SECONDS, c.LATENCY_MS)
BROKEN = '[models.broken]\nfamily = "forest"\nfixed = { max_depth = -1 }\n'


def outcome(name: str, value: float, failed: str = "") -> Outcome:
    metrics = {} if failed else {"valid_f1": value, "valid_cost_per_1000": value}
    return Outcome(name, "logistic", name, metrics, failed)


def test_the_best_on_validation_wins_whichever_way_the_metric_points() -> None:
    outcomes = (outcome("a", 0.3), outcome("b", 0.9), outcome("c", 0.5))
    assert choose(outcomes, "f1").name == "b"
    assert choose(outcomes, c.COST).name == "a"


def test_a_metric_that_could_not_be_computed_never_wins() -> None:
    outcomes = (outcome("no precision", float("nan")), outcome("bad", 0, "ValueError"), outcome("good", 0.1))
    for metric in ("f1", c.COST):
        assert [o.name for o in rank_outcomes(outcomes, metric)] == ["good", "no precision", "bad"]


def test_the_same_data_project_and_seed_give_the_same_digits_in_another_process_with_two_jobs(
    trained_once: Trained, migrated_home: Path
) -> None:
    words = ["train", str(trained_once.toml), "--data", str(trained_once.book), "--jobs", "2", "--json"]
    done = subprocess.run([sys.executable, "-m", "pipeline", *words], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    again = json.loads(done.stdout)
    assert "Traceback" not in done.stderr and "Development 3,318 rows" in done.stderr
    for key in ("data_sha256", "test_sha256", "project"):
        assert again[key] == trained_once.bakeoff[key]
    for before, now in zip(trained_once.bakeoff["outcomes"], again["outcomes"], strict=True):
        numbers = [{k: v for k, v in o["metrics"].items() if k not in MACHINE} for o in (before, now)]
        assert numbers[0] == numbers[1], now["name"]
    assert [o["run_id"] for o in again["outcomes"]] != [o["run_id"] for o in trained_once.bakeoff["outcomes"]]


def test_when_every_candidate_fails_the_reasons_are_told_and_nothing_is_complete(
    migrated_home: Path, trained_once: Trained, write_project: Callable[..., Path]
) -> None:
    project = open_project(str(write_project(BROKEN)))
    with pytest.raises(DataError, match=r"every candidate failed; broken: .*max_depth"):
        train(project, load_settings(), trained_once.book, n_jobs=1)
    table = read_runs("small")
    assert set(table["state"]) == {FAILED}
    assert len(table) == 2, "the bake-off and its candidate are on record"


def test_an_interrupt_while_fitting_leaves_no_run_at_all(migrated_home: Path, trained_once: Trained) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(trained_once.project, load_settings(), trained_once.book, n_jobs=2, progress=stop)
    assert read_runs("small").empty


def test_data_that_fail_the_check_are_not_kept_and_not_trained_on(
    migrated_home: Path, trained_once: Trained, tmp_path: Path
) -> None:
    book = pd.read_parquet(trained_once.book).rename(columns={"income": "yearly_income"})
    book.to_parquet(tmp_path / "bad.parquet")
    with pytest.raises(CheckFailed) as caught:
        train(trained_once.project, load_settings(), tmp_path / "bad.parquet")
    assert "income" in set(caught.value.report.failures["column"])
    assert latest_snapshot(load_settings().snapshots, "small") is None
    assert read_runs("small").empty


def test_a_copy_of_the_target_as_a_feature_fails_the_check_by_name(
    migrated_home: Path, trained_once: Trained, write_project: Callable[..., Path], tmp_path: Path
) -> None:
    book = pd.read_parquet(trained_once.book)
    book.assign(settled=1 - book["default"]).to_parquet(tmp_path / "leak.parquet")
    feature = (
        '[[features]]\nname = "settled"\nkind = "number"\nlabel = "Settled"\nrange = [0, 1]\n\n[[ratios]]\nname = "loan_to'
    )
    path = write_project(LOGISTIC_ONLY, **{'[[ratios]]\nname = "loan_to': feature})
    with pytest.raises(CheckFailed) as caught:
        train(open_project(str(path)), load_settings(), tmp_path / "leak.parquet")
    failures = caught.value.report.failures
    found = failures[failures["rule"] == "suspected_leak"]
    assert found["column"].tolist() == ["settled"]
    assert set(found["severity"]) == {"blocking"}


def test_a_project_that_ships_no_data_asks_for_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="name the file with --data"):
        read_data(open_project("loan_data"), None)


def test_a_server_that_is_down_stops_the_job_before_it_fits(
    home: Path, trained_once: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.training.tracking import TrackingError

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    fitted: list[str] = []
    with pytest.raises(TrackingError, match="did not answer"):
        train(trained_once.project, load_settings(), trained_once.book, progress=lambda label, *_: fitted.append(label))
    assert fitted == []


def test_training_again_on_the_same_file_reuses_its_snapshot(trained: Trained, write_project: Callable[..., Path]) -> None:
    before = sorted(trained.settings.snapshots.glob("*.parquet"))
    done = train(open_project(str(write_project(LOGISTIC_ONLY))), settings_of(trained.home), trained.book, n_jobs=1)
    assert done.data_sha256 == trained.bakeoff["data_sha256"]
    assert sorted(trained.settings.snapshots.glob("*.parquet")) == before
    assert done.chosen_by == c.COST
