"""Releases: a proposal by one person, an approval by another, and the way back. The ledger is the truth.

Every step is a ledger row. The row that changes what is live is committed first, then MLflow's champion alias follows it;
a crash between the two leaves a difference that `alias_differs` reports and that running the same step again repairs.
"""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pandas as pd
from sqlalchemy import Connection, Engine

from pipeline import contract
from pipeline.registry import ledger, pins, versions
from pipeline.registry.ledger import APPROVAL, PROMOTION, PROPOSAL, REJECTION, ROLLBACK, LedgerEntry, LedgerError
from pipeline.registry.policies import PolicyError, read_policy
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.registry.versions import Version, VersionError
from pipeline.settings import Settings
from pipeline.store.engine import writing

HISTORY_COLUMNS: Final = (
    "seq", "at", "event", "actor", "actor_verified", "model_version", "policy_id", "run_id", "proposal", "reason", "hash",
)  # fmt: skip


class ReleaseError(ValueError):
    """A step that is refused or could not be finished; the message says why and what to do."""


def propose(engine: Engine, project: str, *, version: int, policy_id: str, actor: str, reason: str) -> LedgerEntry:
    """Propose a registered version with a policy written for it; the row's ``seq`` is the proposal's number.

    Raises ReleaseError when the version is not registered, has no passed gate, or the policy belongs to another version.
    """
    with _refusals():
        registered = versions.read_version(project, version)
        evidence = _evidence(engine, registered, policy_id)
        subject = {"model_version": version, "policy_id": policy_id, "run_id": registered.run_id}
        return ledger.append(engine, project, PROPOSAL, actor, subject, reason, evidence)


def approve(engine: Engine, proposal: int, *, actor: str, reason: str) -> LedgerEntry:
    """Approve a proposal: its version becomes champion and its policy live; returns the promotion's row.

    Running it again on the proposal that is live, when the alias was left behind, repairs the alias and adds no row.

    Raises ReleaseError when the approver is the proposer (case and spaces aside), the proposal is unknown or already
    decided, its evidence is missing or no longer true, the ledger is broken, or MLflow cannot be reached.
    """
    with _refusals():
        proposed = _proposal(engine, proposal)
        _require_intact(engine, proposed.project)
        unmirrored = _unmirrored(engine, proposed.project, PROMOTION)
        if unmirrored and unmirrored.subject.get("proposal") == proposal:
            return _mirror(unmirrored)
        _require_open(engine, proposed)
        require_other_person(proposed, actor)
        require_evidence(engine, proposed)
        with writing(engine) as connection:
            ledger.lock(connection)
            _require_intact(connection, proposed.project)
            _require_open(connection, proposed)
            subject = {**proposed.subject, "proposal": proposal}
            step = (actor, subject, reason, proposed.evidence)
            ledger.append(connection, proposed.project, APPROVAL, *step)
            promotion = ledger.append(connection, proposed.project, PROMOTION, *step)
        return _mirror(promotion)


def reject(engine: Engine, proposal: int, *, actor: str, reason: str) -> LedgerEntry:
    """Reject a proposal, or withdraw one's own. Raises ReleaseError when it is unknown or already decided."""
    with _refusals(), writing(engine) as connection:
        ledger.lock(connection)
        proposed = _proposal(connection, proposal)
        _require_open(connection, proposed)
        subject = {**proposed.subject, "proposal": proposal}
        return ledger.append(connection, proposed.project, REJECTION, actor, subject, reason, proposed.evidence)


