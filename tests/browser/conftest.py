"""For each module a browser, a store and a server on it; for each test a page without a memory."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dashboard.made_store import Store, make_store
from tests.served import CHROMIUM, FLAGS, dashboard


@pytest.fixture(scope="module")
def store(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One bake-off, a failure, a foreign run; a module with other needs makes its own."""
    home = tmp_path_factory.mktemp("browser")
    shutil.copy(migrated, home / "mlflow.db")
    return make_store(home)


@pytest.fixture(scope="module")
def address(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with (tmp_path_factory.mktemp("streamlit") / "log").open("w") as log, dashboard(store.home, log) as (base, _):
        yield base


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
