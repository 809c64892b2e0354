"""The Batch page in a real browser: drop a file with three bad rows, see them, score the rest, take both files away."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from tests.browser.driver import in_browser as pytestmark
from tests.browser.driver import linked, shown, sound
from tests.conftest import copied_home
from tests.serving.conftest import LiveHome, live_once

__all__ = ["live_once", "pytestmark"]

LONG_MS = 120_000


@pytest.fixture(scope="module")
def store(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveHome]:
    """A home with something live, for the server that `address` starts."""
    with copied_home(live_once.home, tmp_path_factory.mktemp("live") / "home") as home:
        yield LiveHome(home, live_once.champion_run, live_once.challenger_run, live_once.approved, live_once.proposal)


@pytest.fixture
def file(store: LiveHome, tmp_path: Path) -> Path:
    table = store.book().head(400).astype(object)
    table.loc[1, "amount"], table.loc[3, "channel"], table.loc[5, "region"] = "3,5", "<img src=x onerror=alert(1)>", "=cmd"
    table.to_csv(tmp_path / "apps.csv", index=False)
    return tmp_path / "apps.csv"


def n_decisions(store: LiveHome) -> int:
    with closing(sqlite3.connect(store.home / "riskdeck.db")) as db:
        return int(db.execute("SELECT count(*) FROM decisions").fetchone()[0])


def drop(page: object, address: str, file: Path) -> None:
    page.goto(f"{address}/batch", wait_until="domcontentloaded")
    page.get_by_text("Drop a file: version 1").first.wait_for(timeout=LONG_MS)
    page.locator("input[type=file]").first.set_input_files(str(file))


def taken(page: object, button: str) -> pd.DataFrame:
    with page.expect_download() as started:
        page.get_by_role("button", name=button).click()
    return pd.read_csv(started.value.path(), dtype=str)


def test_a_file_with_three_bad_rows_from_drop_to_both_files(page: object, address: str, store: LiveHome, file: Path) -> None:
    drop(page, address, file)
    page.get_by_text("397 of the 400 rows can be scored; 3 are refused.").first.wait_for(timeout=LONG_MS)
    shown(page, "decimal commas are not read, write a point")
    shown(page, "The first 8 good rows as understood")
    assert n_decisions(store) == 0, "nothing is scored before somebody says so"
    sound(page)

    page.get_by_role("button", name="Score 397 rows").click()
    page.get_by_text("Of 397 applicants").first.wait_for(timeout=LONG_MS)
    shown(page, "is expected to be lost")
    assert n_decisions(store) == 397
    refused, decided = taken(page, "3 refused rows, and why"), taken(page, "397 decisions")
    assert refused["row"].tolist() == ["2", "4", "6"] and refused["region"].tolist()[2] == "'=cmd"
    assert len(decided) == 397 and decided["decision_id"].notna().all()
    assert decided.loc[decided["outcome"] != "approve", "reason_1"].notna().all()
    for width in (1440, 400):
        page.set_viewport_size({"width": width, "height": 900})
        sound(page)

    drop(page, address, file)  # another visit with the same file meets the finished job
    page.get_by_text("Of 397 applicants").first.wait_for(timeout=LONG_MS)
    assert n_decisions(store) == 397


def test_calculating_without_a_record_stands_in_the_link(page: object, address: str, store: LiveHome, tmp_path: Path) -> None:
    store.book().tail(50).to_parquet(tmp_path / "late.parquet")
    before = n_decisions(store)
    drop(page, address, tmp_path / "late.parquet")
    page.get_by_text("All 50 rows can be scored.").first.wait_for(timeout=LONG_MS)
    page.get_by_text("Record the decisions").click()
    linked(page, "batch_record=false")
    page.get_by_role("button", name="Score 50 rows").click()
    page.get_by_text("Nothing was recorded: these are calculations, not decisions.").first.wait_for(timeout=LONG_MS)
    assert n_decisions(store) == before
    sound(page)


def test_an_excel_file_is_refused_in_words(page: object, address: str, tmp_path: Path) -> None:
    (tmp_path / "book.xlsx").write_bytes(b"PK\x03\x04 and the rest of it")
    drop(page, address, tmp_path / "book.xlsx")
    page.get_by_text("This file cannot be scored.").first.wait_for(timeout=LONG_MS)
    shown(page, "book.xlsx: is a ZIP or Excel file; save it as CSV in UTF-8, or as Parquet")
    sound(page)
