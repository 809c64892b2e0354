"""What a user waits for: a cold process with 10,000 runs, and a cut-off moved on a curve of 1,000,000 rows, in Chromium.

Takes some minutes, most of it for making the runs and the curve.
"""

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline import contract
from pipeline.evaluation.cost import CaseCosts, money_table, saving_at
from pipeline.evaluation.curve import confusion_at, threshold_curve
from pipeline.project import read_project_text
from tests.bench.index import REPEATS, ROOT, RUNS, fill_store, shared_artifacts
from tests.served import CHROMIUM, FLAGS, dashboard, environment

CURVE_ROWS = 1_000_000
CONTENT = """() => !!document.querySelector('[data-testid="stMain"] h3')"""
STORY = """() => [...document.querySelectorAll('[data-testid="stMarkdown"]')].map(e => e.innerText)
  .find(t => t.startsWith('Of 1,000 applicants')) || ''"""
QUIET = """() => document.querySelector('[data-testid="stApp"]')?.getAttribute('data-test-script-state') !== 'running'"""


@dataclass(frozen=True)
class Waits:
    """Seconds and megabytes, one value a repeat."""

    cold_content: Sequence[float]
    cold_board: Sequence[float]
    memory_mb: Sequence[float]
    moved_ms: Sequence[float]
    computed_ms: Sequence[float]

    def values(self) -> list[tuple[str, str, str]]:
        """What was measured, the median, what must be."""
        mid = statistics.median
        return [
            (f"Experiments with {RUNS:,} runs, cold process: first content", f"{mid(self.cold_content):.2f} s", "under 3 s"),
            ("the same until the leaderboard stands", f"{mid(self.cold_board):.2f} s", ""),
            (f"memory of the dashboard with {RUNS:,} runs", f"{max(self.memory_mb):.0f} MB", "under 600 MB"),
            (f"cut-off moved, curve of {CURVE_ROWS:,} rows: computing", f"{mid(self.computed_ms):.2f} ms", "under 10 ms"),
            ("the same until the page in Chromium has answered", f"{mid(self.moved_ms):.0f} ms", "under 300 ms"),
        ]


def measure() -> Waits | None:
    """Make a home with many runs and one of a million rows, then visit it as a user. None where there is no Chromium."""
    if not Path(CHROMIUM).exists():
        return None
    from playwright.sync_api import sync_playwright

    computed = computing()
    with tempfile.TemporaryDirectory(prefix="riskdeck-bench-") as folder, sync_playwright() as playwright:
        home = Path(folder)
        fill_store(home, RUNS)
        share_evaluation(shared_artifacts(home))
        wide = log_wide_run(home)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        warm_index(home)
        cold = [visit_cold(browser, home) for _ in range(REPEATS)]
        moved = move_cutoff(browser, home, wide)
        browser.close()
    content, board, memory = zip(*cold, strict=True)
    return Waits(content, board, memory, moved, computed)


def share_evaluation(folder: Path) -> None:
    """Give the runs what a page reads of its leaders: their project, 6,000 test rows and as many of validation."""
    from pipeline.training.report import report_on

    y, pd_ = wide_sample()
    columns: dict[str, Any] = {
        "split": np.repeat([contract.VALID, contract.TEST], 6000), contract.HOLDOUT_ID: np.arange(12_000).astype(str),
        contract.HOLDOUT_TIME: np.datetime64("2025-03-01", "us"), contract.HOLDOUT_Y: y[:12_000],
        contract.HOLDOUT_PD: pd_[:12_000], contract.HOLDOUT_AMOUNT: 8000.0, contract.HOLDOUT_CASH: np.nan,
    }  # fmt: skip
    report = report_on(pd.DataFrame(columns), cutoff=0.2, seed=1)
    (folder / "evaluation").mkdir(parents=True)
    (folder / contract.ARTIFACT_PROJECT).write_text(read_project_text("simulated"), encoding="utf-8")
    tables = {contract.ARTIFACT_CURVE: report.curve, contract.ARTIFACT_HOLDOUT: report.holdout}
    for path, table in {**tables, contract.ARTIFACT_SEGMENTS: report.segments}.items():
        table.to_parquet(folder / path, index=False)


def computing() -> list[float]:
    """Milliseconds of what moves with the cut-off, on the whole curve."""
    y, pd_ = wide_sample()
    curve, costs = threshold_curve(y, pd_), CaseCosts(fn_cost=5.0, fp_cost=1.0)
    found = []
    for cutoff in np.linspace(0.05, 0.6, 4 * REPEATS):
        start = time.perf_counter()
        money_table(confusion_at(curve, cutoff), costs)
        saving_at(curve, costs, cutoff)
        found.append(1000 * (time.perf_counter() - start))
    return found


def wide_sample() -> tuple[Any, Any]:
    """A million outcomes and distinct PDs."""
    rng = np.random.default_rng(11)
    pd_ = rng.beta(1.2, 5.0, CURVE_ROWS)
    return (rng.random(CURVE_ROWS) < pd_).astype(np.int64), pd_


def log_wide_run(home: Path) -> str:
    """Give a foreign script's run a curve of a million rows, by the public function."""
    code = (
        "import pipeline; from tests.bench.pages import wide_sample as w; y, p = w(); "
        "print(pipeline.log_evaluation(y, p, cutoff=0.2, valid=(y[::5], p[::5]), project='taiwan'))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(home), check=True, capture_output=True)
    return done.stdout.decode().split()[-1]


def warm_index(home: Path) -> None:
    """Let the index hold the runs, as it does after the first visit ever."""
    code = (
        "from pipeline.registry.index import Index; from pipeline.settings import load_settings; i = Index(load_settings()); "
    )
    code += "[i.sync(p) for p in ('simulated', 'taiwan')]"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment(home), check=True, capture_output=True)


def visit_cold(browser: Any, home: Path) -> tuple[float, float, float]:
    """Seconds to first content and to the leaderboard on the first visit of a new process, and its memory afterwards."""
    with dashboard(home) as (base, pid):
        page = browser.new_page()
        start = time.perf_counter()
        page.goto(f"{base}/experiments?project=simulated", wait_until="domcontentloaded")
        page.wait_for_function(CONTENT, timeout=60_000)
        content = time.perf_counter() - start
        page.wait_for_selector('[data-testid="stDataFrame"]', timeout=60_000)
        board = time.perf_counter() - start
        page.wait_for_function(QUIET, timeout=60_000)
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        page.close()
    return content, board, int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def move_cutoff(browser: Any, home: Path, run_id: str) -> list[float]:
    """Milliseconds from a key on the slider (0.1 points) to the new sentence under it."""
    with dashboard(home) as (base, _):
        page = browser.new_page()
        page.goto(f"{base}/trade-offs?project=taiwan&run={run_id}", wait_until="domcontentloaded")
        page.wait_for_function(f"() => ({STORY})() !== ''", timeout=120_000)
        page.wait_for_timeout(4_000)
        thumb = page.get_by_role("slider").first
        thumb.focus()
        found = []
        for _ in range(2 * REPEATS + 1):
            before, start = page.evaluate(STORY), time.perf_counter()
            thumb.press("ArrowRight")
            page.wait_for_function(f"before => ({STORY})() !== before", arg=before, timeout=20_000)
            found.append(1000 * (time.perf_counter() - start))
            page.wait_for_timeout(800)
        page.close()
    return found[1:]


if __name__ == "__main__":
    waits = measure()
    for what, value, must in waits.values() if waits else ():
        print(f"{what}: {value} ({must})")
