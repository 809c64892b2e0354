"""The Experiments page in a real browser: each control once, the link carries it, and nothing from outside runs."""

import csv
import io
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.browser.driver import (
    choose,
    downloaded,
    fill,
    gone,
    linked,
    open_panel,
    pick_date,
    press,
    printed,
    settled,
    shown,
    sound,
    tick,
    unlinked,
    visit,
)
from tests.browser.driver import in_browser as pytestmark
from tests.dashboard.made_store import NASTY, PROJECT, Store, client_of, experiment, make_store

__all__ = ["pytestmark"]

CROWD, N_CROWD = "zz crowd", 52


@pytest.fixture(scope="module")
def store(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Beside the product an experiment of other scripts, with more runs than a page of the board."""
    home = tmp_path_factory.mktemp("experiments")
    shutil.copy(migrated, home / "mlflow.db")
    made, client = make_store(home), client_of(home)
    eid = experiment(client, home, CROWD)
    for i in range(N_CROWD):
        run_id = client.create_run(eid, run_name=f"crowd {i}").info.run_id
        client.log_metric(run_id, "test_f1", i / 100)
    return made


def open_board(page: object, address: str, link: str = "") -> None:
    visit(page, f"{address}/experiments?project={PROJECT}{link}")


def test_each_filter_narrows_the_board_stands_in_the_link_and_is_cleared(page: object, address: str) -> None:
    open_board(page, address)
    page.get_by_placeholder("name, parameter or id").fill("logistic")
    page.get_by_placeholder("name, parameter or id").press("Enter")
    linked(page, "text=logistic")
    shown(page, "1 filter on")
    page.get_by_text("More filters").click()
    choose(page, "Family", "logistic")
    linked(page, "family=logistic")
    fill(page, "Tag", "riskdeck")
    linked(page, "tag=riskdeck")
    pick_date(page, "Since", "2020-01-02")
    linked(page, "since=2020-01-02")
    next_year = f"{datetime.now(UTC).year + 1}-01-02"
    pick_date(page, "Until", next_year)
    linked(page, f"until={next_year}")
    choose(page, "A metric between", "F1 · test")
    linked(page, "metric=F1 · test")
    fill(page, "… at least", "0.1")
    linked(page, "at_least=0.1")
    fill(page, "… at most", "0.9")
    linked(page, "at_most=0.9")
    shown(page, "7 filters on")
    shown(page, "Among the runs that match 7 filters")
    page.locator(".st-key-clear_filters button").click()
    settled(page)
    unlinked(page, "text=")
    shown(page, "Ship lightgbm")
    choose(page, "State", "failed")
    linked(page, "states=")
    shown(page, "1 filter on")
    sound(page)


def test_bakeoff_metric_columns_order_and_paging_are_the_readers(page: object, address: str) -> None:
    open_board(page, address)
    choose(page, "Bake-off", "all")
    linked(page, "bakeoff=all")
    choose(page, "Ranked on validation by", "Brier score")
    linked(page, "by=Brier score")
    shown(page, "by Brier score; reported on test")
    choose(page, "Runs of further experiments", CROWD)
    linked(page, f"experiments={CROWD}")
    shown(page, "Runs 1 to 50 of 56")
    fill(page, "Page", "2")
    linked(page, "page=2")
    shown(page, "Runs 51 to 56 of 56")
    open_panel(page, "Columns and order", "Worst first")
    choose(page, "Columns", "Run id")
    linked(page, "Run id")
    open_panel(page, "Columns and order", "Worst first")
    choose(page, "Order", "Test F1")
    linked(page, "order=Test F1")
    open_panel(page, "Columns and order", "Worst first")
    page.get_by_text("Worst first").click()
    linked(page, "reversed=true")
    page.keyboard.press("Escape")
    settled(page)
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "All rows (CSV)"))))
    assert len(rows) == 56, "every page of the board, not the one that is open"
    known = [float(row["f1"]) for row in rows if row["f1"]]
    assert known == sorted(known) and len(known) >= N_CROWD
    sound(page)


def test_ticking_two_rows_compares_them_and_the_link_shows_the_same(page: object, address: str, store: Store) -> None:
    open_board(page, address)
    tick(page, 0)
    linked(page, f"compare={store.best}")
    shown(page, "Tick one more run")
    tick(page, 1)
    linked(page, f"compare={store.close}")
    shown(page, "differences from A lightgbm")
    page.get_by_role("radio", name="B", exact=True).click()
    linked(page, "against=B")
    shown(page, "differences from B logistic")
    assert "Better by" not in downloaded(page, "Table (CSV)").splitlines()[0], "the file has names for programs"
    for tab, said in (("ROC and precision", "Letters stand on their curve"), ("Calibration", "in groups of equal size by PD"),
                      ("Lift", "Side by side"), ("Matrices", "Side by side"), ("Parameters", "parameters differ"),
                      ("Data", "facts about data and code differ")):  # fmt: skip
        page.locator(".st-key-compared").get_by_role("tab", name=tab, exact=True).click()
        settled(page)
        shown(page, said)
        linked(page, f"compared={tab}")
        if tab in ("Parameters", "Data"):
            page.get_by_text("Show also what is equal").filter(visible=True).click()
            linked(page, "all_parameters=true" if tab == "Parameters" else "all_facts=true")
            settled(page)
            assert downloaded(page, "Table (CSV)").splitlines()[0] in ("Parameter,A,B", "What,A,B")
        else:
            page.get_by_role("tabpanel").filter(visible=True).locator(".js-plotly-plot").first.wait_for()
        sound(page)
    visit(page, page.url)
    shown(page, "facts about data and code differ")
    tick(page, 0)
    shown(page, "Tick one more run")
    unlinked(page, f"compare={store.best}")


def test_each_picture_is_one_press_away_and_in_the_link(page: object, address: str) -> None:
    open_board(page, address)
    for picture in ("Parameters", "Time", "Seconds", "F1, recall"):
        page.get_by_role("radio", name=picture).click()
        settled(page)
        linked(page, f"picture={picture}") if picture != "F1, recall" else unlinked(page, "picture=")
        sound(page)


def test_one_run_in_depth_opens_in_every_tab_and_its_groups_by_any_metric(page: object, address: str, store: Store) -> None:
    open_board(page, address)
    choose(page, "Run", "logistic C=1")
    linked(page, f"run={store.close}")
    for tab, said in (("Curves", "of whom defaulted"), ("Calibration", "Wilson intervals"), ("Importance", "Table (CSV)"),
                      ("Parameters", "One run in depth"), ("Model card", "Made for tests"),
                      ("Lineage", f"python -m pipeline reproduce {store.close}"), ("Segments", "Metric")):  # fmt: skip
        page.locator(".st-key-detail").get_by_role("tab", name=tab, exact=True).click()
        settled(page)
        shown(page, said)
        linked(page, f"detail={tab}")
        sound(page)
    assert "roc_auc" in downloaded(page, "Table (CSV)")
    choose(page, "Metric", "Recall")
    linked(page, "segment_metric=Recall")
    assert "recall" in downloaded(page, "Table (CSV)")
    page.get_by_text("The numbers behind it").click()
    shown(page, "each at its own cut-off")
    page.get_by_role("link", name="Set its cut-off").click()
    page.wait_for_url("**/trade-offs**")
    shown(page, "Decline from a PD of")
    linked(page, f"run={store.close}")


def test_the_file_is_inert_and_streamlits_own_is_not_offered(page: object, address: str) -> None:
    open_board(page, address)
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "All rows (CSV)"))))
    assert {row["candidate"] for row in rows} >= {"logistic C=1", NASTY}
    page.locator('[data-testid="stDataFrame"]').first.hover()
    assert page.get_by_role("button", name="Download as CSV").filter(visible=True).count() == 0


def test_the_page_to_print_opens_without_a_network_and_says_what_was_looked_at(
    page: object, address: str, tmp_path: Path
) -> None:
    open_board(page, address, "&text=learning_rate")
    words = printed(page, downloaded(page, "One page to print"), tmp_path)
    hashes = ("c" * 64, "a" * 64, "d" * 40, "e" * 64)
    for said in ("which run to ship", "Ship lightgbm", "Leaderboard", "bake-off b1, holding learning_rate", *hashes):
        assert said in words, said


def test_reading_again_says_as_of_when(page: object, address: str) -> None:
    open_board(page, address)
    press(page, "Read again")
    shown(page, "runs as of")


def test_runs_of_other_scripts_alone_are_ranked_by_a_metric_of_theirs(page: object, address: str) -> None:
    visit(page, f"{address}/experiments?project={CROWD}")
    shown(page, "crowd 51 is first by F1 · test: 0.510 of 52 runs that have it")
    choose(page, "Ranked by", "F1 · test")
    shown(page, "pipeline.log_evaluation")
    assert downloaded(page, "Table (CSV)").splitlines()[1].startswith("1,crowd 51")
    sound(page)


@pytest.mark.parametrize("width", [1440, 400])
def test_hostile_names_and_nonsense_links_are_text_at_every_width(page: object, address: str, store: Store, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    nonsense = "bakeoff=%3Cimg%20src=x%20onerror=alert(1)%3E&by=%3Cb%3E&page=-3&order=x&picture=y&compared=z&since=never"
    open_board(page, address, f"&{nonsense}&compare={store.best}&compare={store.foreign}&compare=%3Cscript%3E")
    shown(page, "Ship lightgbm")
    shown(page, "<img src=x onerror=alert(1)>")
    shown(page, "No ranking: these runs were tested on different rows")
    gone(page, "Traceback")
    assert page.locator("img[src='x']").count() == 0
    sound(page)
