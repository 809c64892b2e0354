"""Every cached read of the dashboard; with `loading_risk` the only `st.cache_*` in it. Each says when it was read.

What needs MLflow imports it inside the reader, so that a page draws its frame first.
"""

import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypedDict
from urllib.parse import quote, urlsplit

import pandas as pd
import streamlit as st

from dashboard.batch_jobs import BatchJobs
from dashboard.run_store import RunStore
from pipeline import contract
from pipeline.evaluation.bands import cheapest_cutoff_band, saving_band
from pipeline.evaluation.bootstrap import paired_difference
from pipeline.evaluation.cost import CashCosts, Costs, LoanCosts
from pipeline.evaluation.swap import cutoff_at_approval, swap_set
from pipeline.evaluation.thinning import thin_curve
from pipeline.project import ProjectConfig, ProjectError, list_projects, load_project, parse_project
from pipeline.registry import runs as reader
from pipeline.registry import tracking_store
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from dashboard.batch_jobs import Job
    from pipeline.registry.ledger import LedgerEntry, Live
    from pipeline.registry.policies import Policy
    from pipeline.serving.desk import Desk
    from pipeline.store.engine import Engine

TTL_SECONDS: Final = 30
FOREVER_SECONDS: Final = 3600
"""Artifacts of a complete run do not change; the hour only bounds memory."""
DRAWN_ROWS: Final = 400
"""A picture shows no more, and a browser should not be sent more."""


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


def forget(project: str) -> None:
    """Ask the store again now: what is new, what changed, what is live. Nothing is raised; the runs say when it was in vain."""
    run_store().refresh(project)
    _release.clear()


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
    money = _money(a, costs)
    if money is None:
        return None
    y, pd_a, pd_b = a[contract.HOLDOUT_Y], a[contract.HOLDOUT_PD], b[contract.HOLDOUT_PD]
    table = paired_difference(y, pd_a, cutoff_a, pd_b, cutoff_b, costs=costs, **money)
    return table.set_index("metric").assign(n=len(a))


class Money(TypedDict, total=False):
    """What the cases are worth, as far as the costs multiply it."""

    amount: pd.Series
    cash: pd.Series


def _money(rows: pd.DataFrame, costs: Costs) -> Money | None:
    """The column of money that the costs multiply; None when it is not known for every row."""
    if isinstance(costs, CashCosts):
        cash = rows[contract.HOLDOUT_CASH]
        return None if cash.isna().any() else {"cash": cash}
    if isinstance(costs, LoanCosts):
        amount = rows[contract.HOLDOUT_AMOUNT]
        return None if amount.isna().any() else {"amount": amount}
    return {}


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=64, show_spinner=False)
def drawn_curve(run_id: str, split: str, costs: Costs) -> pd.DataFrame | None:
    """At most `DRAWN_ROWS` rows of a curve for a picture, each exact, ends and cheapest among them."""
    whole = curve(run_id, split)
    return None if whole is None else thin_curve(whole, DRAWN_ROWS, [costs])


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=256, show_spinner=False)
def cheapest_band(run_id: str, costs: Costs) -> tuple[float, float] | None:
    """Between which cut-offs the cheapest of validation lies in 95 % of resamples; None when rows or money are missing."""
    rows = holdout(run_id, contract.VALID)
    money = None if rows is None else _money(rows, costs)
    if rows is None or money is None:
        return None
    band = cheapest_cutoff_band(rows[contract.HOLDOUT_Y], rows[contract.HOLDOUT_PD], costs, **money)
    return band.lo, band.hi


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=256, show_spinner=False)
def saving_interval(run_id: str, cutoff: float, other: str, other_cutoff: float, costs: Costs) -> tuple[float, float] | None:
    """95 % interval of what a cut-off saves per 1,000 test applications against a cut-off of another run ("": the same).

    None when rows or their money are missing, or the two runs were tested on different rows.
    """
    if other and other != run_id:
        table = difference(run_id, cutoff, other, other_cutoff, costs)
        if table is None:
            return None
        row = table.loc[["cost"]].iloc[0]
        return -1000 * float(row["hi"]) / float(row["n"]), -1000 * float(row["lo"]) / float(row["n"])
    rows = holdout(run_id, contract.TEST)
    money = None if rows is None else _money(rows, costs)
    if rows is None or money is None:
        return None
    band = saving_band(rows[contract.HOLDOUT_Y], rows[contract.HOLDOUT_PD], cutoff, other_cutoff, costs, **money)
    return 1000 * band.lo / len(rows), 1000 * band.hi / len(rows)


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=64, show_spinner=False)
def same_approval(run_id: str, approval_rate: float) -> float | None:
    """The cut-off at which a run approves a given share of the test rows; it looks at no outcome."""
    rows = holdout(run_id, contract.TEST)
    return None if rows is None else cutoff_at_approval(rows[contract.HOLDOUT_PD], approval_rate)


