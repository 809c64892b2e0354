"""A person decides what the policy left open: once, with a reason, on record in the log and the ledger."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from pipeline.registry import ledger
from pipeline.serving.decision_log import LogError, read_decision, record
from pipeline.serving.decision_search import find
from pipeline.serving.overrides import Override, OverrideError, override, overrides_of
from tests.serving.made_decisions import decision

pytest_plugins = ["tests.store.fixtures"]

REASONS = ("Income confirmed by documents", "Signs of fraud", "Other (see note)")


def decide(engine: Engine, decision_id: str, **fields: str) -> Override:
    given = {"outcome": "approve", "reason": REASONS[0], "note": "", "author": "analyst"} | fields
    return override(engine, decision_id, allowed_reasons=REASONS, **given)


def test_an_override_is_a_record_of_its_own_beside_the_decision(log: Engine) -> None:
    (made,) = record(log, [decision()])
    before = datetime.now(UTC)
    decided = decide(log, made.id, note=" pay slips of three months ")
    assert overrides_of(log, made.id) == [decided]
    assert (decided.decision_id, decided.outcome, decided.author) == (made.id, "approve", "analyst")
    assert decided.note == "pay slips of three months"
    assert before <= decided.at <= datetime.now(UTC)
    assert read_decision(log, made.id) == made
    assert overrides_of(log, "another") == []


def test_the_ledger_holds_who_and_why_but_no_free_words(log: Engine) -> None:
    (made,) = record(log, [decision()])
    decided = decide(log, made.id, note="Ms Somebody called")
    (row,) = ledger.history(log, "simulated")
    assert (row.event, row.actor, row.reason) == ("override", "analyst", REASONS[0])
    assert (row.subject["decision_id"], row.subject["override_id"]) == (made.id, decided.id)
    assert row.subject["outcome"] == "approve"
    assert row.evidence == {"decided": "review", "pd": made.pd, "model_sha256": made.model_sha256}
    assert "Somebody" not in str(row)
    assert ledger.verify(log, "simulated") == []


def test_a_later_override_corrects_the_one_before_and_stands(log: Engine) -> None:
    (made,) = record(log, [decision()])
    first = decide(log, made.id)
    second = decide(log, made.id, outcome="decline", reason=REASONS[1], author="lead")
    assert overrides_of(log, made.id) == [first, second]
    assert list(find(log, "simulated")["override"]) == ["decline"]
    assert len(ledger.history(log, "simulated")) == 2


def test_the_same_override_again_is_refused(log: Engine) -> None:
    (made,) = record(log, [decision()])
    decide(log, made.id)
    with pytest.raises(OverrideError, match="analyst has already decided 'approve' for this reason on 20"):
        decide(log, made.id, author="lead")
    assert len(overrides_of(log, made.id)) == 1


def test_two_people_at_the_same_moment_leave_one_override(log: Engine) -> None:
    (made,) = record(log, [decision()])

    def attempt(author: str) -> str:
        try:
            return decide(log, made.id, author=author).author
        except OverrideError:
            return "refused"

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(attempt, [f"analyst {n}" for n in range(6)]))
    assert answers.count("refused") == 5
    assert [one.author for one in overrides_of(log, made.id)] == [answer for answer in answers if answer != "refused"]


@pytest.mark.parametrize("outcome", ["approve", "decline"])
def test_only_a_review_can_be_overridden(log: Engine, outcome: str) -> None:
    (made,) = record(log, [decision(outcome=outcome)])
    with pytest.raises(OverrideError, match=f"is {outcome!r} by its policy; only a decision to review"):
        decide(log, made.id)
    assert ledger.history(log, "simulated") == []


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"outcome": "review"}, "the outcome 'review' decides nothing; choose approve or decline"),
        ({"reason": "I like them"}, "'I like them' is no reason of this project; choose one of: Income confirmed"),
        ({"reason": "Other (see note)", "note": " "}, "write the reason into the note"),
        ({"author": " "}, "author is empty"),
        ({"author": "a\0"}, "author .* holds a NUL character"),
        ({"note": "a\0"}, "the note holds a NUL character"),
    ],
)
def test_an_override_that_says_too_little_is_refused_by_name(log: Engine, fields: dict, sentence: str) -> None:
    (made,) = record(log, [decision()])
    with pytest.raises(OverrideError, match=sentence):
        decide(log, made.id, **fields)
    assert overrides_of(log, made.id) == []
    assert ledger.history(log, "simulated") == []


def test_other_with_a_note_is_a_reason(sqlite_log: Engine) -> None:
    (made,) = record(sqlite_log, [decision()])
    assert decide(sqlite_log, made.id, reason=REASONS[2], note="the branch knows them").reason == REASONS[2]


def test_an_unknown_decision_is_named(log: Engine) -> None:
    with pytest.raises(OverrideError, match="there is no decision 'nobody'; check the id"):
        decide(log, "nobody")


def test_without_its_ledger_row_there_is_no_override(log: Engine) -> None:
    (made,) = record(log, [decision()])
    with log.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE ledger RENAME TO elsewhere")
    with pytest.raises(LogError, match="no decision was recorded"):
        decide(log, made.id)
    assert overrides_of(log, made.id) == []
