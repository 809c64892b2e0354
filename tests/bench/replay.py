"""What a replayed file costs: each application scored with reasons and durably recorded, outcomes told, all of it profiled.

python -m tests.bench.replay [ROWS]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tests.bench.applicant import released_desk

ROWS = 50_000
REPEATS = 3
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Figures:
    """Seconds of whole commands, imports included, and what they recorded."""

    n_rows: int
    n_outcomes: int
    seconds: Sequence[float]

    def values(self) -> list[tuple[str, str, str]]:
        """What was measured, its value, what must be."""
        what = f"replay of {self.n_rows:,} applications: scored with reasons, recorded, profiled, {self.n_outcomes:,} outcomes"
        return [(what, f"{statistics.median(self.seconds):.3g} s", "under 120 s")]


def measure(n_rows: int = ROWS, repeats: int = REPEATS) -> Figures:
    """Release the simulated product's LightGBM and replay its book, repeated until it has `n_rows` rows."""
    with tempfile.TemporaryDirectory(prefix="riskdeck-bench-") as folder:
        home = Path(folder)
        released_desk(home).engine.dispose()
        book = pd.read_parquet(home / "book.parquet")
        seconds, done = [], {}
        for turn in range(repeats):
            file = home / f"dated-{turn}.csv"
            sent = book.iloc[np.arange(n_rows) % len(book)].assign(application_id=[f"r{turn}-{row}" for row in range(n_rows)])
            sent.to_csv(file, index=False)
            started = time.perf_counter()
            done = replayed(home, file, sent)
            seconds.append(time.perf_counter() - started)
            assert done["decided"] == n_rows and not done["before"] and not done["refused"]
    return Figures(n_rows, done["outcomes"]["new"], seconds)


def replayed(home: Path, file: Path, book: pd.DataFrame) -> dict[str, int | dict[str, int]]:
    """Run the command over all days of the book, outcomes as they were known by its last."""
    days = [f"{day:%Y-%m-%d}" for day in (book["application_date"].min(), book["application_date"].max())]
    words = ["replay", str(next(home.glob("*.toml"))), "--data", str(file), "--from", days[0], "--to", days[1], "--json"]
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *words],
        cwd=ROOT, env=os.environ | {"RISKDECK_HOME": str(home)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, int | dict[str, int]] = json.loads(done.stdout)
    return found


if __name__ == "__main__":
    figures = measure(int(sys.argv[1]) if sys.argv[1:] else ROWS, 1)
    for row in figures.values():
        print(row)  # a command's result
