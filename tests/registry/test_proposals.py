"""A proposal keeps what it assumed and what it does on both splits, and is never chosen on the rows that report it."""

import math
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine

from pipeline import contract
from pipeline.evaluation.cost import CaseCosts, CashCosts, LoanCosts
from pipeline.evaluation.curve import threshold_curve
from pipeline.evaluation.policy import Review
from pipeline.project import load_project
from pipeline.registry import ledger
from pipeline.registry.assumptions import Baseline, Choice, costs_of_policy, costs_of_project, stated_costs
from pipeline.registry.policies import PolicyError, read_policy
from pipeline.registry.proposals import ProposalError, outcomes_of, own_choice, propose_policy
from pipeline.registry.versions import VersionError
from tests.store.made_runs import PROJECT, Tracking

pytest_plugins = ["tests.store.fixtures"]

Y, PDS, AMOUNT = [0, 0, 1, 1], [0.1, 0.3, 0.2, 0.6], [100.0, 100.0, 300.0, 300.0]
CHOICE = Choice(0.25, 0.25, contract.VALID, CaseCosts(5, 1), applications_per_year=1000)


def run_with_curve(tracking: Tracking, **tags: str) -> str:
    """A gated run whose curve holds four people by hand on validation and, twice each, on test."""
    run_id = tracking.run(tags={contract.TAG_VALID_SHA256: "a" * 64, contract.TAG_TEST_SHA256: "b" * 64, **tags})
    parts = [("valid", Y, PDS, AMOUNT), ("test", Y * 2, PDS * 2, AMOUNT * 2)]
    curve = pd.concat([threshold_curve(y, pds, amount).assign(split=name) for name, y, pds, amount in parts])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / Path(contract.ARTIFACT_CURVE).name
        curve.to_parquet(path)
        tracking.client.log_artifact(run_id, str(path), str(Path(contract.ARTIFACT_CURVE).parent))
    return run_id


def test_a_proposal_writes_version_policy_and_ledger_row_with_both_outcomes(sqlite_store: Engine, tracking: Tracking) -> None:
    run_id = run_with_curve(tracking)
    done = propose_policy(sqlite_store, PROJECT, run_id, CHOICE, actor="pm", reason="cheapest on validation")
    policy = read_policy(sqlite_store, done.policy)
    assert (done.version, policy.approve_below, policy.decline_above) == (1, 0.25, 0.25)
    assert [entry.event for entry in ledger.history(sqlite_store, PROJECT)] == ["policy", "proposal"]
    assert policy.baseline["chosen_on"] == "valid"
    assert policy.baseline["rows_sha256"] == {"valid": "a" * 64, "test": "b" * 64}
    # At 0.25: the default of PD 0.2 is missed (5), the good of 0.3 is refused (1); approving all misses two (10).
    for split, n in (("valid", 4), ("test", 8)):
        found = policy.baseline["outcomes"][split]
        assert found["n"] == n
        assert found["approval_rate"] == 0.5 and found["recall"] == 0.5
        assert found["cost_per_1000"] == pytest.approx(1500) and found["saving_per_1000"] == pytest.approx(1000)
    assert done.outcomes == policy.baseline["outcomes"]


@pytest.mark.parametrize("rows", ["test", "holdout", ""])
def test_a_cutoff_chosen_on_the_test_rows_is_refused_and_leaves_nothing(
    sqlite_store: Engine, tracking: Tracking, rows: str
) -> None:
    run_id = run_with_curve(tracking)
    with pytest.raises(ProposalError, match="choose it on validation and read test only"):
        propose_policy(sqlite_store, PROJECT, run_id, replace(CHOICE, chosen_on=rows), actor="pm", reason="r")
    assert ledger.history(sqlite_store, PROJECT) == []


@pytest.mark.parametrize(("actor", "reason", "said"), [(" ", "r", "author is empty"), ("pm", "", "rationale is empty")])
def test_a_proposal_needs_a_name_and_a_reason(
    sqlite_store: Engine, tracking: Tracking, actor: str, reason: str, said: str
) -> None:
    with pytest.raises(ProposalError, match=said):
        propose_policy(sqlite_store, PROJECT, run_with_curve(tracking), CHOICE, actor=actor, reason=reason)


