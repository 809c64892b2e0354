"""Every cached read of the dashboard, and the only `st.cache_*` in it. Each says when it was read.

What needs MLflow imports it inside the reader, so that a page draws its frame first.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pandas as pd
import streamlit as st

from pipeline import contract
from pipeline.evaluation.bootstrap import paired_difference
from pipeline.evaluation.cost import Costs, LoanCosts
from pipeline.project import ProjectConfig, ProjectError, list_projects, load_project, parse_project
from pipeline.registry import runs as reader
from pipeline.registry import tracking_store
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from pipeline.registry.ledger import LedgerEntry, Live
    from pipeline.registry.policies import Policy

TTL_SECONDS: Final = 30
FOREVER_SECONDS: Final = 3600
"""Artifacts of a complete run do not change; the hour only bounds memory."""


@dataclass(frozen=True)
class Runs:
    """The runs of a project and when they were read."""

    table: pd.DataFrame
    as_of: datetime
    is_whole: bool


def store_name() -> str:
    """Name of the tracking store without secrets."""
    return tracking_store.describe_store(load_settings())


def project_names() -> tuple[str, ...]:
    """Projects that have an experiment, else those that come with the product. Raises TrackingUnavailable."""
    return _experiment_names(load_settings().tracking_uri) or list_projects()


def read_runs(project: str) -> Runs:
    """Runs of a project's experiment, at most `TTL_SECONDS` old. Raises TrackingUnavailable."""
    table, as_of, is_whole = _runs(load_settings().tracking_uri, project)
    return Runs(table, as_of, is_whole)


def forget() -> None:
    """Drop what was read, so that the next page asks the store again."""
    _experiment_names.clear()
    _runs.clear()
    _release.clear()


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False)
def _experiment_names(uri: str) -> tuple[str, ...]:  # noqa: ARG001  # the address is part of the cache key
    tracking_store.short_timeouts()
    return tuple(experiment.name for experiment in reader.list_experiments())


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False)
def _runs(uri: str, project: str) -> tuple[pd.DataFrame, datetime, bool]:  # noqa: ARG001
    tracking_store.short_timeouts()
    table = reader.read_runs(project)
    return table, datetime.now(UTC), bool(table.attrs.get("is_whole", True))


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=64, show_spinner=False)
def read_table(run_id: str, path: str) -> pd.DataFrame:
    """A Parquet artifact of a run. Raises ArtifactMissing or TrackingUnavailable."""
    return reader.read_artifact_table(run_id, path)


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=64, show_spinner=False)
def read_text(run_id: str, path: str) -> str:
    """A text artifact of a run. Raises ArtifactMissing or TrackingUnavailable."""
    return reader.read_text(run_id, path)


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=64, show_spinner=False)
def read_detail(run_id: str) -> reader.RunDetail:
    """Every tag, parameter and metric of a run. Raises LookupError or TrackingUnavailable."""
    return reader.read_run(run_id)


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


def curve(run_id: str, split: str) -> pd.DataFrame | None:
    """One split of a run's threshold curve, or None when the run has none."""
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


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=256, show_spinner=False)
def difference(run_a: str, cutoff_a: float, run_b: str | None, cutoff_b: float, costs: Costs) -> pd.DataFrame | None:
    """Paired difference of two runs on the test rows they share, money over all rows as the metric ``cost``.

    run_b None compares with approving everybody at the same PDs. None when a holdout or its amounts are missing, or when
    the rows differ. Index: metric; columns of `paired_difference` and n.
    """
    a = holdout(run_a, contract.TEST)
    b = a if run_b is None else holdout(run_b, contract.TEST)
    if a is None or b is None or not _same_rows(a, b):
        return None
    amount = a[contract.HOLDOUT_AMOUNT]
    if isinstance(costs, LoanCosts) and amount.isna().any():
        return None
    y, pd_a, pd_b = a[contract.HOLDOUT_Y], a[contract.HOLDOUT_PD], b[contract.HOLDOUT_PD]
    table = paired_difference(y, pd_a, cutoff_a, pd_b, cutoff_b, costs=costs, amount=amount)
    return table.set_index("metric").assign(n=len(a))


def _same_rows(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    keys = [contract.HOLDOUT_ID, contract.HOLDOUT_Y]
    return a[keys].equals(b[keys])


@dataclass(frozen=True)
class Release:
    """What is live by the ledger, its policy, and proposals that nobody has decided; `problem` when it cannot be read."""

    live: "Live | None" = None
    policy: "Policy | None" = None
    approver: str = ""
    waiting: "tuple[LedgerEntry, ...]" = ()
    problem: str = ""

    @property
    def run_id(self) -> str:
        """Run of the live model, "" when nothing is live."""
        return self.live.run_id if self.live else ""


def read_release(project: str) -> Release:
    """The live pair of a project, at most `TTL_SECONDS` old. A store that cannot be read is a problem in words, no error."""
    return _release(load_settings().database_url, project)


@st.cache_data(ttl=TTL_SECONDS, show_spinner=False)
def _release(url: str, project: str) -> Release:
    from pipeline.registry import ledger
    from pipeline.registry.policies import PolicyError, read_policy
    from pipeline.store.engine import StoreError, open_store

    if url.startswith("sqlite:") and not Path(urlsplit(url).path.removeprefix("/")).absolute().is_file():
        return Release()
    try:
        engine = open_store(url)
    except StoreError as error:
        return Release(problem=f"What is live cannot be read: {error}")
    try:
        entries = ledger.history(engine, project)
        live = ledger.live_at(engine, project)
        decided = {e.subject.get("proposal") for e in entries if e.event in (ledger.APPROVAL, ledger.REJECTION)}
        waiting = tuple(e for e in entries if e.event == ledger.PROPOSAL and e.seq not in decided)
        approver = next((e.actor for e in entries if live and e.seq == live.seq), "")
        return Release(live, read_policy(engine, live.policy_id) if live else None, approver, waiting)
    except (PolicyError, ledger.LedgerError) as error:
        return Release(problem=f"What is live cannot be trusted: {error}")
    finally:
        engine.dispose()
