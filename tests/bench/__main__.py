"""``make bench``: run every benchmark, print ratios, and write them into the README's performance section.

``python -m tests.bench index http`` runs only those parts and leaves the table's other rows as they were. Each row is the
median of whole runs of both sides, taken in turn, so that a slow minute of the machine hits both.
"""

import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.bench import applicant, batch, drift, estimate, first_score, http, index, pages, profiles, replay

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
START, END = "<!-- bench:start -->", "<!-- bench:end -->"
REPEATS = 5
LIBRARIES = ("streamlit", "mlflow", "scikit-learn", "lightgbm", "pandas", "evidently")


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


def main(parts: Sequence[str]) -> None:
    """Run the named parts, or all, print their rows, and put them into the README's table."""
    unknown = set(parts) - set(PARTS)
    if unknown:
        raise SystemExit(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    measured = [found for name in parts or PARTS if (found := PARTS[name]()) is not None]
    ratios = [Row(*row) for found in measured for row in getattr(found, "rows", tuple)()]
    values = [value for found in measured for value in getattr(found, "values", tuple)()]
    rows = [row.cells() for row in ratios] + [f"| {what} | {value} | | | {must} |" for what, value, must in values]
    print("\n".join(rows))  # a command's result
    write_table(rows, keep_others=bool(parts))


@dataclass(frozen=True)
class Training:
    """Seconds of whole processes, ours and the plain script's."""

    ours: Sequence[float]
    theirs: Sequence[float]

    def rows(self) -> list[tuple[str, Sequence[float], Sequence[float], str, str]]:
        """What was measured, ours, theirs, the alternative, what must be."""
        what = "train `loan_data`: 12 candidates with out-of-fold validation, intervals, check, snapshot"
        return [(what, self.ours, self.theirs, "a plain script: 11 fits, each logged with `log_model`", "3 x or more")]


def training() -> Training | None:
    """Whole process: 11 candidates and a baseline, validated out of fold, against a script that fits and logs 11 models."""
    folder = os.environ.get("RISKDECK_DATA_DIR")
    if not folder:
        print("training: skipped, RISKDECK_DATA_DIR is not set", file=sys.stderr)
        return None
    data = str(Path(folder).resolve() / "loan_data.csv.gz")
    ours, theirs = [], []
    for _ in range(REPEATS):
        ours.append(timed([sys.executable, "-m", "pipeline", "train", "loan_data", "--data", data]))
        theirs.append(timed([sys.executable, "-m", "tests.bench.plain_training", data]))
    return Training(ours, theirs)


def timed(command: Sequence[str]) -> float:
    """Seconds of a whole process in an empty home of its own."""
    with tempfile.TemporaryDirectory(prefix="riskdeck-bench-") as home:
        environment = {**os.environ, "RISKDECK_HOME": home, "MLFLOW_TRACKING_URI": f"sqlite:///{home}/mlflow.db"}
        start = time.perf_counter()
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        return time.perf_counter() - start


def write_table(rows: Sequence[str], *, keep_others: bool) -> None:
    """Put rows between the README's two marks, in place of those that measured the same; others go unless they are kept."""
    text = README.read_text(encoding="utf-8")
    before, _, rest = text.partition(START)
    old, _, after = rest.partition(END)
    if not rest:
        raise SystemExit(f"README.md has no {START} mark; put it where the table belongs")
    known = {_what(line): line for line in old.splitlines() if line.startswith("| ")} if keep_others else {}
    known = {what: line for what, line in known.items() if what != "what"} | {_what(row): row for row in rows}
    versions = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    head = (
        f"Measured by `make bench` on {os.cpu_count()} cores, Python {platform.python_version()}, {versions}; medians of "
        f"repeats, both sides in one run.\n\n| what | Riskdeck | alternative | ratio | must be |\n|---|---|---|---|---|"
    )
    README.write_text(f"{before}{START}\n{head}\n" + "\n".join(known.values()) + f"\n{END}{after}", encoding="utf-8")


def _what(line: str) -> str:
    return line.split("|")[1].strip()


PARTS: dict[str, Callable[[], Any]] = {
    "training": training, "index": index.measure, "pages": pages.measure, "applicant": applicant.measure,
    "first_score": first_score.measure, "batch": batch.measure, "http": http.measure, "drift": drift.measure,
    "profiles": profiles.measure,
    "estimate": estimate.measure,
    "replay": replay.measure,
}  # fmt: skip

if __name__ == "__main__":
    main(sys.argv[1:])
