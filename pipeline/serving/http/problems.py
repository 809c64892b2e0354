"""Refusals and failures as problem documents (RFC 9457): what is wrong, in which field, and what would be right."""

import http
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from pipeline.serving.records import Fault, as_document

MEDIA_TYPE: Final = "application/problem+json"
INVALID_INPUT: Final = "invalid-input"
"""The kind of a refusal whose faults are counted by field."""
MAX_ERRORS: Final = 200
"""Of more errors the first are named and the rest counted: an answer must not grow larger than what was asked."""


class Problem(Exception):  # noqa: N818 - RFC 9457's own word
    """One refusal. ``kind`` names its type for programs, ``detail`` is for people; neither holds anything internal."""

    def __init__(
        self,
        status: int,
        kind: str,
        detail: str,
        errors: Sequence[tuple[int | None, Fault]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the problem as RFC 9457 lays it out, with every field's error."""
        found: dict[str, Any] = {
            "type": f"urn:riskdeck:problem:{self.kind}",
            "title": http.HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.errors:
            found["errors"] = [_error(index, fault) for index, fault in self.errors[:MAX_ERRORS]]
        return found

    def response(self) -> Response:
        """Return the answer to send."""
        return Response(as_json(self.document()), self.status, headers=self.headers, media_type=MEDIA_TYPE)


def as_json(value: Any) -> bytes:
    """Return JSON in ASCII: whatever text somebody sent can be given back without breaking a reader."""
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode("ascii")


def refused(faults: Sequence[tuple[int | None, Fault]], *, status: int = 422, kind: str = INVALID_INPUT) -> Problem:
    """Return the problem that names every fault; nothing of the request was decided or recorded."""
    fields = list(dict.fromkeys(f"{fault.field!r}" for _, fault in faults))
    named = ", ".join(fields[:5]) + (f" and {len(fields) - 5} more" if len(fields) > 5 else "")
    count = f"{len(faults)} fault{'s' if len(faults) != 1 else ''}"
    left_out = f"; the first {MAX_ERRORS} are listed" if len(faults) > MAX_ERRORS else ""
    return Problem(status, kind, f"{count} in {named}{left_out}; nothing was decided or recorded", faults)


def install(app: FastAPI) -> None:
    """Let every refusal of the application, and those of the framework, leave as a problem document.

    Its kind stands in ``request.state.problem``, where the edge counts it.
    """
    app.add_exception_handler(Problem, _ours)
    app.add_exception_handler(HTTPException, _frameworks)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    request.state.problem = error.kind
    return error.response()


async def _frameworks(request: Request, error: Exception) -> Response:
    """404 and 405: the framework finds them before any route of ours runs."""
    assert isinstance(error, HTTPException)
    details = {
        404: "there is nothing at this address; /openapi.json lists what there is",
        405: f"{request.method[:20]} is not offered at this address; the header Allow says what is",
    }
    kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
    detail = details.get(error.status_code, "the request cannot be answered")
    request.state.problem = kind
    return Problem(error.status_code, kind, detail, headers=error.headers).response()


def _error(index: int | None, fault: Fault) -> dict[str, Any]:
    return ({} if index is None else {"index": index}) | as_document(fault)
