"""A run holds what the contract promises, its completion tag comes last, and a killed job leaves none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline import contract as c
from pipeline.registry.runs import COMPLETE, FAILED, read_artifact_bytes, read_artifact_table, read_run, read_runs, read_text
from pipeline.training import tracking
from pipeline.training.external import external_holdout
from pipeline.training.persistence import model_sha256
from pipeline.training.report import report_on
from pipeline.training.tracking import RunContent, open_bakeoff, open_client
from tests.conftest import Trained, settings_of
from tests.training.conftest import artifacts

GOOD = ("prior", "logistic C=0.01", "logistic C=1.0", "forest", "lightgbm")
PROMISED_TAGS = (
    c.TAG_CONTRACT, c.TAG_COMPLETE, c.TAG_KIND, c.TAG_PROJECT, c.TAG_BAKEOFF, c.TAG_DATA_SHA256, c.TAG_TEST_SHA256,
    c.TAG_VALID_SHA256, c.TAG_GIT_COMMIT, c.TAG_GIT_DIRTY, c.TAG_LOCK_SHA256, c.TAG_PROJECT_SHA256, c.TAG_SEED,
    c.TAG_CALIBRATION, c.TAG_CUTOFF_RULE,
)  # fmt: skip
FILES = (
    c.ARTIFACT_CURVE, c.ARTIFACT_HOLDOUT, c.ARTIFACT_REFERENCE, c.ARTIFACT_SEGMENTS, c.ARTIFACT_IMPORTANCE,
    c.ARTIFACT_PROJECT, c.ARTIFACT_CHECKS, c.ARTIFACT_MODEL_CARD, c.ARTIFACT_MODEL,
)  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_candidate_holds_every_tag_metric_and_artifact_of_the_contract(trained_once: Trained, name: str) -> None:
    run = read_run(trained_once.run_id(name), trained_once.settings)
    assert run.state == COMPLETE
    for tag in (*PROMISED_TAGS, c.TAG_FAMILY, c.TAG_CANDIDATE, c.TAG_MODEL_SHA256, *c.LINEAGE_TAGS):
        assert run.tags.get(tag), tag
    assert (run.tags[c.TAG_KIND], run.tags[c.TAG_CANDIDATE]) == (c.KIND_CANDIDATE, name)
    assert run.tags[tracking.PARENT_TAG] == trained_once.bakeoff["parent_id"]
    promised = {c.metric_key(s, m, b) for s in c.SPLITS for m in c.METRICS for b in ("", "lo", "hi")}
    promised |= {c.metric_key(s, m) for s in c.SPLITS for m in (*c.COUNTS, c.COST)}
    assert promised | {c.CUTOFF, c.FIT_SECONDS, c.LATENCY_MS} == set(run.metrics)
    for split in c.SPLITS:
        for metric in c.METRICS:
            low, value, high = (run.metrics[c.metric_key(split, metric, b)] for b in ("lo", "", "hi"))
            assert low - 1e-12 <= value <= high + 1e-12, (split, metric)
    assert artifacts(trained_once.home, run.run_id) == set(FILES)


def test_the_tables_have_the_columns_of_the_contract(trained_once: Trained) -> None:
    def read(path: str) -> pd.DataFrame:
        return read_artifact_table(trained_once.run_id("lightgbm"), path, trained_once.settings)

    curve, holdout, reference = (read(p) for p in (c.ARTIFACT_CURVE, c.ARTIFACT_HOLDOUT, c.ARTIFACT_REFERENCE))
    assert tuple(curve)[: len(c.CURVE_COLUMNS)] == c.CURVE_COLUMNS
    assert set(curve) - set(c.CURVE_COLUMNS) == {f"{cell}_cash" for cell in c.CELLS}
    assert set(holdout) == {
        *c.HOLDOUT_COLUMNS, "segment.channel", "segment.region", "protected.age", "protected.sex",
    }  # fmt: skip
    assert tuple(reference) == c.REFERENCE_COLUMNS
    assert {*trained_once.project.config.feature_names, c.REFERENCE_PD} == set(reference["feature"])
    assert tuple(read(c.ARTIFACT_SEGMENTS)) == c.SEGMENT_COLUMNS
    assert set(read(c.ARTIFACT_IMPORTANCE)) == {"feature", "importance"}


def test_the_curve_and_the_logged_metrics_are_what_the_holdout_rows_say(trained_once: Trained) -> None:
    run_id = trained_once.run_id("logistic C=0.01")
    run = read_run(run_id, trained_once.settings)
    holdout = read_artifact_table(run_id, c.ARTIFACT_HOLDOUT, trained_once.settings)
    curve = read_artifact_table(run_id, c.ARTIFACT_CURVE, trained_once.settings)
    for split in c.SPLITS:
        rows, part = holdout[holdout["split"] == split], curve[curve["split"] == split]
        assert (part[list(c.CELLS)].sum(axis=1) == len(rows)).all()
        assert part["cutoff"].is_monotonic_increasing and part["cutoff"].iloc[-1] == np.inf
        at = part[part["cutoff"] >= run.metrics[c.CUTOFF]].iloc[0]
        declined = rows["pd"] >= run.metrics[c.CUTOFF]
        assert at["tp"] == (declined & (rows["y"] == 1)).sum()
        assert at["fp_amount"] == pytest.approx(rows.loc[declined & (rows["y"] == 0), "amount"].sum())
        assert run.metrics[c.metric_key(split, "recall")] == pytest.approx(at["tp"] / (rows["y"] == 1).sum())
        assert run.metrics[c.metric_key(split, "n")] == len(rows)


def test_the_model_file_is_the_one_whose_sha256_is_tagged(trained_once: Trained) -> None:
    for name in GOOD:
        run = read_run(trained_once.run_id(name), trained_once.settings)
        content = read_artifact_bytes(run.run_id, c.ARTIFACT_MODEL, trained_once.settings)
        assert model_sha256(content) == run.tags[c.TAG_MODEL_SHA256]


def test_the_parent_and_the_winner_name_each_other_and_the_project_is_logged_as_it_stands(trained_once: Trained) -> None:
    parent = read_run(trained_once.bakeoff["parent_id"], trained_once.settings)
    chosen = read_run(trained_once.bakeoff["chosen_run_id"], trained_once.settings)
    assert parent.tags[c.TAG_KIND] == c.KIND_BAKEOFF
    assert parent.tags[c.TAG_CHOSEN] == chosen.run_id
    assert chosen.tags[c.TAG_CHOSEN] == "true"
    for tag in PROMISED_TAGS:
        assert parent.tags.get(tag), tag
    for run in (parent, chosen):
        assert read_text(run.run_id, c.ARTIFACT_PROJECT, trained_once.settings) == trained_once.toml.read_text()


def test_the_failed_candidate_says_why_and_is_never_complete(trained_once: Trained) -> None:
    run = read_run(trained_once.run_id("broken"), trained_once.settings)
    assert (run.status, run.state) == ("FAILED", FAILED)
    assert "max_depth" in run.tags[c.TAG_FAILED]
    assert c.TAG_COMPLETE not in run.tags
    assert run.params["max_depth"] == "-1"


def test_the_prior_is_not_said_to_be_calibrated(trained_once: Trained) -> None:
    tags = {n: read_run(trained_once.run_id(n), trained_once.settings).tags[c.TAG_CALIBRATION] for n in ("prior", "forest")}
    assert tags == {"prior": "none", "forest": "sigmoid"}


class Recorder:
    """A real client that remembers what it was asked to write, and may be interrupted at one of the calls."""

    def __init__(self, client: Any, stop_at: tuple[str, int] = ("", 0)) -> None:
        self.client, self.stop_at = client, stop_at
        self.calls: list[tuple[str, tuple[Any, ...]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args))
            if (name, sum(n == name for n, _ in self.calls)) == self.stop_at:
                raise KeyboardInterrupt
            return getattr(self.client, name)(*args, **kwargs)

        return call


def recorded(home: Path, monkeypatch: pytest.MonkeyPatch, stop_at: tuple[str, int] = ("", 0)) -> Recorder:
    recorder = Recorder(open_client(settings_of(home)), stop_at)
    monkeypatch.setattr(tracking, "open_client", lambda _settings: recorder)
    return recorder


def write_two_candidates(home: Path) -> None:
    y = np.tile([0, 0, 0, 1], 25)
    holdout = external_holdout(y, np.linspace(0.1, 0.9, 100), (y, np.linspace(0.2, 0.8, 100)), None)
    report = report_on(holdout, 0.5, seed=1)
    texts = {c.ARTIFACT_PROJECT: "text"}
    with open_bakeoff(settings_of(home), "small", {c.TAG_PROJECT: "small"}, texts) as writer:
        runs = [writer.candidate(RunContent(f"candidate {i}", {"C": i}, {}, report, texts, b"model")) for i in (1, 2)]
        writer.choose(runs[0])


def test_the_completion_tag_is_the_last_thing_written(migrated_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = recorded(migrated_home, monkeypatch)
    write_two_candidates(migrated_home)
    complete = [i for i, (n, a) in enumerate(recorder.calls) if n == "set_tag" and a[1] == c.TAG_COMPLETE]
    content = [i for i, (n, _) in enumerate(recorder.calls) if n.startswith(("log_", "create_"))]
    choice = [i for i, (n, a) in enumerate(recorder.calls) if n == "set_tag" and a[1] == c.TAG_CHOSEN]
    assert len(complete) == 3
    assert max(content + choice) < min(complete)
    assert {n for n, _ in recorder.calls[max(complete) + 1 :]} == {"set_terminated"}
    table = read_runs("small", settings_of(migrated_home))
    assert table["is_complete"].tolist() == [True] * 3


@pytest.mark.parametrize(
    "stop_at",
    [
        ("create_run", 2),
        ("log_text", 1),
        ("log_artifacts", 1),
        ("log_artifacts", 2),
        ("log_batch", 2),
        ("set_tag", 1),
        ("set_tag", 5),
    ],
)
def test_an_interrupt_while_runs_are_written_leaves_none_that_looks_complete(
    migrated_home: Path, monkeypatch: pytest.MonkeyPatch, stop_at: tuple[str, int]
) -> None:
    recorded(migrated_home, monkeypatch, stop_at)
    with pytest.raises(KeyboardInterrupt):
        write_two_candidates(migrated_home)
    table = read_runs("small", settings_of(migrated_home))
    assert len(table) >= 1
    assert not table["is_complete"].any()
    assert set(table["status"]) == {"KILLED"}


def test_a_fault_while_runs_are_written_ends_them_as_failed(migrated_home: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_bakeoff(settings_of(migrated_home), "small", {}, {}):
        _ = 1 / 0
    assert read_runs("small", settings_of(migrated_home))["status"].tolist() == ["FAILED"]
