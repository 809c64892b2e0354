"""Policies: the cut-offs that turn a PD into approve, review or decline, with the costs and reasons behind them.

A policy is written once, belongs to one model version, and goes live only by a release. Approve when PD < approve_below,
decline when PD >= decline_above, review between; equal cut-offs leave nothing to review.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Engine, func, insert, select

from pipeline.registry import ledger
from pipeline.store.documents import as_stored, content_sha256
from pipeline.store.engine import writing
from pipeline.store.tables import policies as table


class PolicyError(ValueError):
    """A policy that cannot be written or trusted; the message names the field, the value and what would be right."""


@dataclass(frozen=True)
class Policy:
    """Cut-offs on the PD, the cost assumptions and the baseline they were chosen against, for one model version.

    ``number`` counts within the project; ``sha256`` covers every other field and stands in the ledger too.
    """

    id: str
    project: str
    number: int
    model_version: int
    run_id: str
    approve_below: float
    decline_above: float
    costs: Mapping[str, Any]
    baseline: Mapping[str, Any]
    rationale: str
    author: str
    created_at: datetime
    sha256: str


def write_policy(
    engine: Engine, project: str, *, model_version: int, run_id: str, approve_below: float, decline_above: float,
    rationale: str, author: str, costs: Mapping[str, Any] | None = None, baseline: Mapping[str, Any] | None = None,
) -> Policy:  # fmt: skip
    """Write the project's next policy and its ledger row, in one transaction; it is not live until released.

    Raises PolicyError for cut-offs that are not ``0 <= approve_below <= decline_above <= 1`` or an empty rationale or author.
    """
    _check_cutoffs(approve_below, decline_above)
    _check_texts(project=project, run_id=run_id, rationale=rationale, author=author)
    with writing(engine) as connection:
        ledger.lock(connection)  # numbers have no gaps and no doubles
        newest = select(func.max(table.c.number)).where(table.c.project == project)
        number = (connection.execute(newest).scalar() or 0) + 1
        body: dict[str, Any] = {
            "id": f"{project}-policy-{number}",
            "project": project,
            "number": number,
            "model_version": model_version,
            "run_id": run_id,
            "approve_below": float(approve_below),
            "decline_above": float(decline_above),
            "costs": as_stored(costs or {}),
            "baseline": as_stored(baseline or {}),
            "rationale": rationale.strip(),
            "author": author.strip(),
            "created_at": datetime.now(UTC),
        }
        policy = Policy(**body, sha256=content_sha256(body, leave_out="sha256"))
        connection.execute(insert(table).values(asdict(policy)))
        _record(connection, policy)
    return policy


def read_policy(store: Engine | Connection, policy_id: str) -> Policy:
    """Return a policy by id. Raises PolicyError when there is none, or when its row no longer matches its sha256."""
    query = select(table).where(table.c.id == policy_id)
    if isinstance(store, Connection):
        row = store.execute(query).mappings().first()
    else:
        with store.connect() as connection:
            row = connection.execute(query).mappings().first()
    if row is None:
        raise PolicyError(f"there is no policy {policy_id!r}; write it first, or look its id up in the release history")
    policy = Policy(**row)
    if content_sha256(asdict(policy), leave_out="sha256") != policy.sha256:
        raise PolicyError(f"policy {policy_id!r} was changed after it was written; it cannot be used")
    return policy


def _record(connection: Connection, policy: Policy) -> None:
    subject = {"policy_id": policy.id, "model_version": policy.model_version, "run_id": policy.run_id}
    evidence = {
        "policy_sha256": policy.sha256,
        "approve_below": policy.approve_below,
        "decline_above": policy.decline_above,
    }
    ledger.append(connection, policy.project, ledger.POLICY, policy.author, subject, policy.rationale, evidence)


def _check_cutoffs(approve_below: float, decline_above: float) -> None:
    for name, value in {"approve_below": approve_below, "decline_above": decline_above}.items():
        if not 0 <= value <= 1:  # also true for NaN
            raise PolicyError(f"{name} is {value}; a cut-off on the PD lies between 0 and 1")
    if approve_below > decline_above:
        raise PolicyError(
            f"approve_below {approve_below} is greater than decline_above {decline_above}; "
            "the same PD would be approved and declined, so swap them or make them equal"
        )


def _check_texts(**texts: str) -> None:
    for name, value in texts.items():
        try:
            ledger.required_text(name, value)
        except ledger.LedgerError as error:
            raise PolicyError(str(error)) from None
