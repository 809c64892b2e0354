"""A policy is written once, checked, anchored in the ledger, and trusted only while unchanged."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from pipeline.registry import ledger
from pipeline.registry.policies import Policy, PolicyError, read_policy, write_policy
from pipeline.store.engine import writing

pytest_plugins = ["tests.store.fixtures"]


def write(store: Engine, project: str = "taiwan", **fields: Any) -> Policy:
    given = {
        "model_version": 1, "run_id": "r1", "approve_below": 0.125, "decline_above": 0.3, "rationale": "cheapest",
        "author": "pm", "costs": {"lgd": 0.65, "review": 25}, "baseline": {"cutoff": 0.5},
    }  # fmt: skip
    return write_policy(store, project, **(given | fields))


def test_a_policy_comes_back_as_written_and_numbers_count_per_project(store: Engine) -> None:
    first, other, second = write(store), write(store, "simulated"), write(store)
    assert [policy.id for policy in (first, other, second)] == ["taiwan-policy-1", "simulated-policy-1", "taiwan-policy-2"]
    assert read_policy(store, first.id) == first
    assert first.costs == {"lgd": 0.65, "review": 25}
    assert first.sha256 != second.sha256


def test_each_policy_has_a_ledger_row_with_its_sha256(store: Engine) -> None:
    policy = write(store)
    (row,) = ledger.history(store, "taiwan")
    assert (row.event, row.actor, row.reason) == ("policy", "pm", "cheapest")
    assert row.subject["policy_id"] == policy.id
    assert row.evidence["policy_sha256"] == policy.sha256


def test_writers_at_the_same_moment_get_different_numbers(store: Engine) -> None:
    with ThreadPoolExecutor(4) as pool:
        numbers = sorted(pool.map(lambda _: write(store).number, range(8)))
    assert numbers == list(range(1, 9))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"approve_below": -0.1}, r"approve_below is -0\.1; a cut-off on the PD lies between 0 and 1"),
        ({"decline_above": 1.2}, r"decline_above is 1\.2"),
        ({"approve_below": float("nan")}, "approve_below is nan"),
        ({"approve_below": 0.4}, r"approve_below 0\.4 is greater than decline_above 0\.3"),
        ({"rationale": " "}, "rationale is empty"),
        ({"author": ""}, "author is empty"),
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_name_and_value(sqlite_store: Engine, fields: dict, sentence: str) -> None:
    with pytest.raises(PolicyError, match=sentence):
        write(sqlite_store, **fields)
    assert ledger.history(sqlite_store, "taiwan") == []


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted))
def test_cutoffs_survive_to_the_last_bit(sqlite_store: Engine, cutoffs: list[float]) -> None:
    written = write(sqlite_store, approve_below=cutoffs[0], decline_above=cutoffs[1])
    found = read_policy(sqlite_store, written.id)
    assert [found.approve_below.hex(), found.decline_above.hex()] == [cutoff.hex() for cutoff in cutoffs]


def test_a_policy_edited_behind_the_triggers_is_not_read(store: Engine) -> None:
    policy = write(store)
    with writing(store) as connection:
        if store.dialect.name == "sqlite":
            connection.execute(text("DROP TRIGGER policies_refuses_update"))
        else:
            connection.execute(text("ALTER TABLE policies DISABLE TRIGGER ALL"))
        connection.execute(text("UPDATE policies SET decline_above = 0.9"))
    with pytest.raises(PolicyError, match="'taiwan-policy-1' was changed after it was written"):
        read_policy(store, policy.id)


def test_an_unknown_policy_is_named(sqlite_store: Engine) -> None:
    with pytest.raises(PolicyError, match="no policy 'taiwan-policy-7'"):
        read_policy(sqlite_store, "taiwan-policy-7")


def test_a_written_policy_is_not_live_until_it_is_released(sqlite_store: Engine) -> None:
    policy = write(sqlite_store)
    assert ledger.live_at(sqlite_store, "taiwan") is None
    subject = {"model_version": 1, "policy_id": policy.id, "run_id": "r1"}
    ledger.append(sqlite_store, "taiwan", "promotion", "risk-lead", subject, "approved", {"model_sha256": "m"})
    live = ledger.live_at(sqlite_store, "taiwan")
    assert live is not None
    assert read_policy(sqlite_store, live.policy_id) == policy
