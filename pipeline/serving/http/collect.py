"""Joining: requests that arrive while others are being answered are then answered together, by one prediction and one commit.

Whoever arrives at an idle process waits for nobody.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final

from pipeline.serving.http.body import Applicant
from pipeline.serving.http.problems import Problem
from pipeline.serving.records import Decision


@dataclass(frozen=True)
class Ask:
    """One request's applicants. ``started`` is the `time.perf_counter` at which it came in."""

    applicants: Sequence[Applicant]
    started: float
    is_list: bool = False
    """Whether they came as a list: then a fault says which of them it is about."""


Answer = Sequence[Decision] | Exception
Answerer = Callable[[Sequence[Ask]], Sequence[Answer]]
"""Answers asks, one answer each in their order; an exception in an answer's place belongs to that ask alone."""


GATHER_SHARE: Final = 0.1
GATHER_SECONDS: Final = 0.005
"""After a batch of several its callers are about to ask again: the next one waits this share of what the last one took, at most
so long, because a batch of sixteen costs little more than one of eight. A lone caller never waits."""


class Collector:
    """One lane of requests through one thread. To be used from one event loop."""

    def __init__(self, answer: Answerer, *, most_together: int, most_waiting: int) -> None:
        self._answer = answer
        self._most_together = most_together
        self._most_waiting = most_waiting
        self._waiting: deque[tuple[Ask, asyncio.Future[Sequence[Decision]]]] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="riskdeck-score")
        self._is_busy = False
        self._not_before = 0.0

    async def answer(self, ask: Ask) -> Sequence[Decision]:
        """Wait for the decisions of a request; raises what belongs to it, Problem 503 when too many are waiting."""
        if len(self._waiting) >= self._most_waiting:
            raise Problem(503, "busy", "too many requests are waiting; try again in a moment", headers={"Retry-After": "1"})
        future: asyncio.Future[Sequence[Decision]] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, future))
        if not self._is_busy:
            self._is_busy = True
            self._start_soon()
        return await future

    def close(self) -> None:
        """Finish what is being answered and end the thread."""
        self._thread.shutdown(wait=True)

    def _start_soon(self) -> None:
        """Never at once: what the loop reads from its sockets in this turn comes along."""
        loop = asyncio.get_running_loop()
        # An empty context: the request that happens to start a batch must not lend its own to all.
        loop.call_at(max(self._not_before, loop.time()), self._start, context=contextvars.Context())

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        batch = [self._waiting.popleft() for _ in range(min(self._most_together, len(self._waiting)))]
        work = loop.run_in_executor(self._thread, self._answer, [ask for ask, _ in batch])
        work.add_done_callback(partial(self._deliver, [future for _, future in batch], loop.time()))

    def _deliver(
        self, futures: Sequence[asyncio.Future[Sequence[Decision]]], started: float, done: asyncio.Future[Sequence[Answer]]
    ) -> None:
        failed = done.exception()
        answers = [failed] * len(futures) if failed is not None else done.result()
        for future, answer in zip(futures, answers, strict=True):
            if future.done():
                continue  # the client has gone; what was decided stays in the log
            if isinstance(answer, BaseException):
                future.set_exception(answer)
            else:
                future.set_result(answer)
        now = asyncio.get_running_loop().time()
        self._not_before = now + min(GATHER_SECONDS, GATHER_SHARE * (now - started)) if len(futures) > 1 else now
        self._is_busy = bool(self._waiting)
        if self._waiting:
            self._start_soon()
