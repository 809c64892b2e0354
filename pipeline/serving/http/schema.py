"""What clients see: the documents of the API, and an OpenAPI description with the project's own fields, ranges and choices."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel, Field

from pipeline import contract
from pipeline.data.clean import category_text
from pipeline.project import Feature, ProjectConfig
from pipeline.serving.http.body import HEADER_PATTERN, MAX_TEXT
from pipeline.serving.http.problems import MEDIA_TYPE
from pipeline.serving.records import Decision, Value

API_VERSION: Final = "1"
"""Of the addresses and documents, as in /v1; not of Riskdeck."""
NO_CONTROL: Final = r"^[^\u0000-\u001f\u007f]+$"
_TEXT: Final = {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}


class ReasonShown(BaseModel):
    """A factor that raised the PD, in the words for the applicant."""

    feature: str
    text: str


class DecisionShown(BaseModel):
    """A decision, recorded before it is shown."""

    id: str
    project: str
    applicant_id: str | None
    idempotency_key: str | None
    decided_at: datetime
    outcome: str = Field(json_schema_extra={"enum": list(contract.OUTCOMES)})
    pd: float = Field(ge=0, le=1, description="Probability of default.")
    grade: str
    reasons: list[ReasonShown] = Field(max_length=contract.MAX_REASONS)
    warnings: list[str] = Field(description="What training had not seen of this applicant.")
    model_version: int
    policy_id: str


class DecisionsShown(BaseModel):
    """Decisions in the order of the applications."""

    decisions: list[DecisionShown]


class ReasonRecorded(ReasonShown):
    """A reason with what it rests on."""

    value: float | str | None
    reference: float | str | None = Field(description="What applicants at or just above the cut-off have.")
    contribution: float = Field(description="Log-odds above those applicants.")
    pd_at_reference: float


class ShadowRecorded(BaseModel):
    """What the model that did not decide would have said."""

    role: str
    model_version: int
    model_sha256: str
    policy_id: str
    pd: float
    outcome: str


class DecisionRecorded(DecisionShown):
    """A decision as it stands in the log."""

    source: str
    model_sha256: str
    run_id: str
    inputs: dict[str, float | str | None]
    reasons: list[ReasonRecorded]  # type: ignore[assignment]  # a reader of the log gets more of each
    shadow: ShadowRecorded | None
    latency_ms: float | None


class ErrorShown(BaseModel):
    """What is wrong with one field."""

    index: int | None = Field(None, description="Which of the applications, from 0; absent for a single one.")
    field: str
    given: str
    message: str


class ProblemShown(BaseModel):
    """Why a request was refused or failed (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[ErrorShown] = []


def shown(decision: Decision) -> dict[str, Any]:
    """Return a decision as the API answers with it."""
    document = {name: getattr(decision, name) for name in DecisionShown.model_fields}
    reasons = [{"feature": reason.feature, "text": reason.text} for reason in decision.reasons]
    return document | {"decided_at": _instant(decision), "reasons": reasons, "warnings": list(decision.warnings)}


def recorded(decision: Decision) -> dict[str, Any]:
    """Return a decision in full."""
    document = {name: getattr(decision, name) for name in DecisionRecorded.model_fields} | shown(decision)
    return document | {
        "inputs": dict(decision.inputs),
        "reasons": [dict(reason.__dict__) for reason in decision.reasons],
        "shadow": None if decision.shadow is None else dict(decision.shadow.__dict__),
    }


_FOR_CLIENTS: Final = (
    "Decides credit applications by the model and policy that are live, and shows any decision again. A decision is recorded "
    "before it is answered; the same idempotency key is the same decision. Every fault of a request is named by its field."
)


def describe(app: FastAPI, config: ProjectConfig | None, *, max_rows: int, with_tokens: bool) -> dict[str, Any]:
    """Return the OpenAPI document for what is live; without anything live the inputs are any object."""
    title = "Credit decisions" if config is None else f"{config.project.title}: credit decisions"
    spec = get_openapi(title=title, version=API_VERSION, routes=app.routes, description=_FOR_CLIENTS)
    schemas = spec.setdefault("components", {}).setdefault("schemas", {})
    schemas["ProblemShown"] = ProblemShown.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schemas["ProblemShown"].pop("$defs", {}) | _requests(config, max_rows)
    if with_tokens:
        spec["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        spec["security"] = [{"token": []}]
    return spec


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the entries of a route's ``responses`` for its refusals."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemShown"}}}
    return {status: {"description": _MEANING[status], "content": content} for status in statuses}


SCORE_EXTRA: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ScoreRequest"}}},
    },
    "parameters": [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The same key is the same decision, however often it is sent. An applicant's own goes before it.",
            "schema": {**_TEXT, "pattern": f"^{HEADER_PATTERN}$"},
        }
    ],
}
_MEANING: Final = {
    400: "Not JSON, or not for this address",
    401: "No valid token",
    404: "Not found",
    408: "The body did not arrive",
    409: "The idempotency key was used for another application",
    413: "Too large, or too many applicants",
    415: "Not sent as JSON",
    422: "Inputs that cannot be decided; every fault is named and nothing was recorded",
    429: "Too many requests; the header Retry-After says when to come back",
    500: "An error of ours",
    503: "Nothing can be decided or recorded now",
}


