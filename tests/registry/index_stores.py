"""Tracking stores to index, small and with many runs, as fixtures: ``pytest_plugins = ["tests.registry.index_stores"]``."""

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipeline.registry.index import Index
from tests.bench.index import PROJECT, fill_store, settings_at
from tests.dashboard.made_store import client_of, experiment
from tests.registry.made_index import MANY, SOME, copied


@pytest.fixture(scope="module")
def many(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with an experiment of more runs than one page of MLflow's beside that of the project, and no index yet."""
    home = tmp_path_factory.mktemp("many")
    shutil.copy(migrated, home / "mlflow.db")
    fill_store(home, MANY, "many")
    fill_store(home, SOME)
    return home


@pytest.fixture(scope="module")
def whole(many: Path, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """What an undisturbed sync of the project's runs ends with."""
    home = copied(many, tmp_path_factory.mktemp("whole"))
    index = Index(settings_at(home))
    assert index.sync(PROJECT).is_answered
    return index.runs(PROJECT).frame


@pytest.fixture
def client(migrated_home: Path) -> Any:
    return client_of(migrated_home)


@pytest.fixture
def eid(client: Any, migrated_home: Path) -> str:
    return experiment(client, migrated_home, PROJECT)


@pytest.fixture
def index(migrated_home: Path) -> Index:
    return Index(settings_at(migrated_home))
