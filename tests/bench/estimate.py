"""What an estimate of performance costs on loans without outcomes: by vintage and together, with intervals and money.

python -m tests.bench.estimate [ROWS]
"""

import statistics
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from pipeline.monitoring.performance_book import Book

ROWS = 100_000
REPEATS = 5
MONTHS = 12
POLICY = "bench-policy-1"


@dataclass(frozen=True)
class Figures:
    """Seconds of the whole estimate, each repeat."""

    rows_estimated: int
    together: tuple[float, ...]
    by_vintage: tuple[float, ...]

    def values(self) -> list[tuple[str, str, str]]:
        """What was measured, the median, what must be."""
        what = f"estimate performance of {self.rows_estimated:,} loans without outcomes, with intervals"
        medians = f"{statistics.median(self.together):.2f} s, by vintage {statistics.median(self.by_vintage):.2f} s"
        return [(what, medians, "1 s at most")]


def measure(rows: int = ROWS, repeats: int = REPEATS) -> Figures:
    """Estimate confusion matrix, recall, F1, AUC and cost of a book of a year, together and month by month."""
    from pipeline.monitoring.performance_metrics import estimated, pooled_estimate

    book = made_book(rows)
    together, by_vintage = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        pooled_estimate(book, book.waiting)
        middle = time.perf_counter()
        estimated(book, book.waiting)
        together.append(middle - start)
        by_vintage.append(time.perf_counter() - middle)
    return Figures(rows, tuple(together), tuple(by_vintage))


def made_book(rows: int) -> "Book":
    """A year of decisions of one policy of which nothing is known yet."""
    from pipeline.evaluation.policy import Review
    from pipeline.evaluation.recalibration import Recalibration
    from pipeline.monitoring.performance_book import make_book
    from pipeline.monitoring.performance_promise import Promise
    from pipeline.project import load_project
    from pipeline.registry.assumptions import costs_of_project
    from pipeline.registry.policies import Policy

    rng, config = np.random.default_rng(0), load_project("simulated")
    pds, start = rng.beta(1.2, 5, rows), datetime(2025, 1, 1, tzinfo=UTC)
    policy = Policy(
        POLICY, config.name, 1, 1, "run", 0.18, 0.25, {}, {}, "cheapest", "bench", start, "0" * 64
    )  # fmt: skip
    calibration = Recalibration(0.09, 1.02, np.array([[0.0041, 0.0020], [0.0020, 0.0016]]), 5_000)
    promise = Promise(policy, costs_of_project(config.costs), Review(25.0, 0.9), pd.DataFrame(), calibration)
    outcome = np.select([pds < 0.18, pds < 0.25], ["approve", "review"], "decline")
    loans = pd.DataFrame(
        {
            "id": np.arange(rows).astype(str), "applicant_id": None,
            "decided_at": start + pd.to_timedelta(rng.integers(0, 30 * MONTHS, rows), unit="D"),
            "model_version": 1, "policy_id": POLICY, "outcome": outcome, "pd": pds, "grade": "C",
            "amount": rng.lognormal(9, 0.5, rows), "y": np.nan, "known_at": pd.NaT, "cash": np.nan,
        }
    )  # fmt: skip
    return make_book(config, loans, date(2025, 12, 31), {POLICY: promise})


def main() -> None:
    """Print what `measure` finds."""
    figures = measure(*(int(text) for text in sys.argv[1:]))
    for what, value, must in figures.values():
        print(f"{what}: {value} ({must})")


if __name__ == "__main__":
    main()
