"""A retraining that is killed again and again ends, once it is let be, where an undisturbed one ends."""

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import copied_home, settings_of
from tests.monitoring.killed_rounds import LONGEST, rounds, store_of
from tests.monitoring.made_retraining import end_state, recent_project
from tests.serving.conftest import PROJECT, LiveHome, live_once

__all__ = ["live_once"]

pytest_plugins = ["tests.store.fixtures"]
# The lineage of a run names the commit, and somebody may commit meanwhile.
FIXED = {"RISKDECK_GIT_COMMIT": "0" * 40}


def state_of(home: Path, url: str) -> Mapping[str, Any]:
    from pipeline.store.engine import open_store

    engine = open_store(url)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RISKDECK_HOME", str(home))
        patch.setenv("RISKDECK_DATABASE_URL", url)
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        found = end_state(engine, home, PROJECT)
    engine.dispose()
    return found


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "kills"), [("sqlite", 10), ("postgresql", 3)])
def test_kills_at_any_moment_leave_what_an_undisturbed_retraining_leaves(
    live_once: LiveHome, tmp_path: Path, request: pytest.FixtureRequest, name: str, kills: int
) -> None:
    quiet, shaken = tmp_path / "quiet", tmp_path / "shaken"
    with copied_home(live_once.home, quiet):
        recent_project(quiet)
        with rounds("retraining_process", quiet, FIXED) as run:
            state, seconds = run(LONGEST)
        assert state == "done"
        expected = state_of(quiet, settings_of(quiet).database_url)
    chance, killed = random.Random(5), 0
    with copied_home(live_once.home, shaken):
        recent_project(shaken)
        url = store_of(shaken, request, name)
        with rounds("retraining_process", shaken, {**FIXED, "RISKDECK_DATABASE_URL": url}) as run:
            while killed < kills:
                # At any moment of a whole retraining, and of one that finds most or all of it done.
                state, took = run(chance.uniform(0.05, 1.1) * seconds)
                killed += state == "killed"
                assert state in ("killed", "done"), took
                if state == "done":
                    seconds = min(seconds, took)  # the next has less to do
            assert run(LONGEST)[0] == "done"
        assert state_of(shaken, url) == expected
    assert len(expected["bake-offs"]) == 2
    assert [row[0] for row in expected["ledger"][-3:]] == ["policy", "proposal", "routing"]