def _instant(decision: Decision) -> str:
    return decision.decided_at.isoformat().replace("+00:00", "Z")


def _requests(config: ProjectConfig | None, max_rows: int) -> dict[str, Any]:
    name = {"anyOf": [{**_TEXT, "pattern": NO_CONTROL}, {"type": "null"}]}
    one = {
        "type": "object",
        "properties": {"inputs": {"$ref": "#/components/schemas/Inputs"}, "applicant_id": name, "idempotency_key": name},
        "required": ["inputs"],
        "additionalProperties": False,
    }
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Application"}, "minItems": 1, "maxItems": max_rows}
    many = {
        "type": "object",
        "properties": {"applications": rows},
        "required": ["applications"],
        "additionalProperties": False,
    }
    either = [{"$ref": "#/components/schemas/Application"}, {"$ref": "#/components/schemas/Applications"}]
    return {"Inputs": _inputs(config), "Application": one, "Applications": many, "ScoreRequest": {"oneOf": either}}


def _inputs(config: ProjectConfig | None) -> dict[str, Any]:
    if config is None:
        return {"type": "object", "description": "Nothing is live yet, so the fields are not known."}
    nullable = {f.name for f in config.features if f.max_missing > 0 or f.missing}
    example = {f.name: f.default for f in config.features if f.default is not None}
    return {
        "type": "object",
        "description": config.project.description,
        "properties": {f.name: input_schema(f) for f in config.features},
        "required": [f.name for f in config.features if f.name not in nullable],
        "additionalProperties": False,
        "examples": [example],
    }


def input_schema(feature: Feature) -> dict[str, Any]:
    """Return the JSON Schema of one input: what `InputRules.check` takes, no more and no less."""
    nothing = [{"type": "null"}] if feature.max_missing > 0 or feature.missing else []
    codes = [{"enum": list(feature.missing)}] if feature.missing and feature.kind != "category" else []
    allowed = [*_allowed(feature), *codes, *nothing]
    words = [feature.help, f"Unit: {feature.unit}." if feature.unit else "", _choices(feature), _missing(feature)]
    found: dict[str, Any] = dict(allowed[0]) if len(allowed) == 1 else {"anyOf": allowed}
    found |= {"title": feature.label, "description": " ".join(word for word in words if word)}
    return found | ({} if feature.default is None else {"examples": [feature.default]})


def _allowed(feature: Feature) -> list[Mapping[str, Any]]:
    if feature.kind == "boolean":
        return [{"type": "boolean"}, {"enum": [0, 1]}]
    if feature.kind == "number":
        ends = {} if feature.range is None else {"minimum": feature.range[0], "maximum": feature.range[1]}
        return [{"type": "integer" if feature.integer else "number", **ends}]
    taken: list[Value | bool] = []
    for choice in (*feature.choices, *feature.missing):
        # A number among the choices is taken as number and as text.
        taken += [choice, category_text(choice)] if not isinstance(choice, str) else [choice]
    return [{"enum": taken}]


def _choices(feature: Feature) -> str:
    pairs = zip(feature.choices, feature.choice_labels, strict=False)
    return "; ".join(f"{choice}: {label}" for choice, label in pairs) + ("." if feature.choice_labels else "")


def _missing(feature: Feature) -> str:
    return f"{', '.join(map(str, feature.missing))} means not known." if feature.missing else ""
