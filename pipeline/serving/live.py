"""A version that may decide: model, policy and what was known in training, each verified and loaded once."""

import io
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pandas as pd
from sqlalchemy import Engine

from pipeline import contract
from pipeline.project import ProjectConfig, ProjectError, parse_project, project_sha256
from pipeline.registry import runs
from pipeline.registry.ledger import LedgerError
from pipeline.registry.pins import PinError, Pins, read_pins
from pipeline.registry.policies import Policy, PolicyError, read_policy
from pipeline.serving.records import ServingError
from pipeline.settings import Settings
from pipeline.training.persistence import ModelError, load_model

if TYPE_CHECKING:
    from pipeline.serving.inputs import InputRules
    from pipeline.serving.reasons import Reasoner
    from pipeline.serving.warn import Watch


@dataclass(frozen=True, eq=False)
class LiveModel:
    """A verified model with its policy. ``config`` is the project as the model's own run logged it, not today's file."""

    config: ProjectConfig
    version: int
    run_id: str
    model_sha256: str
    policy: Policy
    model: Any = field(repr=False)
    background: pd.DataFrame = field(repr=False)
    """See `contract.ARTIFACT_BACKGROUND`."""
    reference: pd.DataFrame = field(repr=False)
    ranges: pd.DataFrame = field(repr=False)
    holdout: pd.DataFrame = field(repr=False)
    """Validation and test rows with their outcomes: what applicants of a score really did."""

    @property
    def project(self) -> str:
        """Short name of the project."""
        return self.config.name

    @cached_property
    def rules(self) -> "InputRules":
        """What each input must be."""
        from pipeline.serving.inputs import InputRules

        return InputRules(self.config)

    @cached_property
    def watch(self) -> "Watch":
        """What training had seen of each input."""
        from pipeline.serving.warn import Watch

        return Watch(self.config, self.reference, self.ranges)

    @cached_property
    def reasoner(self) -> "Reasoner":
        """Contributions and principal reasons against applicants at or just above the cut-off."""
        from pipeline.serving.reasons import Reasoner

        return Reasoner(self.model, self.config, self.background, self.policy.approve_below)


def load_version(settings: Settings, engine: Engine, version: int, run_id: str, model_sha256: str, policy_id: str) -> LiveModel:
    """Load a version as the ledger names it: run, sha256 of the model, policy.

    Raises ServingError when the bytes of model, project or tables are not those that were approved, hold an untrusted type, or
    something the run promised is missing; TrackingUnavailable when nobody answers.
    """
    try:
        policy = read_policy(engine, policy_id)
        pins = read_pins(engine, policy.project, version, run_id)
        config = _config(settings, run_id, pins)
        if (policy.model_version, policy.run_id) != (version, run_id):
            raise ServingError(f"policy {policy_id!r} was not written for version {version}; release it again")
        model = load_model(runs.read_artifact_bytes(run_id, contract.ARTIFACT_MODEL, settings), model_sha256)
        tables = {name: _table(settings, run_id, path, pins) for name, path in _TABLES.items()}
    except (ModelError, ProjectError, PolicyError, LedgerError, PinError) as error:
        raise ServingError(f"version {version} cannot be used: {error}") from error
    except LookupError as error:
        raise ServingError(
            f"version {version} cannot be used: {error}; train and release a version with this Riskdeck"
        ) from error
    return LiveModel(config, version, run_id, model_sha256, policy, model, **tables)


_TABLES = {
    "background": contract.ARTIFACT_BACKGROUND,
    "reference": contract.ARTIFACT_REFERENCE,
    "ranges": contract.ARTIFACT_RANGES,
    "holdout": contract.ARTIFACT_HOLDOUT,
}


def _table(settings: Settings, run_id: str, path: str, pins: Pins) -> pd.DataFrame:
    """A table as it was proposed, read from the very bytes that were compared."""
    content = pins.require(path, runs.read_artifact_bytes(run_id, path, settings))
    try:
        return pd.read_parquet(io.BytesIO(content))
    except (ValueError, OSError) as error:  # pyarrow's errors are both
        raise runs.ArtifactMissing(f"{path} of run {run_id} cannot be read: {error}") from error


def _config(settings: Settings, run_id: str, pins: Pins) -> ProjectConfig:
    """The project as logged; it must still be the text that the run's lineage names, and the one that was proposed."""
    text = runs.read_text(run_id, contract.ARTIFACT_PROJECT, settings)
    logged = runs.read_run(run_id, settings).tags.get(contract.TAG_PROJECT_SHA256)
    if project_sha256(text) != logged:
        raise ServingError(f"the project file of run {run_id} has sha256 {project_sha256(text)}, but training logged {logged}")
    pins.require(contract.ARTIFACT_PROJECT, text.encode())
    return parse_project(text, f"run {run_id}")
