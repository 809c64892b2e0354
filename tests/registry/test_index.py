"""The run index holds all runs, and the truth soon after it changed."""

import json
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline import contract as c
from pipeline.registry import index_sync, runs
from pipeline.registry.index import Index
from tests.bench.index import PROJECT, settings_at
from tests.dashboard.made_store import client_of, experiment
from tests.registry.made_index import (
    MANY,
    NASTY,
    SOME,
    assert_same_as_mlflow,
    copied,
    eventually,
    finished,
    names,
)

pytest_plugins = ["tests.registry.index_stores"]


# --- what it holds ----------------------------------------------------------------------------------------------------


def test_the_index_says_what_mlflow_says_in_the_same_columns_and_order(index: Index, home: Path, client: Any, eid: str) -> None:
    ours = {c.TAG_CONTRACT: c.VERSION, c.TAG_COMPLETE: "true", c.TAG_KIND: c.KIND_CANDIDATE, c.TAG_FAMILY: "lightgbm"}
    tied = [finished(client, eid, f"tied {i}", ours, start_time=1_700_000_000_000) for i in range(3)]
    client.create_run(eid, run_name="running", tags=ours)
    foreign = client.create_run(eid, run_name="foreign").info.run_id
    client.log_metric(foreign, "f1_score_test", 0.5)
    client.log_metric(foreign, "loss", float("nan"))
    client.log_metric(tied[0], c.metric_key(c.TEST, "f1"), float("inf"))
    client.log_param(foreign, "depth", "3")
    index.sync(PROJECT)
    assert_same_as_mlflow(index, home)
    assert_same_as_mlflow(Index(settings_at(home)), home)


def test_more_runs_than_one_page_are_all_counted_and_experiments_kept_apart(many: Path, tmp_path: Path) -> None:
    index = Index(settings_at(copied(many, tmp_path)))
    index.sync("many")
    assert index.runs(PROJECT).n_known == 0
    index.sync(PROJECT)
    frame = index.runs("many").frame
    assert len(frame) == frame["run_id"].nunique() == index.runs("many").n_known == MANY
    assert frame["start"].is_monotonic_decreasing and frame.attrs["is_whole"]
    assert index.runs(PROJECT).n_known == SOME


def test_runs_that_share_one_start_time_are_all_counted(
    index: Index, home: Path, client: Any, eid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_sync, "SMALLEST_PAGE", 2)
    monkeypatch.setattr(index_sync, "LARGEST_PAGE", 2)
    for i in range(7):
        client.create_run(eid, run_name=f"r{i}", start_time=1_700_000_000_000 + (i > 5))
    Index(settings_at(home)).sync(PROJECT)
    assert len(names(index)) == 7
    assert_same_as_mlflow(index, home)


def test_a_first_sync_tells_how_far_it_is(many: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, float]] = []
    Index(settings_at(copied(many, tmp_path))).sync(PROJECT, progress=lambda n, share: steps.append((n, share)))
    counts, shares = zip(*steps, strict=True)
    assert len(steps) > 2
    assert list(counts) == sorted(counts) and counts[-1] == SOME
    assert list(shares) == sorted(shares) and shares[-1] == 1.0
    assert abs(counts[1] / SOME - shares[1]) < 0.1, "runs were made evenly in time, so both shares agree"


def test_names_and_long_tags_are_kept_as_the_text_they_are(index: Index, client: Any, eid: str) -> None:
    run_id = finished(client, eid, NASTY, {c.TAG_FAMILY: NASTY, "note": "=cmd|' /C calc'!A0 " + "é" * 5_000, "lone": "\x00"})
    index.sync(PROJECT)
    found = index.runs(PROJECT)
    assert found.frame["name"].tolist() == found.frame["family"].tolist() == [NASTY]
    assert len(json.loads(found.details["tags"][0])["note"]) == 5_019
    detail = index.run(run_id)
    assert detail is not None and detail.tags["note"].endswith("é") and detail.name == NASTY
    assert index.run("no such run") is None


