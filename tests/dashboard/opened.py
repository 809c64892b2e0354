"""Open a page as its link would, and read what it says."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

APP = str(Path(__file__).parents[2] / "dashboard" / "app.py")
OVERVIEW = "views/overview.py"
SERVING_THREADS = ("riskdeck-warm", "riskdeck-audit", "riskdeck-batch")


def open_page(page: str, /, **link: str | list[str]) -> AppTest:
    """Open one page with a link, as a browser does without another page before; it shows no exception."""
    app = AppTest.from_file(APP, default_timeout=120)
    for name, value in link.items():
        app.query_params[name] = value
    if page != OVERVIEW:
        # Before the first run AppTest knows pages by their file's name alone, and one has another address.
        app._page_hash = calc_hash(Path(page).stem.replace("_", "-"))
    app.run()
    assert not app.exception
    return app


def words(app: AppTest) -> str:
    """Everything said outside tables, markdown's escapes left out."""
    parts = [*app.markdown, *app.caption, *app.info, *app.error, *app.warning, *app.success, *app.code]
    return "\n".join(str(part.value) for part in parts).replace("\\", "")


def answer(app: AppTest) -> str:
    """The sentence the page opens with."""
    return next(str(m.value) for m in app.markdown if str(m.value).startswith("### "))


@pytest.fixture(autouse=True)
def no_thread_outlives_its_home() -> Iterator[None]:
    """Imported by tests whose pages score: what they left running ends before their home goes."""
    yield
    for thread in threading.enumerate():
        if thread.name in SERVING_THREADS:
            thread.join(60)
