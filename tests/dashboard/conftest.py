"""Stores for pages: a filled one made once, an empty one migrated once and copied, and caches that never leak."""

import os
import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.dashboard.made_store import Store, make_store

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


@pytest.fixture(scope="session")
def filled(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    home = tmp_path_factory.mktemp("filled")
    shutil.copy(migrated, home / "mlflow.db")
    return make_store(home)


@pytest.fixture
def filled_home(filled: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("RISKDECK_DATABASE_URL", raising=False)
    monkeypatch.setenv("RISKDECK_HOME", str(filled.home))
    return filled


@pytest.fixture(scope="session", autouse=True)
def components_looked_for_once() -> Iterator[None]:
    """Every AppTest reads what each installed package says of itself, for half of its time; a server does it once."""
    from streamlit.components.v2 import manifest_scanner

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


@pytest.fixture(autouse=True)
def fresh_caches() -> Iterator[None]:
    import streamlit as st

    st.cache_data.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()  # with it end the threads that look after the index
