import json
from typing import Any

import pytest

from pipeline import contract
from pipeline.serving.decision_log import read_decision
from tests.serving.http_parts import GOOD, RISKY, Served, TestClient

NOT_JSON_NUMBERS = ("NaN", "Infinity", "-Infinity", "1e999", "9" * 500)


pytest_plugins = ["tests.serving.http_fixtures"]


def send(client: TestClient, body: str | bytes, **headers: str) -> Any:
    return client.post("/v1/score", content=body, headers={"Content-Type": "application/json", **headers})


def test_an_applicant_is_decided_and_the_answer_is_what_the_log_holds(served: Served) -> None:
    answer = served.client.post("/v1/score", json={"inputs": {**RISKY}, "applicant_id": "A-1 😀"})

    assert answer.status_code == 200
    decision = answer.json()
    recorded = read_decision(served.engine, decision["id"])
    assert recorded is not None
    assert (decision["pd"], decision["outcome"], decision["grade"]) == (recorded.pd, recorded.outcome, recorded.grade)
    assert decision["outcome"] == contract.DECLINE
    assert decision["reasons"] == [{"feature": r.feature, "text": r.text} for r in recorded.reasons]
    assert 1 <= len(decision["reasons"]) <= contract.MAX_REASONS
    assert (decision["applicant_id"], recorded.source) == ("A-1 😀", contract.SOURCE_HTTP)
    assert (decision["model_version"], decision["policy_id"]) == (1, recorded.policy_id)


def test_a_list_is_answered_in_its_order(served: Served) -> None:
    rows = [{"inputs": {**GOOD, "amount": 1000 + 500 * i}, "applicant_id": f"A-{i}"} for i in range(20)]

    found = served.client.post("/v1/score", json={"applications": rows}).json()["decisions"]

    assert [d["applicant_id"] for d in found] == [f"A-{i}" for i in range(20)]
    assert [read_decision(served.engine, d["id"]).inputs["amount"] for d in found] == [1000.0 + 500 * i for i in range(20)]


def test_one_faulty_applicant_refuses_the_list_by_index_and_field_and_nothing_is_recorded(served: Served) -> None:
    before = served.rows
    rows = [{"inputs": {**GOOD}}, {"inputs": {**GOOD, "amount": 5, "purpose": "carr"}}, {"inputs": {**GOOD, "ammount": 1}}]

    answer = served.client.post("/v1/score", json={"applications": rows})

    assert answer.status_code == 422
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert [(e["index"], e["field"]) for e in problem["errors"]] == [(1, "amount"), (1, "purpose"), (2, "ammount")]
    assert "below 1000" in problem["errors"][0]["message"]
    assert "car" in problem["errors"][1]["message"]
    assert "'amount'" in problem["errors"][2]["message"]
    assert served.rows == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amount", '"8000"'), ("amount", "true"), ("amount", "null"), ("amount", "[]"), ("amount", "{}"), ("amount", "1e-400"),
        *[("amount", number) for number in NOT_JSON_NUMBERS], ("credit_lines", "2.5"), ("existing_customer", '"yes"'),
        ("existing_customer", "2"), ("term_months", "37"), ("purpose", '"😀"'), ("purpose", "null"), ("purpose", '"\\ud800"'),
        ("purpose", json.dumps("'; DROP TABLE decisions; --")), ("purpose", json.dumps("<script>alert(1)</script>")),
        ("purpose", json.dumps("car\0")), ("purpose", json.dumps("x" * 100_000)), ("region", "9" * 300),
    ],
)  # fmt: skip
def test_a_value_that_is_not_right_is_refused_by_field_and_leaves_no_record(served: Served, field: str, value: str) -> None:
    before = served.rows
    inputs = ",".join(f"{json.dumps(k)}:{value if k == field else json.dumps(v)}" for k, v in GOOD.items())

    answer = send(served.client, f'{{"inputs":{{{inputs}}}}}')

    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert len(answer.content) < 2000
    assert served.rows == before


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "not JSON"), (b"{", 400, "line 1, column 2"), (b"[]", 400, "a list"), (b"null", 400, "null"),
        (b'"a"', 400, "text"), (b'\xff\xfe{\x00}\x00', 400, "UTF-8"), (b'\xef\xbb\xbf{"inputs":{}}', 400, "not JSON"),
        (b"[" * 100_000, 400, "nested"), (b'{"inputs":{"a":' + b"[" * 60_000, 400, "nested"),
        (b'{"inputs":{},"inputs":{}}', 400, "'inputs'"), (b'{"inputs":{"amount":1,"amount":2}}', 400, "'amount'"),
        (b"{}", 422, "'inputs'"), (b'{"inputs":[]}', 422, "'inputs'"),
        (b'{"inputs":{},"aplicant_id":"x"}', 422, "'aplicant_id'"),
        (b'{"applications":[]}', 422, "'applications'"), (b'{"applications":{}}', 422, "'applications'"),
        (b'{"applications":[3]}', 422, "'applications'"), (b'{"applications":[],"inputs":{}}', 422, "'inputs'"),
        (b'{"inputs":{},"applicant_id":7}', 422, "'applicant_id'"), (b'{"inputs":{},"applicant_id":""}', 422, "'applicant_id'"),
        (b'{"inputs":{},"applicant_id":"a\\u0000b"}', 422, "'applicant_id'"),
        (b'{"inputs":{},"applicant_id":"\\ud83d"}', 422, "'applicant_id'"),
        (b'{"inputs":{},"idempotency_key":"' + b"k" * 201 + b'"}', 422, "'idempotency_key'"),
    ],
)  # fmt: skip
def test_a_body_that_is_no_request_is_refused_in_plain_words(served: Served, body: bytes, status: int, words: str) -> None:
    before = served.rows
    answer = send(served.client, body)

    assert answer.status_code == status
    assert words in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json"
    assert served.rows == before


