"""The letter says what was decided, by whom and why, in the project's words, and nothing of the model."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from pipeline.project import load_project
from pipeline.serving.letter import adverse_action_letter
from pipeline.serving.overrides import Override
from pipeline.serving.records import Decision, Reason

CONFIG = load_project("simulated")
WHEN = date(2026, 5, 4)


def reason(feature: str, text: str) -> Reason:
    return Reason(feature, text, 1234.5, 5432.1, 0.777, 0.0625)


REASONS = (reason("income", "Income too low or not stated"), reason("amount", "Amount asked for"))


def decision(outcome: str = "decline", reasons: tuple[Reason, ...] = REASONS, applicant_id: str | None = "A-17") -> Decision:
    return Decision(
        id="018f-abc", project="simulated", decided_at=datetime(2026, 5, 3, 12, tzinfo=UTC), source="form", model_version=3,
        model_sha256="d" * 64, run_id="r" * 32, policy_id="simulated-policy-9", inputs={"income": 1234.5}, pd=0.3141,
        grade="F", outcome=outcome, reasons=reasons, applicant_id=applicant_id,
    )  # fmt: skip


def letter(override: Override | None = None, **fields: Any) -> str:
    return adverse_action_letter(decision(**fields), CONFIG, lender="Harbour Credit", when=WHEN, override=override)


def test_a_decline_names_action_reasons_in_order_lender_date_and_reference() -> None:
    text = letter()
    assert text.startswith("Harbour Credit\n2026-05-04\nProduct: Personal loans, simulated\nYour application: A-17\n")
    assert "decided on 2026-05-03 that we cannot approve it" in " ".join(text.split())
    assert "1. Income too low or not stated\n2. Amount asked for" in text
    assert "Our reference: 018f-abc" in text
    assert "[Before sending: add the rights" in text
    assert text.endswith("Yours faithfully\nHarbour Credit\n")


def test_nothing_of_the_model_stands_in_the_letter() -> None:
    text = letter()
    for inside in (
        "0.31",
        "31",
        "1234",
        "5432",
        "0.777",
        "0.0625",
        "d" * 8,
        "r" * 8,
        "policy",
        "version",
        "model",
        "PD",
        "grade",
    ):
        assert inside not in text, inside


def test_one_reason_is_written_in_the_singular_and_doubles_stand_once() -> None:
    text = letter(reasons=(REASONS[0], REASONS[0]))
    assert "The principal reason for this decision was:" in text
    assert text.count("Income too low") == 1


def test_without_recorded_reasons_the_right_to_them_is_told() -> None:
    assert "right to be told the specific reasons" in letter(reasons=())


def by_a_person(outcome: str) -> Override:
    return Override("o1", "018f-abc", datetime(2026, 5, 4, 9, tzinfo=UTC), outcome, "Income not shown", "see file", "analyst")


def test_a_review_that_a_person_declined_is_a_decline_of_that_day_whose_reasons_are_to_be_looked_at() -> None:
    text = " ".join(letter(outcome="review", override=by_a_person("decline")).split())
    assert "decided on 2026-05-04 that we cannot approve it" in text and "has not been decided yet" not in text
    assert "[A person declined this application" in text and "analyst" not in text and "see file" not in text
    assert "[A person declined" not in letter()


def test_a_review_that_a_person_approved_has_no_letter() -> None:
    with pytest.raises(ValueError, match="is an approval"):
        letter(outcome="review", override=by_a_person("approve"))


def test_a_review_says_that_a_person_decides_and_declines_nothing() -> None:
    text = " ".join(letter(outcome="review").split())
    assert "a person will look at it and decide" in text
    assert "1. Income too low or not stated 2. Amount asked for" in text
    assert "cannot approve" not in text
    assert "look above all" not in letter(outcome="review", reasons=())


def test_an_approval_has_no_such_letter() -> None:
    with pytest.raises(ValueError, match="decision 018f-abc is an approval"):
        letter(outcome="approve")


def test_a_protected_attribute_never_stands_in_a_letter() -> None:
    with pytest.raises(ValueError, match="age, which is protected"):
        letter(reasons=(reason("age", "Your age"),))


def test_a_text_with_line_breaks_cannot_add_lines_of_its_own() -> None:
    text = letter(applicant_id="A-1\n\nYou are approved.", reasons=(reason("income", "Income\n2. Anything"),))
    assert "Your application: A-1 You are approved." in text
    assert "1. Income 2. Anything" in text


def test_no_line_is_wider_than_a_page() -> None:
    text = letter(reasons=(reason("income", "word " * 60),))
    assert max(map(len, text.splitlines())) <= 78
    assert "\n   word" in text, "what is wrapped stays under its number"
