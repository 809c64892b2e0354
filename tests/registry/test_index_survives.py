"""The run index outlives restarts, kills, damage and silent servers, and keeps nobody waiting."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pipeline.registry.index import Index, store_key
from pipeline.registry.index_file import IndexUnavailable
from pipeline.registry.index_store import Entry, IndexStore
from pipeline.settings import Settings
from tests.bench.index import PROJECT, settings_at
from tests.registry.made_index import (
    SOME,
    assert_same_as_mlflow,
    copied,
    database,
    eventually,
    finished,
    index_files,
    names,
)

pytest_plugins = ["tests.registry.index_stores"]


ROOT = Path(__file__).resolve().parents[2]
SYNC = """
import sys
from pathlib import Path
from pipeline.registry.index import Index
from tests.bench.index import PROJECT, settings_at
report = Index(settings_at(Path(sys.argv[1]))).sync(PROJECT, progress=lambda n, share: print(n, share, flush=True))
assert report.is_answered, report
"""


# --- restarts, processes, damage --------------------------------------------------------------------------------------


def test_a_restart_shows_at_once_what_was_known_and_when(index: Index, home: Path, client: Any, eid: str) -> None:
    finished(client, eid, "kept")
    index.sync(PROJECT)
    shutil.move(home / "mlflow.db", home / "elsewhere.db")
    again = Index(settings_at(home)).runs(PROJECT)
    assert again.frame["name"].tolist() == ["kept"]
    assert again.as_of is not None and again.checked_at is not None
    assert timedelta(0) < datetime.now(UTC) - again.as_of < timedelta(minutes=1)


def start_sync(home: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", SYNC, str(home)],
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_two_processes_that_sync_at_once_end_with_one_whole_index(many: Path, whole: pd.DataFrame, tmp_path: Path) -> None:
    home = copied(many, tmp_path)
    for process in [start_sync(home), start_sync(home)]:
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
    assert_frame_equal(Index(settings_at(home)).runs(PROJECT).frame, whole)


def test_a_sync_killed_in_the_middle_is_made_whole_by_the_next(many: Path, whole: pd.DataFrame, tmp_path: Path) -> None:
    home = copied(many, tmp_path)
    process = start_sync(home)
    assert process.stdout is not None and process.stderr is not None
    for line in process.stdout:
        if int(line.split()[0]) > 300:
            break
    process.kill()
    process.communicate(timeout=60)
    index = Index(settings_at(home))
    part = index.runs(PROJECT)
    assert 300 < part.n_known < SOME
    assert part.is_syncing and not part.is_whole and not part.frame.attrs["is_whole"]
    assert index.sync(PROJECT).n_changed == SOME - part.n_known, "what was read is not read again"
    assert_frame_equal(index.runs(PROJECT).frame, whole)


def test_a_slow_reader_never_overwrites_or_drops_what_a_later_one_saw(tmp_path: Path) -> None:
    store = IndexStore(tmp_path, "key")
    store.assign(PROJECT, "1", 0)
    now = time.time_ns()
    for read_at, body in ((now, '"late"'), (now - 1, '"early"')):
        store.save("1", [Entry("r", 1, "FINISHED", body)], read_at)
    assert store.drop("1", ["r"], now - 1) == 0
    assert store.body("r") == '"late"'
    assert store.drop("1", ["r"], now) == 1
    far_ahead = now + 10**9 * 3600
    store.save("1", [Entry("r", 1, "FINISHED", '"under a wrong clock"')], far_ahead)
    store.save("1", [Entry("r", 1, "FINISHED", '"under the right one"')], time.time_ns())
    assert store.body("r") == '"under the right one"'


def test_threads_that_ask_at_once_all_get_the_whole(index: Index, home: Path, client: Any, eid: str) -> None:
    for i in range(5):
        finished(client, eid, f"r{i}")
    counts: list[int] = []

    def work() -> None:
        index.sync(PROJECT)
        counts.append(index.runs(PROJECT).n_known)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [5] * 8


def garbage(file: Path) -> None:
    file.write_bytes(b"these are not the bytes of a database" * 1000)


def torn(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def zeroed(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[:4096] + bytes(len(content) - 4096))


def older(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.executescript("DROP TABLE runs; CREATE TABLE runs (id TEXT); PRAGMA user_version = 0;")


def without_a_table(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.executescript("DROP TABLE bodies;")


def false_bodies(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db:
        db.executescript("UPDATE bodies SET body = replace(body, 'f1', 'f2');")


@pytest.mark.parametrize("damage", [garbage, torn, zeroed, older, without_a_table, false_bodies])
def test_a_broken_index_is_rebuilt_and_nobody_is_troubled(index: Index, home: Path, client: Any, eid: str, damage: Any) -> None:
    for i in range(3):
        client.log_metric(finished(client, eid, f"r{i}"), "test_f1", 0.5)
    index.sync(PROJECT)
    with closing(sqlite3.connect(database(home))) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for file in index_files(home):
        if file.name.endswith((".arrow", "-wal", "-shm")):
            file.unlink()
    damage(database(home))
    again = Index(settings_at(home))
    assert again.runs(PROJECT).reason == ""
    assert again.sync(PROJECT).is_answered
    assert_same_as_mlflow(again, home)
    index.sync(PROJECT)
    assert_same_as_mlflow(index, home)


@pytest.mark.parametrize("damage", [garbage, torn, Path.unlink])
def test_a_broken_copy_of_the_table_is_left_aside(index: Index, home: Path, client: Any, eid: str, damage: Any) -> None:
    finished(client, eid, "kept")
    index.sync(PROJECT)
    damage(next(file for file in index_files(home) if file.suffix == ".arrow"))
    assert names(Index(settings_at(home))) == ["kept"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file where the folder belongs")
    with pytest.raises(IndexUnavailable, match="RISKDECK_HOME is writable"):
        Index(settings_at(tmp_path)).runs(PROJECT)


def test_the_index_is_kept_by_store_and_user_and_never_by_password() -> None:
    place = "https://pm:{}@tracking.example:5000/prefix"
    assert store_key(place.format("one")) == store_key(place.format("two"))
    others = [place.replace("pm", "analyst"), place.replace("5000", "5001"), "sqlite:////a/mlflow.db", "sqlite:////b/mlflow.db"]
    assert len({store_key(uri) for uri in (place, *others)}) == 5


# --- a tracking server that is down or hangs --------------------------------------------------------------------------


@pytest.fixture
def server(home: Path, client: Any, eid: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A real tracking server on the store; it runs in a group of its own, so that its workers stop with it."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{home / 'mlflow.db'}"]
    command += ["--default-artifact-root", (home / "artifacts").as_uri(), "--host", "127.0.0.1", "--port", str(port)]
    with (home / "server.log").open("wb") as log:
        process = subprocess.Popen([*command, "--workers", "1"], stdout=log, stderr=log, start_new_session=True, cwd=home)
    uri = f"http://127.0.0.1:{port}"
    assert eventually(lambda: answers(uri) or process.poll() is not None, 90), (home / "server.log").read_text()[-2000:]
    yield process, uri
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def answers(uri: str) -> bool:
    try:
        with closing(urllib.request.urlopen(f"{uri}/health", timeout=1)):
            return True
    except OSError:
        return False


def test_a_server_that_hangs_or_is_down_leaves_the_last_known_runs_within_8_seconds(
    server: tuple[subprocess.Popen[bytes], str], home: Path, client: Any, eid: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process, uri = server
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
    index = Index(Settings(home=home, tracking_uri=uri, database_url="sqlite://"))
    for i in range(3):
        finished(client, eid, f"r{i}")
    assert eventually(lambda: index.sync(PROJECT).is_answered, 60), "its first answer is its slowest"
    fresh = index.runs(PROJECT)
    assert (fresh.n_known, fresh.stale_since) == (3, None)

    os.killpg(process.pid, signal.SIGSTOP)
    expect_stale(index, fresh.as_of, 3)
    os.killpg(process.pid, signal.SIGCONT)
    assert eventually(lambda: index.sync(PROJECT).is_answered, 60)
    assert index.runs(PROJECT).stale_since is None
    current = index.runs(PROJECT).as_of
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    expect_stale(index, current, 3)
    elsewhere = Index(Settings(home=home, tracking_uri=uri, database_url="sqlite://")).runs(PROJECT)
    assert (elsewhere.n_known, elsewhere.stale_since) == (3, current), "a restart does not make it fresh"


def expect_stale(index: Index, as_of: datetime | None, n_known: int) -> None:
    start = time.monotonic()
    report = index.refresh(PROJECT)
    assert time.monotonic() - start < 8
    assert not report.is_answered and "127.0.0.1" in report.reason
    found = index.runs(PROJECT)
    assert (found.n_known, found.stale_since, found.as_of) == (n_known, as_of, as_of)
    assert found.reason == report.reason and not found.is_syncing


def test_a_server_that_takes_the_call_and_never_answers_is_stale_within_8_seconds_for_everyone_who_waits(
    tmp_path: Path,
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        uri = f"http://pm:secret@127.0.0.1:{silent.getsockname()[1]}"
        index = Index(Settings(home=tmp_path, tracking_uri=uri, database_url="sqlite://"))
        seconds: list[float] = []

        def work() -> None:
            seconds.append(index.sync(PROJECT).seconds)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert max(seconds) < 8
    found = index.runs(PROJECT)
    assert found.n_known == 0 and found.stale_since is not None and found.as_of is None
    assert "secret" not in found.reason
    assert b"secret" not in database(tmp_path).read_bytes()
