"""Cached reads of the Risk pages: counts, baselines and days. With `loading` the only place of `st.cache_*`.

Each is kept under where it was read from and the project; shared tables are never changed by their readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import streamlit as st
from pandas import DataFrame

from dashboard import loading, loading_desk
from dashboard.report_jobs import ReportJobs
from dashboard.sandbox import sandboxed
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from dashboard.report_jobs import Job
    from pipeline.monitoring.baseline import Baseline
    from pipeline.monitoring.drift import Asked, Drift
    from pipeline.monitoring.evidently_store import Report
    from pipeline.monitoring.performance_assessed import Assessed
    from pipeline.monitoring.performance_book import Book

Granularity = Literal["day", "week", "month"]


def as_of(project: str) -> date | None:
    """Day of the newest decision or outcome of a project, None where there is neither. Raises StoreError."""
    return _as_of(load_settings().database_url, project)


@st.cache_data(ttl=loading.TTL_SECONDS, max_entries=32, show_spinner=False)
def _as_of(url: str, project: str) -> date | None:  # noqa: ARG001  # the address is part of the cache key
    from pipeline.monitoring.clock import as_of_day

    return as_of_day(loading_desk.store_engine(), project)


def baseline(project: str, version: int) -> "Baseline":
    """What a version was developed on and promised, read again when the ledger moves. Raises what `load_baseline` raises."""
    from pipeline.registry.ledger import newest_seq

    return _baseline(where(), project, version, newest_seq(loading_desk.store_engine(), project))


@st.cache_resource(ttl=loading.FOREVER_SECONDS, max_entries=32, show_spinner=False)
def _baseline(places: str, project: str, version: int, seq: int) -> "Baseline":  # noqa: ARG001  # what it depends on
    from pipeline.monitoring.baseline import load_baseline

    return load_baseline(load_settings(), loading_desk.store_engine(), project, version, artifacts=loading.run_store())


def profile_span(project: str) -> tuple[date, date] | None:
    """First and last day that is counted, None when none is. Raises StoreError."""
    return _span(load_settings().database_url, project)


@st.cache_data(ttl=loading.TTL_SECONDS, max_entries=32, show_spinner=False)
def _span(url: str, project: str) -> tuple[date, date] | None:  # noqa: ARG001  # the address is part of the cache key
    from pipeline.monitoring.profiles import span

    return span(loading_desk.store_engine(), project)


def profile_versions(project: str) -> tuple[int, ...]:
    """Versions whose decisions are counted, ascending. Raises StoreError."""
    from pipeline.monitoring.profiles import versions

    return versions(loading_desk.store_engine(), project)


def not_counted(project: str) -> int:
    """How many decisions are not counted yet, at most `TTL_SECONDS` ago. Raises StoreError."""
    return _not_counted(load_settings().database_url, project)


@st.cache_data(ttl=loading.TTL_SECONDS, max_entries=32, show_spinner=False)
def _not_counted(url: str, project: str) -> int:  # noqa: ARG001  # the address is part of the cache key
    from pipeline.monitoring.profiles import is_behind

    return is_behind(loading_desk.store_engine(), project)


def counts(
    project: str, first: date, last: date, granularity: Granularity, segments: Sequence[str] | None = ("",),
    features: Sequence[str] | None = None,
) -> DataFrame:  # fmt: skip
    """Counts of every version as `profiles.read_counts` gives them; shared and never changed. Raises StoreError."""
    chosen, named = (None if names is None else tuple(names) for names in (segments, features))
    return _counts(load_settings().database_url, project, first, last, granularity, chosen, named)


@dataclass(frozen=True)
class CachedProfiles:
    """Counts and baselines of one project, kept; `pipeline.monitoring.drift.Profiles`."""

    project: str

    def counts(
        self, first: date, last: date, granularity: Granularity, segments: Sequence[str] | None = ("",),
        features: Sequence[str] | None = None,
    ) -> DataFrame:  # fmt: skip
        """Counts of every version as `profiles.read_counts` gives them."""
        return counts(self.project, first, last, granularity, segments, features)

    def baseline(self, version: int) -> "Baseline":
        """What a version is compared with."""
        return baseline(self.project, version)


@st.cache_resource(ttl=loading.TTL_SECONDS, max_entries=64, show_spinner=False)
def _counts(
    url: str,  # noqa: ARG001  # the address is part of the cache key
    project: str,
    first: date,
    last: date,
    granularity: Granularity,
    segments: tuple[str, ...] | None,
    features: tuple[str, ...] | None,
) -> DataFrame:
    from pipeline.monitoring.profiles import read_counts

    engine = loading_desk.store_engine()
    return read_counts(engine, project, first, last, granularity=granularity, segments=segments, features=features)


def drift(project: str, asked: "Asked") -> "Drift | None":
    """A window judged, shared and never changed; None where nothing was decided in it. Raises StoreError."""
    return _drift(where(), project, asked)


@st.cache_resource(ttl=loading.TTL_SECONDS, max_entries=32, show_spinner=False)
def _drift(places: str, project: str, asked: "Asked") -> "Drift | None":  # noqa: ARG001  # places and addresses: cache key
    from pipeline.monitoring.drift import assess_drift

    return assess_drift(CachedProfiles(project), asked)


@st.cache_data(ttl=loading.FOREVER_SECONDS, max_entries=64, show_spinner=False)
def _sample(
    url: str, n: int,  # noqa: ARG001  # where they are and how many: the cache key
    project: str, version: int, feature: str, first: date, last: date,
) -> DataFrame:  # fmt: skip
    from pipeline.monitoring.drift_sample import sample_decisions

    return sample_decisions(loading_desk.store_engine(), project, version, feature, first, last)


def decision_sample(project: str, version: int, feature: str, first: date, last: date, n: int) -> DataFrame:
    """A stated sample of decisions as `drift_sample.sample_decisions` draws it; n: decisions of the window, a sign of news."""
    return _sample(load_settings().database_url, n, project, version, feature, first, last)


def forget_counts() -> None:
    """Read the counts again: they have just been brought up to date."""
    for read in (_counts, _span, _as_of, _not_counted, _drift):
        read.clear()


def evidently_reports(project: str) -> "list[Report]":
    """The Evidently reports of a project that are kept, newest first."""
    from pipeline.monitoring.evidently_store import read_reports

    return read_reports(load_settings(), project)


@st.cache_resource(max_entries=4, show_spinner=False)
def framed_report(page: str) -> str:
    """An Evidently page, five megabytes, as the frame takes it; a finished report does not change."""
    return sandboxed(Path(page).read_text(encoding="utf-8"))


def report_job(project: str, first: date, last: date) -> "Job | None":
    """What this process is at, or was last at, for the report on a window."""
    return _report_jobs().of(where(), project, first, last)


def begin_report(project: str, first: date, last: date, as_of: date) -> "Job":
    """Have the report on a window made by a process of its own."""
    return _report_jobs().begin(where(), project, first, last, as_of)


def where() -> str:
    """Places and addresses that what is read depends on: part of every cache key."""
    settings = load_settings()
    return f"{settings.home} {settings.tracking_uri} {settings.database_url}"


@st.cache_resource(show_spinner=False, on_release=ReportJobs.close)
def _report_jobs() -> ReportJobs:
    return ReportJobs()


def performance(project: str, day: date) -> "Assessed | None":
    """Everything about performance as of a day, None where nothing was decided by then; kept until the store holds more.

    Raises StoreError or LogError, PolicyError for a policy that cannot be trusted, ProjectError without a project file.
    """
    from pipeline.monitoring.performance_book import mark_of

    return _performance(where(), project, day, mark_of(loading_desk.store_engine(), project))


@st.cache_resource(ttl=loading.FOREVER_SECONDS, max_entries=16, show_spinner=False)
def _performance(places: str, project: str, day: date, mark: tuple[int, int]) -> "Assessed | None":  # noqa: ARG001  # cache key
    from pipeline.monitoring.performance_assessed import assess
    from pipeline.monitoring.performance_book import load_book

    book = load_book(load_settings(), loading_desk.store_engine(), project, day, artifacts=loading.run_store())
    return None if book is None else assess(book, _moved_inputs(project, book))


def _moved_inputs(project: str, book: "Book") -> DataFrame | None:
    """How the inputs of the newest decisions differ from development, for the evidence; None where nothing is counted."""
    from pipeline.monitoring.baseline import BaselineError
    from pipeline.monitoring.performance_assessed import recent_drift, recent_window
    from pipeline.registry.tracking_store import TrackingUnavailable

    version, first, last = recent_window(book)
    found = CachedProfiles(project).counts(first, last, "month")
    if found.empty:
        return None
    try:
        return recent_drift(baseline(project, version), found)
    except (BaselineError, TrackingUnavailable):
        return None


def decisions_by_month(project: str, first: date, last: date) -> dict[date, int]:
    """How many decisions of each month are counted, oldest first. Raises StoreError."""
    from pipeline.contract import PROFILE_DECISION

    table = CachedProfiles(project).counts(first, last, "month", features=(PROFILE_DECISION,))
    sums = table.groupby("period", sort=True)["count"].sum().reset_index()
    return {row["period"].date(): int(row["count"]) for row in sums.to_dict("records")}
