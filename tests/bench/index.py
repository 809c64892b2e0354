"""What the run index costs and saves, beside `mlflow.search_runs` of the same runs on the same store.

python -m tests.bench.index [RUNS]
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline import contract
from pipeline.settings import Settings, quiet_mlflow

PROJECT = "simulated"
RUNS = 10_000
N_METRICS, N_PARAMS, N_TAGS = 20, 15, 6
REPEATS = 5
ROOT = Path(__file__).resolve().parents[2]
METRICS = [contract.metric_key(split, name) for split in contract.SPLITS for name in contract.METRICS][:N_METRICS]
START_MS = 1_790_000_000_000
BETWEEN_MS = 60_000


@dataclass(frozen=True)
class Figures:
    """Seconds of each repeat: a page's read of a warm index (same process, new process), syncs, and `mlflow.search_runs`."""

    warm: Sequence[float]
    cold: Sequence[float]
    first_sync: Sequence[float]
    later_sync: Sequence[float]
    search_runs: Sequence[float]
    rss_mb: float

    def rows(self) -> list[tuple[str, Sequence[float], Sequence[float], str, str]]:
        """What was measured, ours, theirs, the alternative, what must be."""
        measured = [
            (f"leaderboard from a warm index of {RUNS:,} runs", self.warm, "0.3 s at most, 50 x or more"),
            ("its first read in a new process, imports left out", self.cold, "0.3 s at most"),
            (f"first sync of {RUNS:,} runs", self.first_sync, "0.77 x or more (1.3 times as long at most)"),
            ("a sync that finds nothing new", self.later_sync, ""),
        ]
        return [(what, ours, self.search_runs, "`mlflow.search_runs`", must) for what, ours, must in measured]


