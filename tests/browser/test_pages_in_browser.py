"""The pages in a real browser, on a real Streamlit process with a store of its own."""

import pytest

import tests.browser.conftest as fixtures
from tests.browser.driver import in_browser as pytestmark
from tests.browser.driver import visit
from tests.dashboard.made_store import NASTY, Store

__all__ = ["address", "browser", "page", "pytestmark", "visit"]

address, browser, page = fixtures.address, fixtures.browser, fixtures.page


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
