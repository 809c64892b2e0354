"""For each module a browser, a store and a server on it; for each test a page without a memory."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.browser.driver import CHROMIUM, FLAGS
from tests.dashboard.made_store import Store, make_store

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def store(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One bake-off, a failure, a foreign run; a module with other needs makes its own."""
    home = tmp_path_factory.mktemp("browser")
    shutil.copy(migrated, home / "mlflow.db")
    return make_store(home)


@pytest.fixture(scope="module")
def address(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    env = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("MLFLOW_TRACKING", "RISKDECK_", "COVERAGE", "COV_"))
    }
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(port)]
    log = (tmp_path_factory.mktemp("streamlit") / "log").open("w")
    process = subprocess.Popen(command, cwd=ROOT, env=env | {"RISKDECK_HOME": str(store.home)}, stdout=log, stderr=log)
    base = f"http://localhost:{port}"
    try:
        _wait_for(f"{base}/_stcore/health")
        yield base
    finally:
        process.terminate()
        process.wait(20)
        log.close()


def _wait_for(url: str) -> None:
    for _ in range(240):
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"{url} did not answer within 60 s")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture
def page(browser: object) -> Iterator[object]:
    """A page with no memory; what it asks of other machines is in `outside`, what a script asked of the reader in `dialogs`."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    opened = context.new_page()
    opened.outside = []
    opened.on(
        "request",
        lambda r: None if "localhost" in r.url or r.url.startswith(("data:", "blob:")) else opened.outside.append(r.url),
    )
    opened.dialogs = []
    opened.on("dialog", lambda d: (opened.dialogs.append(d.message), d.dismiss()))
    yield opened
    context.close()
