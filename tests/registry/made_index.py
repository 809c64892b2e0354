"""What tests of the run index do and ask over and over."""

import shutil
import time
from pathlib import Path
from typing import Any

from pandas.testing import assert_frame_equal

from pipeline.registry import runs
from pipeline.registry.index import Index
from tests.bench.index import PROJECT, settings_at

MANY, SOME = 2_500, 1_000
NASTY = "<img src=x onerror=alert(1)>"


def copied(source: Path, home: Path) -> Path:
    shutil.copy(source / "mlflow.db", home / "mlflow.db")
    return home


def index_files(home: Path) -> list[Path]:
    return sorted((home / "index").iterdir())


def database(home: Path) -> Path:
    return next(file for file in index_files(home) if file.suffix == ".db")


def names(index: Index) -> list[str]:
    return sorted(index.runs(PROJECT).frame["name"])


def finished(client: Any, eid: str, name: str, tags: dict[str, str] | None = None, **more: Any) -> str:
    run_id = str(client.create_run(eid, run_name=name, tags=tags, **more).info.run_id)
    client.set_terminated(run_id)
    return run_id


def assert_same_as_mlflow(index: Index, home: Path) -> None:
    assert_frame_equal(index.runs(PROJECT).frame, runs.read_runs(PROJECT, settings_at(home)))


def eventually(is_so: Any, seconds: float = 20) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if is_so():
            return True
        time.sleep(0.05)
    return False