@st.cache_data(ttl=FOREVER_SECONDS, max_entries=64, show_spinner=False)
def swaps(today: str, cutoff_today: float, new: str, cutoff_new: float, costs: Costs) -> pd.DataFrame | None:
    """Who changes sides on the test rows when one run takes over from another, in all and by segment: see `swap_set`.

    A row without an outcome was declined before and counts as inferred. None when rows or money are missing or differ.
    """
    a, b = holdout(today, contract.TEST), holdout(new, contract.TEST)
    if a is None or b is None or not _same_rows(a, b):
        return None
    money = _money(a, costs)
    if money is None:
        return None
    y, groups = a[contract.HOLDOUT_Y], a.filter(regex=f"^{contract.SEGMENT_PREFIX}")
    unseen = y.isna().to_numpy() if y.isna().any() else None
    table = swap_set(
        y, a[contract.HOLDOUT_PD], cutoff_today, b[contract.HOLDOUT_PD], cutoff_new, costs,
        groups=groups, previously_declined=unseen, **money,
    )  # fmt: skip
    return table.assign(column=table["column"].str.removeprefix(contract.SEGMENT_PREFIX))


def _same_rows(a: pd.DataFrame, b: pd.DataFrame) -> bool:
    keys = [contract.HOLDOUT_ID, contract.HOLDOUT_Y]
    return a[keys].equals(b[keys])


def desk(project: str) -> "Desk":
    """The desk of a project: what decides now, loaded and verified once per process. Nothing is loaded before `Desk.pair`."""
    settings = load_settings()
    return _desk(str(settings.home), settings.tracking_uri, settings.database_url, project)


@st.cache_resource(max_entries=8, show_spinner=False)
def _desk(home: str, uri: str, url: str, project: str) -> "Desk":  # noqa: ARG001  # home and address are the cache key
    from pipeline.serving.desk import Desk

    return Desk(load_settings(), store_engine(), project)


def warm_desk(project: str) -> None:
    """Load and verify what is live behind the page, once per process, so that the first applicant does not wait for it.

    What fails here fails again, in words, when somebody is scored.
    """
    settings = load_settings()
    _warm(str(settings.home), settings.tracking_uri, settings.database_url, project)


@st.cache_resource(max_entries=8, show_spinner=False)
def _warm(home: str, uri: str, url: str, project: str) -> "threading.Thread":  # noqa: ARG001  # where, for the cache key
    def load() -> None:
        from pipeline.serving import decision_log  # noqa: F401
        from pipeline.serving.records import ServingError
        from pipeline.serving.scorer import assess
        from pipeline.store.engine import StoreError

        try:
            live = desk(project).pair().champion
        except (ServingError, StoreError, tracking_store.TrackingUnavailable):
            return
        frame = live.background[list(live.config.feature_names)].head(1)
        live.reasoner.difference(frame)
        live.watch.warnings(frame)
        assess(live, frame)

    thread = threading.Thread(target=load, name="riskdeck-warm", daemon=True)
    thread.start()
    return thread


def batch_job(project: str, name: str, content: bytes) -> "Job":
    """The job of a file in this process, begun with a check of all its rows when the file is new."""
    return _batch_jobs().of(load_settings().database_url, project, lambda: desk(project), name, content)


def drop_batch_job(job: "Job") -> None:
    """Forget a job that could not be done, so that its file is taken up anew."""
    _batch_jobs().drop(job)


@st.cache_resource(show_spinner=False)
def _batch_jobs() -> BatchJobs:
    return BatchJobs()


def has_store() -> bool:
    """Tell whether there is a store to look into: opening a file that is not there would create it."""
    url = load_settings().database_url
    return not url.startswith("sqlite:") or Path(urlsplit(url).path.removeprefix("/")).absolute().is_file()


def store_engine() -> "Engine":
    """The engine of the store, one per process and address. Raises StoreError when the store cannot be opened."""
    return _engine(load_settings().database_url)


@st.cache_resource(max_entries=8, show_spinner=False)
def _engine(url: str) -> "Engine":
    from pipeline.store.engine import open_store

    return open_store(url)


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

    if not has_store():
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
