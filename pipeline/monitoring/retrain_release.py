"""What becomes of a retrained model that passed its gate: one proposal, and a place in the shadow of the live one. Never more.

Every step looks first whether it was done before, so that a retraining that was killed is finished by running it again.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from pipeline import contract
from pipeline.project import ProjectConfig
from pipeline.registry import ledger, releases, routing, versions
from pipeline.registry.assumptions import Choice
from pipeline.registry.ledger import LedgerEntry
from pipeline.registry.policies import Policy, read_policy
from pipeline.registry.proposals import own_choice, propose_policy


@dataclass(frozen=True)
class Filed:
    """The proposal of a retrained model and whether it runs in shadow; ``said`` tells what was done or why it was not."""

    proposal: int
    version: int
    policy: str
    in_shadow: bool
    said: str


def propose_once(engine: Engine, config: ProjectConfig, run_id: str, actor: str, reason: str) -> LedgerEntry:
    """Return the run's newest proposal, filing one when there is none: its own cut-offs (validation) at the project's costs.

    A policy with these cut-offs that was written for the run and never proposed, as a killed process leaves it, is taken.
    Raises as `propose_policy` does.
    """
    entries = ledger.history(engine, config.name)
    proposed = proposal_of(entries, run_id)
    if proposed is not None:
        return proposed
    choice = own_choice(run_id, config.costs, None, None)
    left = _left_over(engine, entries, run_id, choice)
    if left is not None:
        return releases.propose(
            engine, config.name, version=left.model_version, policy_id=left.id, actor=actor, reason=reason
        )  # fmt: skip
    done = propose_policy(engine, config.name, run_id, choice, actor=actor, reason=reason)
    entry = ledger.read_entry(engine, done.proposal)
    assert entry is not None, "the row was just written"
    return entry


def file_once(engine: Engine, project: str, proposed: LedgerEntry, actor: str, reason: str) -> Filed:
    """Let a proposal's version run in shadow, unless that was done before, was undone, or something else runs there.

    Another challenger stays: it is somebody's comparison, or decides a share of applicants as canary, and a machine must not
    end either. Then the proposal alone is filed.
    """
    subject = proposed.subject
    now = routing.current(engine, project)
    settled = decision_on(ledger.history(engine, project), proposed.seq)
    if now is not None and now.proposal == proposed.seq:
        if versions.challenger(project) != now.model_version:
            routing.follow_ledger(engine, project)
        in_shadow, said = True, f"it runs beside the champion ({now.mode})"
    elif settled is not None:
        in_shadow, said = False, f"the proposal was settled before: {settled.event} by {settled.actor}"
    elif now is not None:
        other = f"version {now.model_version} of proposal {now.proposal}"
        in_shadow, said = (
            False,
            f"it does not run beside the champion: {other} does ({now.mode}), and stays until people decide",
        )
    elif _was_stopped(engine, project, proposed.seq):
        in_shadow, said = False, "it ran beside the champion before and was stopped, so it stays stopped"
    else:
        routing.route(engine, proposed.seq, mode=contract.ROUTE_SHADOW, actor=actor, reason=reason)
        in_shadow, said = True, "it runs in shadow: it scores and never decides"
    return Filed(proposed.seq, subject["model_version"], subject["policy_id"], in_shadow, said)


def proposal_of(entries: Sequence[LedgerEntry], run_id: str) -> LedgerEntry | None:
    """Return the newest proposal of a run, or None."""
    found = [e for e in entries if e.event == ledger.PROPOSAL and e.subject["run_id"] == run_id]
    return found[-1] if found else None


def decision_on(entries: Sequence[LedgerEntry], proposal: int) -> LedgerEntry | None:
    """Return the approval or rejection of a proposal, or None while it is open."""
    decided = (e for e in entries if e.event in (ledger.APPROVAL, ledger.REJECTION) and e.subject["proposal"] == proposal)
    return next(decided, None)


def was_routed(entries: Sequence[LedgerEntry], proposal: int) -> bool:
    """True when the proposal's version was ever run beside the champion."""
    return any(e.event == ledger.ROUTING and e.subject["proposal"] == proposal for e in entries)


def _was_stopped(engine: Engine, project: str, proposal: int) -> bool:
    return was_routed(ledger.history(engine, project), proposal)


def _left_over(engine: Engine, entries: Sequence[LedgerEntry], run_id: str, choice: Choice) -> Policy | None:
    written = [e.subject["policy_id"] for e in entries if e.event == ledger.POLICY and e.subject["run_id"] == run_id]
    wanted = (min(choice.approve_below, 1.0), min(choice.decline_above, 1.0))
    policies = (read_policy(engine, policy_id) for policy_id in written)
    return next((p for p in policies if (p.approve_below, p.decline_above) == wanted), None)
