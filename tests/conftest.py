"""A small product trained once per session, and cheap copies of its home; imports stay inside: pure tests start at once."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings as hypothesis_settings

if TYPE_CHECKING:
    from pipeline.project import Project
    from pipeline.settings import Settings

# Timings are the bench's matter: a busy machine must not fail a property. The same examples every time, so that a change is
# judged by what it changed; `pytest --hypothesis-profile search` looks for new ones.
hypothesis_settings.register_profile("search", deadline=None)
hypothesis_settings.register_profile("riskdeck", deadline=None, derandomize=True)
hypothesis_settings.load_profile("riskdeck")

SMALL_MODELS = """
[models.prior]
family = "prior"

[models.broken]
family = "forest"
fixed = { max_depth = -1 }

[models.logistic]
family = "logistic"
fixed = { max_iter = 1000 }
grid = { C = [0.01, 1.0] }

[models.forest]
family = "forest"
fixed = { n_estimators = 20, min_samples_leaf = 30 }

[models.lightgbm]
family = "lightgbm"
fixed = { n_estimators = 40, num_leaves = 4 }
"""
LOGISTIC_ONLY = '[models.logistic]\nfamily = "logistic"\nfixed = { max_iter = 1000, C = 0.01 }\n'


def small_text(models: str = SMALL_MODELS, **replaced: str) -> str:
    """The simulated project as a small one: ten test months without incidents, limits that a busy machine keeps too."""
    from pipeline.project import read_project_text

    text = read_project_text("simulated")
    changes = {
        'name = "simulated"': 'name = "small"',
        "test_until = 2025-04-30": "test_until = 2025-12-31",
        "folds = 5": "folds = 3",
        "{ roc_auc = 0.72, recall = 0.55, f1 = 0.40 }": "{ roc_auc = 0.65, recall = 0.4 }\nmax_latency_ms = 10_000",
        **replaced,
    }
    text = text[: text.index("[models.prior]")] + models
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@dataclass(frozen=True)
class Trained:
    """A home with one bake-off of the small project in it."""

    home: Path
    toml: Path
    book: Path
    bakeoff: dict[str, Any]

    @property
    def settings(self) -> "Settings":
        return settings_of(self.home)

    @property
    def project(self) -> "Project":
        from pipeline.project import open_project

        return open_project(str(self.toml))

    def run_id(self, candidate: str) -> str:
        return str(next(o["run_id"] for o in self.bakeoff["outcomes"] if o["name"] == candidate))


def settings_of(home: Path) -> "Settings":
    from pipeline.settings import Settings

    return Settings(home, f"sqlite:///{home / 'mlflow.db'}", f"sqlite:///{home / 'riskdeck.db'}")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty RISKDECK_HOME that everything points to."""
    monkeypatch.setenv("RISKDECK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("RISKDECK_DATABASE_URL", raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database migrated once for all workers; copying it takes milliseconds where migrating takes seconds."""
    from pipeline.training.tracking import open_client
    from tests.store.fixtures import once_per_session

    def build(folder: Path) -> None:
        open_client(settings_of(folder)).search_experiments()

    return once_per_session(tmp_path_factory, "small_migrated", build) / "mlflow.db"


@pytest.fixture
def migrated_home(home: Path, migrated: Path) -> Path:
    """A home whose tracking store exists and is empty."""
    shutil.copy(migrated, home / "mlflow.db")
    return home


@pytest.fixture(scope="session")
def trained_once(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The small project trained on a small simulated book, one job; not to be written to."""
    from dataclasses import asdict

    from pipeline.data.simulate import BookSpec, simulate_book
    from pipeline.project import open_project
    from pipeline.training.job import train
    from tests.store.fixtures import once_per_session

    def build(folder: Path) -> None:
        shutil.copy(migrated, folder / "mlflow.db")
        (folder / "small.toml").write_text(small_text(), encoding="utf-8")
        book = simulate_book(BookSpec(n=6000).without(["campaign", "recession", "rename"]))
        book.to_parquet(folder / "book.parquet", index=False)
        done = train(open_project(str(folder / "small.toml")), settings_of(folder), folder / "book.parquet", n_jobs=1)
        (folder / "bakeoff.json").write_text(json.dumps(asdict(done)))

    folder = once_per_session(tmp_path_factory, "small_trained", build)
    return _trained(folder)


@contextmanager
def copied_home(source: Path, home: Path) -> Iterator[Path]:
    """Copy a home; while it is used MLflow finds the copy's artifacts, and never the original's."""
    from mlflow.tracking._tracking_service.utils import _artifact_repos_cache

    shutil.copytree(source, home, dirs_exist_ok=True)
    with closing(sqlite3.connect(home / "mlflow.db")) as db:
        # MLflow keeps artifact addresses absolute: without this a copy would write into the original.
        for table, column in (("experiments", "artifact_location"), ("runs", "artifact_uri")):
            db.execute(f"UPDATE {table} SET {column} = replace({column}, ?, ?)", (source.as_uri(), home.as_uri()))
        db.commit()
    _artifact_repos_cache.clear()  # it knows runs by id alone, and copies share their ids
    yield home
    _artifact_repos_cache.clear()


@pytest.fixture
def trained(trained_once: Trained, home: Path) -> Iterator[Trained]:
    """A copy of the trained home for one test, which RISKDECK_HOME points to."""
    with copied_home(trained_once.home, home):
        yield _trained(home)


@pytest.fixture
def write_project(tmp_path: Path) -> Callable[..., Path]:
    """Write a variant of the small project to a file of its own."""

    def write(models: str = SMALL_MODELS, **replaced: str) -> Path:
        path = tmp_path / f"variant-{len(list(tmp_path.glob('variant-*')))}.toml"
        path.write_text(small_text(models, **replaced), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Where the real loan files are."""
    folder = os.environ.get("RISKDECK_DATA_DIR")
    if not folder:
        pytest.skip("RISKDECK_DATA_DIR is not set: the real loan files are not here")
    return Path(folder)


def _trained(folder: Path) -> Trained:
    return Trained(folder, folder / "small.toml", folder / "book.parquet", json.loads((folder / "bakeoff.json").read_text()))