def rollback(engine: Engine, project: str, *, actor: str, reason: str) -> LedgerEntry:
    """Go back to the version and policy that were live before the present ones; returns the rollback's row.

    A second rollback goes one release further back. Running it again when the alias was left behind repairs the alias.

    Raises ReleaseError when nothing was live before, the earlier pair is no longer intact, or the ledger is broken.
    """
    with _refusals():
        _require_intact(engine, project)
        unmirrored = _unmirrored(engine, project, ROLLBACK)
        if unmirrored:
            return _mirror(unmirrored)
        require_evidence(engine, _previous(engine, project))
        with writing(engine) as connection:
            ledger.lock(connection)
            _require_intact(connection, project)
            target, live = _previous(connection, project), ledger.live_at(connection, project)
            subject = {key: target.subject[key] for key in ("model_version", "policy_id", "run_id")}
            subject |= {"restores": target.seq, "replaces": live.seq if live else None}
            entry = ledger.append(connection, project, ROLLBACK, actor, subject, reason, target.evidence)
        return _mirror(entry)


def history(engine: Engine, project: str) -> pd.DataFrame:
    """Return every ledger row of a project, oldest first, with `HISTORY_COLUMNS`; absent parts of the subject are None."""
    rows = []
    for entry in ledger.history(engine, project):
        rows.append({name: getattr(entry, name, entry.subject.get(name)) for name in HISTORY_COLUMNS})
    # Objects, so that a version stays 3 and does not become 3.0 beside rows that have none.
    return pd.DataFrame(rows, columns=list(HISTORY_COLUMNS), dtype=object)


def alias_differs(engine: Engine, project: str, settings: Settings | None = None) -> str | None:
    """Say how MLflow's champion alias differs from the ledger, or None when both name the same version.

    Raises TrackingUnavailable when MLflow cannot be asked.
    """
    live, champion = ledger.live_at(engine, project), versions.champion(project, settings)
    approved = live.model_version if live else None
    if approved == champion:
        return None
    return (
        f"the ledger says {_named(approved)} of {project} is live, but MLflow's alias {contract.ALIAS_CHAMPION!r} "
        f"names {_named(champion)}; somebody moved the alias, or a release was interrupted"
    )


@contextmanager
def _refusals() -> Iterator[None]:
    """One kind of error leaves this room, whichever room refused."""
    try:
        yield
    except (VersionError, PolicyError, LedgerError, TrackingUnavailable) as error:
        raise ReleaseError(str(error)) from error


def _named(version: int | None) -> str:
    return "no version" if version is None else f"version {version}"


def _evidence(engine: Engine, registered: Version, policy_id: str) -> dict[str, Any]:
    """What a proposal rests on, copied into the ledger, because MLflow's tags and files can be changed later."""
    if registered.gate != "passed" or not registered.model_sha256:
        raise ReleaseError(
            f"version {registered.number} of {registered.project} was not registered through its gate; "
            "register its run again with Riskdeck"
        )
    policy = read_policy(engine, policy_id)
    if (policy.project, policy.model_version, policy.run_id) != (registered.project, registered.number, registered.run_id):
        raise ReleaseError(
            f"policy {policy_id!r} was written for version {policy.model_version} of {policy.project}, "
            f"not for version {registered.number} of {registered.project}; write one for this version"
        )
    return {
        "gate": versions.gate_result(registered.run_id),
        "model_sha256": registered.model_sha256,
        "data_sha256": versions.run_tags(registered.run_id).get(contract.TAG_DATA_SHA256),
        "policy_sha256": policy.sha256,
        pins.EVIDENCE: pins.current_pins(engine, registered.project, registered.number, registered.run_id),
    }


def require_evidence(engine: Engine, entry: LedgerEntry) -> None:
    """Refuse unless the row has its evidence and the version, its files and the policy are still those it names."""
    evidence, subject = entry.evidence, entry.subject
    gate = evidence.get("gate")
    if not isinstance(gate, dict) or gate.get("passed") is not True or not gate.get("rules"):
        raise ReleaseError(f"ledger row {entry.seq} holds no passed gate result; propose the version again")
    registered = versions.read_version(entry.project, subject["model_version"])
    if (registered.run_id, registered.model_sha256) != (subject["run_id"], evidence.get("model_sha256")):
        raise ReleaseError(
            f"version {registered.number} of {entry.project} is no longer the model in ledger row {entry.seq}: "
            "its run or its sha256 was changed in MLflow"
        )
    pins.current_pins(engine, entry.project, registered.number, registered.run_id)
    if read_policy(engine, subject["policy_id"]).sha256 != evidence.get("policy_sha256"):
        raise ReleaseError(f"policy {subject['policy_id']!r} is no longer the one in ledger row {entry.seq}")


