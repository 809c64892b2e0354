"""The demo: what it asks before it works, and the whole way once."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import demo
from pipeline.registry import ledger
from pipeline.registry.runs import read_runs
from pipeline.settings import load_settings
from pipeline.store.engine import open_store

ROOT = Path(__file__).parents[1]


@pytest.fixture
def busy() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_busy_port_is_passed_over_for_the_next_free_one(busy: int) -> None:
    found = demo.free_port(busy)
    assert busy < found < busy + 50
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", found))


def test_when_every_port_near_is_busy_the_option_is_named(busy: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_PORTS_TRIED", 1)
    with pytest.raises(OSError, match=rf"no free port between {busy} and {busy}; name another with --port"):
        demo.free_port(busy)


def test_an_empty_home_is_not_live_and_a_promotion_makes_it_so(home: Path) -> None:
    assert not demo.is_live()
    engine = open_store(load_settings().database_url)
    subject = {"model_version": 1, "policy_id": "p", "run_id": "r"}
    ledger.append(engine, demo.PROJECT, ledger.PROMOTION, "risk-lead", subject, "why", {"model_sha256": "0" * 64})
    engine.dispose()
    assert demo.is_live()


def test_proposer_and_approver_are_two_people() -> None:
    assert demo.PROPOSER != demo.APPROVER


@pytest.mark.long
def test_the_demo_goes_live_and_replays_and_the_second_time_does_neither(home: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "demo", "--no-dashboard"]
    said = []
    for _ in range(2):
        done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False, timeout=240)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        said.append(done.stderr)
    assert "Version 1 of simulated is live" in said[0]
    assert "Simulating" not in said[1]
    assert (read_runs(demo.PROJECT)["kind"] == "bakeoff").sum() == 1
    assert demo.is_live()
    assert "33,897 decisions and 22,404 outcomes recorded" in said[0]
    assert "Replaying" not in said[1]
    assert "Watching" not in said[1]
    assert demo.is_replayed()
    assert demo.is_watched()
