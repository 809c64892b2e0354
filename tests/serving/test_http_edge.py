import hashlib
import json
from typing import Any

import anyio
import pytest
from starlette.types import Message

from pipeline.serving.http import auth
from pipeline.serving.http.limits import Buckets
from pipeline.settings import HttpSettings, SettingsError, load_http_settings
from tests.serving.conftest import LiveHome
from tests.serving.http_parts import BEARER, DIGEST, GOOD, TOKEN, Served, app_of, client_of

pytest_plugins = ["tests.serving.http_fixtures"]
BODY = {"inputs": {**GOOD}}


def test_every_answer_forbids_sniffing_and_storing(served: Served) -> None:
    for path in ("/healthz", "/metrics", "/openapi.json", "/nothing-here", "/v1/score"):
        headers = served.client.get(path).headers
        assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize(
    ("method", "path", "headers", "content", "status"),
    [
        ("GET", "/nothing-here", {}, None, 404), ("GET", "/docs", {}, None, 404), ("GET", "/v1/score", {}, None, 405),
        ("DELETE", "/v1/decisions/x", {}, None, 405), ("POST", "/v1/score", {}, b"{}", 415),
        ("POST", "/v1/score", {"Content-Type": "text/plain"}, b"{}", 415),
        ("POST", "/v1/score", {"Content-Type": "application/json; charset=utf-16"}, b"{}", 415),
        ("POST", "/v1/score", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, b"{}", 415),
        ("GET", "/metrics", {"Host": "evil.example"}, None, 400),
    ],
)  # fmt: skip
def test_every_refusal_is_a_problem_document(
    served: Served, method: str, path: str, headers: dict[str, str], content: bytes | None, status: int
) -> None:
    answer = served.client.request(method, path, headers=headers, content=content)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:riskdeck:problem:")
    assert problem["title"] and problem["detail"]
    if status == 405:
        assert answer.headers["allow"]


def test_what_fails_inside_says_nothing_of_the_inside(served: Served, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr("pipeline.serving.http.window.decide", broken)
    before = served.rows
    answer = served.client.post("/v1/score", json=BODY)

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text and "Traceback" not in answer.text
    assert "the secret inside" in caplog.text
    assert served.rows == before


def test_a_body_is_cut_off_while_it_is_read_whatever_its_header_says(live_home: LiveHome) -> None:
    """Sent in chunks without a length: the application must stop asking for more."""
    app = app_of(live_home, max_body_bytes=1000)
    asked, sent = [0], list[Message]()

    async def receive() -> Message:
        asked[0] += 1
        return {"type": "http.request", "body": b"x" * 400, "more_body": asked[0] < 100}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "method": "POST", "path": "/v1/score", "raw_path": b"/v1/score", "query_string": b"", "scheme": "http",
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "http_version": "1.1", "root_path": "",
    }  # fmt: skip

    async def ask() -> None:
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    anyio.run(ask)
    assert sent[0]["status"] == 413
    assert asked[0] == 3
    assert (b"connection", b"close") in sent[0]["headers"]


def test_too_large_and_too_many_are_refused(live_home: LiveHome) -> None:
    with client_of(live_home, max_body_bytes=10_000, max_rows=3) as client:
        large = client.post("/v1/score", json={"inputs": {"a": "x" * 20_000}})
        many = client.post("/v1/score", json={"applications": [BODY] * 4})
        fine = client.post("/v1/score", json={"applications": [BODY] * 3})
    assert (large.status_code, many.status_code, fine.status_code) == (413, 413, 200)
    assert "10,000 bytes" in large.json()["detail"] and "at most 3" in many.json()["detail"]


def test_only_the_holder_of_a_token_gets_past_health(live_home: LiveHome) -> None:
    with client_of(live_home, token_hashes={"shop": DIGEST}) as client:
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}, {"Authorization": DIGEST}):
            for path in ("/metrics", "/openapi.json", "/v1/decisions/x", "/nothing-here"):
                answer = client.get(path, headers=headers)
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert client.post("/v1/score", json=BODY, headers=headers).status_code == 401
        assert client.get("/healthz").json() == {"status": "ok"}
        assert client.get("/readyz").json() == {"status": "ready"}
        assert client.get("/readyz", headers=BEARER).json() == {"status": "ready", "problems": {}, "notes": []}
        assert client.get("/openapi.json", headers=BEARER).json()["security"] == [{"token": []}]
        assert client.post("/v1/score", json=BODY, headers=BEARER).status_code == 200


