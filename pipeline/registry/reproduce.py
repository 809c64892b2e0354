"""Train a run again from its snapshot, its project and its seed, and compare every number to the last digit."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline import contract
from pipeline.data.read import DataError
from pipeline.data.snapshot import read_snapshot
from pipeline.data.split import rows_sha256, split_rows
from pipeline.project import parse_project
from pipeline.registry.runs import RunDetail, read_artifact_table, read_run, read_text
from pipeline.settings import Settings
from pipeline.training.bakeoff import Failed, Progress, list_candidates, run_bakeoff
from pipeline.training.job import measure
from pipeline.training.lineage import read_lineage

MEASURED_TIMES = (contract.FIT_SECONDS, contract.LATENCY_MS)
"""Metrics of the machine, not of the model; they are not compared."""


class ReproduceError(ValueError):
    """A run that cannot be trained again; the message says what is missing."""


@dataclass(frozen=True)
class Reproduction:
    """What came out: how many numbers were compared, which differed, and what of the surroundings has changed since."""

    run_id: str
    n_metrics: int
    n_pds: int
    differences: tuple[str, ...]
    surroundings: tuple[str, ...]

    @property
    def is_identical(self) -> bool:
        """True when every metric and every PD is the same to the last bit."""
        return not self.differences


def reproduce_run(settings: Settings, run_id: str, progress: Progress | None = None) -> Reproduction:
    """Fit the run's candidate again and compare. Nothing is written.

    A snapshot that was altered since is a difference. Raises ReproduceError when the run or its project is not there or not
    ours, DataError when its snapshot is not, TrackingUnavailable when nobody answers.
    """
    try:
        run = read_run(run_id, settings)
        text = read_text(run_id, contract.ARTIFACT_PROJECT, settings)
        logged = read_artifact_table(run_id, contract.ARTIFACT_HOLDOUT, settings)
    except LookupError as exc:
        raise ReproduceError(f"run {run_id!r} cannot be reproduced: {exc}") from exc
    config = parse_project(text, f"run {run_id}")
    name = run.tags.get(contract.TAG_CANDIDATE, "")
    candidates = [c for c in list_candidates(config) if c.name == name]
    if not candidates:
        raise ReproduceError(f"run {run_id!r} names the candidate {name!r}, which its own project does not have")
    surroundings = tuple(_surroundings(run))
    sha256 = run.tags[contract.TAG_DATA_SHA256]
    try:
        frame = read_snapshot(settings.snapshots, sha256)
    except DataError as exc:
        if not (settings.snapshots / f"{sha256}.parquet").is_file():
            raise
        return Reproduction(run_id, 0, 0, (f"snapshot {exc}",), surroundings)
    split = split_rows(frame, config)
    if rows_sha256(frame, split.test) != run.tags.get(contract.TAG_TEST_SHA256):
        changed = "the snapshot splits into other test rows than the run was tested on"
        return Reproduction(run_id, 0, 0, (changed,), surroundings)
    fitted = run_bakeoff(config, frame, split, candidates=candidates, progress=progress)[0]
    if isinstance(fitted, Failed):
        raise ReproduceError(f"the candidate {name!r} failed this time: {fitted.reason}")
    report = measure(config, frame, split, fitted)
    differences = [*metric_differences(run.metrics, report.metrics), *pd_differences(logged, report.holdout)]
    compared = len([k for k in run.metrics if k not in MEASURED_TIMES])
    return Reproduction(run_id, compared, len(logged), tuple(differences), surroundings)


def metric_differences(before: Mapping[str, float], now: Mapping[str, float]) -> list[str]:
    """Name each metric that is not the very same number, or is there on one side only."""
    known = {k: v for k, v in now.items() if np.isfinite(v)}
    keys = sorted((before.keys() | known.keys()) - set(MEASURED_TIMES))
    return [f"{k}: {before.get(k)!r} then, {known.get(k)!r} now" for k in keys if before.get(k) != known.get(k)]


def pd_differences(before: pd.DataFrame, now: pd.DataFrame) -> list[str]:
    """Say how many PDs differ in any bit, and by how much at the most."""
    if len(before) != len(now):
        return [f"{len(before)} holdout rows then, {len(now)} now"]
    gap = np.abs(before[contract.HOLDOUT_PD].to_numpy() - now[contract.HOLDOUT_PD].to_numpy())
    n = int((~(gap == 0)).sum())  # a NaN on one side differs too
    return [f"{n} of {len(gap)} PDs differ, at most by {gap.max():.3g}"] if n else []


def _surroundings(run: RunDetail) -> list[str]:
    now = read_lineage()
    pairs = (
        ("commit", run.tags.get(contract.TAG_GIT_COMMIT, ""), now.git_commit),
        ("lock", run.tags.get(contract.TAG_LOCK_SHA256, ""), now.lock_sha256),
    )
    return [
        f"{name}: {before[:12] or 'unknown'} then, {after[:12] or 'unknown'} now"
        for name, before, after in pairs
        if before != after
    ]
