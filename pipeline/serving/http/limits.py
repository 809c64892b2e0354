"""How much one request and one caller may ask for: the size of a body, counted while it is read, and requests per second."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from fastapi import Request

from pipeline.serving.http.problems import Problem

BODY_SECONDS = 30.0
"""A body that takes longer is a stuck or hostile client."""
MAX_CALLERS = 10_000


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Read a JSON body up to a size.

    Raises Problem 413 as soon as more arrives (a header may lie or be missing), 408 when it does not arrive, 415 when it is
    not declared as JSON or is compressed. FastAPI's own ``max_body_size`` would answer in plain text.
    """
    _require_json(request)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > max_bytes:
                    raise _too_large(max_bytes)
    except TimeoutError:
        raise Problem(408, "too-slow", f"the body did not arrive within {BODY_SECONDS:g} seconds", headers=_CLOSE) from None
    return bytes(body)


def refuse_declared(length: bytes | None, max_bytes: int) -> None:
    """Raise Problem 413 for a body that says itself that it is too large, before any of it is read."""
    if length is not None and length.isdigit() and (len(length) > 15 or int(length) > max_bytes):
        raise _too_large(max_bytes)


class Buckets:
    """A token bucket per caller: ``rate`` requests per second, as many again at once; kept for one process."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate = rate
        self._clock = clock
        self._level: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, caller: str) -> float:
        """Take one request; returns 0 when it may pass, else the seconds after which one may."""
        now = self._clock()
        level, then = self._level.pop(caller, (self.rate, now))
        level = min(self.rate, level + (now - then) * self.rate)
        allowed = level >= 1
        self._level[caller] = (level - 1 if allowed else level, now)
        if len(self._level) > MAX_CALLERS:
            self._level.popitem(last=False)  # who has been silent longest starts again with a full bucket
        return 0.0 if allowed else (1 - level) / self.rate


_CLOSE = {"Connection": "close"}


def _too_large(max_bytes: int) -> Problem:
    detail = f"the body is larger than {max_bytes:,} bytes; send fewer applicants at a time"
    return Problem(413, "too-large", detail, headers=_CLOSE)  # closing spares us the rest of it


def _require_json(request: Request) -> None:
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    if media_type.strip().lower() != "application/json" or charset not in ("", "utf-8"):
        raise Problem(415, "not-json", "the body must be JSON in UTF-8: send the header Content-Type: application/json")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Problem(415, "compressed", "the body must not be compressed: leave the header Content-Encoding out")
