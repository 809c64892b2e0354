"""The edge of the application: who may come in, how often, what every answer carries; no failure shows its insides."""

import logging
import math
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.serving.http.auth import caller_of, host_name, is_loopback
from pipeline.serving.http.limits import Buckets, refuse_declared
from pipeline.serving.http.metrics import OTHER, Metrics
from pipeline.serving.http.problems import INVALID_INPUT, Problem
from pipeline.serving.service_events import EventCounter
from pipeline.settings import HttpSettings

OPEN: Final = ("/healthz", "/readyz")
"""Asked by orchestrators that hold no token; they tell strangers nothing but yes or no."""
_ALWAYS: Final = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
_log = logging.getLogger(__name__)


class Edge:
    """ASGI middleware around everything else; sets ``request.state.caller`` to the caller's name, None for strangers."""

    def __init__(self, app: ASGIApp, *, http: HttpSettings, metrics: Metrics, events: EventCounter) -> None:
        self._app = app
        self._http = http
        self._metrics = metrics
        self._events = events
        self._buckets = Buckets(http.requests_per_second)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message["headers"], *_ALWAYS]}
            await send(message)

        try:
            await self._answer(scope, receive, sending)
        except Exception:
            _log.exception("%s %s failed", scope["method"], _route(scope))
            self._metrics.errors.labels(kind="internal").inc()
            scope.setdefault("state", {})["problem"] = "internal"
            if status:
                raise  # half an answer is out; the server must cut the connection
            problem = Problem(500, "internal", "an error of ours; it is in the server's log. No decision is shown")
            await problem.response()(scope, receive, sending)
        finally:
            route = _route(scope)
            self._metrics.requests.labels(route=route, status=str(status)).inc()
            self._metrics.seconds.labels(route=route).observe(time.perf_counter() - started)
            self._count_problem(scope)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            self._let_in(scope)
        except Problem as problem:
            scope["state"]["problem"] = problem.kind
            await problem.response()(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _count_problem(self, scope: Scope) -> None:
        kind = scope.get("state", {}).get("problem")
        if kind is not None and kind != INVALID_INPUT:
            self._events.error(kind)

    def _let_in(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        tokens = self._http.token_hashes
        caller = caller_of(headers.get(b"authorization"), tokens) if tokens else "local"
        scope.setdefault("state", {})["caller"] = caller
        if not tokens and not is_loopback(host_name(headers.get(b"host"))):
            # A web page whose name was made to point to this machine must not speak through the browser.
            raise Problem(400, "wrong-host", "without tokens this server answers only to localhost; check the header Host")
        if scope["path"] in OPEN:
            return
        address = scope["client"][0] if scope.get("client") else ""
        wait = self._buckets.take(f"token {caller}" if tokens and caller else f"address {address}")
        if wait:
            raise Problem(429, "too-often", "too many requests; slow down", headers={"Retry-After": str(math.ceil(wait))})
        if caller is None:
            raise Problem(
                401, "no-token", "send a valid token: Authorization: Bearer TOKEN", headers={"WWW-Authenticate": "Bearer"}
            )
        refuse_declared(headers.get(b"content-length"), self._http.max_body_bytes)


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", OTHER))
