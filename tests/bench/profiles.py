"""Counting 100,000 new decisions, and the Drift page over 24 months of stored counts, of few decisions and of many.

python -m tests.bench.profiles
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import Engine, insert

from pipeline import contract
from pipeline.evaluation.profile_bins import category_reference
from pipeline.evaluation.reference import feature_profile, reference_profile
from pipeline.monitoring.baseline import Baseline, decisions_of, grades_of
from pipeline.monitoring.drift import Asked, StoredProfiles, assess_drift
from pipeline.monitoring.profile_store import add_counts
from pipeline.monitoring.profile_sums import natural_sums, sum_table
from pipeline.monitoring.profiles import update_profiles
from pipeline.project import Feature, ProjectConfig, open_project, read_project_text
from pipeline.registry.policies import Policy
from pipeline.serving.decision_batch import DecisionBatch, record_rows
from pipeline.serving.ids import new_ids
from pipeline.serving.records import Reason
from pipeline.settings import Settings
from pipeline.store.engine import open_store, writing
from pipeline.store.tables import policies, profile_marks, profile_months, profiles

DECISIONS = 100_000
SIZES = (10_000, 10_000_000)
FIRST, LAST = date(2024, 1, 1), date(2025, 12, 31)
NUMBERS = 23
SEGMENTS = {"channel": ("branch", "web", "partner", "broker"), "region": ("north", "east", "south", "west")}
POLICY = Policy(
    "p1", "simulated", 1, 1, "r1", 0.15, 0.25, {}, {}, "why", "pm", datetime(2024, 1, 1, tzinfo=UTC), "s"
)  # fmt: skip


@dataclass(frozen=True)
class Figures:
    """Seconds of each repeat."""

    update_month: Sequence[float]
    update_years: Sequence[float]
    pages: dict[int, Sequence[float]]
    """Of everything the Drift page computes before it draws, reading included."""

    def values(self) -> list[tuple[str, str, str]]:
        """What was measured, the median, what must be."""
        updates = " and ".join(f"{statistics.median(times):.1f}" for times in (self.update_month, self.update_years))
        sizes = " and ".join(f"{n:,}" for n in self.pages)
        pages = " and ".join(f"{1000 * statistics.median(times):.0f}" for times in self.pages.values())
        drawn = f"Drift page, 24 months x {NUMBERS + 2} features of {sizes} decisions: reading counts and all computing"
        return [
            (f"profile update: {DECISIONS:,} new decisions of one month, and of 24", f"{updates} s", "10 s at most"),
            (drawn, f"{pages} ms", "100 ms at most, the same for both"),
        ]


def measure(repeats: int = 5) -> Figures:
    """Measure counting on a book of one month and of two years, and the page on stores of each size in turn."""
    month, years = (_updates(days, min(repeats, 3)) for days in (30, 730))
    pages: dict[int, Sequence[float]] = {}
    for n in SIZES:
        with _store() as (settings, engine):
            baseline = _baseline()
            _fill(engine, baseline, n)
            stored = StoredProfiles(settings, engine, "simulated", {1: baseline})
            pages[n] = _times(lambda: assess_drift(stored, Asked(FIRST, LAST, "month")), repeats)  # noqa: B023  # called before the loop goes on
    return Figures(month, years, pages)


def _times(job: Callable[[], object], repeats: int) -> list[float]:
    job()  # libraries load what they need
    found = []
    for _ in range(repeats):
        start = time.perf_counter()
        job()
        found.append(time.perf_counter() - start)
    return found


@contextmanager
def _store() -> Iterator[tuple[Settings, Engine]]:
    with tempfile.TemporaryDirectory(prefix="riskdeck-bench-") as home:
        settings = Settings(Path(home), f"sqlite:///{home}/mlflow.db", f"sqlite:///{home}/riskdeck.db")
        engine = open_store(settings.database_url)
        yield settings, engine
        engine.dispose()


# --- counting ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Made:
    """Artifacts of a run that was never trained."""

    reference: pd.DataFrame

    def table(self, run_id: str, path: str) -> pd.DataFrame:
        return {contract.ARTIFACT_REFERENCE: self.reference, contract.ARTIFACT_RANGES: _ranges(self.reference)}[path]

    def text(self, run_id: str, path: str) -> str:
        return read_project_text("simulated")


def _ranges(reference: pd.DataFrame) -> pd.DataFrame:
    names = reference.loc[reference["kind"] == "number", "feature"].unique()
    return pd.DataFrame({"feature": names, "lowest": 0.0, "highest": 1e9})


def _updates(days: int, repeats: int) -> list[float]:
    """Seconds of counting `DECISIONS` that were made over so many days, nothing counted before."""
    from pipeline.data.simulate import BookSpec, simulate_book

    config = open_project("simulated").config
    book = simulate_book(BookSpec(n=DECISIONS)).head(DECISIONS)
    kinds = {feature.name: feature.kind for feature in config.features}
    pds = np.random.default_rng(0).beta(1.2, 6, len(book))
    made = _Made(reference_profile(book, kinds, pds))
    with _store() as (settings, engine):
        with writing(engine) as connection:
            connection.execute(insert(policies).values(**POLICY.__dict__))
        _record(engine, config, book, pds, days)
        found = []
        for _ in range(repeats):
            with writing(engine) as connection:
                for table in (profiles, profile_months, profile_marks):
                    connection.execute(table.delete())
            start = time.perf_counter()
            done = update_profiles(settings, engine, "simulated", artifacts=made)
            found.append(time.perf_counter() - start)
            if done.counted != len(book):
                raise SystemExit(f"{done.counted} of {len(book)} decisions were counted")
    return found


def _record(engine: Engine, config: ProjectConfig, book: pd.DataFrame, pds: np.ndarray, days: int) -> None:
    names = config.feature_names
    typed = pd.DataFrame(
        {
            f.name: book[f.name].astype("str").where(book[f.name].notna(), None) if f.kind == "category"
            else book[f.name].to_numpy(dtype=np.float64, na_value=np.nan)
            for f in config.features
        }
    )  # fmt: skip
    decided, graded = decisions_of(POLICY, pds), grades_of(config, pds)
    for day, at in enumerate(np.array_split(np.arange(len(book)), days)):
        noon = datetime(2024, 1, 1, 12, tzinfo=UTC) + timedelta(days=day)
        why = [() if decided[i] == "approve" else tuple(_reason(names[(i + k) % len(names)]) for k in range(4)) for i in at]
        record_rows(
            engine,
            DecisionBatch(
                "simulated", noon, "batch", 1, "a" * 64, "r1", "p1", typed.iloc[at], pds[at], graded.to_numpy(dtype=object)[at],
                decided.to_numpy(dtype=object)[at], ids=new_ids(noon, len(at)), reasons=why,
            ),
        )  # fmt: skip


def _reason(feature: str) -> Reason:
    return Reason(feature, "Because of it", 1200.0, 2400.0, 0.3, 0.1)


# --- the page ---------------------------------------------------------------------------------------------------------


def _baseline() -> Baseline:
    """A product of 25 inputs, two of them segments."""
    config = open_project("simulated").config
    numbers = [Feature(name=f"number_{i}", kind="number", label=f"Number {i}") for i in range(NUMBERS)]
    groups = [Feature(name=name, kind="category", label=name, choices=values) for name, values in SEGMENTS.items()]
    config = config.model_copy(update={"features": (*numbers, *groups)})
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({feature.name: rng.lognormal(8, 0.5, 30_000) for feature in numbers})
    rows = rows.assign(**{name: rng.choice(values, 30_000) for name, values in SEGMENTS.items()})
    pds = rng.beta(1.2, 6, 30_000)
    decided, graded = decisions_of(POLICY, pds), grades_of(config, pds)
    reference = pd.concat(
        [
            feature_profile(rows, {feature.name: feature.kind for feature in config.features}),
            feature_profile(pd.DataFrame({contract.REFERENCE_PD: pds}).rename(columns={"pd": "p"}), {"p": "number"}).assign(
                feature=contract.REFERENCE_PD
            ),
            category_reference(contract.PROFILE_DECISION, decided.value_counts().reindex(contract.OUTCOMES).to_dict()),
            category_reference(contract.PROFILE_GRADE, graded.value_counts().reindex(config.underwriting.grades).to_dict()),
        ],
        ignore_index=True,
    )
    places = pd.Index(contract.OUTCOMES).get_indexer(pd.Index(decided)).astype(np.int64)
    sums = natural_sums(sum_table(places, pds, np.full(pds.size, 9000.0)))
    return Baseline(config, "r1", 1, reference, _ranges(reference), sums, pds.size, POLICY)


def _fill(engine: Engine, baseline: Baseline, n: int) -> None:
    """Write the counts that so many decisions, spread over the days, would have left; from the last half year on some move."""
    rng = np.random.default_rng(2)
    days = pd.date_range(FIRST, LAST, freq="D")
    segments = [contract.ALL_SEGMENTS, *(f"{name}={value}" for name, values in SEGMENTS.items() for value in values)]
    sizes = rng.multinomial(n, np.full(len(days), 1 / len(days)))
    moved = (np.arange(len(days)) > len(days) - 184).astype(float)
    for segment in segments:
        mine = sizes if segment == contract.ALL_SEGMENTS else rng.binomial(sizes, 0.25)
        tables = [_drawn(rng, feature, table, mine, moved, days) for feature, table in baseline.reference.groupby("feature")]
        tables.append(_sums(mine, days))
        with writing(engine) as connection:
            add_counts(connection, "simulated", 1, pd.concat(tables, ignore_index=True).assign(segment=segment))


def _drawn(
    rng: np.random.Generator, feature: object, table: pd.DataFrame, sizes: np.ndarray, moved: np.ndarray, days: pd.DatetimeIndex
) -> pd.DataFrame:
    shares = (table["count"] / table["count"].sum()).to_numpy()
    tilt = np.linspace(-1, 1, shares.size) * (1.0 if str(feature) in ("number_0", "number_7", "channel") else 0.05)
    drawn = shares * np.exp(np.outer(moved, tilt))
    counts = rng.multinomial(sizes, drawn / drawn.sum(axis=1, keepdims=True))
    day, at = np.nonzero(counts)
    return pd.DataFrame(
        {
            "day": days.strftime("%Y-%m-%d")[day],
            "feature": str(feature),
            "bin": table["bin"].to_numpy()[at],
            "count": counts[day, at],
        }
    )


def _sums(sizes: np.ndarray, days: pd.DatetimeIndex) -> pd.DataFrame:
    each = np.tile([60_000, 350_000, 30_000, 1], len(contract.OUTCOMES))
    counts = np.outer(sizes // len(contract.OUTCOMES), each)
    day, at = np.nonzero(counts)
    bins = np.asarray(contract.PROFILE_SUM_BINS, dtype=object)[at]
    return pd.DataFrame(
        {"day": days.strftime("%Y-%m-%d")[day], "feature": contract.PROFILE_SUMS, "bin": bins, "count": counts[day, at]}
    )


if __name__ == "__main__":
    for what, value, must in measure(*(int(argument) for argument in sys.argv[1:])).values():
        print(f"{what}: {value} ({must})")