def test_what_cannot_be_proposed_is_refused_by_its_own_reason(sqlite_store: Engine, tracking: Tracking) -> None:
    with pytest.raises(ProposalError, match=r"approve_below 0\.5 is greater than decline_above 0\.25"):
        propose_policy(sqlite_store, PROJECT, "r", replace(CHOICE, approve_below=0.5), actor="pm", reason="r")
    with pytest.raises(ProposalError, match=r"has no evaluation/curve\.parquet"):
        propose_policy(sqlite_store, PROJECT, tracking.run(), CHOICE, actor="pm", reason="r")
    run_id = run_with_curve(tracking)
    with pytest.raises(PolicyError, match="fn_cash"):
        propose_policy(sqlite_store, PROJECT, run_id, replace(CHOICE, costs=CashCosts()), actor="pm", reason="r")
    with pytest.raises(VersionError, match="belongs to project 'taiwan', not to 'simulated'"):
        propose_policy(sqlite_store, "simulated", run_id, CHOICE, actor="pm", reason="r")
    assert ledger.history(sqlite_store, PROJECT) == []


def test_a_saving_is_against_the_stated_baseline(tracking: Tracking) -> None:
    run_id = run_with_curve(tracking)
    half = Baseline("declining from 50 %", contract.CUSTOMARY_CUTOFF, contract.CUSTOMARY_CUTOFF)
    # Declining from 0.5 catches one default of two: 5 for the other against 6 for the policy.
    assert outcomes_of(run_id, replace(CHOICE, baseline=half))["test"]["saving_per_1000"] == pytest.approx(-250)
    itself = Baseline("today's policy", 0.25, 0.25, run_with_curve(tracking))
    assert outcomes_of(run_id, replace(CHOICE, baseline=itself))["test"]["saving_per_1000"] == 0


def test_nothing_to_divide_by_is_none_and_not_a_number(tracking: Tracking) -> None:
    nobody = outcomes_of(run_with_curve(tracking), replace(CHOICE, approve_below=0.0, decline_above=0.0))["valid"]
    assert nobody["approved_default_rate"] is None and nobody["reviews_per_day"] is None


def test_the_runs_own_cutoff_is_validations_and_a_named_one_is_stated(tracking: Tracking) -> None:
    run_id, costs = tracking.run(), load_project("taiwan").costs
    assert own_choice(run_id, costs, None, None).decline_above == math.inf, "no cut-off logged: nobody is declined"
    tracking.client.log_metric(run_id, contract.CUTOFF, 0.3)
    own = own_choice(run_id, costs, None, None)
    assert (own.approve_below, own.decline_above, own.chosen_on) == (0.3, 0.3, "valid")
    stated = own_choice(run_id, costs, None, 0.2)
    assert (stated.approve_below, stated.decline_above, stated.chosen_on) == (0.2, 0.2, "stated")


def test_reviewers_are_as_good_as_the_project_says(tracking: Tracking) -> None:
    run_id, costs = tracking.run(), load_project("taiwan").costs
    assert own_choice(run_id, costs, None, None).review.share_right == costs.review_share_right
    doubtful = costs.model_copy(update={"review_share_right": 0.6})
    assert stated_costs(own_choice(run_id, doubtful, None, None))["review_share_right"] == 0.6


@pytest.mark.parametrize("costs", [CaseCosts(5, 1), LoanCosts(0.45, 0.1), CashCosts()])
def test_costs_come_back_from_a_policy_as_they_went_in(costs: CaseCosts | LoanCosts | CashCosts) -> None:
    stated = stated_costs(replace(CHOICE, costs=costs, review=Review(2, 0.9)))
    assert costs_of_policy(stated) == costs
    assert stated["review_share_right"] == 0.9


def test_costs_of_older_policies_and_of_projects_are_read_too() -> None:
    costs = load_project("simulated").costs
    assert costs_of_policy(costs.model_dump()) == costs_of_project(costs) == LoanCosts(costs.lgd, costs.margin)
    assert costs_of_policy({"model": "per_case"}) is None