def test_details_stand_in_the_order_of_the_frame_with_every_name(index: Index, client: Any, eid: str) -> None:
    first = finished(client, eid, "first")
    client.log_metric(first, "anything/at all", 0.25)
    client.create_run(eid, run_name="second")
    index.sync(PROJECT)
    found = index.runs(PROJECT)
    assert found.details["run_id"].tolist() == found.frame["run_id"].tolist()
    details = found.details.set_index("run_id")
    assert json.loads(details.loc[first, "metrics"]) == {"anything/at all": 0.25}
    assert details["end"].isna().sum() == 1 and str(details["end"].dt.tz) == "UTC"


def test_a_caller_who_changes_the_frame_changes_only_a_copy(index: Index, client: Any, eid: str) -> None:
    finished(client, eid, "kept")
    index.sync(PROJECT)
    frame = index.runs(PROJECT).frame
    frame["name"] = "spoilt"
    frame.attrs["is_whole"] = False
    assert index.runs(PROJECT).frame.attrs["is_whole"]
    assert names(index) == ["kept"]


# --- what changes -----------------------------------------------------------------------------------------------------


def test_a_new_run_appears_with_the_next_sync(index: Index, client: Any, eid: str) -> None:
    finished(client, eid, "old")
    index.sync(PROJECT)
    finished(client, eid, "new")
    assert names(index) == ["old"]
    assert index.sync(PROJECT).n_changed >= 1
    assert names(index) == ["new", "old"]


def test_a_running_run_is_read_again_until_it_is_finished(index: Index, home: Path, client: Any, eid: str) -> None:
    run_id = client.create_run(eid, run_name="running", start_time=1_700_000_000_000).info.run_id
    finished(client, eid, "newer")
    index.sync(PROJECT)
    client.log_metric(run_id, c.metric_key(c.VALID, "f1"), 0.4)
    index.sync(PROJECT)
    assert index.runs(PROJECT).frame.set_index("run_id").loc[run_id, "valid_f1"] == 0.4
    client.set_terminated(run_id)
    index.sync(PROJECT)
    assert set(index.runs(PROJECT).frame["status"]) == {"FINISHED"}
    assert index.sync(PROJECT).n_changed == 0
    assert_same_as_mlflow(index, home)


def test_a_sync_that_finds_nothing_new_asks_only_for_the_newest(many: Path, tmp_path: Path) -> None:
    index = Index(settings_at(copied(many, tmp_path)))
    whole, nothing = index.sync(PROJECT), index.sync(PROJECT)
    assert (whole.n_changed, nothing.n_changed) == (SOME, 0)
    assert nothing.seconds < whole.seconds / 3


def test_a_changed_tag_metric_and_name_are_seen_after_a_refresh(index: Index, home: Path, client: Any, eid: str) -> None:
    run_id = finished(client, eid, "before", {c.TAG_FAMILY: "forest"}, start_time=1_700_000_000_000)
    finished(client, eid, "newer")
    index.sync(PROJECT)
    client.set_tag(run_id, c.TAG_FAMILY, "lightgbm")
    client.update_run(run_id, name="after")
    client.log_metric(run_id, "f1", 0.5)
    assert index.refresh(PROJECT).is_whole
    row = index.runs(PROJECT).frame.set_index("run_id").loc[run_id]
    assert (row["family"], row["name"]) == ("lightgbm", "after")
    client.delete_tag(run_id, c.TAG_FAMILY)
    index.refresh(PROJECT)
    assert_same_as_mlflow(index, home)


def test_a_deleted_run_leaves_and_a_restored_one_returns(index: Index, home: Path, client: Any, eid: str) -> None:
    old = finished(client, eid, "old", start_time=1_700_000_000_000)
    finished(client, eid, "new")
    index.sync(PROJECT)
    client.delete_run(old)
    report = index.refresh(PROJECT)
    assert (report.n_gone, names(index), index.run(old)) == (1, ["new"], None)
    client.restore_run(old)
    index.refresh(PROJECT)
    assert names(index) == ["new", "old"]
    assert_same_as_mlflow(index, home)


def test_a_deleted_running_run_leaves_with_the_next_sync(index: Index, client: Any, eid: str) -> None:
    run_id = client.create_run(eid, run_name="killed", start_time=1_700_000_000_000).info.run_id
    finished(client, eid, "kept")
    index.sync(PROJECT)
    client.delete_run(run_id)
    assert index.sync(PROJECT).n_gone == 1
    assert names(index) == ["kept"]


