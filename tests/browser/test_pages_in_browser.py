"""The pages in a real browser, on a real Streamlit process with a store of its own."""

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

from tests.dashboard.made_store import NASTY, Store, make_store

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
QUIET = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app && app.getAttribute('data-test-script-state') !== 'running'
    && document.querySelector('[data-testid="stMain"] h3') && !document.querySelector('[data-testid="stSkeleton"]');
}"""

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is not installed: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return make_store(tmp_path_factory.mktemp("browser"))


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
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/server.py", "--server.port", str(port)]
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
    for _ in range(120):
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"{url} did not answer within 30 s")


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture
def page(browser: object) -> Iterator[object]:
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


def visit(page: object, url: str) -> None:
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_function(QUIET, timeout=60_000)


@pytest.mark.parametrize(
    ("path", "answer"), [("", "No model is live yet"), ("experiments", "Ship lightgbm"), ("trade-offs", "Decline from a PD of")]
)
@pytest.mark.parametrize("width", [1440, 400])
def test_each_page_answers_at_once_and_never_scrolls_sideways(
    page: object, address: str, path: str, answer: str, width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, f"{address}/{path}")
    heading = page.locator('[data-testid="stMain"] h3').first
    assert answer in heading.inner_text()
    assert heading.bounding_box()["y"] < 400, "the answer stands on the first screen"
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth + 2")
    assert page.outside == [], "nothing is fetched from elsewhere"


def test_moving_the_slider_redraws_the_people_and_writes_the_link(page: object, address: str) -> None:
    visit(page, f"{address}/trade-offs")
    story = page.get_by_text("Of 1,000 applicants").first
    before = story.inner_text()
    thumb = page.get_by_role("slider").first
    thumb.focus()
    for _ in range(30):
        thumb.press("ArrowRight")
    page.wait_for_function("before => !document.body.innerText.includes(before)", arg=before, timeout=20_000)
    page.wait_for_function("() => location.search.includes('cutoff=19.7')", timeout=20_000)
    page.wait_for_timeout(1_500)  # the last of thirty steps is drawn
    linked = page.evaluate("() => location.href")
    after = page.get_by_text("Of 1,000 applicants").first.inner_text()
    assert after != before
    visit(page, linked)
    assert page.get_by_text("Of 1,000 applicants").first.inner_text() == after, "whoever opens the link sees the same people"


def test_a_run_opened_by_its_link_shows_how_to_make_it_again(page: object, address: str, store: Store) -> None:
    visit(page, f"{address}/experiments?run={store.close}")
    page.get_by_role("tab", name="Lineage").click()
    command = page.get_by_text(f"python -m pipeline reproduce {store.close}")
    command.wait_for(timeout=20_000)
    assert command.is_visible()


def test_a_hostile_run_name_is_shown_and_not_run(page: object, address: str) -> None:
    visit(page, f"{address}/experiments")
    page.get_by_text("made by other scripts", exact=False).last.click()
    page.wait_for_timeout(500)
    assert page.dialogs == []
    assert page.locator("img[src='x']").count() == 0
    assert NASTY.startswith("<img")
