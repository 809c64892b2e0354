"""The whole way: a book with three incidents is replayed and watched month by month; each is called, calm months are not."""

import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipeline.contract import LAYER_MODEL
from pipeline.monitoring.alerts import Alert
from pipeline.project_monitoring import Monitoring
from tests.conftest import LOGISTIC_ONLY, settings_of, small_text
from tests.serving.conftest import PROJECT, propose_run

FIRST, LAST, KNOWN = date(2025, 3, 1), date(2025, 12, 31), date(2026, 9, 30)
CAMPAIGN, RECESSION, RENAME = "2025-05-01", "2025-07-01", "2025-09-01"
ON_OUTCOMES = {"calibration_p", "grades_red", "auc_drop", "money_shortfall", "actual_to_expected"}
ROUNDS = tuple(date(2025, month, 28) for month in (3, 4, 5, 6, 9, 12)) + tuple(date(2026, month, 28) for month in (4, 8, 9))


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[list[tuple[date, Alert]]]:
    """Every alert with the day of the round that opened it, rounds at the end of some months, as a bank would run them."""
    home = tmp_path_factory.mktemp("incidents")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RISKDECK_HOME", str(home))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("RISKDECK_DATABASE_URL", raising=False)
        shutil.copy(migrated, home / "mlflow.db")
        engine = _replayed(home)
        yield _watched(home, engine)
        engine.dispose()


def _replayed(home: Path) -> Engine:
    """Train on the calm months, release, and replay the rest with its outcomes."""
    from pipeline.data.simulate import BookSpec, simulate_book
    from pipeline.monitoring.replay import Order, replay
    from pipeline.monitoring.replay_file import read_dated
    from pipeline.project import open_project
    from pipeline.registry import releases
    from pipeline.serving.desk import Desk
    from pipeline.store.engine import open_store
    from pipeline.training.job import train

    text = small_text(LOGISTIC_ONLY).replace("test_until = 2025-12-31", "test_until = 2025-04-30")
    (home / "small.toml").write_text(text, encoding="utf-8")
    simulate_book(BookSpec(n=30_000)).to_parquet(home / "book.parquet", index=False)
    project, settings = open_project(str(home / "small.toml")), settings_of(home)
    done = train(project, settings, home / "book.parquet", n_jobs=1)
    engine = open_store(settings.database_url)
    proposed = propose_run(engine, home, done.chosen_run_id)
    releases.approve(engine, proposed.seq, actor="risk-lead", reason="evidence read")
    replay(
        Desk(settings, engine, PROJECT), read_dated(project, home / "book.parquet", FIRST, LAST),
        Order(FIRST, LAST, KNOWN, reasons=False),
    )  # fmt: skip
    return engine


def _watched(home: Path, engine: Engine) -> list[tuple[date, Alert]]:
    from pipeline.monitoring.monitor import run_monitor

    found = []
    for day in ROUNDS:
        report = run_monitor(settings_of(home), engine, PROJECT, as_of=day, monitoring=Monitoring())
        assert not report.faults, report.faults
        found += [(day, alert) for alert in report.opened]
    return found


def rows(opened: list[tuple[date, Alert]]) -> list[tuple[str, str, str, str]]:
    return [(str(day), a.firing.rule, a.firing.subject, a.firing.period) for day, a in opened]


@pytest.mark.long
def test_the_campaign_is_called_within_two_months_by_the_channel(opened: list[tuple[date, Alert]]) -> None:
    days = [day for day, a in opened if a.firing.subject == "channel"]
    assert days and days[0] <= date(2025, 6, 28), rows(opened)
    first = min((a.firing.period for _, a in opened if a.firing.subject == "channel"), default="")
    assert first == CAMPAIGN


@pytest.mark.long
def test_the_rename_is_called_within_two_months_by_its_column(opened: list[tuple[date, Alert]]) -> None:
    found = [(day, a.firing.period) for day, a in opened if a.firing.subject == "days_since_last_login"]
    assert found and found[0] == (date(2025, 9, 28), RENAME), rows(opened)


@pytest.mark.long
def test_months_without_incident_call_nobody(opened: list[tuple[date, Alert]]) -> None:
    assert not [row for row in rows(opened) if row[0] < "2025-05" or row[3] < CAMPAIGN]


@pytest.mark.long
def test_the_recession_is_not_claimed_by_inputs_and_is_called_once_outcomes_ripen(opened: list[tuple[date, Alert]]) -> None:
    early = [(day, a) for day, a in opened if day < date(2026, 4, 1)]
    before = [row for row, (_, a) in zip(rows(early), early, strict=True) if a.firing.measure in ON_OUTCOMES]
    assert not before, before
    after = [(day, a.firing) for day, a in opened if a.firing.measure in ON_OUTCOMES and a.firing.layer == LAYER_MODEL]
    assert after, rows(opened)
    assert min(firing.period for _, firing in after) in (RECESSION, "2025-08-01")
    assert {day for day, firing in after if firing.rule == "more-defaults"} <= {date(2026, 8, 28), date(2026, 9, 28)}


@pytest.mark.long
def test_a_matter_is_called_once_however_long_it_lasts(opened: list[tuple[date, Alert]]) -> None:
    matters = [(a.firing.matter, a.firing.severity) for _, a in opened]
    assert len(matters) == len(set(matters))
