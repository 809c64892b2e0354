"""What a version is compared with: the bins and counts of its development rows, and what its policy would have done there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, Protocol

import numpy as np
from pandas import DataFrame, Series, concat
from sqlalchemy import Connection, Engine

from pipeline import contract
from pipeline.evaluation.inputs import FloatArray, IntArray
from pipeline.evaluation.profile_bins import FeatureBins, category_reference, feature_bins
from pipeline.monitoring.profile_sums import natural_sums, sum_table
from pipeline.project import ProjectConfig, ProjectError, parse_project
from pipeline.registry import ledger, runs
from pipeline.registry.policies import Policy, PolicyError, read_policy
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.settings import Settings

_LIVE: Final = (ledger.PROMOTION, ledger.ROLLBACK)


class BaselineError(RuntimeError):
    """What a version is compared with cannot be read; the message names the version and why."""


class Artifacts(Protocol):
    """Where artifacts of runs are read; the dashboard gives one that keeps copies."""

    def table(self, run_id: str, path: str) -> DataFrame:
        """Return a Parquet artifact by its path in the contract; LookupError where there is none."""
        ...

    def text(self, run_id: str, path: str) -> str:
        """Return a text artifact by its path in the contract; LookupError where there is none."""
        ...


@dataclass(frozen=True)
class TrackedArtifacts:
    """Artifacts as the tracking store gives them now."""

    settings: Settings

    def table(self, run_id: str, path: str) -> DataFrame:
        """Return a Parquet artifact."""
        return runs.read_artifact_table(run_id, path, self.settings)

    def text(self, run_id: str, path: str) -> str:
        """Return a text artifact."""
        return runs.read_text(run_id, path, self.settings)


@dataclass(frozen=True, eq=False)
class VersionBins:
    """The bins in which decisions of one version are counted, those of `contract.PROFILE_EXTRAS` included."""

    config: ProjectConfig
    version: int
    run_id: str
    reference: DataFrame = field(repr=False)
    """`contract.REFERENCE_COLUMNS`; nothing is counted yet for decision, grade and reason."""
    ranges: DataFrame = field(repr=False)

    @cached_property
    def features(self) -> dict[str, FeatureBins]:
        """The bins of each feature, in the order of the reference."""
        return feature_bins(self.reference, self.ranges)


@dataclass(frozen=True, eq=False)
class Baseline:
    """Development as one version saw it, decided by the policy under which that version was last live."""

    config: ProjectConfig
    """The project as the version's own run logged it."""
    run_id: str
    version: int
    reference: DataFrame = field(repr=False)
    """`contract.REFERENCE_COLUMNS` of every input, the PD, ``(decision)`` and ``(grade)``."""
    ranges: DataFrame = field(repr=False)
    sums: Mapping[str, float]
    """`contract.PROFILE_SUM_BINS` of the development rows: expected defaults, money, expected money, rows with an amount."""
    n: int
    """Development rows."""
    policy: Policy


def load_baseline(
    settings: Settings, engine: Engine, project: str, model_version: int, *, artifacts: Artifacts | None = None
) -> Baseline:
    """Return what a version is compared with. The development rows are those of the holdout's validation split.

    Its policy is the one under which it was last live, else the one it was last proposed with. No model is loaded. Raises
    BaselineError when the ledger does not know the version or an artifact or policy cannot be read, TrackingUnavailable.
    """
    found = artifacts or TrackedArtifacts(settings)
    with engine.connect() as connection:
        policy = policy_of(connection, project, model_version)
    config, reference, ranges = _bins(found, model_version, policy.run_id)
    try:
        holdout = found.table(policy.run_id, contract.ARTIFACT_HOLDOUT)
    except LookupError as error:
        raise _unreadable(model_version, error) from error
    rows = holdout[holdout["split"] == contract.VALID]
    pds = rows[contract.HOLDOUT_PD].to_numpy(dtype=np.float64)
    outcomes = _places(policy, pds)
    decided, graded = decisions_of(policy, pds), grades_of(config, pds)
    extras = [
        category_reference(contract.PROFILE_DECISION, _counted(decided, contract.OUTCOMES)),
        category_reference(contract.PROFILE_GRADE, _counted(graded, config.underwriting.grades)),
    ]
    sums = natural_sums(sum_table(outcomes, pds, rows[contract.HOLDOUT_AMOUNT].to_numpy(dtype=np.float64)))
    whole = concat([reference, *extras], ignore_index=True)
    return Baseline(config, policy.run_id, model_version, whole, ranges, sums, len(rows), policy)


