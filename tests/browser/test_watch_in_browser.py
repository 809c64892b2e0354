"""From an alert to its feature, to Evidently's second opinion in a frame that can reach nothing, and back to take the alert."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline.monitoring.alerts import read_alerts
from pipeline.monitoring.monitor import run_monitor
from pipeline.monitoring.outcomes import record_outcomes
from pipeline.store.engine import open_store
from tests.browser.driver import downloaded, gone, in_browser, open_tab, press, settled, shown, sound, visit
from tests.conftest import settings_of
from tests.monitoring.made_drift import decided_home, record_book
from tests.serving.conftest import PROJECT, LiveHome, live_once

__all__ = ["live_once"]

pytestmark = [*in_browser, pytest.mark.long]

PER_MONTH = 700
LONG_MS = 180_000
HOSTILE = "</script><script>parent.hacked = 1; parent.document.title = 'taken'</script><img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class Watched:
    home: Path


@pytest.fixture(scope="module")
def store(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Two quiet months and one in which partners bring most applicants, one column went dark, and a value is a script."""
    rng = np.random.default_rng(5)
    book = (
        live_once.book().sample(3 * PER_MONTH, replace=True, random_state=5).reset_index(drop=True).astype({"channel": object})
    )
    months = np.repeat(np.array(["2026-01-05", "2026-02-05", "2026-03-05"]), PER_MONTH)
    book = book.assign(application_id=[f"A{i}" for i in range(len(book))], application_date=pd.to_datetime(months))
    book["channel"] = book["channel"].astype(object)
    late = book.index >= 2 * PER_MONTH
    book.loc[late, "days_since_last_login"] = np.nan
    book.loc[late & (rng.random(len(book)) < 0.5), "channel"] = "partner"
    book.loc[late & (rng.random(len(book)) < 0.03), "channel"] = HOSTILE
    with decided_home(live_once, tmp_path_factory.mktemp("watched") / "home") as decided:
        record_book(decided.engine, decided.pair, book)
        defaulted = (rng.random(len(book)) < 0.2).astype(int)
        outcomes = pd.DataFrame({"subject_id": book["application_id"], "known_at": date(2026, 3, 30), "defaulted": defaulted})
        record_outcomes(decided.engine, PROJECT, outcomes)
        run_monitor(decided.settings, decided.engine, PROJECT)
        yield Watched(decided.settings.home)


def test_from_an_alert_to_its_feature_to_evidently_and_back(page: object, address: str, store: Watched) -> None:
    visit(page, f"{address}/alerts")
    alert(page).get_by_text("Look at the feature").click()
    settled(page)
    shown(page, "Channel: shares over time")  # the alert's own feature is opened, not the worst one
    sound(page)

    open_tab(page, "Evidently")
    press(page, "Make the Evidently report")
    page.get_by_text("Evidently is at work").first.wait_for(timeout=LONG_MS)
    page.get_by_role("button", name="Cancel").wait_for()
    page.get_by_text("the two differ on").first.wait_for(timeout=LONG_MS)
    shown(page, "Evidently cannot take this column")
    shown(page, "development rows")
    shown(page, "declined from a PD of 25.0 % on")
    assert json.loads(downloaded(page, "Numbers (JSON)"))["report"]["cutoff"] == 0.25
    assert "Content-Security-Policy" in downloaded(page, "Report (HTML)")[:1000]

    page.get_by_text("Show the full report here").click()
    frame = inner_frame(page)
    frame.wait_for_function("() => document.body.innerText.includes('Data Drift Summary')", timeout=LONG_MS)
    assert "parent.hacked" in frame.content(), "the hostile value is in the report"
    assert reaches(frame, "parent.document.title") == reaches(frame, "top.document.cookie") == "SecurityError"
    assert reaches(frame, "document.cookie") == reaches(frame, "localStorage.length") == "SecurityError"
    assert frame.evaluate("() => origin") == "null"
    assert frame.evaluate(f"() => fetch('{address}/_stcore/health').then(() => 'answered', () => 'refused')") == "refused"
    assert page.evaluate("() => [window.hacked, document.title === 'taken']") == [None, False]
    sound(page)
    for width in (400, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        sound(page)

    visit(page, f"{address}/alerts")
    alert(page).get_by_role("button", name="Act").click()
    settled(page)
    page.get_by_label("Your name (typed, not verified)").fill("analyst")  # Enter would send the form
    press(page, "Acknowledge")
    shown(page, "Acknowledged by analyst.")
    gone(page, "Nothing was recorded")
    engine = open_store(settings_of(store.home).database_url)
    taken = [one for one in read_alerts(engine, PROJECT) if one.state == "acknowledged"]
    engine.dispose()
    assert [one.firing.subject for one in taken] == ["channel"]
    sound(page)


def alert(page: object) -> object:
    """The row of the alert about the channel; what holds all rows stands before it."""
    row = page.locator("[class*='st-key-alert_']").filter(has_text="PSI of Channel").last
    row.wait_for(timeout=LONG_MS)
    return row


def inner_frame(page: object) -> object:
    """The page of Evidently: the frame within Streamlit's frame."""
    page.frame_locator("iframe[data-testid='stIFrame']").locator("iframe").wait_for(timeout=LONG_MS)
    return next(frame for frame in page.frames if frame.parent_frame and frame.parent_frame.parent_frame)


def reaches(frame: object, what: str) -> str:
    """What a script in a frame gets, or the name of the error that stops it."""
    return str(frame.evaluate(f"() => {{ try {{ return String({what}) }} catch (error) {{ return error.name }} }}"))