def test_a_run_dated_back_is_found_by_a_reconciliation_and_one_dated_ahead_hides_nothing(
    index: Index, client: Any, eid: str
) -> None:
    finished(client, eid, "from the future", start_time=int((time.time() + 3e8) * 1000))
    index.sync(PROJECT)
    finished(client, eid, "now")
    index.sync(PROJECT)
    assert names(index) == ["from the future", "now"]
    finished(client, eid, "imported", start_time=1_400_000_000_000)
    index.reconcile(PROJECT)
    assert names(index) == ["from the future", "imported", "now"]


def test_a_reconciliation_stops_within_its_budget_and_goes_on_where_it_stopped(
    index: Index, home: Path, client: Any, eid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_sync, "SMALLEST_PAGE", 2)
    monkeypatch.setattr(index_sync, "LARGEST_PAGE", 2)
    run_ids = [finished(client, eid, f"r{i}", start_time=1_700_000_000_000 + i) for i in range(6)]
    index = Index(settings_at(home))
    index.sync(PROJECT)
    client.set_tag(run_ids[0], c.TAG_FAMILY, "oldest")
    client.delete_run(run_ids[1])
    steps = 0
    while not Index(settings_at(home)).reconcile(PROJECT, budget_s=0, restart=False).is_whole:
        steps += 1
    assert 2 <= steps <= 6
    assert_same_as_mlflow(index, home)


def test_an_experiment_made_anew_under_the_same_id_keeps_nothing_of_the_old(home: Path, migrated: Path) -> None:
    client = client_of(home)
    finished(client, experiment(client, home, PROJECT), "of the old store")
    index = Index(settings_at(home))
    index.sync(PROJECT)
    with closing(sqlite3.connect(home / "mlflow.db")) as db:
        db.executescript("UPDATE experiments SET creation_time = creation_time + 5; UPDATE runs SET name = 'of the new store'")
    index.sync(PROJECT)
    assert names(index) == ["of the new store"]


def test_a_project_without_experiment_and_a_deleted_one_have_no_runs(index: Index, home: Path, client: Any) -> None:
    index.sync(PROJECT)
    nothing = index.runs(PROJECT)
    assert (nothing.n_known, nothing.is_whole, nothing.reason) == (0, True, "")
    assert tuple(nothing.frame.columns) == runs.RUN_COLUMNS
    eid = experiment(client, home, PROJECT)
    finished(client, eid, "run")
    index.sync(PROJECT)
    assert names(index) == ["run"]
    client.delete_experiment(eid)
    index.sync(PROJECT)
    assert names(index) == []
    client.restore_experiment(eid)
    index.refresh(PROJECT)
    assert names(index) == ["run"]


def test_a_store_that_is_not_there_yet_has_no_runs_and_is_not_made(tmp_path: Path) -> None:
    index = Index(settings_at(tmp_path))
    before = index.runs(PROJECT)
    assert (before.n_known, before.as_of, before.is_syncing) == (0, None, True)
    assert index.sync(PROJECT).is_answered
    assert index.runs(PROJECT).is_whole
    assert not (tmp_path / "mlflow.db").exists()


def watchers() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "riskdeck-index"}


def test_the_background_brings_what_is_new_without_being_asked(index: Index, client: Any, eid: str) -> None:
    run_id, others = finished(client, eid, "first"), watchers()  # pages tested in this process may have left theirs
    index.start_background(interval_s=0.2)
    index.start_background(interval_s=0.2)
    try:
        assert eventually(lambda: names(index) == ["first"])
        finished(client, eid, "second")
        assert eventually(lambda: names(index) == ["first", "second"])
        client.set_tag(run_id, c.TAG_FAMILY, "changed")
        assert eventually(lambda: "changed" in set(index.runs(PROJECT).frame["family"]))
        client.delete_run(run_id)
        assert eventually(lambda: names(index) == ["second"])
        assert len(watchers() - others) == 1
    finally:
        index.stop_background()
    assert not watchers() - others
