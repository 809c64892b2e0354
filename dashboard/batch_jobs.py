"""The files being scored, held by the process: a job outlives the rerun, the tab and the session that started it.

One file of one project is one job, known by its bytes: whoever brings the same file meets the same job. What loads models is
imported by the job's own thread, so that the page draws first.
"""

import contextlib
import hashlib
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from dashboard.held_jobs import HeldJobs

if TYPE_CHECKING:
    from pipeline.serving.batch import BatchResult
    from pipeline.serving.batch_check import Findings
    from pipeline.serving.batch_log import Earlier
    from pipeline.serving.batch_read import BatchFile
    from pipeline.serving.desk import Desk, Pair

CHECKING: Final = "checking"
CHECKED: Final = "checked"
SCORING: Final = "scoring"
DONE: Final = "done"
STOPPED: Final = "stopped"
REFUSED: Final = "refused"
"""The file as a whole cannot be used."""
FAILED: Final = "failed"
"""The desk or the log could not work; the file is not to blame."""
PATIENCE_SECONDS: Final = 60.0
"""How long a job asks a tracking store that does not answer; the first answer of a process waits for imports, too."""
MOST_JOBS: Final = 8
"""Files kept with their results; the oldest that rests goes first."""


@dataclass(frozen=True)
class State:
    """A job at one moment. ``said`` holds why it was refused or failed, or where it stopped."""

    step: str
    done: int = 0
    total: int = 0
    refused: int = 0
    started: float = 0.0
    said: str = ""
    file: "BatchFile | None" = None
    findings: "Findings | None" = None
    earlier: "Earlier | None" = None
    result: "BatchResult | None" = None
    recorded: bool = True

    @property
    def is_busy(self) -> bool:
        """Whether a thread works on it."""
        return self.step in (CHECKING, SCORING)

    def seconds_left(self) -> float | None:
        """Seconds until the end at the speed so far; None before anything is done."""
        return (time.monotonic() - self.started) * (self.total - self.done) / self.done if self.done else None


class Job:
    """One file on its way; `state` is safe to read while a thread works."""

    def __init__(self, open_desk: Callable[[], "Desk"], name: str, content: bytes) -> None:
        self._open_desk, self._name = open_desk, name
        self.folder = Path(tempfile.mkdtemp(prefix="riskdeck-batch-"))
        self.close = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        """Delete the file and its results; done at the latest when the process ends."""
        (self.folder / "given").write_bytes(content)
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.state = State(CHECKING)
        self._work(self._check)

    def score(self, *, reasons: bool, record: bool) -> None:
        """Score the file, or what is missing of it; nothing when a thread is at it already."""
        with self._lock:
            file = self.state.file
            if self.state.is_busy or file is None:
                return
            self._stop.clear()
            now = time.monotonic()
            self.state = replace(self.state, step=SCORING, done=0, refused=0, total=file.n_rows, started=now, recorded=record)
        self._work(lambda: self._score(file, reasons, record))

    def stop(self) -> None:
        """Ask for an end at the next chunk."""
        self._stop.set()

    def _work(self, step: Callable[[], None]) -> None:
        threading.Thread(target=self._guarded, args=(step,), name="riskdeck-batch", daemon=True).start()

    def _guarded(self, step: Callable[[], None]) -> None:
        from pipeline.registry.tracking_store import TrackingUnavailable
        from pipeline.serving.batch import StoppedError
        from pipeline.serving.batch_read import DataError
        from pipeline.serving.inputs import InputError
        from pipeline.serving.log_errors import KeyConflict, LogError
        from pipeline.serving.records import ServingError
        from pipeline.store.engine import StoreError

        try:
            step()
        except StoppedError as stopped:
            self._move(step=STOPPED, said=str(stopped))
        except (DataError, InputError) as error:
            self._move(step=REFUSED, said=str(error))
        except (ServingError, StoreError, TrackingUnavailable, LogError, KeyConflict, OSError) as error:
            self._move(step=FAILED, said=str(error))
        except Exception:
            self._move(step=FAILED, said="something unexpected happened; the dashboard's own log has the details")
            raise

    def _check(self) -> None:
        from pipeline import contract
        from pipeline.serving.batch_check import check_file
        from pipeline.serving.batch_log import recorded_before
        from pipeline.serving.batch_read import DataError, open_batch
        from pipeline.serving.inputs import InputError
        from pipeline.serving.service_events import UNUSABLE_FILE, count_error

        desk = self._open_desk()
        rules = _patiently(desk).champion.rules
        try:
            file = open_batch(self.folder / "given", self._name)
            self._move(total=file.n_rows, started=time.monotonic())
            findings = check_file(rules, file, moved=self._moved, stop=self._stop.is_set)
        except (DataError, InputError):
            count_error(desk.engine, desk.project, contract.SOURCE_BATCH, UNUSABLE_FILE)
            raise
        earlier = recorded_before(desk.engine, desk.project, file.sha256)
        self._move(step=CHECKED, file=file, findings=findings, earlier=earlier)

    def _score(self, file: "BatchFile", reasons: bool, record: bool) -> None:
        from pipeline.serving.batch import Order, score_file

        desk = self._open_desk()
        order = Order(file, self.folder, "csv", reasons, record)
        result = score_file(_patiently(desk), desk.engine, order, moved=self._moved, stop=self._stop.is_set)
        self._move(step=DONE, result=result)

    def _moved(self, done: int, total: int, refused: int) -> None:
        self._move(done=done, total=total, refused=refused)

    def _move(self, **changed: object) -> None:
        with self._lock:
            self.state = replace(self.state, **changed)  # type: ignore[arg-type]  # names are checked by replace


def _patiently(desk: "Desk") -> "Pair":
    """What decides now; a tracking store that is slow to answer is asked again, since nobody waits at a click here."""
    from pipeline.registry.tracking_store import TrackingUnavailable

    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(TrackingUnavailable):
            return desk.pair()
    return desk.pair()


class BatchJobs:
    """All jobs of the process."""

    def __init__(self) -> None:
        self._held: HeldJobs[tuple[str, str, str], Job] = HeldJobs(MOST_JOBS, lambda job: job.close())

    def of(self, where: str, project: str, open_desk: Callable[[], "Desk"], name: str, content: bytes) -> Job:
        """Return the job of a file, begun with a check when the file is new to this store and project."""
        key = (where, project, hashlib.sha256(content).hexdigest())
        return self._held.get_or_begin(key, lambda: Job(open_desk, name, content))

    def drop(self, job: Job) -> None:
        """Forget a job that is at rest, so that its file is checked anew."""
        self._held.drop(job)
