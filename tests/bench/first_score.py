"""What the day's first applicant waits for: a cold dashboard, the Applicant page opened, the button pressed at once."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench.applicant import released_desk
from tests.served import CHROMIUM, FLAGS, dashboard

REPEATS = 5
ANSWERED = (
    """() => [...document.querySelectorAll('[data-testid="stMain"] h3')].some(e => e.innerText.includes('past applicants'))"""
)


@dataclass(frozen=True)
class FirstScores:
    """Seconds, one value per cold process."""

    page: Sequence[float]
    answer: Sequence[float]

    def values(self) -> list[tuple[str, str, str]]:
        """What was measured, the median and the worst, what must be."""
        shown = [f"{median(s):.2f} s, at worst {max(s):.2f} s" for s in (self.page, self.answer)]
        return [
            ("Applicant page, cold process: until the form can be sent", shown[0], ""),
            ("its first score: from the button to the recorded answer", shown[1], "under 3 s"),
        ]


def measure(repeats: int = REPEATS) -> FirstScores | None:
    """Release the simulated product, then visit it as the first applicant's analyst. None where there is no Chromium."""
    if not Path(CHROMIUM).exists():
        return None
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="riskdeck-bench-") as folder, sync_playwright() as playwright:
        home = Path(folder)
        released_desk(home)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        waits = [_first_score(browser, home) for _ in range(repeats)]
        browser.close()
    page, answer = zip(*waits, strict=True)
    return FirstScores(page, answer)


def _first_score(browser: Any, home: Path) -> tuple[float, float]:
    with dashboard(home) as (base, _):
        page = browser.new_page()
        start = time.perf_counter()
        page.goto(f"{base}/applicant?project=small", wait_until="domcontentloaded")
        button = page.get_by_role("button", name="Score and record")
        button.wait_for(timeout=60_000)
        opened = time.perf_counter()
        button.click()
        page.wait_for_function(ANSWERED, timeout=60_000)
        answered = time.perf_counter()
        page.close()
    return opened - start, answered - opened
