"""The Experiments page in a real browser: ticking, comparing, filtering and downloading, and the link carries it all."""

import csv
import io
from pathlib import Path

import pytest

from tests.browser.test_pages_in_browser import address, browser, page, pytestmark, store, visit  # noqa: F401
from tests.dashboard.made_store import NASTY, Store

__all__ = ["pytestmark"]


def shown(page: object, text: str) -> None:  # noqa: F811
    page.wait_for_function("text => document.body.innerText.includes(text)", arg=text, timeout=20_000)


def linked(page: object, part: str) -> None:  # noqa: F811
    page.wait_for_function("part => decodeURIComponent(location.search).includes(part)", arg=part, timeout=20_000)


def tick(page: object, row: int) -> None:  # noqa: F811
    """Press the box before a row of the leaderboard, which is drawn on a canvas."""
    box = page.locator('[data-testid="stDataFrame"]').first.bounding_box()
    page.mouse.click(box["x"] + 18, box["y"] + 38 + 35 * row + 14)


def test_ticking_two_rows_compares_them_and_the_link_shows_the_same(page: object, address: str, store: Store) -> None:  # noqa: F811
    visit(page, f"{address}/experiments")
    tick(page, 0)
    linked(page, f"compare={store.best}")
    shown(page, "Tick one more run")
    tick(page, 1)
    linked(page, f"compare={store.close}")
    shown(page, "Side by side")
    shown(page, "differences from A lightgbm")
    page.get_by_role("tab", name="ROC and precision").click()
    shown(page, "Letters stand on their curve")
    linked(page, "compared=ROC")
    visit(page, page.url)
    shown(page, "Letters stand on their curve")
    tick(page, 0)
    shown(page, "Tick one more run")
    assert f"compare={store.best}" not in page.url
    assert page.locator('[data-testid="stException"]').count() == 0


@pytest.mark.parametrize("tab", ["Calibration", "Lift", "Matrices", "Parameters", "Data"])
def test_each_comparison_draws(page: object, address: str, store: Store, tab: str) -> None:  # noqa: F811
    visit(page, f"{address}/experiments?compare={store.best}&compare={store.close}&compared={tab}")
    panel = page.get_by_role("tabpanel").filter(visible=True).first
    panel.locator('.js-plotly-plot, [data-testid="stCheckbox"]').first.wait_for(timeout=20_000)
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth + 2")


@pytest.mark.parametrize("picture", ["Parameters", "Time", "Seconds"])
def test_each_picture_is_one_press_away_and_in_the_link(page: object, address: str, picture: str) -> None:  # noqa: F811
    visit(page, f"{address}/experiments")
    page.get_by_role("radio", name=picture).click()
    linked(page, f"picture={picture}")
    assert page.locator('[data-testid="stException"]').count() == 0


def test_finding_narrows_the_board_and_clearing_brings_all_back(page: object, address: str) -> None:  # noqa: F811
    visit(page, f"{address}/experiments")
    box = page.get_by_placeholder("name, parameter or id")
    box.fill("logistic")
    box.press("Enter")
    linked(page, "text=logistic")
    shown(page, "1 filter on")
    page.get_by_role("button", name="Clear").click()
    page.wait_for_function("() => !location.search.includes('text=')", timeout=20_000)
    shown(page, "Ship lightgbm")


def test_the_file_is_inert_and_streamlits_own_is_not_offered(page: object, address: str) -> None:  # noqa: F811
    visit(page, f"{address}/experiments")
    with page.expect_download() as started:
        page.get_by_role("button", name="All rows (CSV)").click()
    rows = list(csv.DictReader(io.StringIO(Path(started.value.path()).read_text(encoding="utf-8"))))
    assert {row["candidate"] for row in rows} >= {"logistic C=1", NASTY}
    page.locator('[data-testid="stDataFrame"]').first.hover()
    assert page.get_by_role("button", name="Download as CSV").filter(visible=True).count() == 0


def test_columns_and_order_are_chosen_in_a_panel(page: object, address: str) -> None:  # noqa: F811
    visit(page, f"{address}/experiments")
    page.get_by_role("button", name="Columns and order").click()
    page.get_by_text("Worst first").click()
    linked(page, "reversed=true")
    assert page.locator('[data-testid="stException"]').count() == 0


def test_reading_again_says_as_of_when(page: object, address: str) -> None:  # noqa: F811
    visit(page, f"{address}/experiments")
    shown(page, "runs as of")
    page.get_by_role("button", name="Read again").click()
    shown(page, "runs as of")


@pytest.mark.parametrize("width", [1440, 400])
def test_hostile_names_and_nonsense_links_are_text_at_every_width(page: object, address: str, store: Store, width: int) -> None:  # noqa: F811
    page.set_viewport_size({"width": width, "height": 900})
    nonsense = "bakeoff=%3Cimg%20src=x%20onerror=alert(1)%3E&by=%3Cb%3E&page=-3&order=x&picture=y&compared=z&since=never"
    visit(page, f"{address}/experiments?{nonsense}&compare={store.best}&compare={store.foreign}&compare=%3Cscript%3E")
    shown(page, "Ship lightgbm")
    shown(page, "<img src=x onerror=alert(1)>")
    shown(page, "No ranking: these runs were tested on different rows")
    assert page.dialogs == []
    assert page.locator("img[src='x']").count() == 0
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth + 2")
