"""Has the world moved, where, since when, and what does it cost? Everything from stored counts, never from raw traffic."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Final

import numpy as np
import pandas as pd
from pandas import DataFrame, Timestamp
from sqlalchemy import Engine

from pipeline import contract
from pipeline.monitoring.baseline import Baseline, BaselineError, TrackingUnavailable
from pipeline.monitoring.drift_asked import Asked, Profiles, StoredProfiles, first_of
from pipeline.monitoring.drift_impact import Impact, Side, development_side, impact, window_side
from pipeline.monitoring.drift_periods import (
    NOT_INPUTS,
    References,
    current_runs,
    decisions_of,
    floors_of,
    judge_periods,
    past_references,
)
from pipeline.monitoring.drift_signals import signals_of
from pipeline.monitoring.drift_source import Source, by_segment, main_source
from pipeline.monitoring.profiles_read import span
from pipeline.monitoring.signals import SIGNAL_COLUMNS
from pipeline.settings import Settings

__all__ = [
    "Asked", "Drift", "Finding", "Profiles", "StoredProfiles", "assess_drift", "drift_signals", "first_of", "problems_of",
    "segments_of",
]  # fmt: skip

PERIODS: Final = 24
"""Signals reach back so many periods."""


@dataclass(frozen=True)
class Finding:
    """A feature that has moved and not come back."""

    feature: str
    since: Timestamp
    psi: float
    """Of the newest judged period, as are verdict, moved_bin and note."""
    verdict: str
    moved_bin: str
    note: str
    source: Source | None = None


@dataclass(frozen=True, eq=False)
class Drift:
    """What is known of the window: every period judged, what has moved, and what that does to the policy."""

    asked: Asked
    counts: DataFrame = field(repr=False)
    """Of the asked segment, as `profiles.read_counts` returns them."""
    baselines: Mapping[int, Baseline] = field(repr=False)
    references: References = field(repr=False)
    table: DataFrame = field(repr=False)
    """As `drift_periods.judge_periods`: a row per period and feature, the PD, ``(decision)`` and ``(grade)`` too."""
    runs: DataFrame = field(repr=False)
    """As `drift_periods.current_runs`, of the inputs."""
    findings: tuple[Finding, ...]
    """The longest-standing first, then the strongest."""
    version: int
    """The version that decided most of the window from `since` on; `impact` is that version's."""
    since: Timestamp
    """First period of the oldest finding; without findings the first period of the window."""
    n: int
    """Decisions of that version from `since` on."""
    impact: Impact
    newest: tuple[Timestamp, Impact] | None = None
    """Where the newest finding is younger than the oldest: its first period, and the impact from then on alone."""
    past: DataFrame | None = field(default=None, repr=False)
    """Counts of the main version in the reference window; None where the reference is development."""
    problems: tuple[str, ...] = ()
    """Versions that could not be judged, in words."""

    @property
    def baseline(self) -> Baseline:
        """What the main version is compared with."""
        return self.baselines[self.version]

    @property
    def inputs(self) -> DataFrame:
        """The rows of `table` that are inputs."""
        return self.table[~self.table["feature"].isin(NOT_INPUTS)]

    @property
    def window(self) -> DataFrame:
        """Counts of the main version from `since` on."""
        return self.counts[(self.counts["model_version"] == self.version) & (self.counts["period"] >= self.since)]


def assess_drift(profiles: Profiles, asked: Asked) -> Drift | None:
    """Judge a window; None where nothing was decided in it, or by no version that can be read (then see `problems_of`).

    Raises StoreError as the store does. One version, feature or period that cannot be judged hides no other.
    """
    counts = profiles.counts(asked.first, asked.last, asked.granularity, (asked.segment,))
    baselines, problems = _baselines(profiles, counts)
    counts = counts[counts["model_version"].isin(list(baselines))]
    if counts.empty:
        return None
    references: References = {v: b.reference for v, b in baselines.items()}
    past = None
    if asked.against is not None:
        past = profiles.counts(*asked.against, asked.granularity, (asked.segment,))
        references = past_references(references, past)
    config = baselines[max(baselines)].config
    table = judge_periods(counts, references, floors_of(config.monitoring))
    if asked.features:
        table = table[table["feature"].isin([*asked.features, *NOT_INPUTS])]
    runs = current_runs(table[~table["feature"].isin(NOT_INPUTS)])
    since = _since(runs, counts)
    version = _main_version(counts[counts["period"] >= since])
    mine = counts[counts["model_version"] == version]
    findings = _findings(profiles, asked, table, runs, references)
    own = None if past is None else past[past["model_version"] == version]
    before = development_side(baselines[version]) if own is None else window_side(baselines[version], own)
    newest = max((f.since for f in findings), default=since)
    changed = {start: _impact(before, baselines[version], mine, start, asked) for start in {since, newest}}
    return Drift(
        asked, counts, baselines, references, table, runs, findings, version, since, changed[since].n, changed[since],
        None if newest == since else (newest, changed[newest]), own, tuple(problems),
    )  # fmt: skip


