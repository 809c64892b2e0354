"""Two windows of raw values compared: our `compare_frames` beside Evidently's DataDriftPreset, on the same frames.

python -m tests.bench.drift [ROWS] [REPEATS]
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
ROWS = 1_000_000
REPEATS = 3
NUMBERS, SMALL_INTEGERS, CATEGORIES = 14, 2, 4
PURPOSES = ("debt_consolidation", "car", "home_improvement", "household_goods", "medical", "education", "travel", "other")
OURS, THEIRS = "ours", "theirs"


@dataclass(frozen=True)
class Figures:
    """Seconds of the comparison and peak memory in MB of the whole process that did it, of each repeat; both sides in turn."""

    rows_per_window: int
    ours: Sequence[float]
    theirs: Sequence[float]
    our_mb: Sequence[float]
    their_mb: Sequence[float]

    def rows(self) -> list[tuple[str, Sequence[float], Sequence[float], str, str]]:
        """What was measured, seconds of ours and theirs, the alternative, what must be."""
        return [(self._what, self.ours, self.theirs, "Evidently's `DataDriftPreset`", "50 x or more")]

    def values(self) -> list[tuple[str, str, str]]:
        """What was measured, both figures, what must be."""
        ours, theirs = statistics.median(self.our_mb), statistics.median(self.their_mb)
        whole = f"{ours:,.0f} MB against {theirs:,.0f} MB, {theirs / ours:.1f} x"
        return [
            (f"{self._what}: peak memory of the process, frames included", whole, "3 x or more"),
        ]

    @property
    def _what(self) -> str:
        return f"compare two windows of {self.rows_per_window:,} rows x {len(kinds())} features from raw values"


def measure(rows: int = ROWS, repeats: int = REPEATS) -> Figures:
    """Run both sides in turn, each repeat in a process of its own: no side profits from what another left in memory."""
    found: dict[str, list[dict[str, float]]] = {OURS: [], THEIRS: []}
    for _ in range(repeats):
        for side, results in found.items():
            results.append(_in_process(side, rows))
    values = {side: {key: [r[key] for r in results] for key in results[0]} for side, results in found.items()}
    pairs = [values[side][key] for key in ("seconds", "peak_mb") for side in (OURS, THEIRS)]
    return Figures(rows, *pairs)


def _in_process(side: str, rows: int) -> dict[str, float]:
    environment = {**os.environ, "DO_NOT_TRACK": "true", "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "tests.bench.drift", side, str(rows)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def window(rows: int, seed: int, shift: float = 1.0) -> pd.DataFrame:
    """A window of loans: money with long tails and gaps, terms, purposes."""
    rng = np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    for i in range(NUMBERS):
        column = rng.lognormal(8 + i % 3, 0.5, rows) * shift
        column[rng.random(rows) < 0.02 * (i % 4)] = np.nan
        columns[f"number_{i}"] = column
    for i in range(SMALL_INTEGERS):
        columns[f"term_{i}"] = rng.choice(np.array([12, 24, 36, 48, 60]), rows)
    for i in range(CATEGORIES):
        columns[f"purpose_{i}"] = pd.Series(np.asarray(PURPOSES)[rng.integers(0, len(PURPOSES), rows)])
    return pd.DataFrame(columns)


def kinds() -> dict[str, str]:
    """Kind of each feature of `window`."""
    names = {"number": [f"number_{i}" for i in range(NUMBERS)] + [f"term_{i}" for i in range(SMALL_INTEGERS)]}
    names["category"] = [f"purpose_{i}" for i in range(CATEGORIES)]
    return {name: kind for kind, features in names.items() for name in features}


def _ours(before: pd.DataFrame, now: pd.DataFrame) -> int:
    from pipeline.evaluation.drift import compare_frames

    return len(compare_frames(before, now, kinds()))


def _theirs(before: pd.DataFrame, now: pd.DataFrame) -> int:
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    names = kinds()
    definition = DataDefinition(
        numerical_columns=[name for name, kind in names.items() if kind == "number"],
        categorical_columns=[name for name, kind in names.items() if kind == "category"],
    )
    report = Report([DataDriftPreset()])
    snapshot = report.run(Dataset.from_pandas(now, definition), Dataset.from_pandas(before, definition))
    return len(snapshot.dict()["metrics"])


def _job(side: str, rows: int) -> None:
    """One comparison in this process; imports and a small rehearsal come first, so that only the work is timed."""
    compare = _ours if side == OURS else _theirs
    compare(window(500, 0), window(500, 1))
    before, now = window(rows, 0), window(rows, 1, shift=1.1)
    _forget_peak()
    start = time.perf_counter()
    compare(before, now)
    seconds = time.perf_counter() - start
    peak = _peak_mb()
    print(json.dumps({"seconds": seconds, "peak_mb": peak}))  # the job's answer


def _forget_peak() -> None:
    """Let the peak begin anew, so that making the frames does not count. Linux only."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5", encoding="ascii")


def _peak_mb() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024**2 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Print what `measure` finds."""
    figures = measure(*(int(text) for text in sys.argv[1:]))
    for what, ours, theirs, alternative, must in figures.rows():
        mine, other = statistics.median(ours), statistics.median(theirs)
        print(f"{what}: {mine:.3g} s, {alternative} {other:.3g} s, {other / mine:.1f} x ({must})")
    for what, value, must in figures.values():
        print(f"{what}: {value} ({must})")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in (OURS, THEIRS):
        _job(sys.argv[1], int(sys.argv[2]))
    else:
        main()
