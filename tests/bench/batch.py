"""What a file of applicants costs beside the bare `predict_proba` of the same pipeline, with and without a durable record.

python -m tests.bench.batch [ROWS]
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tests.bench.applicant import released_desk

if TYPE_CHECKING:
    from pipeline.serving.desk import Desk

ROWS = 1_000_000
REPEATS = 3
LEAST_ROWS_PER_SECOND = 20_000
ROOT = Path(__file__).resolve().parents[2]
PRIVATE = ("default", "outcome_known_date", "interest_rate", "realised_loss", "realised_interest")


@dataclass(frozen=True)
class Figures:
    """Seconds of each repeat for `n_rows` rows, and the most memory that the recording process ever held."""

    n_rows: int
    scored: Sequence[float]
    bare: Sequence[float]
    recorded: Sequence[float]
    peak_mb: float

    def rows(self) -> list[tuple[str, Sequence[float], Sequence[float], str, str]]:
        """What was measured, ours, theirs, the alternative, what must be."""
        return [
            (
                f"batch of {self.n_rows:,} rows without reasons: validate, predict, decide", self.scored, self.bare,
                "bare `predict_proba` on the same typed frame", "0.8 x or more",
            ),
            (
                "the same from a CSV, imports left out: each decision durably recorded and written", self.recorded,
                [self.n_rows / LEAST_ROWS_PER_SECOND], f"at {LEAST_ROWS_PER_SECOND:,} rows/s", "1 x or more",
            ),
        ]  # fmt: skip

    def values(self) -> list[tuple[str, str, str]]:
        """Memory: what was measured, its value, what must be."""
        what = f"batch of {self.n_rows:,} rows from a CSV, recorded: memory at its peak"
        return [(what, f"{self.peak_mb:,.0f} MB", "under 2,000 MB, whatever the file's length")]


def measure(n_rows: int = ROWS, repeats: int = REPEATS) -> Figures:
    """Release the simulated product's LightGBM and score its book, repeated until it has `n_rows` rows."""
    with tempfile.TemporaryDirectory(prefix="riskdeck-bench-") as folder:
        home = Path(folder)
        desk = released_desk(home)
        book = repeated(pd.read_parquet(home / "book.parquet"), n_rows)
        scored, bare = score_only(desk, book, repeats)
        desk.engine.dispose()
        recorded, peaks = [], []
        for i in range(repeats):
            file = home / f"applicants-{i}.csv"
            book.assign(application_id=[f"r{i}-{row}" for row in range(n_rows)]).to_csv(file, index=False)
            found = in_own_process(home, file)
            file.unlink()
            recorded.append(found["seconds"])
            peaks.append(found["peak_mb"])
    return Figures(n_rows, scored, bare, recorded, max(peaks))


def repeated(book: pd.DataFrame, n_rows: int) -> pd.DataFrame:
    """Return applicants as a lender would send them, the book over and over, without outcomes."""
    sent = book.drop(columns=[name for name in PRIVATE if name in book])
    return sent.iloc[np.arange(n_rows) % len(sent)].reset_index(drop=True)


def score_only(desk: "Desk", book: pd.DataFrame, repeats: int) -> tuple[list[float], list[float]]:
    """Seconds for all rows, ours in chunks and bare at once, in turn."""
    from pipeline.data.clean import clean_table
    from pipeline.serving.batch_csv import Chunk
    from pipeline.serving.batch_judge import read_chunk, score_chunk
    from pipeline.serving.batch_read import CHUNK_ROWS

    pair = desk.pair()
    config = pair.champion.config
    frame = clean_table(book, config, config.feature_names)

    def ours() -> None:
        for start in range(0, len(frame), CHUNK_ROWS):
            part = frame.iloc[start : start + CHUNK_ROWS].reset_index(drop=True)
            read = read_chunk(pair.champion.rules, Chunk(np.arange(start, start + len(part)), part))
            assert len(read.frame) == len(part)
            score_chunk(pair, read, with_reasons=False)

    scored, bare = [], []
    for _ in range(repeats):
        bare.append(timed(lambda: pair.champion.model.predict_proba(frame)))
        scored.append(timed(ours))
    return scored, bare


def timed(work: Callable[[], object]) -> float:
    """Seconds."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_own_process(home: Path, file: Path) -> dict[str, float]:
    """Score and record a file in a new process; its seconds, from opening the file to both results, and its peak memory."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.batch", "record", str(home), str(file)],
        cwd=ROOT, env=os.environ | {"RISKDECK_HOME": str(home)}, check=True, capture_output=True, text=True,
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def record(home: Path, file: Path) -> None:
    """Do what `python -m pipeline score --no-reasons` does, the clock started after the model is loaded."""
    from pipeline.project import parse_project
    from pipeline.serving.batch import Order, score_file
    from pipeline.serving.batch_read import open_batch
    from pipeline.serving.desk import Desk
    from pipeline.store.engine import open_store
    from tests.conftest import settings_of

    engine = open_store(settings_of(home).database_url)
    name = parse_project(next(home.glob("*.toml")).read_text(encoding="utf-8")).name
    pair = Desk(settings_of(home), engine, name).pair()
    start = time.perf_counter()
    opened = open_batch(file)
    result = score_file(pair, engine, Order(opened, home / "out", "csv", reasons=False))
    seconds = time.perf_counter() - start
    assert result.summary.n_decided == opened.n_rows and not result.summary.n_before
    # Not getrusage: its maximum survives exec, so that a child begins with its parent's.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) / 1024
    print(json.dumps({"seconds": seconds, "peak_mb": peak}))  # what the parent reads


if __name__ == "__main__":
    if sys.argv[1:2] == ["record"]:
        record(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        figures = measure(int(sys.argv[1]) if sys.argv[1:] else ROWS, 1)
        for row in (*figures.rows(), *figures.values()):
            print(row)  # a command's result
