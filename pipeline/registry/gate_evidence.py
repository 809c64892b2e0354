"""Gather a run's evidence for its gate, score the champion on the same rows, and file the result with the run."""

import json
import math
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from pipeline import contract
from pipeline.data.snapshot import read_snapshot
from pipeline.data.split import split_rows
from pipeline.project import ProjectConfig, parse_project
from pipeline.registry import ledger, versions
from pipeline.registry.gates import Champion, Evidence, GateResult, judge
from pipeline.registry.runs import ArtifactMissing, RunDetail, read_artifact_bytes, read_artifact_table, read_run, read_text
from pipeline.settings import Settings
from pipeline.training.persistence import ModelError, load_model
from pipeline.training.tracking import file_text


class GateError(ValueError):
    """A run that cannot be judged at all; the message says what to do."""


def gate_run(settings: Settings, engine: Engine, run_id: str, config: ProjectConfig | None = None) -> GateResult:
    """Judge a run and file the result as its gates.json.

    Rules are those of `config`, the project as it stands today, so that a floor raised since training counts; without it
    those of the project TOML the run was trained with. Raises GateError when the run is not there, holds no project or
    belongs to another one, TrackingUnavailable when nobody answers.
    """
    try:
        run = read_run(run_id, settings)
        text = read_text(run_id, contract.ARTIFACT_PROJECT, settings)
    except LookupError as exc:
        raise GateError(f"run {run_id!r} cannot be judged: {exc}") from exc
    own = parse_project(text, f"run {run_id}")
    rules = config or own
    if rules.name != own.name:
        raise GateError(f"run {run_id!r} belongs to project {own.name!r}, not to {rules.name!r}; name that one")
    result = judge(rules, read_evidence(settings, engine, run, own.name))
    file_text(settings, run_id, contract.ARTIFACT_GATES, result.to_json())
    return result


def read_evidence(settings: Settings, engine: Engine, run: RunDetail, project: str) -> Evidence:
    """Read what the run logged; what is missing comes back as None and fails its rule."""
    run_id = run.run_id
    holdout = _table(settings, run_id, contract.ARTIFACT_HOLDOUT)
    champion, missing = _champion_pds(settings, engine, run, project, holdout)
    return Evidence(
        metrics=run.metrics,
        tags=run.tags,
        holdout=holdout,
        segments=_table(settings, run_id, contract.ARTIFACT_SEGMENTS),
        checks=_json(settings, run_id, contract.ARTIFACT_CHECKS),
        champion=champion,
        champion_missing=missing,
    )


def _champion_pds(
    settings: Settings, engine: Engine, run: RunDetail, project: str, holdout: pd.DataFrame | None
) -> tuple[Champion | None, str]:
    """Return the champion's PDs on the run's test rows, or why they cannot be had; (None, "") when nothing is live.

    The champion is the ledger's, not the alias's: an alias can be moved without anybody's approval.
    """
    approved = ledger.live_at(engine, project)
    if approved is None:
        return None, ""
    number = approved.model_version
    try:
        version = versions.read_version(project, number)
        live = read_run(version.run_id, settings)
        pds = _same_rows(settings, live, run, holdout)
        if pds is None:
            pds = _rescored(settings, version, run)
        return Champion(number, pds, live.metrics.get(contract.CUTOFF, math.inf)), ""
    except (LookupError, ValueError, OSError) as exc:
        return None, f"champion version {number} could not be compared on these rows: {exc}"


def _same_rows(settings: Settings, live: RunDetail, run: RunDetail, holdout: pd.DataFrame | None) -> Any | None:
    """The champion's logged PDs, when it was tested on the very same rows."""
    same = live.tags.get(contract.TAG_TEST_SHA256) == run.tags.get(contract.TAG_TEST_SHA256)
    if not same or holdout is None:
        return None
    rows = read_artifact_table(live.run_id, contract.ARTIFACT_HOLDOUT, settings)
    return rows.loc[rows["split"] == contract.TEST, contract.HOLDOUT_PD].to_numpy(dtype=np.float64)


def _rescored(settings: Settings, version: versions.Version, run: RunDetail) -> Any:
    """Score the run's test rows, read from its snapshot, with the champion's own model file."""
    config = parse_project(read_text(run.run_id, contract.ARTIFACT_PROJECT, settings), f"run {run.run_id}")
    frame = read_snapshot(settings.snapshots, run.tags[contract.TAG_DATA_SHA256])
    try:
        model = load_model(read_artifact_bytes(version.run_id, contract.ARTIFACT_MODEL, settings), version.model_sha256)
        return model.predict_proba(frame.iloc[split_rows(frame, config).test])[:, 1]
    except (KeyError, ModelError) as exc:
        raise GateError(f"its model does not run on this data ({exc})") from exc


def _table(settings: Settings, run_id: str, path: str) -> pd.DataFrame | None:
    try:
        return read_artifact_table(run_id, path, settings)
    except ArtifactMissing:
        return None


def _json(settings: Settings, run_id: str, path: str) -> Any | None:
    try:
        return json.loads(read_text(run_id, path, settings))
    except (ArtifactMissing, ValueError):
        return None
