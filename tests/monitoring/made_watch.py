"""A live product with two quiet months and one in which two columns went wrong, all decided and nothing watched yet."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from pipeline.project import ProjectConfig, open_project
from pipeline.project_monitoring import Monitoring
from tests.conftest import copied_home
from tests.monitoring.made_traffic import record_day
from tests.serving.conftest import LiveHome

QUIET = (date(2025, 3, 14), date(2025, 4, 14))
BAD = date(2025, 5, 14)
N = 700
RULES = Monitoring()


def config_of(home: LiveHome) -> ProjectConfig:
    return open_project(str(home.toml)).config


def rows_of(home: LiveHome, seed: int, n: int = N) -> pd.DataFrame:
    """Applicants like those of development."""
    return home.book().sample(n, random_state=seed).reset_index(drop=True)


def gone_wrong(frame: pd.DataFrame) -> pd.DataFrame:
    """Half of the savings were lost on the way, and a third of the logins became 0."""
    half, third = np.arange(len(frame)) % 2 == 0, np.arange(len(frame)) % 3 == 0
    return frame.assign(
        savings_balance=frame["savings_balance"].where(half),
        days_since_last_login=frame["days_since_last_login"].mask(third, 0),
    )


def decide(home: LiveHome, engine: Engine, frame: pd.DataFrame, day: date, seed: int) -> None:
    """Record rows with the PDs of development's own holdout, so that nothing but the inputs can move."""
    from pipeline import contract

    holdout = pd.read_parquet(home.artifact(home.champion_run, contract.ARTIFACT_HOLDOUT))
    pds = holdout.loc[holdout["split"] == contract.VALID, contract.HOLDOUT_PD].sample(len(frame), random_state=seed)
    record_day(engine, config_of(home), frame, pds.to_numpy(), day)


@pytest.fixture(scope="session")
def watched_once(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> LiveHome:
    """The home with all of it decided; not to be written to."""
    from pipeline.store.engine import open_store
    from tests.store.fixtures import once_per_session

    def build(folder: Path) -> None:
        with copied_home(live_once.home, folder):
            home = replace(live_once, home=folder)
            engine = open_store(home.settings.database_url)
            for seed, day in enumerate(QUIET):
                decide(home, engine, rows_of(home, seed), day, seed)
            decide(home, engine, gone_wrong(rows_of(home, 5)), BAD, 5)
            engine.dispose()

    return replace(live_once, home=once_per_session(tmp_path_factory, "small_watched", build))


@pytest.fixture
def watched(watched_once: LiveHome, home: Path) -> Iterator[LiveHome]:
    """A copy for one test, which RISKDECK_HOME points to."""
    with copied_home(watched_once.home, home):
        yield replace(watched_once, home=home)


@pytest.fixture
def engine(watched: LiveHome) -> Iterator[Engine]:
    """The open store of `watched`."""
    from pipeline.store.engine import open_store

    opened = open_store(watched.settings.database_url)
    yield opened
    opened.dispose()
