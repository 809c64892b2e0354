"""The addresses: score, a decision, health, metrics, and the description of it all."""

import re
import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from pipeline.project import ProjectConfig
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.serving.decision_log import LogError, read_decision
from pipeline.serving.http.body import read_applicants
from pipeline.serving.http.collect import Ask
from pipeline.serving.http.limits import read_body
from pipeline.serving.http.problems import Problem, as_json
from pipeline.serving.http.schema import (
    SCORE_EXTRA,
    DecisionRecorded,
    DecisionShown,
    DecisionsShown,
    describe,
    problems,
    recorded,
    shown,
)
from pipeline.serving.log_errors import in_plain_words
from pipeline.serving.records import Decision, ServingError

router = APIRouter()
_ID = re.compile(r"[0-9a-f-]{36}", re.ASCII)


@router.post(
    "/v1/score",
    response_model=DecisionShown | DecisionsShown,
    responses=problems(400, 401, 408, 409, 413, 415, 422, 429, 500, 503),
    openapi_extra=SCORE_EXTRA,
    summary="Decide one applicant or many",
)
async def score(request: Request) -> Response:
    """Decide one applicant, or all of ``applications`` in their order. Each decision is recorded before it is answered.

    When any input of any applicant is wrong, every fault is named and nothing is decided.
    """
    started = time.perf_counter()
    http, service = request.app.state.http, request.app.state.service
    body = await read_body(request, http.max_body_bytes)
    applicants, is_list = read_applicants(body, request.headers.get("idempotency-key"), http.max_rows)
    lane = service.lists if is_list else service.singles
    decisions = await lane.answer(Ask(applicants, started, is_list))
    answer = {"decisions": [shown(d) for d in decisions]} if is_list else shown(decisions[0])
    return _json(answer)


@router.get(
    "/v1/decisions/{decision_id}",
    response_model=DecisionRecorded,
    responses=problems(400, 401, 404, 422, 429, 500, 503),
    summary="Show a decision again",
)
async def decision(request: Request, decision_id: str) -> Response:
    """Show a recorded decision in full: what was asked, what was answered, and by which model and policy."""
    service = request.app.state.service
    found = await run_in_threadpool(_read, service, decision_id) if _ID.fullmatch(decision_id) else None
    if found is None:
        raise Problem(404, "no-decision", "no decision of this project has this id")
    return _json(recorded(found))


@router.get("/healthz", include_in_schema=False)
async def healthz() -> Response:
    """The process is alive."""
    return _json({"status": "ok"})


@router.get("/readyz", include_in_schema=False)
async def readyz(request: Request) -> Response:
    """Whether an applicant can be decided and recorded now; callers with a token read why not."""
    found = await run_in_threadpool(request.app.state.service.probe.look)
    answer: dict[str, Any] = {"status": "not ready" if found.problems else "ready"}
    if request.state.caller is not None:
        answer |= {"problems": found.problems, "notes": found.notes}
    return _json(answer, 503 if found.problems else 200)


@router.get("/metrics", include_in_schema=False)
async def metrics(request: Request) -> Response:
    """Counts for Prometheus."""
    counts = request.app.state.metrics
    return Response(await run_in_threadpool(counts.text), media_type=counts.content_type)


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """The description of the API with the fields of what is live."""
    state = request.app.state
    config = await run_in_threadpool(_config, state.service)
    return _json(describe(request.app, config, max_rows=state.http.max_rows, with_tokens=bool(state.http.token_hashes)))


def _read(service: Any, decision_id: str) -> Decision | None:
    try:
        with in_plain_words():
            found = read_decision(service.engine, decision_id)
    except LogError:
        detail = "the decision log cannot be read now; try again in a moment"
        raise Problem(503, "not-readable", detail, headers={"Retry-After": "2"}) from None
    return found if found is not None and found.project == service.desk.project else None


def _config(service: Any) -> ProjectConfig | None:
    try:
        config: ProjectConfig = service.desk.pair().champion.config
    except (ServingError, TrackingUnavailable):
        return None
    return config


def _json(value: Any, status: int = 200) -> Response:
    return Response(as_json(value), status, media_type="application/json")
