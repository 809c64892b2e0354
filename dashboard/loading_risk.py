"""Cached reads of the Risk pages: counts, baselines and days. With `loading` the only place of `st.cache_*`.

Each is kept under where it was read from and the project; shared tables are never changed by their readers.
"""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Literal

import streamlit as st
from pandas import DataFrame

from dashboard import loading
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from pipeline.monitoring.baseline import Baseline

Granularity = Literal["day", "week", "month"]


def as_of(project: str) -> date | None:
    """Day of the newest decision or outcome of a project, None where there is neither. Raises StoreError."""
    return _as_of(load_settings().database_url, project)


@st.cache_data(ttl=loading.TTL_SECONDS, max_entries=32, show_spinner=False)
def _as_of(url: str, project: str) -> date | None:  # noqa: ARG001  # the address is part of the cache key
    from pipeline.monitoring.clock import as_of_day

    return as_of_day(loading.store_engine(), project)


def baseline(project: str, version: int) -> "Baseline":
    """What a version was developed on and promised; it does not change. Raises what `baseline.load_baseline` raises."""
    settings = load_settings()
    return _baseline(str(settings.home), settings.tracking_uri, settings.database_url, project, version)


@st.cache_resource(ttl=loading.FOREVER_SECONDS, max_entries=32, show_spinner=False)
def _baseline(home: str, uri: str, url: str, project: str, version: int) -> "Baseline":  # noqa: ARG001  # cache key
    from pipeline.monitoring.baseline import load_baseline

    return load_baseline(load_settings(), loading.store_engine(), project, version)


def profile_span(project: str) -> tuple[date, date] | None:
    """First and last day that is counted, None when none is. Raises StoreError."""
    return _span(load_settings().database_url, project)


@st.cache_data(ttl=loading.TTL_SECONDS, max_entries=32, show_spinner=False)
def _span(url: str, project: str) -> tuple[date, date] | None:  # noqa: ARG001  # the address is part of the cache key
    from pipeline.monitoring.profiles import span

    return span(loading.store_engine(), project)


def counts(
    project: str, first: date, last: date, granularity: Granularity, segments: Sequence[str] | None = ("",)
) -> DataFrame:
    """Counts of every version and feature from first to last as `profiles.read_counts` gives them; segments None: all.

    Shared and never changed. Raises StoreError.
    """
    chosen = None if segments is None else tuple(segments)
    return _counts(load_settings().database_url, project, first, last, granularity, chosen)


@st.cache_resource(ttl=loading.TTL_SECONDS, max_entries=64, show_spinner=False)
def _counts(
    url: str,  # noqa: ARG001  # the address is part of the cache key
    project: str,
    first: date,
    last: date,
    granularity: Granularity,
    segments: tuple[str, ...] | None,
) -> DataFrame:
    from pipeline.monitoring.profiles import read_counts

    return read_counts(loading.store_engine(), project, first, last, granularity=granularity, segments=segments)


def forget_counts() -> None:
    """Read the counts again: they have just been brought up to date."""
    _counts.clear()
    _span.clear()
    _as_of.clear()
