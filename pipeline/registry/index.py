"""The run index: pages read what it holds, at once; it asks MLflow behind their back, and only for what it must.

    index = Index(load_settings())     # one per process
    index.start_background()
    index.runs("taiwan").frame         # never waits for a tracking server

It lives under RISKDECK_HOME, survives restarts, is shared by processes, and rebuilds itself when it is broken.
"""

import hashlib
import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

import pandas as pd

from pipeline.registry.index_file import IndexUnavailable
from pipeline.registry.index_store import IndexStore
from pipeline.registry.index_sync import Progress, Puller
from pipeline.registry.index_table import DETAIL_COLUMNS, Tables, detail_of, table_of
from pipeline.registry.runs import RUN_COLUMNS, RunDetail
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.settings import Settings

INTERVAL_SECONDS: Final = 15.0
STEP_SECONDS: Final = 2.0
"""How long the background walks over old runs at a time; it rests as long before it goes on."""
REFRESH_SECONDS: Final = 5.0
WANTED_SECONDS: Final = 600.0
"""A project that no page asked for in so long is left alone until one does."""
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class IndexedRuns:
    """What the index holds of a project: `frame` as `read_runs` returns it, with the times at which it was true (UTC).

    `details` has a row per run in the order of `frame`: run_id, end, and tags and metrics as JSON text, under their own names.
    `as_of`: all new runs until then are in, None before the first sync. `checked_at`: changed tags and deletions until then
    are in. `stale_since` and `reason` are set while the tracking store does not answer.
    """

    frame: pd.DataFrame
    details: pd.DataFrame
    as_of: datetime | None
    checked_at: datetime | None
    stale_since: datetime | None
    reason: str
    n_known: int
    is_whole: bool
    is_syncing: bool


@dataclass(frozen=True)
class SyncReport:
    """What one sync or reconciliation did; `reason` says why not, when the store did not answer."""

    n_changed: int = 0
    n_gone: int = 0
    is_whole: bool = False
    reason: str = ""
    seconds: float = 0.0

    @property
    def is_answered(self) -> bool:
        """True when the tracking store answered all that was asked."""
        return not self.reason


