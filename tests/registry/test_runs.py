"""The reader of runs: what it shows, what it refuses to believe, and how long it may take."""

import http.server
import json
import math
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from pipeline import contract as c
from pipeline.registry import runs, tracking_store
from pipeline.registry.foreign import match_metric, match_metrics
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.settings import Settings
from tests.dashboard.made_store import NASTY, PROJECT, Store, client_of, experiment, make_store, uri_of


def settings_of(home: Path, uri: str = "") -> Settings:
    return Settings(home=home, tracking_uri=uri or uri_of(home), database_url="sqlite://")


@pytest.fixture(scope="module")
def store(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    home = tmp_path_factory.mktemp("filled")
    shutil.copy(migrated, home / "mlflow.db")
    return make_store(home)


@pytest.fixture
def address() -> Iterator[str]:
    """A server that is well by /health and then never answers anything else."""
    release = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/health":
                release.wait(30)
                return
            self.send_response(200)
            self.end_headers()

        do_POST = do_GET  # noqa: N815  # the name http.server asks for

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    release.set()
    server.shutdown()
    server.server_close()


def test_each_run_stands_in_exactly_one_state(store: Store) -> None:
    table = runs.read_runs(PROJECT, settings_of(store.home)).set_index("run_id")
    assert tuple(table.reset_index().columns) == runs.RUN_COLUMNS
    assert table.loc[[store.best, store.close], "is_complete"].all()
    states = {name: table.loc[getattr(store, name), "state"] for name in ("failed", "running", "foreign")}
    assert states == {"failed": runs.FAILED, "running": runs.RUNNING, "foreign": runs.FOREIGN}
    assert table["is_complete"].sum() == 3, "the bake-off and its two candidates"
    assert table.loc[store.failed, "failed"] == "ValueError: max_depth must be 1 or more, not -1"


def test_newest_runs_come_first_and_times_are_utc(store: Store) -> None:
    table = runs.read_runs(PROJECT, settings_of(store.home))
    assert table["start"].is_monotonic_decreasing
    assert str(table["start"].dt.tz) == "UTC"


@pytest.mark.parametrize(
    ("status", "tags", "state"),
    [
        ("FINISHED", {c.TAG_CONTRACT: "1", c.TAG_COMPLETE: "true"}, runs.COMPLETE),
        ("FINISHED", {c.TAG_CONTRACT: "1"}, runs.INCOMPLETE),
        ("RUNNING", {c.TAG_CONTRACT: "1", c.TAG_COMPLETE: "true"}, runs.RUNNING),
        ("KILLED", {c.TAG_CONTRACT: "1"}, runs.FAILED),
        ("FINISHED", {c.TAG_CONTRACT: "1", c.TAG_COMPLETE: "true", c.TAG_FAILED: "why"}, runs.FAILED),
        ("FINISHED", {c.TAG_CONTRACT: "2", c.TAG_COMPLETE: "true"}, runs.OTHER_CONTRACT),
        ("FINISHED", {"author": "x"}, runs.FOREIGN),
    ],
)
def test_only_a_finished_tagged_run_of_this_contract_is_complete(status: str, tags: dict[str, str], state: str) -> None:
    assert runs.run_state(status, tags) == state


def test_every_page_of_results_is_read(migrated_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client = client_of(migrated_home)
    eid = experiment(client, migrated_home)
    for i in range(7):
        client.create_run(eid, run_name=f"r{i}")
    monkeypatch.setattr(runs, "PAGE_SIZE", 3)
    table = runs.read_runs(PROJECT, settings_of(migrated_home))
    assert len(table) == 7
    assert table.attrs["is_whole"]


def test_a_cutoff_that_declines_nobody_is_infinite_again(migrated_home: Path) -> None:
    client = client_of(migrated_home)
    tags = {c.TAG_CONTRACT: c.VERSION, c.TAG_KIND: c.KIND_CANDIDATE, c.TAG_COMPLETE: "true"}
    run = client.create_run(experiment(client, migrated_home), tags=tags)
    client.set_terminated(run.info.run_id, "FINISHED")
    assert runs.read_runs(PROJECT, settings_of(migrated_home))[c.CUTOFF].tolist() == [math.inf]


def test_a_foreign_run_shows_what_it_has_and_nothing_it_has_not(store: Store) -> None:
    row = runs.read_runs(PROJECT, settings_of(store.home)).set_index("run_id").loc[store.foreign]
    assert (row["test_f1"], row["recall"]) == (0.51, 0.6)
    assert np.isnan(row["test_roc_auc"]) and np.isnan(row["roc_auc"])
    assert row["name"] == NASTY


@pytest.mark.parametrize(
    ("key", "column"),
    [
        ("f1", "f1"), ("f1_score", "f1"), ("test_f1", "test_f1"), ("eval/f1", "f1"), ("f1_score_test", "test_f1"),
        ("val/auc", "valid_roc_auc"), ("validation.recall", "valid_recall"), ("testAUC", "test_roc_auc"),
        ("training_f1_score", None), ("train_auc", None), ("loss", None), ("test", None), ("", None),
    ],
)  # fmt: skip
def test_foreign_metric_names_meet_ours_and_training_metrics_never_do(key: str, column: str | None) -> None:
    assert match_metric(key) == column


def test_every_metric_of_the_contract_is_found_under_its_own_name() -> None:
    assert match_metrics(dict.fromkeys(c.METRICS, 0.5)) == dict.fromkeys(c.METRICS, 0.5)


def test_artifacts_come_back_as_they_were_logged(store: Store) -> None:
    where = settings_of(store.home)
    curve = runs.read_artifact_table(store.best, c.ARTIFACT_CURVE, where)
    assert tuple(curve.columns) == c.CURVE_COLUMNS
    assert curve.groupby("split")["cutoff"].max().tolist() == [math.inf, math.inf]
    assert "lightgbm" in runs.read_text(store.best, c.ARTIFACT_MODEL_CARD, where)


def test_an_absent_or_broken_artifact_is_named(store: Store) -> None:
    where = settings_of(store.home)
    with pytest.raises(runs.ArtifactMissing, match=r"has no gates\.json"):
        runs.read_text(store.best, c.ARTIFACT_GATES, where)
    with pytest.raises(runs.ArtifactMissing, match="cannot be read"):
        runs.read_artifact_table(store.best, c.ARTIFACT_MODEL_CARD, where)


def test_one_run_in_full_and_an_unknown_one_by_name(store: Store) -> None:
    where = settings_of(store.home)
    detail = runs.read_run(store.best, where)
    assert (detail.state, detail.params["learning_rate"]) == (runs.COMPLETE, "0.05")
    assert json.loads(runs.read_runs(PROJECT, where).set_index("run_id").loc[store.best, "params"]) == dict(detail.params)
    with pytest.raises(LookupError, match="no run '0123'"):
        runs.read_run("0123", where)


def test_experiments_are_listed_without_an_empty_default(store: Store, migrated_home: Path) -> None:
    assert [e.name for e in runs.list_experiments(settings_of(store.home))] == [PROJECT]
    assert runs.list_experiments(settings_of(migrated_home)) == ()


def test_looking_at_a_store_that_is_not_there_creates_nothing(tmp_path: Path) -> None:
    where = settings_of(tmp_path)
    assert runs.list_experiments(where) == ()
    assert runs.read_runs(PROJECT, where).empty
    (tmp_path / "mlflow.db").touch()
    assert runs.read_runs(PROJECT, where).empty
    assert (tmp_path / "mlflow.db").stat().st_size == 0, "a file another process is about to fill is left alone"


def test_a_file_that_is_no_database_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("these are not the bytes of a database" * 100)
    with pytest.raises(TrackingUnavailable, match="not a readable SQLite database"):
        runs.list_experiments(settings_of(tmp_path))


def test_a_closed_port_is_refused_at_once_without_credentials(tmp_path: Path) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        uri = f"http://user:secret@127.0.0.1:{probe.getsockname()[1]}/prefix?token=t"
    start = time.monotonic()
    with pytest.raises(TrackingUnavailable) as caught:
        runs.read_runs(PROJECT, settings_of(tmp_path, uri))
    assert time.monotonic() - start < 8
    said = str(caught.value)
    assert "127.0.0.1" in said and "MLFLOW_TRACKING_URI" in said
    assert "secret" not in said and "token" not in said


def test_a_server_that_hangs_behind_its_health_page_is_given_up_in_time(
    tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking_store, "DEADLINE_SECONDS", 1.0)
    start = time.monotonic()
    with pytest.raises(TrackingUnavailable, match="did not answer within 1 s"):
        runs.read_runs(PROJECT, settings_of(tmp_path, address))
    assert time.monotonic() - start < 8


@pytest.mark.parametrize("uri", ["http://", "http://host:notaport", "./mlruns", "postgresql+nothing://u:secret@h/db"])
def test_an_address_nobody_can_use_is_refused_in_a_sentence(tmp_path: Path, uri: str) -> None:
    with pytest.raises(TrackingUnavailable, match="cannot be read") as caught:
        runs.read_runs(PROJECT, settings_of(tmp_path, uri))
    assert "secret" not in str(caught.value)
