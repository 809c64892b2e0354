"""Propose a policy: cut-offs chosen on validation, what they do on validation and on test, and the money assumed.

One way in for the command line and the dashboard. The approval is another person's and comes later.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

import pandas as pd
from sqlalchemy import Engine

from pipeline import contract
from pipeline.evaluation.policy import PolicyOutcome, Review, policy_outcome
from pipeline.project import Costs as ProjectCosts
from pipeline.registry import ledger, releases, versions
from pipeline.registry.assumptions import CHOSEN_ON, STATED, Choice, costs_of_project, stated_costs
from pipeline.registry.policies import PolicyError, write_policy
from pipeline.registry.runs import read_artifact_table, read_run


class ProposalError(ValueError):
    """A policy that may not be proposed; the message says why and what would be right."""


@dataclass(frozen=True)
class Proposed:
    """What was written: the ledger row's number, the registered version, the policy, and its outcome on both splits."""

    proposal: int
    project: str
    version: int
    run_id: str
    policy: str
    approve_below: float
    decline_above: float
    chosen_on: str
    outcomes: Mapping[str, Mapping[str, float | None]]
    actor: str
    actor_verified: bool


def propose_policy(engine: Engine, project: str, run_id: str, choice: Choice, *, actor: str, reason: str) -> Proposed:
    """Register the run if its gate passed, write the policy with its assumptions and outcomes, and propose both.

    Raises ProposalError for a cut-off chosen on the test rows, an unnamed author, or a run without its curve; ReleaseError,
    VersionError and PolicyError as the steps do. What is refused before the policy leaves nothing written but the version.
    """
    _check(choice, actor, reason)
    outcomes = outcomes_of(run_id, choice)
    version = versions.register_version(run_id, project)
    approve, decline = min(choice.approve_below, 1.0), min(choice.decline_above, 1.0)
    policy = write_policy(
        engine, project, model_version=version, run_id=run_id, approve_below=approve, decline_above=decline,
        rationale=reason, author=actor, costs=stated_costs(choice),
        baseline=_stated_baseline(run_id, choice, outcomes),
    )  # fmt: skip
    entry = releases.propose(engine, project, version=version, policy_id=policy.id, actor=actor, reason=reason)
    return Proposed(
        entry.seq, project, version, run_id, policy.id, approve, decline, choice.chosen_on, outcomes,
        actor, entry.actor_verified,
    )  # fmt: skip


def own_choice(run_id: str, costs: ProjectCosts, approve_below: float | None, decline_above: float | None) -> Choice:
    """Return the choice of the run's own cut-off (validation) at the project's costs, or the cut-offs stated instead."""
    own = read_run(run_id).metrics.get(contract.CUTOFF, math.inf)  # none is logged where nobody is declined
    decline = own if decline_above is None else decline_above
    approve = min(own, decline) if approve_below is None else approve_below
    chosen_on = contract.VALID if approve_below is None and decline_above is None else STATED
    volume = costs.applications_per_year
    review = Review(costs.review_cost, costs.review_share_right, volume / 365 if volume else None)
    return Choice(approve, decline, chosen_on, costs_of_project(costs), review, applications_per_year=volume)


def outcomes_of(run_id: str, choice: Choice) -> dict[str, dict[str, float | None]]:
    """Return per split what the policy does and saves: rates, and money per 1,000 applications; None where not computable."""
    mine, theirs = _curve(run_id), _curve(choice.baseline.run_id or run_id)
    found = {}
    for split in contract.SPLITS:
        here = _outcome(mine, split, choice.approve_below, choice.decline_above, choice)
        there = _outcome(theirs, split, choice.baseline.approve_below, choice.baseline.decline_from, choice)
        is_shared = here.n == there.n
        saving = 1000 * (there.cost - here.cost) / here.n if is_shared else math.nan
        rates = {f.name: getattr(here, f.name) for f in fields(here) if f.name not in ("approve_below", "decline_from", "cost")}
        values = rates | {contract.COST: 1000 * here.cost / here.n, "saving_per_1000": saving}
        found[split] = {name: _or_none(value) for name, value in values.items()}
    return found


def _check(choice: Choice, actor: str, reason: str) -> None:
    if choice.chosen_on not in CHOSEN_ON:
        raise ProposalError(
            f"the cut-off was chosen on {choice.chosen_on!r} rows; what is chosen on the rows that report it reports too well, "
            "so choose it on validation and read test only"
        )
    if choice.approve_below > choice.decline_above:
        raise ProposalError(
            f"approve_below {choice.approve_below} is greater than decline_above {choice.decline_above}; swap them"
        )
    for name, text in (("author", actor), ("rationale", reason)):
        try:
            ledger.required_text(name, text)
        except ledger.LedgerError as error:
            raise ProposalError(str(error)) from None


def _curve(run_id: str) -> pd.DataFrame:
    try:
        return read_artifact_table(run_id, contract.ARTIFACT_CURVE)
    except LookupError as error:
        raise ProposalError(f"what the policy would do cannot be stated: {error}") from error


def _outcome(curve: pd.DataFrame, split: str, approve_below: float, decline_from: float, choice: Choice) -> PolicyOutcome:
    rows = curve[curve["split"] == split]
    if rows.empty:
        raise ProposalError(f"the run's curve has no {split} rows, so what the policy would do cannot be stated")
    try:
        return policy_outcome(rows, choice.costs, approve_below, decline_from, choice.review)
    except ValueError as error:
        raise PolicyError(str(error)) from error


def _stated_baseline(run_id: str, choice: Choice, outcomes: Mapping[str, Any]) -> dict[str, Any]:
    """The baseline, and with it on which rows the choice was made and what it does there and on test."""
    tags = versions.run_tags(run_id)
    rows = {
        split: tags.get(tag)
        for split, tag in zip(contract.SPLITS, (contract.TAG_VALID_SHA256, contract.TAG_TEST_SHA256), strict=True)
    }
    baseline = {name: _or_none(value) for name, value in asdict(choice.baseline).items()}
    return {**baseline, "chosen_on": choice.chosen_on, "rows_sha256": rows, "outcomes": outcomes}


def _or_none(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
