"""What is held of the store and of what decides: engine, desk, files being scored, the live pair; part of `loading`."""

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import streamlit as st

from dashboard.batch_jobs import BatchJobs
from dashboard.loading import TTL_SECONDS, run_store
from pipeline.registry import tracking_store
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from dashboard.batch_jobs import Job
    from pipeline.registry.ledger import LedgerEntry, Live
    from pipeline.registry.policies import Policy
    from pipeline.serving.desk import Desk
    from pipeline.store.engine import Engine


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
        from pipeline.serving import decision_log  # noqa: F401  # needed with the first answer
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


def forget(project: str) -> None:
    """Ask the store again now: what is new, what changed, what is live. Nothing is raised; the runs say when it was in vain."""
    run_store().refresh(project)
    _release.clear()
