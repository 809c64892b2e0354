"""Real stores: SQL on both engines, MLflow on SQLite. A test file asks: ``pytest_plugins = ["tests.store.fixtures"]``.

One PostgreSQL server per test session, shared by xdist workers; one database per test, copied from a migrated one.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from filelock import FileLock
from mlflow import MlflowClient
from sqlalchemy import Engine

from pipeline.store.engine import open_store
from tests.store.made_runs import Tracking

TEMPLATE = "riskdeck_template"


def session_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that all workers of this test session, and no other session, see."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def once_per_session(factory: pytest.TempPathFactory, name: str, build: Callable[[Path], None]) -> Path:
    """Let the first worker that comes build a folder; the others wait and get the same one."""
    root = session_folder(factory)
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            folder.mkdir(exist_ok=True)
            build(folder)
            done.touch()
    return folder


def import_pgserver() -> Any:
    """Skip where there is none. Unheard, as a skip is: that the machine has no runtime folder, so that it uses /tmp."""
    return pytest.importorskip("pgserver", reason="pgserver publishes no wheel for Python 3.13")


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """Address of a database, by name, on a real server; the server stops with the last worker."""
    pgserver = import_pgserver()

    # Not below pytest's own folder: each session that starts closes that one to other users, the server's among them.
    def choose(folder: Path) -> None:
        (folder / "where").write_text(tempfile.mkdtemp(prefix="riskdeck-pg-"))

    where = once_per_session(tmp_path_factory, "pg", choose) / "where"
    with FileLock(where.with_name("start.lock")):
        # Every worker registers its own handle, so the server outlives the worker that started it.
        server = pgserver.get_server(where.read_text(), cleanup_mode="delete")

    def build(_folder: Path) -> None:
        with psycopg.connect(server.get_uri(), autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {TEMPLATE}")
        open_store(server.get_uri(TEMPLATE)).dispose()

    once_per_session(tmp_path_factory, "pg_template", build)
    return server.get_uri


@pytest.fixture
def empty_postgres_url(postgres_server: Callable[[str], str]) -> Iterator[str]:
    """A database without tables."""
    yield from _database(postgres_server, "template1")


@pytest.fixture
def postgres_url(postgres_server: Callable[[str], str]) -> Iterator[str]:
    """A migrated, empty store."""
    yield from _database(postgres_server, TEMPLATE)


def _database(server: Callable[[str], str], template: str) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    with psycopg.connect(server("postgres"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield server(name)
    with psycopg.connect(server("postgres"), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A migrated, empty store in a file."""

    def build(folder: Path) -> None:
        engine = open_store(f"sqlite:///{folder / 'riskdeck.db'}")
        engine.dispose()

    template = once_per_session(tmp_path_factory, "sqlite_template", build)
    shutil.copytree(template, tmp_path / "store")
    return f"sqlite:///{tmp_path / 'store' / 'riskdeck.db'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """A migrated, empty store on each engine in turn."""
    return request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")


@pytest.fixture
def store(store_url: str) -> Iterator[Engine]:
    """An open store on each engine in turn."""
    engine = open_store(store_url)
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Engine]:
    """An open store in a SQLite file, where the engine makes no difference."""
    engine = open_store(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def migrated_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database migrated once; copying it takes milliseconds where migrating takes seconds."""

    def build(folder: Path) -> None:
        MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}").search_experiments()

    return once_per_session(tmp_path_factory, "mlflow_template", build) / "mlflow.db"


@pytest.fixture
def riskdeck_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty RISKDECK_HOME that settings point to; nothing leaves the machine."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("RISKDECK_HOME", str(home))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("RISKDECK_DATABASE_URL", raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    return home


@pytest.fixture
def tracking(riskdeck_home: Path, migrated_mlflow: Path) -> Tracking:
    """A migrated, empty tracking store at RISKDECK_HOME."""
    shutil.copy(migrated_mlflow, riskdeck_home / "mlflow.db")
    return Tracking(riskdeck_home, MlflowClient(tracking_uri=f"sqlite:///{riskdeck_home / 'mlflow.db'}"))