def measure(n_runs: int = RUNS, repeats: int = REPEATS) -> Figures:
    """Measure on a store of `n_runs` runs made for it; both sides in turn, each sync and search in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="riskdeck-bench-") as folder:
        home = Path(folder)
        fill_store(home, n_runs)
        first, search = [], []
        for _ in range(repeats):
            for file in (home / "index").glob("*"):
                file.unlink()
            first.append(_timed("sync", home, n_runs)[0])
            search.append(_timed("search", home, n_runs)[0])
        later = [_timed("sync", home, n_runs)[0] for _ in range(repeats)]
        cold = [_timed("cold", home, n_runs) for _ in range(repeats)]
        warm = [_timed("warm", home, n_runs)[0] for _ in range(repeats)]
        return Figures(warm, [c[0] for c in cold], first, later, search, statistics.median(c[1] for c in cold))


def settings_at(home: Path) -> Settings:
    """Everything under one folder."""
    return Settings(home=home, tracking_uri=f"sqlite:///{home / 'mlflow.db'}", database_url="sqlite://")


def fill_store(home: Path, n_runs: int, project: str = PROJECT) -> None:
    """Make a tracking store with many complete runs in seconds: MLflow's own tables, rows written in bulk.

    Through the client each run would cost some 40 ms. An existing store gets the runs into a new experiment. All runs share
    the artifacts of `shared_artifacts`, which the caller may fill.
    """
    quiet_mlflow()
    import sqlalchemy as sa
    from mlflow import MlflowClient
    from mlflow.store.tracking.dbmodels import models

    settings = settings_at(home)
    client = MlflowClient(tracking_uri=settings.tracking_uri)
    experiment = int(client.create_experiment(project, artifact_location=(home / "artifacts").as_uri()))
    rows = list(_runs(n_runs, experiment, shared_artifacts(home).as_uri()))
    engine = sa.create_engine(settings.tracking_uri)
    with engine.begin() as db:
        for model, part in (
            (models.SqlRun, 0), (models.SqlLatestMetric, 1), (models.SqlMetric, 1), (models.SqlParam, 2), (models.SqlTag, 3),
        ):  # fmt: skip
            db.execute(sa.insert(model.__table__), [row for run in rows for row in run[part]])
    engine.dispose()


def shared_artifacts(home: Path) -> Path:
    """The folder of artifacts that every run of `fill_store` names as its own."""
    return home / "artifacts" / "shared"


@contextmanager
def _clock(seconds: list[float]) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds.append(time.perf_counter() - start)


def _runs(n_runs: int, experiment: int, artifacts: str) -> Iterator[tuple[list[dict], ...]]:
    for i in range(n_runs):
        run_id = f"{i * 2654435761 % 2**32:08x}{experiment:08x}{i:016x}"
        start = START_MS + i * BETWEEN_MS
        run = {
            "run_uuid": run_id, "name": f"candidate-{i}", "source_type": "LOCAL", "source_name": "", "entry_point_name": "",
            "user_id": "risk-lead", "status": "FINISHED", "start_time": start, "end_time": start + 1000, "deleted_time": None,
            "source_version": "", "lifecycle_stage": "active", "artifact_uri": artifacts,
            "experiment_id": experiment,
        }  # fmt: skip
        metrics = [
            {"key": key, "value": (i * 7919 % 10007 + j) / 10100, "timestamp": start, "step": 0, "is_nan": False}
            for j, key in enumerate(METRICS)
        ]
        params = [{"key": f"param_{j:02d}", "value": str(i * (j + 1))} for j in range(N_PARAMS)]
        tags = [
            {"key": key, "value": value}
            for key, value in (
                (contract.TAG_CONTRACT, contract.VERSION), (contract.TAG_COMPLETE, "true"),
                (contract.TAG_KIND, contract.KIND_CANDIDATE), (contract.TAG_FAMILY, ("logistic", "forest", "lightgbm")[i % 3]),
                (contract.TAG_BAKEOFF, f"bakeoff-{i // 12}"), (contract.TAG_TEST_SHA256, "c0ffee" * 10),
            )
        ]  # fmt: skip
        yield ([run], *([{**row, "run_uuid": run_id} for row in part] for part in (metrics, params, tags)))


def _timed(job: str, home: Path, n_runs: int) -> tuple[float, float]:
    command = [sys.executable, "-m", "tests.bench.index", job, str(home), str(n_runs)]
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}, check=True, capture_output=True
    )
    seconds, rss_mb = done.stdout.split()[-2:]
    return float(seconds), float(rss_mb)


def _job(job: str, home: Path, n_runs: int) -> None:
    """One measurement in this process; imports are not part of it, since both sides need the same ones."""
    import resource

    seconds: list[float] = []
    {"sync": _sync, "search": _search, "cold": _cold, "warm": _warm}[job](home, n_runs, seconds)
    rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(statistics.median(seconds), rss_mb)  # read by the measuring process


def _sync(home: Path, n_runs: int, seconds: list[float]) -> None:
    _client(home)
    from pipeline.registry.index import Index

    index = Index(settings_at(home))
    with _clock(seconds):
        report = index.sync(PROJECT, progress=lambda _n, _share: None)
    assert report.is_answered and index.runs(PROJECT).n_known == n_runs, report


def _search(home: Path, n_runs: int, seconds: list[float]) -> None:
    import mlflow

    experiment = _client(home).get_experiment_by_name(PROJECT).experiment_id
    with _clock(seconds):
        assert len(mlflow.search_runs([experiment])) == n_runs


def _cold(home: Path, n_runs: int, seconds: list[float]) -> None:
    from pipeline.registry.index import Index

    with _clock(seconds):
        _leaderboard(Index(settings_at(home)), n_runs)


def _warm(home: Path, n_runs: int, seconds: list[float]) -> None:
    from pipeline.registry.index import Index

    index = Index(settings_at(home))
    index.runs(PROJECT)
    for _ in range(REPEATS):
        with _clock(seconds):
            _leaderboard(index, n_runs)


def _leaderboard(index: "object", n_runs: int) -> None:
    """What the page does with the index: complete candidates of ours, best on validation first."""
    runs = index.runs(PROJECT).frame
    candidates = runs[(runs["state"] == "complete") & (runs["kind"] != contract.KIND_BAKEOFF)]
    assert len(candidates.sort_values("valid_f1", ascending=False, kind="stable")) == n_runs


def _client(home: Path) -> "object":
    """A client whose database is open and checked, so that neither side pays for it."""
    quiet_mlflow()
    import mlflow

    mlflow.set_tracking_uri(settings_at(home).tracking_uri)
    client = mlflow.MlflowClient()
    client.search_experiments()
    return client


def main() -> None:
    """Print the figures."""
    figures = measure()
    for what, ours, theirs, must in figures.rows():
        mine, other = statistics.median(ours), statistics.median(theirs)
        print(f"{what}: {mine:.3f} s, mlflow.search_runs {other:.2f} s, {other / mine:.1f} x ({must})")
    print(f"memory of a process that read the index: {figures.rss_mb:.0f} MB")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        _job(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
