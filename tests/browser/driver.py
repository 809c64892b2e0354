"""What browser tests do and ask over and over."""

import re
from pathlib import Path

import pytest

from tests.served import CHROMIUM

QUIET = """() => {
  const app = document.querySelector('[data-testid="stApp"]');
  return app && app.getAttribute('data-test-script-state') !== 'running'
    && document.querySelector('[data-testid="stMain"] h3') && !document.querySelector('[data-testid="stSkeleton"]');
}"""
WAIT_MS = 30_000

in_browser = [
    pytest.mark.browser,
    # Two browsers and two servers on two cores can outlast any wait. The summary counts what needed its second try.
    pytest.mark.flaky(reruns=1),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Chromium is not installed: apt-get install chromium"),
]


def visit(page: object, url: str) -> None:
    page.goto(url, wait_until="domcontentloaded")
    page.wait_for_function(QUIET, timeout=60_000)


def settled(page: object) -> None:
    """Wait until what was asked for last is drawn."""
    page.wait_for_timeout(300)
    page.wait_for_function(QUIET, timeout=WAIT_MS)


def shown(page: object, text: str) -> None:
    page.wait_for_function("text => document.body.innerText.includes(text)", arg=text, timeout=WAIT_MS)


def gone(page: object, text: str) -> None:
    page.wait_for_function("text => !document.body.innerText.includes(text)", arg=text, timeout=WAIT_MS)


def linked(page: object, part: str) -> None:
    page.wait_for_function(
        "part => decodeURIComponent(location.search).replaceAll('+', ' ').includes(part)", arg=part, timeout=WAIT_MS
    )


def unlinked(page: object, part: str) -> None:
    page.wait_for_function("part => !location.search.includes(part)", arg=part, timeout=WAIT_MS)


def sound(page: object) -> None:
    """Nothing failed, nothing scrolls sideways, nothing ran and nothing was fetched from elsewhere."""
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth + 2")
    assert page.dialogs == [] and page.outside == []


def fill(page: object, label: str, value: str) -> None:
    box = page.get_by_label(label, exact=True).first
    box.fill(value)
    box.press("Enter")
    settled(page)


def choose(page: object, label: str, option: str) -> None:
    """Choose in a list; a page that is still drawing closes an open list, so it is opened again where that happened."""
    wanted = page.get_by_role("option", name=option, exact=True)
    box = page.get_by_role("combobox", name=re.compile(re.escape(label) + "$")).first
    for _ in range(6):
        box.click()
        box.fill(option)  # long lists hold only the options in sight
        page.wait_for_timeout(400)
        if wanted.count():
            break
    wanted.first.click()
    if page.get_by_role("listbox").filter(visible=True).count():  # of several choices; it would empty a single one
        page.keyboard.press("Escape")
    settled(page)


def pick_date(page: object, label: str, date: str) -> None:
    """Type a date (YYYY-MM-DD) into its three fields; it is taken when the calendar closes."""
    page.get_by_role("group", name=label, exact=True).get_by_role("spinbutton").first.click()
    page.keyboard.type(date.replace("-", ""), delay=40)
    page.keyboard.press("Escape")
    settled(page)


def open_tab(page: object, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()
    settled(page)


def press(page: object, name: str) -> None:
    page.get_by_role("button", name=name).first.click()
    settled(page)


def open_panel(page: object, name: str, holding: str) -> None:
    """Open a panel over the page, unless it is."""
    if not page.get_by_text(holding).filter(visible=True).count():
        page.get_by_role("button", name=name).click()
    page.get_by_text(holding).filter(visible=True).wait_for()


def tick(page: object, row: int) -> None:
    """Press the box before a row of the leaderboard, which is drawn on a canvas."""
    box = page.locator('[data-testid="stDataFrame"]').first.bounding_box()
    page.mouse.click(box["x"] + 18, box["y"] + 38 + 35 * row + 14)


def downloaded(page: object, button: str) -> str:
    """The text of the file behind the first visible button of that name."""
    with page.expect_download() as started:
        page.get_by_role("button", name=button).filter(visible=True).first.click()
    return Path(started.value.path()).read_text(encoding="utf-8")


def printed(page: object, content: str, folder: Path) -> str:
    """The words of a page to print, opened without a network; its pictures are drawn by itself."""
    file = folder / "page.html"
    file.write_text(content, encoding="utf-8")
    context = page.context.browser.new_context(offline=True)
    try:
        opened, asked = context.new_page(), []
        opened.on("request", lambda request: asked.append(request.url))
        opened.on("dialog", lambda _: pytest.fail("the file ran a script from a name"))
        opened.goto(file.as_uri())
        opened.wait_for_function(
            "() => document.querySelectorAll('.figure').length > 0 && "
            "[...document.querySelectorAll('.figure')].every(f => f.querySelector('svg.main-svg'))",
            timeout=WAIT_MS,
        )
        assert opened.locator("img").count() == 0
        assert asked == [file.as_uri()]
        return opened.inner_text("body")
    finally:
        context.close()
