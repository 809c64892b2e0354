"""Every cached read of the dashboard; with `loading_risk` the only `st.cache_*` in it. Each says when it was read.

What needs MLflow imports it inside the reader, so that a page draws its frame first.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

import pandas as pd
import streamlit as st

from dashboard.run_store import RunStore
from pipeline import contract
from pipeline.project import ProjectConfig, ProjectError, list_projects, load_project, parse_project
from pipeline.registry import runs as reader
from pipeline.registry import tracking_store
from pipeline.settings import load_settings

TTL_SECONDS: Final = 30
FOREVER_SECONDS: Final = 3600
"""Artifacts of a complete run do not change; the hour only bounds memory."""


@dataclass(frozen=True)
class Runs:
    """The runs of a project as the index holds them, and when that was true; `stale_since` while the store does not answer."""

    project: str
    table: pd.DataFrame
    as_of: datetime | None
    is_whole: bool
    stale_since: datetime | None = None
    reason: str = ""
    is_syncing: bool = False


def store_name() -> str:
    """Name of the tracking store without secrets."""
    return tracking_store.describe_store(load_settings())


def project_names() -> tuple[str, ...]:
    """Projects that have an experiment, else those that come with the product. Raises TrackingUnavailable."""
    return run_store().names() or list_projects()


def read_runs(project: str) -> Runs:
    """Runs of a project's experiment as the index holds them, with all `tags` and `metrics` as JSON text, and their `end`.

    Raises TrackingUnavailable when nothing was ever seen and nobody answers.
    """
    found = run_store().runs(project)
    more = {str(name): found.details[name].to_numpy() for name in found.details if name != "run_id"}
    table = found.frame.assign(**more)
    return Runs(project, table, found.as_of, found.is_whole, found.stale_since, found.reason, found.is_syncing)


def with_experiments(table: pd.DataFrame, others: Sequence[str]) -> pd.DataFrame:
    """Runs of further experiments below those of the first."""
    parts = [part for part in (table, *(read_runs(name).table for name in others)) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else table


def fingerprint(runs: Runs) -> int:
    """A number that changes when any run, name, state or tag does."""
    return int(pd.util.hash_pandas_object(runs.table[["run_id", "name", "state", "tags"]], index=False).to_numpy().sum())


def run_store() -> RunStore:
    """The one of this process for the tracking store that the environment names."""
    settings = load_settings()
    return _run_store(str(settings.home), settings.tracking_uri)


@st.cache_resource(max_entries=8, show_spinner=False, on_release=RunStore.close)
def _run_store(home: str, uri: str) -> RunStore:  # noqa: ARG001  # the place and the address are the cache key
    tracking_store.short_timeouts()
    return RunStore(load_settings())


def mlflow_page(run_id: str) -> str:
    """Address of a run in MLflow's own pages without credentials; "" when the store has none, being a file."""
    parts = urlsplit(load_settings().tracking_uri)
    detail = run_store().index.run(run_id)
    if parts.scheme not in ("http", "https") or detail is None:
        return ""
    base = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path.rstrip('/')}"
    return f"{base}/#/experiments/{quote(detail.experiment_id, safe='')}/runs/{quote(run_id, safe='')}"


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=64, show_spinner=False)
def read_table(run_id: str, path: str) -> pd.DataFrame:
    """A Parquet artifact of a run. Raises ArtifactMissing or TrackingUnavailable."""
    return run_store().table(run_id, path)


@st.cache_data(ttl=TTL_SECONDS, max_entries=64, show_spinner=False)
def read_text(run_id: str, path: str) -> str:
    """A text artifact of a run. Raises ArtifactMissing or TrackingUnavailable."""
    return run_store().text(run_id, path)


def read_detail(run_id: str) -> reader.RunDetail:
    """Every tag, parameter and metric of a run, from the index when it knows it. Raises LookupError or TrackingUnavailable."""
    return run_store().index.run(run_id) or reader.read_run(run_id)


def optional_table(run_id: str, path: str) -> pd.DataFrame | None:
    """A Parquet artifact, or None when the run has none."""
    try:
        return read_table(run_id, path)
    except LookupError:
        return None


def optional_text(run_id: str, path: str) -> str | None:
    """A text artifact, or None when the run has none."""
    try:
        return read_text(run_id, path)
    except LookupError:
        return None


def optional_json(run_id: str, path: str) -> Mapping[str, Any] | None:
    """A JSON object artifact, or None when the run has none or it is not one."""
    text = optional_text(run_id, path)
    try:
        found = json.loads(text) if text else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


@st.cache_resource(ttl=FOREVER_SECONDS, max_entries=16, show_spinner=False)
def curve(run_id: str, split: str) -> pd.DataFrame | None:
    """One split of a run's threshold curve, or None when the run has none; shared and never changed, it may be long."""
    table = optional_table(run_id, contract.ARTIFACT_CURVE)
    return None if table is None else table[table["split"] == split].reset_index(drop=True)


def holdout(run_id: str, split: str) -> pd.DataFrame | None:
    """One split of a run's scored rows, or None when the run has none."""
    table = optional_table(run_id, contract.ARTIFACT_HOLDOUT)
    return None if table is None else table[table["split"] == split].reset_index(drop=True)


def project_config(run_id: str, name: str) -> ProjectConfig | None:
    """The project as the run had it; without it the built-in one of that name, or None."""
    text = optional_text(run_id, contract.ARTIFACT_PROJECT) if run_id else None
    try:
        return parse_project(text) if text else load_project(name)
    except ProjectError:
        return None
