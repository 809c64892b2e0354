"""The Applicant page in a real browser: form, answer, what if, counter-offer, the decision's link, and shown again."""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.browser.driver import WAIT_MS, open_tab, settled, shown, sound
from tests.browser.driver import in_browser as pytestmark
from tests.conftest import copied_home
from tests.serving.conftest import LiveHome, live_once

__all__ = ["live_once", "pytestmark"]

ANSWERED = "() => /grade/.test(document.querySelector('.st-key-answer')?.innerText || '')"


@pytest.fixture(scope="module")
def store(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHome]:
    """A home with something live, for the server that `address` starts."""
    with copied_home(live_once.home, tmp_path_factory.mktemp("live") / "home") as home:
        yield LiveHome(home, live_once.champion_run, live_once.challenger_run, live_once.approved, live_once.proposal)


def open_form(page: object, address: str, example: str = "") -> None:
    """The first visitor of a loaded machine may be asked to try again: MLflow is imported while it is asked."""
    page.goto(f"{address}/applicant", wait_until="domcontentloaded")
    again = page.get_by_role("button", name="Try again")
    for _ in range(4):
        page.locator(".st-key-answer h3").or_(again).first.wait_for(timeout=60_000)
        if not again.count():
            break
        again.click()
        page.wait_for_timeout(2_000)
    settled(page)
    if example:
        page.get_by_role("button", name=example, exact=True).click()
        page.wait_for_timeout(700)
        settled(page)


def press_score(page: object) -> str:
    page.get_by_role("button", name="Score and record").click()
    page.wait_for_function(ANSWERED, timeout=60_000)
    return str(page.locator(".st-key-answer").inner_text())


def n_decisions(store: LiveHome) -> int:
    with closing(sqlite3.connect(store.home / "riskdeck.db")) as db:
        return int(db.execute("SELECT count(*) FROM decisions").fetchone()[0])


def test_form_answer_what_if_counter_offer_link_and_shown_again(page: object, address: str, store: LiveHome) -> None:
    open_form(page, address, "High risk")
    said = press_score(page)
    assert re.search(r"Decline: PD [\d.]+ %, grade \w\. Of [\d,]+ past applicants", said)
    recorded = n_decisions(store)

    open_tab(page, "What if")
    shown(page, "Nothing is changed yet")
    amount = page.get_by_role("tabpanel").filter(visible=True).get_by_label("Loan amount (EUR)", exact=True)
    amount.fill("1500")
    amount.press("Enter")
    shown(page, "→ 1,500 EUR")
    assert n_decisions(store) == recorded, "a question is not a decision"

    open_tab(page, "Counter-offer")
    page.wait_for_function(
        "() => /Would be approved with|None within the allowed ranges/.test(document.body.innerText)", timeout=60_000
    )
    assert "1500" not in page.url and "in." not in page.url, "no input stands in the link"

    open_tab(page, "Record")
    page.get_by_role("link", name="Open it among the decisions").click()
    page.wait_for_url(re.compile("decision="), timeout=30_000)
    decision = re.search(r"decision=([0-9a-f-]{36})", page.url)
    assert decision
    page.get_by_role("button", name="Show it again").click()
    shown(page, "identical to the last bit")
    sound(page)


@pytest.mark.parametrize("width", [1440, 400])
def test_the_answer_stands_in_the_first_screen_and_nothing_scrolls_sideways(page: object, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_form(page, address, "High risk")
    press_score(page)
    settled(page)
    page.evaluate("document.querySelector('[data-testid=\"stMain\"]').scrollTo(0, 0)")
    assert page.locator(".st-key-answer").bounding_box()["y"] < 400
    page.locator(".st-key-strip .js-plotly-plot").wait_for(timeout=30_000)
    strip = page.locator(".st-key-strip").bounding_box()
    assert strip["y"] + strip["height"] < 900, "the main picture stands in the first screen"
    sound(page)


def test_the_answer_and_the_button_stay_in_sight_while_the_form_scrolls(page: object, address: str) -> None:
    page.set_viewport_size({"width": 1440, "height": 700})
    open_form(page, address)
    button = page.get_by_role("button", name="Score and record")
    assert button.bounding_box()["y"] < 700
    page.get_by_label("Application number (optional)", exact=True).scroll_into_view_if_needed()
    page.wait_for_timeout(300)
    assert 0 <= page.locator(".st-key-answer").bounding_box()["y"] < 700


def test_a_double_click_records_one_decision(page: object, address: str, store: LiveHome) -> None:
    open_form(page, address, "Typical")
    before = n_decisions(store)
    page.get_by_role("button", name="Score and record").dblclick()
    page.wait_for_function(ANSWERED, timeout=60_000)
    page.wait_for_timeout(2_000)
    settled(page)
    assert n_decisions(store) == before + 1


def test_what_is_wrong_stands_at_its_field_and_nothing_is_recorded(page: object, address: str, store: LiveHome) -> None:
    open_form(page, address)
    before = n_decisions(store)
    for label, value in (("Loan amount (EUR)", "5"), ("Open credit lines", "99")):
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_role("button", name="Score and record").click()
    shown(page, "2 fields need another look")
    twice = "() => document.body.innerText.split('5 is below 1000').length === 3"
    page.wait_for_function(twice, timeout=WAIT_MS)  # in the list and at the field, which is drawn later
    assert n_decisions(store) == before


def test_what_was_typed_is_still_there_after_another_page(page: object, address: str) -> None:
    open_form(page, address)
    amount = page.get_by_label("Loan amount (EUR)", exact=True)
    amount.fill("7300")
    press_score(page)
    page.get_by_role("link", name="Overview").click()
    page.wait_for_timeout(1_000)
    settled(page)
    page.get_by_role("link", name="Applicant").first.click()
    page.wait_for_function(ANSWERED, timeout=60_000)
    assert page.get_by_label("Loan amount (EUR)", exact=True).input_value() == "7300"
