"""Score a file with the live model and policy: in chunks, each recorded before it is written, good rows never lost to bad ones.

While one chunk is scored, the one before is recorded and written by a second thread. One version decides the whole file. A row
is recorded under the file's sha256 and its number, so a batch that was stopped goes on where it was: the same file again, and
only rows that are missing are scored; those decided before are read back from the log.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from pipeline import contract
from pipeline.data.read import DataError
from pipeline.evaluation.inputs import IntArray
from pipeline.serving import batch_judge as chunks
from pipeline.serving.batch_csv import Chunk
from pipeline.serving.batch_keep import Book, decide_chunk
from pipeline.serving.batch_log import DECIDED, Earlier, read_rows, recorded_before
from pipeline.serving.batch_read import CHUNK_ROWS, BatchFile, Format, read_chunks
from pipeline.serving.batch_tally import Summary, Tally
from pipeline.serving.batch_write import REFUSED_ROW, REFUSED_WHY, ResultFiles
from pipeline.serving.desk import Pair
from pipeline.serving.inputs import InputError
from pipeline.serving.log_errors import KeyConflict, LogError
from pipeline.serving.service_events import ROW, UNUSABLE_FILE, WHOLE, count_error, count_refusals

AHEAD: Final = 2
"""Chunks scored and not yet recorded, at most: what bounds the memory."""


class StoppedError(RuntimeError):
    """Stopped between two chunks because somebody asked; what was recorded stays."""

    def __init__(self, done: int, total: int, *, recorded: bool) -> None:
        kept = (
            "what was recorded stays; the same file again scores only what is missing" if recorded else "nothing was recorded"
        )
        super().__init__(f"stopped after {done:,} of {total:,} rows; {kept}")
        self.done = done
        self.total = total


@dataclass(frozen=True)
class Order:
    """What is to be done with a file: where the results go, in which format, with or without reasons and a record."""

    file: BatchFile
    folder: Path
    kind: Format
    reasons: bool = True
    record: bool = True

    @property
    def chunk_rows(self) -> int:
        """Fewer at a time with reasons, which take longer, so that progress shows and a stop is soon heeded."""
        return min(max(self.file.n_rows // 20, 500), CHUNK_ROWS // 2) if self.reasons else CHUNK_ROWS


@dataclass(frozen=True)
class BatchResult:
    """A file that was scored to its end. ``earlier`` is what was recorded of it before; ``notes`` what was said on the way."""

    summary: Summary
    decisions: Path
    refused: Path
    earlier: Earlier | None
    notes: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class _Work:
    """A chunk on its way: as read from the file, decided before, and scored now."""

    chunk: Chunk
    before: pd.DataFrame
    scored: chunks.Scored


Moved = Callable[[int, int, int], None]
"""Told after each chunk: rows done, of how many, and refused so far."""


def score_file(
    pair: Pair, engine: Engine, order: Order, *, moved: Moved | None = None, stop: Callable[[], bool] | None = None
) -> BatchResult:
    """Score, record and write a whole file.

    Raises InputError or DataError when the file cannot be scored at all, StoppedError when ``stop`` said so between two
    chunks, LogError or KeyConflict when the log did not record; what was recorded until then stays, and no result is left.
    """
    try:
        result = _Run(pair, engine, order, moved).run(stop or (lambda: False))
    except tuple(_KINDS) as error:
        if order.record:
            kind = next(name for of, name in _KINDS.items() if isinstance(error, of))
            count_error(engine, pair.champion.project, contract.SOURCE_BATCH, kind)
        raise
    if order.record:
        _count_refused(engine, pair.champion.project, result.summary)
    return result


_KINDS: Final[Mapping[type[Exception], str]] = {
    InputError: UNUSABLE_FILE, DataError: UNUSABLE_FILE, LogError: "not-recorded", KeyConflict: "key-conflict",
}  # fmt: skip


def _count_refused(engine: Engine, project: str, summary: Summary) -> None:
    """Count what a whole file was refused for, once: not again for a file that comes back after all of it was decided."""
    is_repeated = summary.n_decided > 0 and summary.n_before == summary.n_decided
    if summary.n_refused and not is_repeated:
        fields = {ROW if field == WHOLE else field: n for field, n in summary.refused_by_field.items()}
        count_refusals(engine, project, contract.SOURCE_BATCH, fields, summary.n_refused)


class _Run:
    """The state of one batch: its files, its sums, and the thread that records."""

    def __init__(self, pair: Pair, engine: Engine, order: Order, moved: Moved | None) -> None:
        self._pair, self._engine, self._order = pair, engine, order
        self._moved = moved or (lambda _done, _total, _refused: None)
        self._tally = Tally(pair.champion)
        self._files = ResultFiles(order.folder, order.file.stem, order.kind)
        project, sha256 = pair.champion.project, order.file.sha256
        self._earlier = recorded_before(engine, project, sha256) if order.record else None
        self._notes = dict.fromkeys(order.file.notes)
        self._n_done = self._n_refused = 0

    def run(self, stop: Callable[[], bool]) -> BatchResult:
        started = time.perf_counter()
        try:
            self._files.write_decisions(pd.DataFrame(columns=list(DECIDED)), with_reasons=self._order.reasons)
            self._files.write_refused(pd.DataFrame(columns=[REFUSED_ROW, REFUSED_WHY, *self._order.file.columns]))
            with ThreadPoolExecutor(1, "riskdeck-record") as recorder:
                self._go_through(recorder, stop)
            self._files.finish()
        finally:
            self._files.discard()
        return BatchResult(
            self._tally.summary(), self._files.decisions, self._files.refused, self._earlier, tuple(self._notes),
            time.perf_counter() - started,
        )  # fmt: skip

    def _go_through(self, recorder: ThreadPoolExecutor, stop: Callable[[], bool]) -> None:
        pending: deque[Future[None]] = deque()
        for chunk in read_chunks(self._order.file, self._order.chunk_rows):
            if stop():
                for kept in pending:
                    kept.result()
                raise StoppedError(self._n_done, self._order.file.n_rows, recorded=self._order.record)
            pending.append(recorder.submit(self._keep, self._work(chunk)))
            while len(pending) >= AHEAD:
                pending.popleft().result()
        for kept in pending:
            kept.result()

    def _work(self, chunk: Chunk) -> _Work:
        before = self._before(chunk.rows)
        read = chunks.read_chunk(self._pair.champion.rules, chunk, before["row"].to_numpy(dtype=np.int64))
        return _Work(chunk, before, chunks.score_chunk(self._pair, read, with_reasons=self._order.reasons))

    def _before(self, rows: IntArray) -> pd.DataFrame:
        if self._earlier is None or not rows.size:
            return pd.DataFrame(columns=list(DECIDED))
        return read_rows(self._engine, self._pair.champion.project, self._order.file.sha256, int(rows[0]), int(rows[-1]))

    def _keep(self, work: _Work) -> None:
        """Record first, then write and count: nothing is shown that the log does not hold."""
        read, sha256 = work.scored.read, self._order.file.sha256
        fresh = decide_chunk(self._pair, work.scored, Book(self._engine, sha256) if self._order.record else None)
        parts = [part for part in (work.before, fresh) if len(part)]
        if parts:
            decided = pd.concat(parts, ignore_index=True).sort_values("row", ignore_index=True)
            exposures = chunks.amounts(work.chunk.frame, self._pair.champion.config)
            places = np.searchsorted(work.chunk.rows, decided["row"].to_numpy(dtype=np.int64))
            self._files.write_decisions(decided, with_reasons=self._order.reasons)
            self._tally.add(decided, exposures[places], n_before=len(work.before))
        refused = chunks.refused_rows(work.chunk, read.faults, self._order.file.columns)
        if len(refused):
            self._files.write_refused(refused)
            self._tally.refuse(len(refused), read.faults["field"])
        self._notes |= dict.fromkeys(read.notes)
        self._n_refused += len(refused)
        self._n_done += len(work.chunk.rows) + len(work.chunk.broken)
        self._moved(self._n_done, self._order.file.n_rows, self._n_refused)
