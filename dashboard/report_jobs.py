"""Evidently reports on their way, held by the process: a job outlives the rerun, the tab and the session that started it.

Each is a process of its own (`python -m pipeline report`): Evidently takes seconds to import and half a gigabyte, and neither
shall burden the pages. One at a time; others wait for their turn.
"""

import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import IO, Final

import pipeline
from dashboard.held_jobs import HeldJobs

WAITING: Final = "waiting"
RUNNING: Final = "running"
DONE: Final = "done"
STOPPED: Final = "stopped"
FAILED: Final = "failed"
LONGEST_SECONDS: Final = 900.0
MOST_JOBS: Final = 32
"""Jobs remembered; the oldest that rests goes first."""
_STEP: Final = re.compile(r"(\d+)/(\d+) (.+)")
_ROOT: Final = Path(pipeline.__file__).parents[1]


@dataclass(frozen=True)
class State:
    """A job at one moment. ``said`` is what it does now, or why it failed; what it made stands among the reports kept."""

    step: str
    done: int = 0
    total: int = 0
    said: str = ""
    started: float = 0.0

    @property
    def is_busy(self) -> bool:
        """Whether it runs or waits for its turn."""
        return self.step in (WAITING, RUNNING)

    def seconds(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.started


class Job:
    """One report on its way; `state` is safe to read while it is made."""

    def __init__(self, turn: threading.Lock, command: list[str]) -> None:
        self._turn, self._command = turn, command
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.state = State(WAITING, said="waiting for another report to be finished", started=time.monotonic())
        self.thread = threading.Thread(target=self._guarded, name="riskdeck-report", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """End it now; what it has not finished leaves nothing behind that is shown."""
        self._stop.set()
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                self._process.terminate()

    def _guarded(self) -> None:
        try:
            self._wait_and_run()
        except Exception:
            self._move(step=FAILED, said="something unexpected happened; the dashboard's own log has the details")
            raise

    def _wait_and_run(self) -> None:
        while not self._turn.acquire(timeout=0.2):
            if self._stop.is_set():
                return self._move(step=STOPPED)
        try:
            self._run()
        finally:
            self._turn.release()
        return None

    def _run(self) -> None:
        with self._lock:
            if self._stop.is_set():
                self.state = replace(self.state, step=STOPPED)
                return
            self._process = _start(self._command)
            self.state = replace(self.state, step=RUNNING, said="starting", started=time.monotonic())
        late = threading.Timer(LONGEST_SECONDS, self._process.kill)
        late.start()
        try:
            with self._process as process:
                last = self._follow(process.stderr)
                code = process.wait()
        finally:
            late.cancel()
        self._ended(code, last)

    def _follow(self, lines: IO[str] | None) -> str:
        """Tell each step as it comes; return what was said beside the steps."""
        other: list[str] = []
        for line in lines or ():
            found = _STEP.fullmatch(line.strip())
            if found:
                self._move(done=int(found[1]), total=int(found[2]), said=found[3])
            elif line.strip():
                other = [*other, line.strip()][-5:]
        return " ".join(other)

    def _ended(self, code: int, last: str) -> None:
        if self._stop.is_set():
            self._move(step=STOPPED)
        elif code == 0:
            self._move(step=DONE)
        elif self.state.seconds() >= LONGEST_SECONDS:
            self._move(step=FAILED, said=f"it took longer than {LONGEST_SECONDS / 60:.0f} minutes; choose a smaller sample")
        else:
            self._move(step=FAILED, said=last if code == 2 else f"its process ended with {code}; memory may be short")

    def _move(self, **changed: object) -> None:
        with self._lock:
            self.state = replace(self.state, **changed)  # type: ignore[arg-type]  # names are checked by replace


def _start(command: list[str]) -> "subprocess.Popen[str]":
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH")))),
        "DO_NOT_TRACK": "true",
        "PYTHONWARNINGS": "ignore",
    }
    return subprocess.Popen(  # noqa: S603  # our own interpreter and verb; what follows "--" cannot be an option
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        encoding="utf-8", errors="replace",
    )  # fmt: skip


class ReportJobs:
    """All report jobs of the process."""

    def __init__(self) -> None:
        self._held: HeldJobs[tuple[str, str, date, date], Job] = HeldJobs(MOST_JOBS)
        self._turn = threading.Lock()

    def of(self, where: str, project: str, first: date, last: date) -> Job | None:
        """Return the job of a project and window of this store, None where none was begun."""
        return self._held.get((where, project, first, last))

    def begin(self, where: str, project: str, first: date, last: date, as_of: date) -> Job:
        """Begin a job, or return the one that is at it already."""
        command = _command(project, first, last, as_of)
        return self._held.get_or_begin(
            (where, project, first, last), lambda: Job(self._turn, command), keeps=lambda job: job.state.is_busy
        )

    def close(self) -> None:
        """End all of them."""
        for job in self._held.all():
            job.stop()


def _command(project: str, first: date, last: date, as_of: date) -> list[str]:
    days = ["--from", first.isoformat(), "--to", last.isoformat(), "--as-of", as_of.isoformat()]
    return [sys.executable, "-m", "pipeline", "report", *days, "--", project]
