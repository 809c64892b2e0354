"""A replay that is killed again and again ends, once it is let be, where an undisturbed one ends."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.store.engine import open_store
from tests.conftest import copied_home, settings_of
from tests.monitoring.made_replay import end_state, replayed
from tests.monitoring.made_traffic import copy_release
from tests.serving.conftest import LiveHome, _live_home, live_once

pytest_plugins = ["tests.store.fixtures"]
__all__ = ["live_once"]

ROOT = Path(__file__).parents[2]
STEPS = 24
"""Of the undisturbed replay: ten or more chunks, and ten months of outcomes."""


@contextmanager
def replays(home: Path, url: str) -> Iterator[Callable[[int, float], str]]:
    """Yield a function: replay, and be killed after so many steps and seconds; returns how it ended."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_TRACKING", "RISKDECK_"))}
    env |= {"RISKDECK_HOME": str(home), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.monitoring.replaying_process", str(home), url]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def run(steps: int, seconds: float) -> str:
            print(steps, seconds, file=process.stdin, flush=True)
            return process.stdout.readline().strip()

        yield run
        process.stdin.close()


def url_of(home: Path, request: pytest.FixtureRequest, name: str) -> str:
    """The home's own SQLite store, or a PostgreSQL one that knows what is released."""
    url = settings_of(home).database_url
    if name == "sqlite":
        return url
    source, target = open_store(url), open_store(request.getfixturevalue("postgres_url"))
    copy_release(source, target)
    source.dispose()
    target.dispose()
    return str(request.getfixturevalue("postgres_url"))


@pytest.mark.long
@pytest.mark.parametrize(("name", "kills"), [("sqlite", 10), ("postgresql", 3)])
def test_a_replay_killed_again_and_again_ends_as_if_it_never_was(
    live_once: LiveHome, tmp_path: Path, request: pytest.FixtureRequest, name: str, kills: int
) -> None:
    chance = random.Random(kills)
    with copied_home(live_once.home, tmp_path / "calm") as home:
        engine = open_store(settings_of(home).database_url)
        replayed(_live_home(home), engine)
        expected = end_state(engine)
        engine.dispose()
    with copied_home(live_once.home, tmp_path / "killed") as home:
        url = url_of(home, request, name)
        engine, ends, left = open_store(url), [], []
        with replays(home, url) as run:
            for turn in range(kills):
                step = 1 + turn * STEPS // kills
                ends.append(run(step, chance.random() / 10))
                left.append(sum(map(len, end_state(engine).values())))
            assert run(0, 0) == "ended 0"
        assert ends.count("killed") >= kills - 1
        assert left == sorted(left) and len(set(left)) > kills // 2, "each went on where the one before was killed"
        found = end_state(engine)
        engine.dispose()
    for table, rows in expected.items():
        assert found[table] == rows, table
    keys = [row[1] for row in found["decisions"]]
    assert len(set(keys)) == len(keys) > 400
