"""A retraining that is killed again and again ends, once it is let be, where an undisturbed one ends."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import copied_home, settings_of
from tests.monitoring.killed_rounds import LONGEST, rounds
from tests.monitoring.made_retraining import end_state, recent_project
from tests.serving.conftest import PROJECT, LiveHome, live_once

__all__ = ["live_once"]

KILLS = 10
# The lineage of a run names the commit, and somebody may commit meanwhile.
FIXED = {"RISKDECK_GIT_COMMIT": "0" * 40}


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
        with rounds("retraining_process", quiet, FIXED) as run:
            state, seconds = run(LONGEST)
        assert state == "done"
        expected = state_of(quiet)
    chance, killed = random.Random(5), 0
    with copied_home(live_once.home, shaken):
        recent_project(shaken)
        with rounds("retraining_process", shaken, FIXED) as run:
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
