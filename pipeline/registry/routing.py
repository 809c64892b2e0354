"""Which proposed version runs beside the champion: in shadow (scores, never decides) or as a canary (decides a share).

Every change is a ledger row, so scorers follow it without a restart and "who let it decide" has an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine

from pipeline import contract
from pipeline.registry import ledger, releases, versions
from pipeline.registry.ledger import LedgerEntry, LedgerError
from pipeline.registry.policies import PolicyError, read_policy
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.registry.versions import VersionError

MOST_SHARE: Final = 0.5
"""A canary decides at most this share of the applicants: beyond it, it would be the champion in all but name."""


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
    """Return how the challenger runs now; None when there is none, it was switched off, or its proposal has been settled.

    A promotion or a rejection settles it for good: a version that was promoted and rolled back does not come back as canary.
    """
    entries = ledger.history(store, project)
    changes = [entry for entry in entries if entry.event == ledger.ROUTING]
    if not changes or changes[-1].subject["mode"] == contract.ROUTE_OFF:
        return None
    entry = changes[-1]
    if ledger.live_at(store, project) is None or any(_settles(later, entry) for later in entries if later.seq > entry.seq):
        return None
    return Routing(**entry.subject, model_sha256=entry.evidence["model_sha256"], since=entry.at, seq=entry.seq)


def route(engine: Engine, proposal: int, *, mode: str, share: float = 0.0, actor: str, reason: str) -> LedgerEntry:
    """Let a proposal's version run beside the champion, or with mode ``off`` stop it; returns the ledger row.

    A canary decides about people, so another person than the proposer must start it. Raises RoutingError when the proposal is
    unknown or rejected, the mode or share makes no sense, nothing is live yet, the version is live already, its evidence is no
    longer true, the ledger is broken, or what is to be stopped is not what runs.
    """
    try:
        proposed = ledger.read_entry(engine, proposal)
        if proposed is None or proposed.event != ledger.PROPOSAL:
            raise RoutingError(f"{proposal} is no proposal; the release history lists their numbers")
        _check_words(mode, share)
        _check_ledger(engine, proposed, mode)
        if mode != contract.ROUTE_OFF:
            _check_evidence(engine, proposed, mode, actor)
        subject = {key: proposed.subject[key] for key in ("model_version", "policy_id", "run_id")}
        subject |= {"mode": mode, "share": share, "proposal": proposal}
        entry = ledger.append(engine, proposed.project, ledger.ROUTING, actor, subject, reason, _evidence(proposed.evidence))
        _mirror(entry)
        return entry
    except (VersionError, PolicyError, LedgerError, TrackingUnavailable, releases.ReleaseError) as error:
        raise RoutingError(str(error)) from error


def follow_ledger(engine: Engine, project: str) -> None:
    """Let MLflow's challenger alias follow the ledger again, as after a crash between the two; adds no row.

    Raises RoutingError when MLflow cannot be reached.
    """
    now = current(engine, project)
    entry = ledger.read_entry(engine, now.seq) if now else None
    if entry is not None:
        _mirror(entry)


def _settles(later: LedgerEntry, entry: LedgerEntry) -> bool:
    if later.event == ledger.REJECTION:
        return bool(later.subject["proposal"] == entry.subject["proposal"])
    is_release = later.event in (ledger.PROMOTION, ledger.ROLLBACK)
    return is_release and bool(later.subject["model_version"] == entry.subject["model_version"])


def _check_words(mode: str, share: float) -> None:
    if mode not in contract.ROUTES:
        raise RoutingError(f"mode {mode!r} is none; use one of {', '.join(contract.ROUTES)}")
    if mode == contract.ROUTE_CANARY and not 0 < share <= MOST_SHARE:
        raise RoutingError(f"share {share:g}: a canary decides more than 0 and at most {MOST_SHARE:g} of the applicants")
    if mode != contract.ROUTE_CANARY and share:
        raise RoutingError(f"share {share:g}: only a canary has a share; leave it out")


def _check_ledger(engine: Engine, proposed: LedgerEntry, mode: str) -> None:
    problems = ledger.verify(engine, proposed.project)
    if problems:
        raise RoutingError(f"the ledger of {proposed.project} is broken, so nothing can be routed: {problems[0]}")
    entries = ledger.history(engine, proposed.project)
    if mode == contract.ROUTE_OFF:
        last = next((entry.subject["proposal"] for entry in reversed(entries) if entry.event == ledger.ROUTING), None)
        if last != proposed.seq:  # stopping twice is harmless, and repairs an alias that was left behind
            runs = "nothing runs beside the champion" if last is None else f"proposal {last} was routed last"
            raise RoutingError(f"proposal {proposed.seq} does not run, so it cannot be stopped: {runs}")
    elif any(entry.event == ledger.REJECTION and entry.subject["proposal"] == proposed.seq for entry in entries):
        raise RoutingError(f"proposal {proposed.seq} was rejected; propose the version again to run it as challenger")


def _check_evidence(engine: Engine, proposed: LedgerEntry, mode: str, actor: str) -> None:
    live = ledger.live_at(engine, proposed.project)
    if live is None:
        raise RoutingError(f"nothing is live in {proposed.project}, so there is no champion to run beside")
    if live.model_version == proposed.subject["model_version"]:
        raise RoutingError(f"version {live.model_version} of {proposed.project} is live; a challenger is another version")
    if mode == contract.ROUTE_CANARY:
        releases.require_other_person(proposed, actor)
    releases.require_evidence(engine, proposed)
    read_policy(engine, proposed.subject["policy_id"])


def _mirror(entry: LedgerEntry) -> None:
    """Let the challenger alias follow a committed row; the ledger, which scorers follow, already holds it."""
    number = None if entry.subject["mode"] == contract.ROUTE_OFF else entry.subject["model_version"]
    try:
        versions.set_challenger(entry.project, number)
    except (VersionError, TrackingUnavailable) as error:
        raise RoutingError(
            f"the routing holds by ledger row {entry.seq}, but MLflow's alias {contract.ALIAS_CHALLENGER!r} could not follow: "
            f"{error} Run the same step again to repair it."
        ) from error


def _evidence(evidence: Mapping[str, Any]) -> dict[str, Any]:
    return {key: evidence[key] for key in ("model_sha256", "policy_sha256")}