class Index:
    """The index of one tracking store. Threads and processes may share it; nothing here raises for a dead server."""

    def __init__(self, settings: Settings) -> None:
        self._store = IndexStore(settings.home / "index", store_key(settings.tracking_uri))
        self._tables = Tables(self._store)
        self._puller = Puller(settings, self._store)
        self._locks: dict[str, threading.Lock] = {}
        self._failures: dict[str, tuple[float, str]] = {}
        self._wanted: dict[str, float] = {}
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def runs(self, project: str) -> IndexedRuns:
        """What is known now, without asking the tracking store. Raises IndexUnavailable when RISKDECK_HOME cannot be used."""
        self._want(project)
        state = self._store.project(project)
        experiment = state.experiment
        table = table_of([]) if experiment is None else self._tables.table(experiment)
        swept_at = None if experiment is None else self._store.sweep(experiment).swept_at
        is_whole = state.as_of is not None and (experiment is None or swept_at is not None)
        frame = table[list(RUN_COLUMNS)]
        frame.attrs["is_whole"] = is_whole
        return IndexedRuns(
            frame=frame,
            details=table[["run_id", *DETAIL_COLUMNS]],
            as_of=_utc(state.as_of),
            checked_at=_utc(swept_at),
            stale_since=_utc(state.as_of or state.failed_at) if state.problem else None,
            reason=state.problem,
            n_known=len(table),
            is_whole=is_whole,
            is_syncing=self._lock(project).locked() or not (is_whole or state.problem),
        )

    def run(self, run_id: str) -> RunDetail | None:
        """One run as last seen, with every tag, parameter and metric; None when the index does not know it."""
        body = self._store.body(run_id)
        return detail_of(body) if body else None

    def sync(self, project: str, progress: Progress | None = None) -> SyncReport:
        """Read what is new or still running; the first time everything, newest first."""
        return self._guarded(project, lambda: self._sync(project, progress))

    def reconcile(self, project: str, budget_s: float = math.inf, *, restart: bool = True) -> SyncReport:
        """Find changed tags, metrics and names, deleted and restored runs, in about `budget_s` seconds of reading.

        With `restart` from the newest run on; else from where the last one stopped. `is_whole` says whether every run was
        looked at; if not, the next call without `restart` goes on.
        """
        return self._guarded(project, lambda: self._reconcile(project, budget_s, restart))

    def refresh(self, project: str) -> SyncReport:
        """For a button: what is new, then as much of a reconciliation as a person waits for; the background does the rest.

        While a first sync runs it does not wait for that: `is_whole` is False then.
        """
        self._wake.set()

        def job() -> SyncReport:
            return _sum(self._sync(project, None), self._reconcile(project, REFRESH_SECONDS, restart=True))

        return self._guarded(project, job, wait_s=REFRESH_SECONDS)

    def start_background(self, interval_s: float = INTERVAL_SECONDS) -> None:
        """Keep every project that was asked for up to date, from a daemon thread. Called again, it does nothing."""
        if not self.has_background:
            self._stop.clear()
            self._thread = threading.Thread(target=self._work, args=(interval_s,), name="riskdeck-index", daemon=True)
            self._thread.start()

    @property
    def has_background(self) -> bool:
        """True while the background thread lives."""
        return self._thread is not None and self._thread.is_alive()

    def stop_background(self, timeout_s: float = 10.0) -> None:
        """Let the background finish its page and end."""
        self._stop.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _lock(self, project: str) -> threading.Lock:
        return self._locks.setdefault(project, threading.Lock())

    def _want(self, project: str) -> None:
        asked_at, now = self._wanted.get(project, -math.inf), time.monotonic()
        self._wanted[project] = now
        if now - asked_at > WANTED_SECONDS:
            self._wake.set()

    def _work(self, interval_s: float) -> None:
        while not self._stop.is_set():
            for project, asked_at in tuple(self._wanted.items()):
                if time.monotonic() - asked_at <= WANTED_SECONDS:
                    self._keep_up(project)
            self._wake.wait(interval_s)
            self._wake.clear()

    def _keep_up(self, project: str) -> None:
        try:
            report = self.sync(project)
            while report.is_answered and not self._stop.is_set():
                report = self.reconcile(project, STEP_SECONDS, restart=False)
                if report.is_whole or self._stop.wait(STEP_SECONDS):
                    break
        except IndexUnavailable as exc:
            log.warning("%s", exc)
        except Exception:
            log.exception("the index of %s could not be brought up to date", project)

    def _sync(self, project: str, progress: Progress | None) -> SyncReport:
        began = time.time_ns()
        as_of = self._store.project(project).as_of
        experiment = self._puller.resolve(project)
        n_changed = n_gone = 0
        if experiment is not None:
            n_new = self._puller.pull_new(experiment, as_of)
            n_changed, n_gone = self._puller.pull_unfinished(experiment, began)
            n_changed += n_new
            if self._store.sweep(experiment).swept_at is None:
                swept, gone, _ = self._puller.sweep(experiment, restart=False, until=math.inf, progress=progress)
                n_changed, n_gone = n_changed + swept, n_gone + gone
            self._tables.save(experiment)
        self._store.succeeded(project, began)
        return SyncReport(n_changed, n_gone, is_whole=True)

    def _reconcile(self, project: str, budget_s: float, restart: bool) -> SyncReport:
        experiment = self._store.project(project).experiment
        if experiment is None:
            return self._sync(project, None)
        until = time.monotonic() + budget_s
        n_changed, n_gone, is_whole = self._puller.sweep(experiment, restart=restart, until=until)
        self._tables.save(experiment)
        return SyncReport(n_changed, n_gone, is_whole)

    def _guarded(self, project: str, job: Callable[[], SyncReport], wait_s: float = -1) -> SyncReport:
        """One at a time per project; a store that does not answer becomes a reason, which the index keeps."""
        start = time.monotonic()
        lock = self._lock(project)
        if not lock.acquire(timeout=wait_s):
            return SyncReport(seconds=time.monotonic() - start)
        try:
            failed_at, reason = self._failures.get(project, (-math.inf, ""))
            if failed_at > start:  # who waited for one that failed does not wait for the same failure once more
                return SyncReport(reason=reason, seconds=time.monotonic() - start)
            report = job()
        except TrackingUnavailable as exc:
            self._failures[project] = (time.monotonic(), str(exc))
            self._store.failed(project, time.time_ns(), str(exc))
            report = SyncReport(reason=str(exc))
        finally:
            lock.release()
        return replace(report, seconds=time.monotonic() - start)


def store_key(tracking_uri: str) -> str:
    """Short name of a tracking store: the same for every password, different for every user, since they may see other runs."""
    parts = urlsplit(tracking_uri)
    place = (
        f"{parts.scheme}://{parts.netloc.rpartition('@')[0].partition(':')[0]}@{parts.netloc.rpartition('@')[2]}{parts.path}"
    )
    return hashlib.sha256(place.encode()).hexdigest()[:16]


def _sum(first: SyncReport, then: SyncReport) -> SyncReport:
    return SyncReport(first.n_changed + then.n_changed, first.n_gone + then.n_gone, then.is_whole)


def _utc(ns: int | None) -> datetime | None:
    return None if ns is None else datetime.fromtimestamp(ns / 1e9, UTC)