def test_who_asks_too_often_is_told_when_to_come_back(live_home: LiveHome) -> None:
    with client_of(live_home, requests_per_second=1.0) as client:
        first, second = (client.get("/nothing-here") for _ in range(2))
        health = client.get("/healthz")
    assert (first.status_code, second.status_code, health.status_code) == (404, 429, 200)
    assert second.headers["retry-after"] == "1"


def test_a_bucket_lets_the_rate_through_and_no_more_and_callers_do_not_share() -> None:
    now = [0.0]
    buckets = Buckets(10.0, clock=lambda: now[0])

    assert [buckets.take("a") == 0 for _ in range(12)] == [True] * 10 + [False] * 2
    assert buckets.take("b") == 0
    assert buckets.take("a") == pytest.approx(0.1)
    now[0] = 0.25
    assert [buckets.take("a") == 0 for _ in range(4)] == [True, True, False, False]
    now[0] = 1000.0
    assert sum(buckets.take("a") == 0 for _ in range(50)) == 10


def test_strangers_cannot_fill_the_memory_with_buckets() -> None:
    buckets = Buckets(10.0)
    for i in range(10_500):
        buckets.take(f"address {i}")
    assert len(buckets._level) == 10_000


def test_a_token_is_long_random_and_only_its_hash_is_kept() -> None:
    token, digest = auth.new_token()

    assert len(token) > 40 and auth.new_token()[0] != token
    assert digest == hashlib.sha256(token.encode()).hexdigest()
    assert auth.caller_of(f"bearer {token}".encode(), {"other": DIGEST, "shop": digest}) == "shop"
    assert auth.caller_of(f"Bearer {digest}".encode(), {"shop": digest}) is None
    assert auth.caller_of(None, {"shop": digest}) is None
    assert digest not in repr(HttpSettings(token_hashes={"shop": digest}))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True), ("localhost", True), ("::1", True), ("[::1]", True), ("127.8.8.8", True), ("0.0.0.0", False),
        ("::", False), ("10.0.0.1", False), ("example.com", False), ("localhost.example.com", False), ("", False),
    ],
)  # fmt: skip
def test_loopback_is_what_this_machine_alone_can_reach(host: str, expected: bool) -> None:
    assert auth.is_loopback(host) is expected


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("RISKDECK_API_TOKENS", "shop", "entry 1"), ("RISKDECK_API_TOKENS", f"shop:{DIGEST},app:{TOKEN}", "entry 2"),
        ("RISKDECK_API_TOKENS", f"shop:{DIGEST},shop:{'0' * 64}", "repeats"), ("RISKDECK_API_RATE", "fast", "'fast'"),
        ("RISKDECK_API_MAX_ROWS", "0", "1 or more"), ("RISKDECK_API_MAX_BYTES", "nan", "'nan'"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named_and_no_token_is_repeated(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, words: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as refused:
        load_http_settings()
    assert variable in str(refused.value) and words in str(refused.value)
    assert TOKEN not in str(refused.value)


def test_settings_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISKDECK_API_TOKENS", f" shop:{DIGEST} , app:{'a' * 64},")
    monkeypatch.setenv("RISKDECK_API_MAX_ROWS", "7")
    assert load_http_settings() == HttpSettings({"shop": DIGEST, "app": "a" * 64}, max_rows=7)


def test_metrics_count_by_route_status_outcome_and_field_and_strangers_make_no_labels(served: Served) -> None:
    def metrics() -> dict[str, float]:
        lines = served.client.get("/metrics").text.splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    before = metrics()
    served.client.post("/v1/score", json=BODY)
    served.client.post("/v1/score", json={"applications": [BODY, BODY, BODY]})
    served.client.post("/v1/score", json={"inputs": {**GOOD, "amount": 1, "made_up": 2}})
    served.client.get("/made-up-address")
    after = metrics()

    def more(name: str) -> float:
        return after.get(name, 0.0) - before.get(name, 0.0)

    assert more('riskdeck_http_requests_total{route="/v1/score",status="200"}') == 2
    assert more('riskdeck_http_requests_total{route="/v1/score",status="422"}') == 1
    assert more('riskdeck_http_requests_total{route="(other)",status="404"}') == 1
    assert more('riskdeck_http_request_seconds_count{route="/v1/score"}') == 3
    assert sum(more(name) for name in after if name.startswith("riskdeck_decisions_total{")) == 4
    assert (more('riskdeck_refused_inputs_total{field="amount"}'), more('riskdeck_refused_inputs_total{field="(other)"}')) == (
        1,
        1,
    )
    assert (more("riskdeck_batch_rows_count"), more("riskdeck_batch_rows_sum")) == (2, 4)
    assert "made" not in json.dumps(list(after))
