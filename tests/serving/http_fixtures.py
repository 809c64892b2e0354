"""The API at work, shared by the tests of a file. A test file asks: ``pytest_plugins = ["tests.serving.http_fixtures"]``."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from pipeline.store.engine import open_store
from tests.conftest import copied_home
from tests.serving.conftest import LiveHome
from tests.serving.http_parts import Served, client_of


@pytest.fixture(scope="module")
def served_home(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHome]:
    """A copy of the live home for the tests of a file, which RISKDECK_HOME points to."""
    folder = tmp_path_factory.mktemp("served")
    with copied_home(live_once.home, folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RISKDECK_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("RISKDECK_DATABASE_URL", raising=False)
        yield replace(live_once, home=folder)


@pytest.fixture(scope="module")
def served(served_home: LiveHome) -> Iterator[Served]:
    """The API of that home, without tokens."""
    engine = open_store(served_home.settings.database_url)
    with client_of(served_home) as client:
        yield Served(client, engine, served_home.home)
    engine.dispose()