def load_bins(settings: Settings, version: int, run_id: str, *, artifacts: Artifacts | None = None) -> VersionBins:
    """Return the bins of a version by the run that its decisions name. Raises BaselineError, TrackingUnavailable."""
    config, reference, ranges = _bins(artifacts or TrackedArtifacts(settings), version, run_id)
    named = (*config.feature_names, *(ratio.name for ratio in config.ratios))
    extras = [
        category_reference(feature, dict.fromkeys(names, 0))
        for feature, names in (
            (contract.PROFILE_DECISION, contract.OUTCOMES),
            (contract.PROFILE_GRADE, config.underwriting.grades),
            (contract.PROFILE_REASON, named),
        )
    ]
    return VersionBins(config, version, run_id, concat([reference, *extras], ignore_index=True), ranges)


def policy_of(store: Connection | Engine, project: str, model_version: int) -> Policy:
    """Return the policy under which a version was last live, else its last proposal's. Raises BaselineError."""
    mine = [entry for entry in ledger.history(store, project) if entry.subject.get("model_version") == model_version]
    live = [entry for entry in mine if entry.event in _LIVE]
    named = live or [entry for entry in mine if entry.event == ledger.PROPOSAL]
    if not named:
        raise BaselineError(
            f"version {model_version} of {project} was never proposed, so nothing says by which policy its development rows "
            "would have been decided; propose it first"
        )
    try:
        return read_policy(store, named[-1].subject["policy_id"])
    except PolicyError as error:
        raise _unreadable(model_version, error) from error


def decisions_of(policy: Policy, pds: FloatArray) -> "Series[str]":
    """Approve when PD < approve_below, decline when PD >= decline_above, review between; shape (n,)."""
    return Series(np.asarray(contract.OUTCOMES, dtype=object)[_places(policy, pds)])


def _places(policy: Policy, pds: FloatArray) -> IntArray:
    # As pipeline.serving.scorer.outcomes, whose import brings scikit-learn and every model family with it.
    return ((pds >= policy.approve_below).astype(np.int64) + (pds >= policy.decline_above)).astype(np.int64)


def grades_of(config: ProjectConfig, pds: FloatArray) -> "Series[str]":
    """Return the grade of each PD, shape (n,); a PD on an edge has the worse one."""
    edges, names = config.underwriting.grade_edges, config.underwriting.grades
    return Series(np.asarray(names, dtype=object)[np.searchsorted(edges, pds, side="right")])


def _bins(artifacts: Artifacts, version: int, run_id: str) -> tuple[ProjectConfig, DataFrame, DataFrame]:
    try:
        config = parse_project(artifacts.text(run_id, contract.ARTIFACT_PROJECT), f"run {run_id}")
        tables = [artifacts.table(run_id, path) for path in (contract.ARTIFACT_REFERENCE, contract.ARTIFACT_RANGES)]
    except (LookupError, ProjectError) as error:
        raise _unreadable(version, error) from error
    return config, tables[0], tables[1]


def _counted(values: "Series[str]", names: tuple[str, ...]) -> dict[str, int]:
    counts = values.value_counts()
    return {name: int(counts.get(name, 0)) for name in names}


def _unreadable(version: int, error: Exception) -> BaselineError:
    return BaselineError(f"what version {version} is compared with cannot be read: {error}")


__all__ = [
    "Artifacts", "Baseline", "BaselineError", "TrackedArtifacts", "TrackingUnavailable", "VersionBins", "decisions_of",
    "grades_of", "load_baseline", "load_bins", "policy_of",
]  # fmt: skip
