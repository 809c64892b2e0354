"""Jobs held by the process, so that they outlive the rerun, the tab and the session that started them."""

import threading
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar


class _State(Protocol):
    @property
    def is_busy(self) -> bool: ...


class _Job(Protocol):
    @property
    def state(self) -> _State: ...


Key = TypeVar("Key", bound=Hashable)
Job = TypeVar("Job", bound=_Job)


class HeldJobs(Generic[Key, Job]):
    """At most `most` jobs by key, safe to use from every thread; beyond that the oldest that rests is forgotten."""

    def __init__(self, most: int, forgotten: Callable[[Job], None] = lambda _: None) -> None:
        self._most, self._forgotten = most, forgotten
        self._jobs: dict[Key, Job] = {}
        self._lock = threading.Lock()

    def get(self, key: Key) -> Job | None:
        """Return the job of a key, None where there is none."""
        with self._lock:
            return self._jobs.get(key)

    def get_or_begin(self, key: Key, begin: Callable[[], Job], *, keeps: Callable[[Job], bool] = lambda _: True) -> Job:
        """Return the job of a key, begun where there is none or the one there is not one that ``keeps`` says to keep."""
        with self._lock:
            job = self._jobs.pop(key, None)
            if job is None or not keeps(job):
                job = begin()
            self._jobs[key] = job
            for old in list(self._jobs)[: max(0, len(self._jobs) - self._most)]:
                if not self._jobs[old].state.is_busy:
                    self._forgotten(self._jobs.pop(old))
        return job

    def drop(self, job: Job) -> None:
        """Forget a job that is at rest."""
        with self._lock:
            self._jobs = {key: kept for key, kept in self._jobs.items() if kept is not job}

    def all(self) -> tuple[Job, ...]:
        """Return every job held, oldest first."""
        with self._lock:
            return tuple(self._jobs.values())
