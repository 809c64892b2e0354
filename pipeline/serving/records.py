"""What goes into a decision and what comes out of it: the records that form, file, HTTP and the log share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Value = float | str | None
"""A validated input as the model takes it: a number, 0.0 or 1.0 for a boolean, the text of a category, None when not known."""


class ServingError(RuntimeError):
    """Nothing can be scored; the message says why and what to do."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one input: the field, what was given as short text, and what would be right."""

    field: str
    given: str
    message: str


@dataclass(frozen=True)
class Application:
    """One applicant's validated inputs, every feature of the project present, with the caller's names for it."""

    inputs: Mapping[str, Value]
    applicant_id: str | None = None
    idempotency_key: str | None = None
    """The same key in the same project is the same decision, however often it is sent."""


@dataclass(frozen=True)
class Reason:
    """One principal reason: a factor that was scored, raised the PD, and lowers it again at its reference value."""

    feature: str
    """A feature or a ratio of the project."""
    text: str
    """The words for the applicant, from the project."""
    value: Value
    reference: Value
    """What applicants at or just above the cut-off have: the median, or the commonest category."""
    contribution: float
    """Log-odds by which it raises the PD above those applicants."""
    pd_at_reference: float
    """The PD re-scored with this factor alone at its reference."""


@dataclass(frozen=True)
class Shadow:
    """What the model that did not decide would have said, and which it was."""

    role: str
    """``challenger``, or ``champion`` where a canary decided."""
    model_version: int
    model_sha256: str
    policy_id: str
    pd: float
    outcome: str


@dataclass(frozen=True)
class Decision:
    """One decision as it is recorded: everything needed to show it again. ``decided_at`` is UTC."""

    id: str
    project: str
    decided_at: datetime
    source: str
    model_version: int
    model_sha256: str
    run_id: str
    policy_id: str
    inputs: Mapping[str, Value]
    pd: float
    grade: str
    outcome: str
    reasons: tuple[Reason, ...] = ()
    warnings: tuple[str, ...] = ()
    shadow: Shadow | None = None
    applicant_id: str | None = None
    idempotency_key: str | None = None
    latency_ms: float | None = None
    seq: int | None = field(default=None, compare=False)
    """Given by the log."""


def as_document(record: "Reason | Shadow | Fault") -> dict[str, Any]:
    """Return a flat record as JSON takes it."""
    return dict(record.__dict__)