def _baselines(profiles: Profiles, counts: DataFrame) -> tuple[dict[int, Baseline], list[str]]:
    found: dict[int, Baseline] = {}
    problems = []
    for version in sorted({int(v) for v in counts["model_version"].unique()}):
        try:
            found[version] = profiles.baseline(version)
        except (BaselineError, TrackingUnavailable) as error:
            problems.append(str(error))
    return found, problems


def problems_of(profiles: Profiles, asked: Asked) -> tuple[str, ...]:
    """Say which versions of a window cannot be judged, and why."""
    return tuple(_baselines(profiles, profiles.counts(asked.first, asked.last, asked.granularity, (asked.segment,)))[1])


def _since(runs: DataFrame, counts: DataFrame) -> Timestamp:
    oldest = runs["since"].min()
    return Timestamp(counts["period"].min() if pd.isna(oldest) else oldest)


def _main_version(counts: DataFrame) -> int:
    n = decisions_of(counts, ["model_version"])
    return int(n["model_version"].iloc[int(np.argmax(n["n"].to_numpy()))])


def _impact(before: Side, baseline: Baseline, counts: DataFrame, since: Timestamp, asked: Asked) -> Impact:
    days = (asked.last - max(asked.first, since.date())).days + 1
    return impact(before, window_side(baseline, counts[counts["period"] >= since]), baseline.config.costs, days)


def _findings(
    profiles: Profiles, asked: Asked, table: DataFrame, runs: DataFrame, references: References
) -> tuple[Finding, ...]:
    moved = runs[runs["since"].notna()].sort_values(["since", "psi"], ascending=[True, False])
    sources = _sources(profiles, asked, moved, table, references) if asked.segment == contract.ALL_SEGMENTS else {}
    judged = table[table["feature"].isin(moved["feature"]) & table["psi"].notna()].sort_values("period")
    newest = {str(row["feature"]): row for row in judged.to_dict("records")}
    return tuple(
        Finding(
            str(run["feature"]), run["since"], float(run["psi"]), str(run["verdict"]),
            str(newest[run["feature"]]["moved_bin"]), str(newest[run["feature"]]["note"]), sources.get(str(run["feature"])),
        )
        for run in moved.to_dict("records")
    )  # fmt: skip


def _sources(
    profiles: Profiles, asked: Asked, moved: DataFrame, table: DataFrame, references: References
) -> dict[str, Source | None]:
    """The group that carries each shift; features that moved at one time are looked at together."""
    found: dict[str, Source | None] = {}
    for since, runs in moved.groupby("since"):
        later = table[table["period"] >= since]
        version = int(later.sort_values("period")["model_version"].iloc[-1])
        features = [str(name) for name in runs["feature"]]
        split = segments_of(profiles, asked, features, Timestamp(str(since)), version, references)
        found |= {name: main_source(split, name) for name in features}
    return found


def segments_of(
    profiles: Profiles, asked: Asked, features: Sequence[str], since: Timestamp, version: int, references: References
) -> DataFrame:
    """Return `drift_source.by_segment` of features from a period on, as far as that version decided."""
    counts = profiles.counts(max(asked.first, since.date()), asked.last, asked.granularity, None, features)
    before = None
    if asked.against is not None:
        past = profiles.counts(*asked.against, asked.granularity, None, features)
        before = past[past["model_version"] == version]
    return by_segment(references[version], counts[counts["model_version"] == version], features, before)


def drift_signals(settings: Settings, engine: Engine, project: str, as_of: date) -> DataFrame:
    """Return signals of the data, model and business layers over the last `PERIODS` periods up to a day.

    Columns as `signals.SIGNAL_COLUMNS`; measures psi, missing, missing_rise, unseen, out_of_range and constant per feature,
    pd_psi, approval_rate_change, expected_default_change and expected_loss_change for the whole, all against development.
    Below the project's floor of rows a value is NaN and the note says so. Empty where nothing is counted. Raises BaselineError
    when no version that decided can be read, StoreError as the store does.
    """
    counted = span(engine, project)
    if counted is None or as_of < counted[0]:
        return DataFrame(columns=list(SIGNAL_COLUMNS))
    profiles = StoredProfiles(settings, engine, project)
    newest = profiles.counts(counted[0], as_of, "month", (contract.ALL_SEGMENTS,), (contract.REFERENCE_PD,))
    baselines, problems = _baselines(profiles, newest)
    if not baselines:
        raise BaselineError("; ".join(problems))
    granularity = baselines[max(baselines)].config.monitoring.granularity
    asked = Asked(max(counted[0], first_of(as_of, granularity, PERIODS)), min(as_of, counted[1]), granularity)
    found = assess_drift(profiles, asked)
    if found is None:
        return DataFrame(columns=list(SIGNAL_COLUMNS))
    return signals_of(found.counts, found.table, found.baselines, {f.feature: f.source for f in found.findings})
