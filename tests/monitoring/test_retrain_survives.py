"""A retraining that is killed again and again ends, once it is let be, where an undisturbed one ends."""

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import copied_home, settings_of
from tests.monitoring.made_retraining import end_state, recent_project
from tests.serving.conftest import PROJECT, LiveHome, live_once

__all__ = ["live_once"]

ROOT = Path(__file__).parents[2]
KILLS = 10
LONGEST = 120.0


@contextmanager
def retrainings(home: Path) -> Iterator[Callable[[float], tuple[str, float]]]:
    """Yield a function: retrain in the home for at most so many seconds; returns how it ended and after how long."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_TRACKING", "RISKDECK_"))}
    # The lineage of a run names the commit, and somebody may commit meanwhile.
    env |= {"RISKDECK_HOME": str(home), "RISKDECK_GIT_COMMIT": "0" * 40, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "ignore", "-m", "tests.monitoring.retraining_process", str(home)]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def run(seconds: float) -> tuple[str, float]:
            print(seconds, file=process.stdin, flush=True)
            state, took = process.stdout.readline().split()
            return state, float(took)

        yield run
        process.stdin.close()


def state_of(home: Path) -> Mapping[str, Any]:
    from pipeline.store.engine import open_store

    engine = open_store(settings_of(home).database_url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RISKDECK_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        found = end_state(engine, home, PROJECT)
    engine.dispose()
    return found


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_kills_at_any_moment_leave_what_an_undisturbed_retraining_leaves(live_once: LiveHome, tmp_path: Path) -> None:
    quiet, shaken = tmp_path / "quiet", tmp_path / "shaken"
    with copied_home(live_once.home, quiet):
        recent_project(quiet)
        with retrainings(quiet) as run:
            state, seconds = run(LONGEST)
        assert state == "done"
        expected = state_of(quiet)
    chance, killed = random.Random(5), 0
    with copied_home(live_once.home, shaken):
        recent_project(shaken)
        with retrainings(shaken) as run:
            while killed < KILLS:
                # At any moment of a whole retraining, and of one that finds most or all of it done.
                state, took = run(chance.uniform(0.05, 1.1) * seconds)
                killed += state == "killed"
                assert state in ("killed", "done"), took
                if state == "done":
                    seconds = min(seconds, took)  # the next has less to do
            assert run(LONGEST)[0] == "done"
        assert state_of(shaken) == expected
    assert len(expected["bake-offs"]) == 2
    assert [row[0] for row in expected["ledger"][-3:]] == ["policy", "proposal", "routing"]
