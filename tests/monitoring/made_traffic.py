"""Decisions of a whole book in bulk, on chosen days, without a model: for tests of what comes after the decision."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, func, select, text

from pipeline.evaluation.inputs import FloatArray
from pipeline.monitoring.baseline import TrackedArtifacts, decisions_of, grades_of, policy_of
from pipeline.monitoring.profiles import update_profiles
from pipeline.project import ProjectConfig, open_project
from pipeline.serving.decision_batch import DecisionBatch, record_rows
from pipeline.serving.ids import new_ids
from pipeline.serving.records import Reason
from pipeline.settings import Settings
from pipeline.store.engine import open_store, writing
from pipeline.store.tables import decisions, ledger, policies, profile_marks, profile_months, profiles
from tests.conftest import copied_home, settings_of
from tests.serving.conftest import PROJECT, LiveHome


@dataclass
class Remembered:
    """Artifacts that are read once; a test may look at the same ones a hundred times."""

    settings: Settings
    found: dict[tuple[str, str], Any] = field(default_factory=dict)

    def table(self, run_id: str, path: str) -> pd.DataFrame:
        return self._once(run_id, path, TrackedArtifacts(self.settings).table)

    def text(self, run_id: str, path: str) -> str:
        return self._once(run_id, path, TrackedArtifacts(self.settings).text)

    def _once(self, run_id: str, path: str, read: Any) -> Any:
        if (run_id, path) not in self.found:
            self.found[run_id, path] = read(run_id, path)
        return self.found[run_id, path]


@dataclass(frozen=True)
class Watched:
    """A live product with decisions in its log."""

    settings: Settings
    engine: Engine
    live: LiveHome
    artifacts: Remembered

    @property
    def config(self) -> ProjectConfig:
        return open_project(str(self.live.toml)).config

    def rows(self, first: date, last: date) -> pd.DataFrame:
        """The book's applications of some days."""
        book = self.live.book()
        days = pd.to_datetime(book["application_date"])
        return book[(days >= pd.Timestamp(first)) & (days <= pd.Timestamp(last))].reset_index(drop=True)


def watched_on(
    request: pytest.FixtureRequest, live_home: LiveHome, live_engine: Engine, first: date, last: date
) -> Iterator[Watched]:
    """The days' decisions recorded and not counted, on SQLite or on PostgreSQL as the request's parameter says."""
    settings = live_home.settings
    engine = live_engine
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
        settings = Settings(settings.home, settings.tracking_uri, url)
        engine = open_store(url)
        copy_release(live_engine, engine)
    made = Watched(settings, engine, live_home, Remembered(settings))
    record_book(engine, made.config, made.rows(first, last))
    yield made
    if engine is not live_engine:
        engine.dispose()


@contextmanager
def counted_on(live: LiveHome, home: Path, first: date, last: date) -> Iterator[Watched]:
    """The days' decisions recorded and counted, in a copy of a home, on SQLite."""
    with copied_home(live.home, home):
        settings = settings_of(home)
        engine = open_store(settings.database_url)
        made = Watched(settings, engine, replace(live, home=home), Remembered(settings))
        record_book(engine, made.config, made.rows(first, last))
        update_profiles(settings, engine, PROJECT, artifacts=made.artifacts)
        yield made
        engine.dispose()


def copy_release(source: Engine, target: Engine) -> None:
    """Let another store know what is released in this one."""
    with source.connect() as reading, writing(target) as connection:
        for table in (policies, ledger):
            connection.execute(table.insert(), [dict(row) for row in reading.execute(select(table)).mappings()])


def copy_decisions(source: Engine, target: Engine) -> None:
    """Let another store hold the decisions of this one, in their order."""
    columns = [column for column in decisions.columns if column.name != "seq"]
    with source.connect() as reading, writing(target) as connection:
        rows = [dict(row) for row in reading.execute(select(*columns).order_by(decisions.c.seq)).mappings()]
        if rows:
            connection.execute(decisions.insert(), rows)


