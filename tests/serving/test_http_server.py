"""The server as it is started: a process of its own, on a real socket."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from pipeline.data.clean import clean_table
from pipeline.store.engine import Engine
from tests.serving.conftest import PROJECT, LiveHome
from tests.serving.http_parts import BEARER, DIGEST, GOOD, TOKEN, Served, recorded_rows

pytest_plugins = ["tests.serving.http_fixtures"]
ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


@dataclass(frozen=True)
class Running:
    process: "subprocess.Popen[str]"
    url: str


def serve(home: Path, *options: str, **environment: str) -> "subprocess.Popen[str]":
    clean = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RISKDECK_DATABASE_URL")}
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline", "serve", *options], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, env={**clean, "RISKDECK_HOME": str(home), **environment},
    )  # fmt: skip


@contextmanager
def running(home: Path, *options: str, **environment: str) -> Iterator[Running]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = serve(home, "--port", str(port), *options, **environment)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _is_ready(url):
            assert process.poll() is None and time.monotonic() < deadline, process.communicate()
            time.sleep(0.1)
        yield Running(process, url)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=20).status_code == 200
    except httpx.TransportError:
        return False


def _is_heard(url: str) -> bool:
    try:
        httpx.get(f"{url}/healthz", timeout=5)
    except httpx.TransportError:
        return False
    return True


def slowly(body: bytes, half_sent: threading.Event, go_on: threading.Event) -> Iterator[bytes]:
    yield body[:20]
    half_sent.set()
    go_on.wait(60)
    yield body[20:]


def end_with_one_half_sent(server: Running) -> int:
    """Send half a request, then SIGTERM, then the rest; returns the status of the answer."""
    body = json.dumps({"inputs": dict(GOOD)}).encode()
    headers = {"Content-Type": "application/json", **BEARER}
    half_sent, go_on = threading.Event(), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(
            httpx.post, f"{server.url}/v1/score", content=slowly(body, half_sent, go_on), headers=headers, timeout=90
        )
        assert half_sent.wait(60)
        time.sleep(0.5)  # for the server to take up what lies in its socket
        server.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 30
        while _is_heard(server.url):
            assert time.monotonic() < deadline, "it goes on taking requests"
            time.sleep(0.05)
        go_on.set()
        return late.result(60).status_code


def test_what_was_accepted_before_sigterm_is_finished_and_the_server_ends_well(
    live_home: LiveHome, live_engine: Engine
) -> None:
    with running(live_home.home, str(live_home.toml), RISKDECK_API_TOKENS=f"shop:{DIGEST}") as server:
        body = {"inputs": dict(GOOD)}
        assert httpx.post(f"{server.url}/v1/score", json=body).status_code == 401
        answer = httpx.post(f"{server.url}/v1/score", json=body, headers=BEARER)
        assert answer.status_code == 200
        assert "server" not in answer.headers
        assert end_with_one_half_sent(server) == 200
        assert server.process.wait(60) == 0
        out, err = server.process.communicate()
    assert TOKEN not in out + err and "Traceback" not in err
    assert recorded_rows(live_engine) == 2


@pytest.mark.long
def test_workers_share_the_port_count_together_and_end_well(live_home: LiveHome, live_engine: Engine) -> None:
    with running(live_home.home, "--workers", "2") as server:
        with ThreadPoolExecutor(20) as pool, httpx.Client(base_url=server.url, timeout=60) as client:
            answers = list(pool.map(lambda _: client.post("/v1/score", json={"inputs": dict(GOOD)}), range(40)))
            counts = client.get("/metrics").text
        assert {a.status_code for a in answers} == {200}
        assert recorded_rows(live_engine) == 40
        assert 'riskdeck_http_requests_total{route="/v1/score",status="200"} 40.0' in counts
        assert end_with_one_half_sent(server) == 200
        assert server.process.wait(60) == 0
    assert recorded_rows(live_engine) == 41


@pytest.mark.parametrize(
    ("options", "environment", "words"),
    [
        (("--host", "0.0.0.0"), {}, "without tokens only this machine may ask"),
        ((), {"RISKDECK_API_TOKENS": "shop"}, "RISKDECK_API_TOKENS: entry 1"),
        (("--new-token", "two words"), {}, "'two words'"),
        (("no_such_project",), {}, "no_such_project"),
    ],
)  # fmt: skip
def test_a_start_that_is_refused_says_why_in_one_line(
    home: Path, options: tuple[str, ...], environment: dict[str, str], words: str
) -> None:
    process = serve(home, *options, **environment)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2
    assert words in err and "Traceback" not in err
    assert len(err.strip().splitlines()) == 1


def test_a_port_that_is_taken_and_an_empty_store_are_refused_in_plain_words(live_home: LiveHome, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        busy = serve(live_home.home, "--port", port)
        empty = serve(tmp_path / "empty")
        assert f"cannot listen on 127.0.0.1:{port}" in busy.communicate(timeout=120)[1]
        assert "nothing is live yet" in empty.communicate(timeout=120)[1]
    assert (busy.returncode, empty.returncode) == (2, 2)


def test_a_new_token_is_printed_once_with_the_hash_that_the_settings_take(home: Path) -> None:
    out, err = serve(home, "--new-token", "shop").communicate(timeout=120)
    token, pair = out.split()
    from pipeline.serving.http.auth import caller_of

    name, digest = pair.split(":")
    assert caller_of(f"Bearer {token}".encode(), {name: digest}) == "shop"
    assert token not in err


def applicants(live: LiveHome, n: int) -> tuple[list[dict[str, Any]], "np.ndarray[Any, Any]"]:
    """Rows of the book as a client would send them, and the PDs that the training pipeline gives them."""
    from pipeline.project import load_project
    from pipeline.serving.desk import Desk
    from pipeline.store.engine import open_store

    config = load_project(str(live.toml))
    book = live.book().sample(n, random_state=7, replace=n > len(live.book()))
    frame = clean_table(book, config, config.feature_names)
    engine = open_store(live.settings.database_url)
    pds = Desk(live.settings, engine, PROJECT).pair().champion.model.predict_proba(frame)[:, 1]
    engine.dispose()
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    booleans = [f.name for f in config.features if f.kind == "boolean"]
    return [{str(k): bool(v) if k in booleans else v for k, v in row.items()} for row in rows], pds


def test_http_gives_the_bits_of_the_training_pipeline(served: Served, served_home: LiveHome) -> None:
    rows, pds = applicants(served_home, 10_000)
    found: list[float] = []
    for start in range(0, len(rows), 500):
        part = {"applications": [{"inputs": row} for row in rows[start : start + 500]]}
        found += [d["pd"] for d in served.client.post("/v1/score", json=part).json()["decisions"]]
    alone = [served.client.post("/v1/score", json={"inputs": row}).json()["pd"] for row in rows[:50]]

    assert np.array_equal(np.array(found), pds)
    assert np.array_equal(np.array(alone), pds[:50])
