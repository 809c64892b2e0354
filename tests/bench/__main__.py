"""``make bench``: run every benchmark, print ratios, and write them into the README's performance section.

Each row is the median of `REPEATS` whole runs of both sides, taken in turn, so that a slow minute of the machine hits both.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.bench import index, pages

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
START, END = "<!-- bench:start -->", "<!-- bench:end -->"
REPEATS = 5
LIBRARIES = ("streamlit", "mlflow", "scikit-learn", "lightgbm", "pandas")


@dataclass(frozen=True)
class Row:
    """One line of the table: seconds of ours and of the alternative, and what the ratio must be."""

    what: str
    ours: Sequence[float]
    theirs: Sequence[float]
    alternative: str
    must: str

    @property
    def ratio(self) -> float:
        """How many times slower the alternative is, medians of both."""
        return statistics.median(self.theirs) / statistics.median(self.ours)

    def cells(self) -> str:
        """Return the row as a line of a Markdown table."""
        ours, theirs = (f"{statistics.median(s):.3g} s" for s in (self.ours, self.theirs))
        return f"| {self.what} | {ours} | {theirs} ({self.alternative}) | {self.ratio:.1f} x | {self.must} |"


def main() -> None:
    """Run what can be run here, print it, and rewrite the README's table."""
    ratios = [row for row in (training(), *run_index()) if row is not None]
    waits = pages.measure()
    table = [
        f"Measured by `make bench` on {os.cpu_count()} cores, Python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
        + f"; medians of {REPEATS} repeats or more, both sides in one run.",
        "",
        "| what | Riskdeck | alternative | ratio | must be |",
        "|---|---|---|---|---|",
        *(row.cells() for row in ratios),
        *(f"| {what} | {value} | | | {must} |" for what, value, must in (waits.rows() if waits else ())),
    ]
    print("\n".join(table))  # noqa: T201  # a command's result
    write_table("\n".join(table))


def run_index() -> list[Row]:
    """The index of runs against `mlflow.search_runs` of the same store."""
    return [Row(what, ours, theirs, "`mlflow.search_runs`", must) for what, ours, theirs, must in index.measure().rows()]


def training() -> Row | None:
    """Whole process: 11 candidates and a baseline, validated out of fold, against a script that fits and logs 11 models."""
    folder = os.environ.get("RISKDECK_DATA_DIR")
    if not folder:
        print("training: skipped, RISKDECK_DATA_DIR is not set", file=sys.stderr)  # noqa: T201
        return None
    data = str(Path(folder).resolve() / "loan_data.csv.gz")
    ours, theirs = [], []
    for _ in range(REPEATS):
        ours.append(timed([sys.executable, "-m", "pipeline", "train", "loan_data", "--data", data]))
        theirs.append(timed([sys.executable, "-m", "tests.bench.plain_training", data]))
    what = "train `loan_data`: 12 candidates with out-of-fold validation, intervals, check, snapshot"
    return Row(what, ours, theirs, "a plain script: 11 fits, each logged with `log_model`", "3 x or more")


def timed(command: Sequence[str]) -> float:
    """Seconds of a whole process in an empty home of its own."""
    with tempfile.TemporaryDirectory(prefix="riskdeck-bench-") as home:
        environment = {**os.environ, "RISKDECK_HOME": home, "MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db"}
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        return time.perf_counter() - start


def write_table(table: str) -> None:
    """Replace what stands between the README's two marks."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    if not rest:
        raise SystemExit(f"README.md has no {START} mark; put it where the table belongs")
    README.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