def test_ten_thousand_unknown_fields_are_refused_with_a_short_answer(served: Served) -> None:
    before = served.rows
    answer = served.client.post("/v1/score", json={"inputs": {**GOOD, **{f"field_{i}": i for i in range(10_000)}}})

    assert answer.status_code == 422
    assert "field_0" in answer.json()["detail"]
    assert len(answer.content) < 4000
    assert served.rows == before


def test_every_row_wrong_does_not_make_the_answer_larger_than_the_question(served: Served) -> None:
    answer = served.client.post("/v1/score", json={"applications": [{"inputs": {}}] * 1000})

    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 200
    assert "the first 200 are listed" in answer.json()["detail"]


def test_a_missing_required_field_is_named_and_one_that_may_be_missing_is_not_needed(served: Served) -> None:
    inputs = {k: v for k, v in GOOD.items() if k not in ("amount", "income")}

    assert [e["field"] for e in served.client.post("/v1/score", json={"inputs": inputs}).json()["errors"]] == ["amount"]
    assert served.client.post("/v1/score", json={"inputs": {**inputs, "amount": 8000}}).status_code == 200


def test_the_same_key_is_the_same_decision(served: Served) -> None:
    before = served.rows
    body = {"inputs": {**GOOD}, "idempotency_key": "k-1"}

    first = served.client.post("/v1/score", json=body).json()
    again = served.client.post("/v1/score", json=body).json()
    by_header = served.client.post("/v1/score", json={"inputs": {**GOOD}}, headers={"Idempotency-Key": "k-1"}).json()

    assert first == again == by_header
    assert served.rows == before + 1
    text = served.client.get("/metrics").text
    assert "riskdeck_decisions_repeated_total 2.0" in text


def test_a_key_used_for_another_applicant_is_a_conflict_and_records_nothing(served: Served) -> None:
    before = served.rows
    served.client.post("/v1/score", json={"inputs": {**GOOD}, "idempotency_key": "k-2"})
    conflict = {"inputs": {**RISKY}, "idempotency_key": "k-2"}

    alone = served.client.post("/v1/score", json=conflict)
    in_a_list = served.client.post("/v1/score", json={"applications": [{"inputs": {**GOOD}}, conflict]})

    assert (alone.status_code, in_a_list.status_code) == (409, 409)
    assert "'k-2'" in alone.json()["detail"]
    assert served.rows == before + 1


def test_a_header_key_that_not_every_proxy_passes_on_is_refused_by_name(served: Served) -> None:
    answer = served.client.post("/v1/score", json={"inputs": {**GOOD}}, headers={"Idempotency-Key": "k 1"})
    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["Idempotency-Key"]


def test_a_list_sent_again_with_its_header_is_recorded_once(served: Served) -> None:
    before = served.rows
    rows = {"applications": [{"inputs": {**GOOD}}, {"inputs": {**RISKY}, "idempotency_key": "own"}]}

    first, again = (served.client.post("/v1/score", json=rows, headers={"Idempotency-Key": "file-7"}).json() for _ in range(2))

    assert first == again
    assert [d["idempotency_key"] for d in first["decisions"]] == ["file-7#0", "own"]
    assert served.rows == before + 2


def test_a_decision_is_shown_again_in_full_and_an_unknown_one_is_not_found(served: Served) -> None:
    decision = served.client.post("/v1/score", json={"inputs": {**RISKY}}).json()

    shown = served.client.get(f"/v1/decisions/{decision['id']}")

    assert shown.status_code == 200
    recorded = read_decision(served.engine, decision["id"])
    assert recorded is not None
    assert shown.json()["inputs"] == dict(recorded.inputs)
    assert shown.json()["reasons"] == [dict(r.__dict__) for r in recorded.reasons]
    assert shown.json()["model_sha256"] == recorded.model_sha256
    for unknown in ("0190f3b2-0000-7000-8000-000000000000", "x", "%00", "a" * 5000, "' OR 1=1 --"):
        answer = served.client.get(f"/v1/decisions/{unknown}")
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
