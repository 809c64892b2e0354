"""A watch that is killed again and again ends, once it is let be, with the alerts and counts of an undisturbed one."""

import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from pipeline.monitoring.rounds import last_round
from pipeline.store.engine import open_store
from pipeline.store.tables import alert_events, alerts
from tests.conftest import copied_home, settings_of
from tests.monitoring.killed_rounds import LONGEST, rounds, store_of
from tests.monitoring.made_traffic import tables_of
from tests.monitoring.made_watch import watched_once
from tests.serving.conftest import PROJECT, LiveHome, live_once

__all__ = ["live_once", "watched_once"]

pytest_plugins = ["tests.store.fixtures"]


def state_of(url: str) -> dict[str, Any]:
    """Alerts, their events and all counts, but for the moment of writing."""
    engine = open_store(url)
    with engine.connect() as connection:
        columns = [column for column in alerts.columns if column.name != "opened_at"]
        opened = sorted(map(str, connection.execute(select(*columns))))
        events = sorted(map(str, connection.execute(select(alert_events.c.alert_id, alert_events.c.event, alert_events.c.day))))
    counts = [sorted(tuple(map(str, row)) for row in table) for table in tables_of(engine)]
    found = {"alerts": opened, "events": events, "counts": counts, "last": last_round(engine, PROJECT) is not None}
    engine.dispose()
    return found


@pytest.mark.long
@pytest.mark.parametrize(("name", "kills"), [("sqlite", 10), ("postgresql", 3)])
def test_kills_at_any_moment_leave_what_an_undisturbed_round_leaves(
    watched_once: LiveHome, tmp_path: Path, request: pytest.FixtureRequest, name: str, kills: int
) -> None:
    quiet, shaken = tmp_path / "quiet", tmp_path / "shaken"
    with copied_home(watched_once.home, quiet):
        with rounds("monitoring_process", quiet) as run:
            state, seconds = run(LONGEST)
        assert state == "done"
        expected = state_of(settings_of(quiet).database_url)
    assert len(expected["alerts"]) == len(expected["events"]) == 2 and expected["last"]
    chance, killed = random.Random(7), 0
    with copied_home(watched_once.home, shaken):
        url = store_of(shaken, request, name)
        with rounds("monitoring_process", shaken, {"RISKDECK_DATABASE_URL": url}) as run:
            while killed < kills:
                state, _ = run(chance.uniform(0.02, 0.8) * seconds)
                killed += state == "killed"
                seconds *= 1.0 if state == "killed" else 0.8  # counted already: what is left takes less
            assert run(LONGEST)[0] == "done"
        assert state_of(url) == expected
