"""The Trade-offs page in a real browser: each control once, the link carries it, the page to print opens without a network."""

from pathlib import Path

import pytest

from tests.browser.driver import (
    choose,
    downloaded,
    fill,
    linked,
    open_tab,
    press,
    printed,
    settled,
    shown,
    sound,
    unlinked,
    visit,
)
from tests.browser.driver import in_browser as pytestmark
from tests.dashboard.made_store import Store

__all__ = ["pytestmark"]

PANEL = "Costs, limits, reviewers and volume"
ASSUMED = {
    "A missed defaulter costs (TWD)": ("60000", "fn_cost=60000"),
    "A good customer refused costs (TWD)": ("20000", "fp_cost=20000"),
    "A review costs (TWD)": ("100", "review_cost=100"),
    "Reviewers get right (%)": ("80", "share_right=80"),
    "Applications a year": ("5000", "volume=5000"),
    "Approve at least (%)": ("70", "min_approval=70"),
    "Catch at least (recall, %)": ("40", "min_recall=40"),
    "Reviews a day at most": ("3", "capacity=3"),
}


def test_each_assumption_is_taken_and_stands_in_the_link(page: object, address: str) -> None:
    visit(page, f"{address}/trade-offs")
    page.get_by_text(PANEL, exact=True).click()
    for label, (value, link) in ASSUMED.items():
        fill(page, label, value)
        linked(page, link)
    shown(page, "Reviewers are assumed to get 80 % right at 100 TWD a case")
    shown(page, "within your limits")
    sound(page)
    page.get_by_role("radio", name="per loan amount").click()
    linked(page, "costs=per loan amount")
    shown(page, "LGD (% of the amount)")
    page.wait_for_timeout(1_000)  # a value typed while its field still arrives is taken but not yet bound to the link
    fill(page, "LGD (% of the amount)", "60")
    linked(page, "lgd=60")
    fill(page, "Margin (% of the amount)", "20")
    linked(page, "margin=20")
    shown(page, "Elkan's 25.0 %")
    sound(page)


def test_run_baseline_slider_and_named_cutoffs_answer_and_stand_in_the_link(page: object, address: str, store: Store) -> None:
    visit(page, f"{address}/trade-offs")
    choose(page, "Saving against", "declining from 50 %")
    linked(page, "baseline=declining")
    shown(page, "against declining from 50 %, on 1,200 test applicants")
    for name in ("best F1", "Elkan's", "the run's own", "cheapest"):
        press(page, name)
        shown(page, "Propose this policy: decline from")
    at_cheapest = page.url
    page.get_by_role("slider").first.press("ArrowRight")
    page.wait_for_function("before => location.href !== before", arg=at_cheapest, timeout=20_000)
    choose(page, "Run", "logistic C=1")
    linked(page, f"run={store.close}")
    press(page, "Read again")
    shown(page, "runs as of")
    sound(page)


PARTS = {
    "Review band": "Reviewers are assumed to get 90 % right",
    "Two models": "Every outcome here is known",
    "Sensitivity": "Each cell: the best cut-off on validation",
    "Default rate": "of the test applicants defaulted",
    "Measures": "Expected maximum profit",
}


@pytest.mark.parametrize("width", [1440, 400])
def test_each_part_draws_at_every_width_and_stands_in_the_link(page: object, address: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    visit(page, f"{address}/trade-offs")
    for part, said in PARTS.items():
        open_tab(page, part)
        shown(page, said)
        linked(page, f"part={part}") if part != "Review band" else unlinked(page, "part=")
        sound(page)


def test_the_parts_own_controls_answer(page: object, address: str) -> None:
    visit(page, f"{address}/trade-offs?part=Two models")
    shown(page, "Every outcome here is known")
    choose(page, "Taking over from", "logistic C=1")
    choose(page, "By", "Education")
    choose(page, "Compared", "at the same approval rate")
    shown(page, "at the same approval rate:")
    linked(page, "match=at the same approval rate")
    assert "default_rate" in downloaded(page, "Table (CSV)")
    open_tab(page, "Sensitivity")
    shown(page, PARTS["Sensitivity"])
    assert "saving_per_1000" in downloaded(page, "Table (CSV)")
    open_tab(page, "Default rate")
    linked(page, "part=Default rate")
    shown(page, PARTS["Default rate"])
    page.wait_for_timeout(1_000)  # as above
    fill(page, "What if this share of applicants defaulted? (%)", "40")
    shown(page, "At a default rate of 40.0 %")
    linked(page, "default_rate=40")
    sound(page)


def test_a_proposal_without_a_gate_is_refused_in_words_for_one_cutoff_and_for_a_band(
    page: object, address: str, store: Store
) -> None:
    visit(page, f"{address}/trade-offs?review_cost=100&share_right=95")
    for label in ("decline from", "approve, review, decline"):
        form = page.locator('[data-testid="stExpander"]', has_text=f"Propose this policy: {label}")
        form.get_by_text("Propose this policy").click()
        form.get_by_label("Your name (typed, not verified)").fill("pm")
        form.get_by_label("Why this policy").fill("cheapest on validation")
        form.get_by_role("button", name="Propose", exact=True).click()
        settled(page)
        form.get_by_text("Nothing was proposed").wait_for(timeout=20_000)
        assert f"python -m pipeline gate taiwan --run {store.best}" in form.inner_text()
    sound(page)


def test_the_page_to_print_draws_without_a_network_what_is_open_and_only_that(
    page: object, address: str, tmp_path: Path
) -> None:
    visit(page, f"{address}/trade-offs?cutoff=21.5&part=Two models")
    shown(page, PARTS["Two models"])
    words = printed(page, downloaded(page, "One page to print"), tmp_path)
    assert "decline from 21.5 %" in words and "Savings are against" in words and "Missed" in words
    assert all(sha in words for sha in ("c" * 64, "a" * 64, "d" * 40, "e" * 64)), "data, test split, commit and lock file"
    assert "who changes sides" in words and "newly refused" in words and "Were the costs other" not in words
    open_tab(page, "Sensitivity")
    shown(page, PARTS["Sensitivity"])
    content = downloaded(page, "One page to print")
    words = printed(page, content, tmp_path)
    assert "Were the costs other than stated" in words and "who changes sides" not in words
    assert len(content) < 5_000_000
