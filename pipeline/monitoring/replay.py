"""Replay: a dated file sent through the scorer as live traffic, month by month, outcomes only when they would have been known.

Decisions carry the file's dates and are recorded under the file's sha256 and their row, so a replay that was stopped, killed or
started again goes on where it was and records nothing twice. The version that is live decides, as in real traffic.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd

from pipeline import contract
from pipeline.evaluation.inputs import IntArray
from pipeline.monitoring.outcomes import OutcomesRecorded, record_outcomes
from pipeline.monitoring.profiles import ProfileError, update_profiles
from pipeline.monitoring.replay_file import DatedFile, ReplayError
from pipeline.monitoring.replay_log import Recorded, record_refused
from pipeline.serving import batch_judge
from pipeline.serving.batch_keep import Book, decide_chunk
from pipeline.serving.desk import Desk

CHUNK_ROWS: Final = 2_000
PACE_SECONDS: Final = 0.5
"""At a stated speed so much of the file goes at a time."""
_NAP_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Order:
    """Which days are replayed, and how. Outcomes go on to ``as_of``; with ``approved_only`` only those of loans made."""

    first: date
    last: date
    as_of: date
    approved_only: bool = False
    reasons: bool = True
    days_per_second: float | None = None

    def __post_init__(self) -> None:
        """Refuse days that do not follow one another, and a speed at which nothing would ever move."""
        if not self.first <= self.last <= self.as_of:
            raise ReplayError(
                f"--from {self.first} --to {self.last} --as-of {self.as_of}: must follow one another; "
                "outcomes are awaited from the first decision to the last, or longer"
            )
        if self.days_per_second is not None and not 0 < self.days_per_second < float("inf"):
            raise ReplayError(f"--speed {self.days_per_second:g}: must be a number of days above 0")

    def months(self) -> Iterator[tuple[date, date]]:
        """Yield first and last day of each month, from the first decision to the last outcome, cut at both ends."""
        start = self.first
        while start <= self.as_of:
            following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
            yield start, min(following - timedelta(days=1), self.as_of)
            start = following


@dataclass(frozen=True)
class Month:
    """What came of one month: ``applications`` = ``decided`` + ``before`` + ``refused``."""

    first: date
    applications: int
    decided: int
    before: int
    """Decided by an earlier replay of the same file."""
    refused: int
    refused_by_field: Mapping[str, int]
    outcomes: OutcomesRecorded


@dataclass(frozen=True)
class Replayed:
    """A replay that went to its end."""

    months: tuple[Month, ...]
    seconds: float
    notes: tuple[str, ...]

    def total(self, name: str) -> int:
        """Return a count of `Month` over all months."""
        return sum(getattr(month, name) for month in self.months)

    @property
    def outcomes(self) -> OutcomesRecorded:
        """Those of all months together."""
        return sum((month.outcomes for month in self.months), OutcomesRecorded())


class ReplayStopped(RuntimeError):  # noqa: N818  # asked for, no fault
    """Stopped between two chunks because somebody asked; what was recorded stays."""


Moved = Callable[[str, int, int], None]
"""Told the month, and how many of all applications and outcomes are done."""


def replay(
    desk: Desk, file: DatedFile, order: Order, *, moved: Moved = lambda *_: None, stop: Callable[[], bool] = lambda: False
) -> Replayed:
    """Replay a file to the end of its order; nothing of it is recorded twice, however often it is called.

    Raises ServingError when nothing is live, InputError when the file lacks a column, LogError when the store cannot record,
    ReplayStopped when ``stop`` said so; what was recorded until then stays, and the same call goes on from there.
    """
    started = time.perf_counter()
    run = _Replay(desk, file, order, moved, stop)
    months, until = list[Month](), None
    for first, last in order.months():
        months.append(run.month(first, last, until))
        until = last
    run.profile()  # an earlier replay may have been killed between the last decision and its count
    return Replayed(tuple(months), time.perf_counter() - started, tuple(run.notes))


@dataclass
class _Tally:
    """Of the month under way."""

    decided: int = 0
    before: int = 0
    faults: list[pd.DataFrame] = field(default_factory=list)


class _Replay:
    """The state of one replay: what is recorded of the file, and where it stands."""

    def __init__(self, desk: Desk, file: DatedFile, order: Order, moved: Moved, stop: Callable[[], bool]) -> None:
        self._desk, self._file, self._order = desk, file, order
        self._moved, self._stop = moved, stop
        self._recorded = Recorded(desk.engine, desk.project, file)
        self._total = len(file) + len(file.became_known(None, order.as_of))
        self._done = 0
        self._started = time.monotonic()
        self.notes = dict.fromkeys(file.notes)

    def month(self, first: date, last: date, until: date | None) -> Month:
        """Decide a month's applications, then record the outcomes that became known after ``until`` and by its end."""
        tally, label = _Tally(), f"{first:%Y-%m}"
        days = self._file.days
        mine = np.flatnonzero((days >= np.datetime64(first)) & (days <= np.datetime64(last)))
        for positions in self._chunks(mine):
            self._wait_for(self._file.days[positions[-1]].astype(date))
            self._decide(positions, tally)
            self._move(label, len(positions))
        faults = pd.concat(tally.faults, ignore_index=True) if tally.faults else pd.DataFrame(columns=["row", "field"])
        record_refused(self._desk.engine, self._desk.project, self._file, faults)
        self._wait_for(last)
        outcomes = self._tell(until, last, label)
        if tally.decided:
            self.profile()
        by_field = dict(Counter(faults["field"].tolist()).most_common())
        refused = int(faults["row"].nunique())
        return Month(first, len(mine), tally.decided, tally.before, refused, by_field, outcomes)

    def _chunks(self, mine: IntArray) -> Iterator[IntArray]:
        """Cut a month: by rows, or by days where a speed is kept."""
        if self._order.days_per_second is None:
            edges = list(range(CHUNK_ROWS, len(mine), CHUNK_ROWS))
        else:
            step = max(1, int(self._order.days_per_second * PACE_SECONDS))
            turn = (self._file.days[mine] - np.datetime64(self._order.first)).astype(np.int64) // step
            edges = (np.flatnonzero(np.diff(turn)) + 1).tolist()
        return (part for part in np.split(mine, edges) if part.size)

    def _decide(self, positions: IntArray, tally: _Tally) -> None:
        """Score and record the applications that have no decision yet."""
        there = self._recorded.is_decided(positions)
        tally.before += int(there.sum())
        fresh = positions[~there]
        if not fresh.size:
            return
        pair = self._desk.pair()  # asked each time: a release is followed
        read = batch_judge.read_chunk(pair.champion.rules, self._file.chunk(fresh))
        scored = batch_judge.score_chunk(pair, read, with_reasons=self._order.reasons)
        book = Book(self._desk.engine, self._file.sha256, contract.SOURCE_REPLAY, self._file.instants(fresh))
        decided = decide_chunk(pair, scored, book)
        self._recorded.take(decided)
        tally.decided += len(decided)
        tally.faults += [read.faults[["row", "field"]]] if len(read.faults) else []
        self.notes |= dict.fromkeys(read.notes)

    def _tell(self, after: date | None, until: date, label: str) -> OutcomesRecorded:
        """Record the outcomes that became known: of whom was decided, or of loans made."""
        positions = self._file.became_known(after, until)
        counted = self._recorded.is_approved(positions) if self._order.approved_only else self._recorded.is_decided(positions)
        told = positions[counted]
        named = self._file.subjects[told]
        subjects = np.where(named == None, self._recorded.ids[told], named)  # noqa: E711  # by element
        frame = self._file.outcomes.loc[told, ["known_at", "defaulted", "cash"]].assign(subject_id=subjects)
        recorded = record_outcomes(self._desk.engine, self._desk.project, frame) if len(told) else OutcomesRecorded()
        self._move(label, len(positions))
        return recorded

    def profile(self) -> None:
        """Count what was decided, so that the panels are ready; a version that cannot be counted waits, decisions do not."""
        try:
            update_profiles(self._desk.settings, self._desk.engine, self._desk.project)
        except ProfileError as error:
            self.notes[str(error)] = None

    def _wait_for(self, day: date) -> None:
        """Keep the speed asked for, and stop when asked to."""
        speed = self._order.days_per_second
        due = 0.0 if speed is None else self._started + (day - self._order.first).days / speed
        while not self._stop() and time.monotonic() < due:
            time.sleep(min(_NAP_SECONDS, max(0.0, due - time.monotonic())))
        if self._stop():
            raise ReplayStopped(
                f"stopped after {self._done:,} of {self._total:,} applications and outcomes; "
                "what was recorded stays, the same command goes on from there"
            )

    def _move(self, label: str, n: int) -> None:
        self._done += n
        self._moved(label, self._done, self._total)
