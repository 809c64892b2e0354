"""What is asked about drift, and where the counts and baselines that answer it are read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Protocol

from pandas import DataFrame
from sqlalchemy import Engine

from pipeline import contract
from pipeline.monitoring.baseline import Baseline, load_baseline
from pipeline.monitoring.profiles_read import Granularity, read_counts
from pipeline.settings import Settings


class Profiles(Protocol):
    """Where counts and baselines of one project are read; the dashboard gives one that keeps them."""

    def counts(
        self, first: date, last: date, granularity: Granularity, segments: Sequence[str] | None = ("",),
        features: Sequence[str] | None = None,
    ) -> DataFrame:  # fmt: skip
        """Return counts as `profiles.read_counts` does; the table is not to be changed."""
        ...

    def baseline(self, version: int) -> Baseline:
        """Return what a version is compared with; raises BaselineError or TrackingUnavailable."""
        ...


@dataclass
class StoredProfiles:
    """Counts and baselines as the store and the tracking store give them; a baseline is read once."""

    settings: Settings
    engine: Engine
    project: str
    _known: dict[int, Baseline] = field(default_factory=dict)

    def counts(
        self, first: date, last: date, granularity: Granularity, segments: Sequence[str] | None = ("",),
        features: Sequence[str] | None = None,
    ) -> DataFrame:  # fmt: skip
        """Return counts as `profiles.read_counts` does."""
        return read_counts(
            self.engine, self.project, first, last, granularity=granularity, segments=segments, features=features
        )

    def baseline(self, version: int) -> Baseline:
        """Return what a version is compared with."""
        if version not in self._known:
            self._known[version] = load_baseline(self.settings, self.engine, self.project, version)
        return self._known[version]


@dataclass(frozen=True)
class Asked:
    """Which window is judged, in which periods, against what (None: development), for which group of applicants."""

    first: date
    last: date
    granularity: Granularity
    against: tuple[date, date] | None = None
    segment: str = contract.ALL_SEGMENTS
    features: tuple[str, ...] = ()
    """The inputs looked at; none named means all."""


def first_of(last: date, granularity: Granularity, periods: int) -> date:
    """Return the first day of the earliest of so many periods of which the newest holds a day."""
    if granularity == "day":
        return last - timedelta(days=periods - 1)
    if granularity == "week":
        return last - timedelta(days=last.weekday() + 7 * (periods - 1))
    months = last.year * 12 + last.month - 1 - (periods - 1)
    return date(months // 12, months % 12 + 1, 1)
