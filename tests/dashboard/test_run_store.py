"""What was seen once is shown at once, also when nobody answers any more, and without importing MLflow."""

import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st

from dashboard import loading
from dashboard.run_store import RunStore
from pipeline import contract as c
from pipeline.registry.runs import ArtifactMissing
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.settings import load_settings
from tests.dashboard.made_store import PROJECT, Store
from tests.dashboard.test_pages import APP
from tests.registry.made_index import eventually


def test_an_artifact_is_asked_for_once_and_then_read_from_its_copy(filled_home: Store) -> None:
    store = RunStore(load_settings())
    table = store.table(filled_home.best, c.ARTIFACT_CURVE)
    store.settings = replace(store.settings, tracking_uri="http://127.0.0.1:1")
    assert store.table(filled_home.best, c.ARTIFACT_CURVE).equals(table)
    with pytest.raises(TrackingUnavailable):
        store.table(filled_home.close, c.ARTIFACT_REFERENCE)


def test_what_may_be_written_again_is_never_read_from_a_copy(filled_home: Store) -> None:
    store = RunStore(load_settings())
    assert store.text(filled_home.best, c.ARTIFACT_MODEL_CARD)
    store.settings = replace(store.settings, tracking_uri="http://127.0.0.1:1")
    with pytest.raises(TrackingUnavailable):
        store.text(filled_home.best, c.ARTIFACT_MODEL_CARD)


def test_a_run_id_that_is_a_path_is_no_way_out_of_the_folder(filled_home: Store) -> None:
    store = RunStore(load_settings())
    with pytest.raises((ArtifactMissing, LookupError)):
        store.text("../../../etc", c.ARTIFACT_PROJECT)
    assert not (filled_home.home / "etc").exists()


def test_a_store_that_failed_is_left_alone_so_that_a_page_does_not_wait_twice(
    filled_home: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.socket()) as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.getsockname()[1]}")
        store, start = RunStore(load_settings()), time.monotonic()
        for path in (c.ARTIFACT_CURVE, c.ARTIFACT_HOLDOUT, c.ARTIFACT_PROJECT):
            with pytest.raises(TrackingUnavailable):
                store.text(filled_home.best, path)
        assert time.monotonic() - start < 8
        assert "no answer" in store.trouble


WARM = f"""
import sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file({APP!r}, default_timeout=60)
app.run()
app.switch_page("views/experiments.py").run()
assert not app.exception
assert any("1,200 test applicants" in str(m.value) for m in app.markdown), [m.value for m in app.markdown]
# The background may import it to look for news; a page that has its data draws before that.
print("drawn", "mlflow" in sys.modules)
"""


def _drawn(home: Path, **env: str) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_TRACKING", "RISKDECK_"))}
    done = subprocess.run(
        [sys.executable, "-c", WARM], capture_output=True, text=True, check=False, cwd=Path(APP).parents[1],
        env=kept | {"RISKDECK_HOME": str(home), **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_a_new_process_with_its_data_at_hand_answers_while_the_store_is_gone(filled: Store, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(filled.home, home, ignore=shutil.ignore_patterns("index"))
    assert _drawn(home).startswith("drawn")
    (home / "mlflow.db").rename(home / "moved.db")
    (home / "mlflow.db").write_bytes(b"no database")
    assert _drawn(home) == "drawn False", "the page needs no MLflow when the index has the runs"


def test_a_closed_store_runs_nothing_more_in_the_background_and_still_answers(filled_home: Store) -> None:
    store = RunStore(load_settings())
    store.index.start_background()
    store.close()
    assert eventually(lambda: not store.has_background)
    assert store.names() == (PROJECT,)
    assert store.table(filled_home.best, c.ARTIFACT_CURVE) is not None


def test_a_store_that_leaves_the_cache_ends_its_threads(filled_home: Store) -> None:
    store = loading.run_store()
    store.index.start_background()
    st.cache_resource.clear()
    assert eventually(lambda: not store.has_background)
    assert loading.run_store() is not store


def test_the_project_of_the_store_is_known_by_name(filled_home: Store) -> None:
    assert RunStore(load_settings()).names() == (PROJECT,)
