"""Which proposed version runs beside the champion: in shadow (scores, never decides) or as a canary (decides a share).

Every change is a ledger row, so scorers follow it without a restart and "who let it decide" has an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine

from pipeline import contract
from pipeline.registry import ledger, releases, versions
from pipeline.registry.ledger import LedgerEntry, LedgerError
from pipeline.registry.policies import PolicyError, read_policy
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.registry.versions import VersionError


class RoutingError(ValueError):
    """A routing that is refused; the message says why and what would be right."""


@dataclass(frozen=True)
class Routing:
    """The challenger, how it runs, and since which ledger row; ``share`` is the canary's share of applicants."""

    mode: str
    share: float
    model_version: int
    policy_id: str
    run_id: str
    model_sha256: str
    proposal: int
    since: datetime
    seq: int


def current(store: Engine | Connection, project: str) -> Routing | None:
    """Return how the challenger runs now; None when there is none, it was switched off, or it is the champion meanwhile."""
    changes = [entry for entry in ledger.history(store, project) if entry.event == ledger.ROUTING]
    if not changes or changes[-1].subject["mode"] == contract.ROUTE_OFF:
        return None
    entry, live = changes[-1], ledger.live_at(store, project)
    if live is None or live.model_version == entry.subject["model_version"]:
        return None
    return Routing(**entry.subject, model_sha256=entry.evidence["model_sha256"], since=entry.at, seq=entry.seq)


def route(engine: Engine, proposal: int, *, mode: str, share: float = 0.0, actor: str, reason: str) -> LedgerEntry:
    """Let a proposal's version run beside the champion, or with mode ``off`` stop it; returns the ledger row.

    A canary decides about people, so another person than the proposer must start it. Raises RoutingError when the proposal is
    unknown, the mode or share makes no sense, nothing is live yet, the version is live already, or its evidence is no longer
    true.
    """
    try:
        proposed = ledger.read_entry(engine, proposal)
        if proposed is None or proposed.event != ledger.PROPOSAL:
            raise RoutingError(f"{proposal} is no proposal; the release history lists their numbers")
        _check(engine, proposed, mode, share, actor)
        subject = {key: proposed.subject[key] for key in ("model_version", "policy_id", "run_id")}
        subject |= {"mode": mode, "share": share, "proposal": proposal}
        entry = ledger.append(engine, proposed.project, ledger.ROUTING, actor, subject, reason, _evidence(proposed.evidence))
        versions.set_challenger(proposed.project, None if mode == contract.ROUTE_OFF else subject["model_version"])
        return entry
    except (VersionError, PolicyError, LedgerError, TrackingUnavailable, releases.ReleaseError) as error:
        raise RoutingError(str(error)) from error


def _check(engine: Engine, proposed: LedgerEntry, mode: str, share: float, actor: str) -> None:
    if mode not in contract.ROUTES:
        raise RoutingError(f"mode {mode!r} is none; use one of {', '.join(contract.ROUTES)}")
    if mode == contract.ROUTE_CANARY and not 0 < share <= 0.5:
        raise RoutingError(f"share {share:g}: a canary decides more than 0 and at most 0.5 of the applicants")
    if mode != contract.ROUTE_CANARY and share:
        raise RoutingError(f"share {share:g}: only a canary has a share; leave it out")
    if mode == contract.ROUTE_OFF:
        return
    live = ledger.live_at(engine, proposed.project)
    if live is None:
        raise RoutingError(f"nothing is live in {proposed.project}, so there is no champion to run beside")
    if live.model_version == proposed.subject["model_version"]:
        raise RoutingError(f"version {live.model_version} of {proposed.project} is live; a challenger is another version")
    if mode == contract.ROUTE_CANARY:
        releases.require_other_person(proposed, actor)
    releases.require_evidence(engine, proposed)
    read_policy(engine, proposed.subject["policy_id"])


def _evidence(evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {key: evidence[key] for key in ("model_sha256", "policy_sha256")}
