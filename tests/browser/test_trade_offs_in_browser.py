"""The Trade-offs page in a real browser: each control once, the link carries it, the page to print opens without a network."""

from pathlib import Path

import pytest

from tests.browser.test_experiments_in_browser import linked, shown
from tests.browser.test_pages_in_browser import address, browser, page, pytestmark, store, visit  # noqa: F401
from tests.dashboard.made_store import Store

__all__ = ["pytestmark"]

PANEL = "Costs, limits, reviewers and volume"


def quiet(page: object) -> None:  # noqa: F811
    assert page.locator('[data-testid="stException"]').count() == 0
    assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth + 2")


def fill(page: object, label: str, value: str) -> None:  # noqa: F811
    box = page.get_by_label(label, exact=True)
    box.fill(value)
    box.press("Enter")


def choose(page: object, label: str, option: str) -> None:  # noqa: F811
    """A page that is still drawing closes an open list, so the list is opened again where that happened."""
    wanted = page.get_by_role("option", name=option)
    for _ in range(5):
        page.get_by_role("combobox", name=label).click()
        page.wait_for_timeout(700)
        if wanted.count():
            break
    wanted.click()


@pytest.mark.parametrize(
    ("label", "value", "link"),
    [
        ("A missed defaulter costs (TWD)", "60000", "fn_cost=60000"),
        ("A good customer refused costs (TWD)", "20000", "fp_cost=20000"),
        ("A review costs (TWD)", "100", "review_cost=100"),
        ("Reviewers get right (%)", "80", "share_right=80"),
        ("Applications a year", "5000", "volume=5000"),
        ("Approve at least (%)", "70", "min_approval=70"),
        ("Catch at least (recall, %)", "40", "min_recall=40"),
        ("Reviews a day at most", "3", "capacity=3"),
    ],
)
def test_each_assumption_is_taken_and_stands_in_the_link(
    page: object,  # noqa: F811
    address: str,  # noqa: F811
    label: str,
    value: str,
    link: str,
) -> None:
    visit(page, f"{address}/trade-offs")
    page.get_by_text(PANEL).click()
    fill(page, label, value)
    linked(page, link)
    quiet(page)


def test_costs_baseline_run_and_marks_are_one_press_away(page: object, address: str, store: Store) -> None:  # noqa: F811
    visit(page, f"{address}/trade-offs")
    choose(page, "Saving against", "declining from 50 %")
    shown(page, "against declining from 50 %, on 1,200 test applicants")
    linked(page, "baseline=declining")
    page.get_by_role("button", name="best F1").click()
    page.get_by_text(PANEL).click()
    page.get_by_role("radio", name="per loan amount").click()
    shown(page, "LGD (% of the amount)")
    fill(page, "Margin (% of the amount)", "20")
    linked(page, "margin=20")
    choose(page, "Run", "logistic C=1")
    linked(page, f"run={store.close}")
    quiet(page)


@pytest.mark.parametrize("width", [1440, 400])
@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("Review band", "Reviewers are assumed to get 90 % right"),
        ("Two models", "Every outcome here is known"),
        ("Sensitivity", "Each cell: the best cut-off on validation"),
        ("Default rate", "At a default rate of"),
        ("Measures", "Expected maximum profit"),
    ],
)
def test_each_part_draws_at_every_width_and_stands_in_the_link(
    page: object,  # noqa: F811
    address: str,  # noqa: F811
    part: str,
    said: str,
    width: int,
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, f"{address}/trade-offs")
    page.get_by_role("tab", name=part).click()
    shown(page, said)
    linked(page, "part=" + part.replace(" ", "+")) if part != "Review band" else None
    quiet(page)


def test_the_parts_own_controls_answer(page: object, address: str) -> None:  # noqa: F811
    visit(page, f"{address}/trade-offs?part=Two models")
    shown(page, "Every outcome here is known")
    choose(page, "Compared", "at the same approval rate")
    shown(page, "at the same approval rate:")
    linked(page, "match=at")
    with page.expect_download() as started:
        page.get_by_role("button", name="Table (CSV)").first.click()
    assert "default_rate" in Path(started.value.path()).read_text(encoding="utf-8")
    page.get_by_role("tab", name="Default rate").click()
    linked(page, "part=Default+rate")
    shown(page, "At a default rate of")
    page.wait_for_timeout(1_500)  # a value typed while the tab still arrives is taken but not yet bound to the link
    fill(page, "What if this share of applicants defaulted? (%)", "40")
    shown(page, "At a default rate of 40.0 %")
    linked(page, "default_rate=40")
    quiet(page)


def test_a_proposal_without_a_gate_is_refused_in_words(page: object, address: str, store: Store) -> None:  # noqa: F811
    visit(page, f"{address}/trade-offs")
    page.get_by_text("Propose this policy: decline from").click()
    page.get_by_label("Your name (typed, not verified)").first.fill("pm")
    page.get_by_label("Why this policy").first.fill("cheapest on validation")
    page.get_by_role("button", name="Propose", exact=True).first.click()
    shown(page, "Nothing was proposed")
    shown(page, f"python -m pipeline gate taiwan --run {store.best}")
    quiet(page)


def test_the_page_to_print_draws_its_pictures_without_a_network(page: object, address: str, tmp_path: Path) -> None:  # noqa: F811
    visit(page, f"{address}/trade-offs?cutoff=21.5")
    with page.expect_download() as started:
        page.get_by_role("button", name="One page to print").click()
    file = tmp_path / "page.html"
    started.value.save_as(file)
    assert file.stat().st_size < 5_000_000
    context = page.context.browser.new_context(offline=True)
    try:
        printed, asked = context.new_page(), []
        printed.on("request", lambda request: asked.append(request.url))
        printed.goto(file.as_uri())
        printed.wait_for_function("() => document.querySelectorAll('.figure svg.main-svg').length >= 2", timeout=20_000)
        words = printed.inner_text("body")
    finally:
        context.close()
    assert asked == [file.as_uri()]
    assert "decline from 21.5 %" in words and "c" * 64 in words, "the data's hash is on the page"
    assert "Savings are against" in words and "Missed" in words