def _require_intact(store: Engine | Connection, project: str) -> None:
    problems = ledger.verify(store, project)
    if problems:
        raise ReleaseError(f"the ledger of {project} is broken, so nothing can be released: {problems[0]}")


def _require_open(store: Engine | Connection, proposed: LedgerEntry) -> None:
    for entry in ledger.history(store, proposed.project):
        if entry.event in (APPROVAL, REJECTION) and entry.subject.get("proposal") == proposed.seq:
            raise ReleaseError(
                f"proposal {proposed.seq} is already decided: {entry.event} by {entry.actor!r} "
                f"on {entry.at:%Y-%m-%d %H:%M} UTC; propose again to change it"
            )


def require_other_person(proposed: LedgerEntry, actor: str) -> None:
    """Raise ReleaseError when the actor is the one who proposed, case, spaces and look-alike letters aside."""
    if _person(proposed.actor) == _person(actor):
        raise ReleaseError(
            f"proposal {proposed.seq} was made by {proposed.actor!r}; another person must approve it, not {actor!r}"
        )


def _person(name: str) -> str:
    """A name without case, spaces and invisible characters, look-alike forms folded into one (Unicode NFKC)."""
    folded = unicodedata.normalize("NFKC", name).casefold()
    return "".join(char for char in folded if not char.isspace() and unicodedata.category(char) != "Cf")


def _proposal(store: Engine | Connection, proposal: int) -> LedgerEntry:
    entry = ledger.read_entry(store, proposal)
    if entry is None or entry.event != PROPOSAL:
        found = "there is none" if entry is None else f"ledger row {proposal} is a {entry.event}"
        raise ReleaseError(f"{proposal} is no proposal: {found}; the release history lists their numbers")
    return entry


def _live_stack(store: Engine | Connection, project: str) -> list[LedgerEntry]:
    """The promotions that still count, oldest first: a rollback takes the newest away."""
    stack: list[LedgerEntry] = []
    for entry in ledger.history(store, project):
        if entry.event == PROMOTION:
            stack.append(entry)
        elif entry.event == ROLLBACK:
            stack.pop()
    return stack


def _previous(store: Engine | Connection, project: str) -> LedgerEntry:
    stack = _live_stack(store, project)
    if len(stack) < 2:
        state = f"only version {stack[0].subject['model_version']} has been live" if stack else "nothing is live yet"
        raise ReleaseError(f"{project} cannot be rolled back: {state}, so there is no earlier release to return to")
    return stack[-2]


def _unmirrored(engine: Engine, project: str, event: str) -> LedgerEntry | None:
    """The newest change of what is live, if it is of this kind and the alias did not follow it."""
    live = ledger.live_at(engine, project)
    entry = ledger.read_entry(engine, live.seq) if live else None
    if entry is None or entry.event != event or versions.champion(project) == entry.subject["model_version"]:
        return None
    return entry


def _mirror(entry: LedgerEntry) -> LedgerEntry:
    """Let the champion alias follow a committed row."""
    version = entry.subject["model_version"]
    try:
        versions.set_champion(entry.project, version)
    except (VersionError, TrackingUnavailable) as error:
        raise ReleaseError(
            f"version {version} is live by ledger row {entry.seq}, but MLflow's alias {contract.ALIAS_CHAMPION!r} could not "
            f"follow: {error} Run the same step again to repair it."
        ) from error
    return entry