def record_book(engine: Engine, config: ProjectConfig, frame: pd.DataFrame, *, version: int = 1, seed: int = 0) -> int:
    """Record rows as decisions of the day in the project's time column, by the version's own policy; PDs are drawn."""
    pds = np.random.default_rng(seed).beta(1.2, 6, len(frame))
    assert config.data.time is not None
    days = pd.to_datetime(frame[config.data.time]).dt.date.to_numpy()
    for day in sorted(set(days)):
        at = np.flatnonzero(days == day)
        record_day(engine, config, frame.iloc[at].reset_index(drop=True), pds[at], day, version=version)
    return len(frame)


def record_day(
    engine: Engine, config: ProjectConfig, frame: pd.DataFrame, pds: FloatArray, day: date, *, version: int = 1,
    reasons: Sequence[Sequence[str]] | None = None,
) -> None:  # fmt: skip
    """Record rows as decisions of one day; whoever is not approved has two reasons unless others are given."""
    policy = policy_of(engine, config.name, version)
    decided, graded = decisions_of(policy, pds), grades_of(config, pds)
    names = config.feature_names
    usual = [
        () if outcome == "approve" else (names[i % len(names)], names[(i + 1) % len(names)])
        for i, outcome in enumerate(decided)
    ]
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    batch = DecisionBatch(
        config.name, noon, "replay", version, "a" * 64, policy.run_id, policy.id, typed(config, frame), pds,
        graded.to_numpy(dtype=object), decided.to_numpy(dtype=object), ids=new_ids(noon, len(frame)),
        reasons=[tuple(Reason(name, "Because", 1.0, 2.0, 0.1, 0.05) for name in given) for given in reasons or usual],
    )  # fmt: skip
    record_rows(engine, batch)


def decide_rows(
    watched: Watched, frame: pd.DataFrame, *, pds: Sequence[float] | FloatArray, day: date, version: int = 1,
    reasons: Sequence[Sequence[str]] | None = None,
) -> int:  # fmt: skip
    """Record some more decisions; return the number of the last."""
    chosen = frame.reset_index(drop=True)
    record_day(watched.engine, watched.config, chosen, np.asarray(pds, dtype=np.float64), day, version=version, reasons=reasons)
    with watched.engine.connect() as connection:
        return int(connection.scalar(select(func.max(decisions.c.seq))) or 0)


def typed(config: ProjectConfig, frame: pd.DataFrame) -> pd.DataFrame:
    """The inputs as the scorer types them."""
    columns: dict[str, object] = {}
    for feature in config.features:
        column = frame[feature.name]
        columns[feature.name] = (
            pd.Series([None if pd.isna(v) else str(v) for v in column], dtype="str")
            if feature.kind == "category"
            else column.to_numpy(dtype=np.float64, na_value=np.nan)
        )
    return pd.DataFrame(columns)


def clear(engine: Engine) -> None:
    """Forget all counts, as if nothing had been counted."""
    with writing(engine) as connection:
        for table in (profiles, profile_months, profile_marks):
            connection.execute(table.delete())


def forget(engine: Engine, before: int) -> None:
    """Let counting begin at a decision, with nothing counted."""
    with writing(engine) as connection:
        values = {"project": PROJECT, "last_seq": before - 1, "updated_at": datetime(2025, 1, 1, tzinfo=UTC)}
        connection.execute(profile_marks.insert(), values)


def tables_of(engine: Engine) -> list[list[tuple[Any, ...]]]:
    """Everything counted, and the mark, in order."""
    with engine.connect() as connection:
        found = [
            connection.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2, 3, 4, 5, 6")).all()
            for name in ("profiles", "profile_months")
        ]
        mark = connection.execute(text("SELECT project, last_seq FROM profile_marks")).all()
    return [[tuple(row) for row in rows] for rows in (*found, mark)]
