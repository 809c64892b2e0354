"""What the index asks of MLflow: only what is new or not at its end, and a slow walk over the rest.

MLflow keeps no time of change for tags, metrics and names, and does not tell which runs were deleted. So a sweep reads
every run from the newest to the oldest, in pages that each take a second or two, compares digests, and asks by id for those
that it did not meet. Its position is kept, so that it may stop after any page and go on in another process.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

from pipeline.registry.index_store import Entry, IndexStore, Sweep
from pipeline.registry.index_table import entry_of
from pipeline.registry.tracking_store import TrackingUnavailable, ask, is_empty
from pipeline.settings import Settings

Progress = Callable[[int, float], None]
"""Called after each page with the runs read so far and the share of the way, 0 to 1, measured along their start times."""

SMALLEST_PAGE: Final = 100
LARGEST_PAGE: Final = 5000
PAGE_SECONDS: Final = 1.5
"""Pages grow until they take so long: far below the deadline, so that only a store in trouble misses it."""
IDS_PER_QUESTION: Final = 100
MOST_UNFINISHED: Final = 500
"""Runs that were killed stay "running" for ever; beyond so many, the oldest are left to the sweep."""
CLOCK_SLACK_MS: Final = 60_000
NEWEST_FIRST: Final = "attributes.start_time DESC"
OLDEST_FIRST: Final = "attributes.start_time ASC"


@dataclass(frozen=True)
class Found:
    """One page of runs and when reading it began, in ns since 1970."""

    entries: list[Entry]
    token: str | None
    read_at: int


class Puller:
    """Reads one tracking store into its index; raises TrackingUnavailable within the reader's deadline."""

    def __init__(self, settings: Settings, store: IndexStore) -> None:
        self._settings = settings
        self._store = store
        self._page = SMALLEST_PAGE

    def resolve(self, project: str) -> str | None:
        """Ask which experiment a project has and keep the answer; None when it has none, or a deleted one."""
        found = None if is_empty(self._settings) else ask(self._settings, lambda client: client.get_experiment_by_name(project))
        if found is None or found.lifecycle_stage != "active":
            self._store.assign(project, None, None)
            return None
        self._store.assign(project, found.experiment_id, found.creation_time)
        return str(found.experiment_id)

    def pull_new(self, experiment: str, as_of: int | None) -> int:
        """Read runs started since the newest known one. Returns how many were new or had changed."""
        newest = self._store.newest_start(experiment)
        if newest is None:
            return 0
        # One machine whose clock runs ahead must not hide what others start now.
        since = newest if as_of is None else min(newest, as_of // 10**6 - CLOCK_SLACK_MS)
        changed, token = 0, None
        while True:
            found = self._read(experiment, f"attributes.start_time >= {since}", OLDEST_FIRST, token)
            changed += self._store.save(experiment, found.entries, found.read_at)
            token = found.token
            if not token:
                return changed

    def pull_unfinished(self, experiment: str, since: int) -> tuple[int, int]:
        """Read runs that were not at their end and not read after `since`. Returns how many changed and how many are gone."""
        return self._look_at(experiment, self._store.unfinished(experiment, since, MOST_UNFINISHED))

    def sweep(self, experiment: str, *, restart: bool, until: float, progress: Progress | None = None) -> tuple[int, int, bool]:
        """Walk over all runs, from where the last walk stopped, until its end or the monotonic time `until`.

        At least one page is read. Returns how many changed, how many are gone, and whether the end was reached.
        """
        state = self._store.sweep(experiment)
        # A first walk that was interrupted goes on: until it ends, older runs are not known at all.
        if state.started is None or (restart and state.swept_at is not None):
            state = self._begin(experiment)
        span = self._span(experiment) if progress else (0, 0)
        changed, read = 0, self._store.count(experiment)
        while True:
            found, following = self._next_page(experiment, state)
            changed += self._store.save(experiment, found.entries, found.read_at, following)
            if progress:
                read = max(read, self._store.count(experiment))
                progress(read, 1.0 if following is None else _share(span, following.bound))
            if following is None:
                break
            if time.monotonic() >= until:
                return changed, 0, False
            state = self._store.sweep(experiment)
            if state.started is None:  # another process has just finished it
                return changed, 0, True
        assert state.started is not None
        more, gone = self._look_at(experiment, self._store.unseen(experiment, state.started))
        self._store.finish_sweep(experiment, state.started)
        return changed + more, gone, True

    def _begin(self, experiment: str) -> Sweep:
        started = time.time_ns()
        self._store.begin_sweep(experiment, started)
        return Sweep(started=started)

    def _next_page(self, experiment: str, state: Sweep) -> tuple[Found, Sweep | None]:
        """Read the page at the sweep's position. Returns it and the next position, None at the end.

        The position is a start time, because an offset would skip runs when others are deleted meanwhile; only where a
        whole page shares one start time does it go on by MLflow's page token.
        """
        bounded = "" if state.bound is None else f"attributes.start_time <= {state.bound}"
        found = self._read(experiment, bounded, NEWEST_FIRST, state.token)
        if not found.token:
            return found, None
        last = found.entries[-1].start
        if last is None or last == state.bound:
            return found, replace(state, token=found.token)
        return found, replace(state, bound=last, token=None)

    def _look_at(self, experiment: str, run_ids: Sequence[str]) -> tuple[int, int]:
        changed = gone = 0
        for some in _chunks(run_ids):
            names = ", ".join(f"'{run_id}'" for run_id in some)
            found = self._read(experiment, f"attributes.run_id IN ({names})", NEWEST_FIRST, None)
            changed += self._store.save(experiment, found.entries, found.read_at)
            gone += self._store.drop(experiment, sorted(set(some) - {e.run_id for e in found.entries}), found.read_at)
        return changed, gone

    def _read(self, experiment: str, where: str, order: str, token: str | None) -> Found:
        size, read_at, start = self._page, time.time_ns(), time.monotonic()
        try:
            page = ask(
                self._settings, partial(_search, experiment=experiment, where=where, size=size, order=order, token=token)
            )
        except TrackingUnavailable:
            self._page = SMALLEST_PAGE
            raise
        entries = [entry_of(run) for run in page]
        if len(entries) == size:
            pace = PAGE_SECONDS / max(time.monotonic() - start, 1e-3)
            self._page = int(min(max(size * min(max(pace, 0.5), 2.0), SMALLEST_PAGE), LARGEST_PAGE))
        return Found(entries, page.token, read_at)

    def _span(self, experiment: str) -> tuple[int, int]:
        """Start times of the newest and the oldest run, between which progress is measured."""
        ends: list[int] = []
        for order in (NEWEST_FIRST, OLDEST_FIRST):
            page = ask(self._settings, partial(_search, experiment=experiment, where="", size=1, order=order, token=None))
            ends += [run.info.start_time or 0 for run in page]
        return (ends[0], ends[-1]) if ends else (0, 0)


def _search(client: Any, *, experiment: str, where: str, size: int, order: str, token: str | None) -> Any:
    return client.search_runs([experiment], where, max_results=size, order_by=[order], page_token=token)


def _share(span: tuple[int, int], bound: int | None) -> float:
    newest, oldest = span
    if bound is None or newest <= oldest:
        return 0.0
    return min(max((newest - bound) / (newest - oldest), 0.0), 1.0)


def _chunks(run_ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(run_ids), IDS_PER_QUESTION):
        yield run_ids[first : first + IDS_PER_QUESTION]
