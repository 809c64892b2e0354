"""A live product with a decided book behind it: scored by the live pair, recorded month by month, and counted."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from pipeline import contract
from pipeline.monitoring.drift import StoredProfiles
from pipeline.monitoring.profiles import update_profiles
from pipeline.serving.decision_batch import DecisionBatch, record_rows
from pipeline.serving.desk import Desk, Pair
from pipeline.serving.ids import new_ids
from pipeline.serving.scorer import TEXT, explain, judge
from pipeline.settings import Settings
from pipeline.store.engine import open_store
from tests.conftest import copied_home, settings_of
from tests.serving.conftest import PROJECT, LiveHome


@dataclass(frozen=True)
class Decided:
    """A home in which a book was decided and counted."""

    settings: Settings
    engine: Engine
    pair: Pair

    @property
    def profiles(self) -> StoredProfiles:
        return StoredProfiles(self.settings, self.engine, PROJECT)

    def record(self, book: pd.DataFrame, *, with_reasons: bool = False) -> None:
        """Decide, record and count more of a book."""
        record_book(self.engine, self.pair, book, with_reasons=with_reasons)
        update_profiles(self.settings, self.engine, PROJECT)


@contextmanager
def decided_home(live: LiveHome, folder: Path) -> Iterator[Decided]:
    """A copy of the live home that everything points to, with nothing decided yet."""
    with copied_home(live.home, folder), pytest.MonkeyPatch.context() as patch:
        patch.setenv("RISKDECK_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("RISKDECK_DATABASE_URL", raising=False)
        engine = open_store(settings_of(folder).database_url)
        yield Decided(settings_of(folder), engine, Desk(settings_of(folder), engine, PROJECT).pair())
        engine.dispose()


def typed_inputs(pair: Pair, book: pd.DataFrame) -> pd.DataFrame:
    """The features of a book as models take them."""
    columns: dict[str, Any] = {}
    for feature in pair.champion.config.features:
        column = book[feature.name]
        if feature.kind == "category":
            columns[feature.name] = column.map(_text).astype(TEXT)
        else:
            columns[feature.name] = column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    return pd.DataFrame(columns)


def _text(value: Any) -> Any:
    if pd.isna(value):
        return None
    return str(int(value)) if isinstance(value, int | float | np.number) else str(value)


def record_book(engine: Engine, pair: Pair, book: pd.DataFrame, *, by: str = "M", with_reasons: bool = False) -> None:
    """Decide and record a book, each application on the first day of its month (or of its day, by "D")."""
    live, days = pair.champion, pd.to_datetime(book["application_date"])
    period = days.dt.to_period(by).dt.start_time
    for start in sorted(period.unique()):
        mine = book[(period == start).to_numpy()]
        frame = typed_inputs(pair, mine).reset_index(drop=True)
        ids = [str(name) for name in mine["application_id"]]
        judged = judge(pair, frame, ids)
        at = datetime(start.year, start.month, start.day, 12, tzinfo=UTC)
        record_rows(
            engine,
            DecisionBatch(
                live.project, at, contract.SOURCE_REPLAY, live.version, live.model_sha256, live.run_id, live.policy.id, frame,
                judged.decided("pd"), list(judged.decided("grade")), list(judged.decided("outcome")), new_ids(at, len(frame)),
                applicant_ids=ids, reasons=explain(pair, judged, frame) if with_reasons else None,
            ),
        )  # fmt: skip


def of_months(book: pd.DataFrame, first: date, last: date) -> pd.DataFrame:
    """The applications of some days."""
    days = pd.to_datetime(book["application_date"])
    return book[(days >= pd.Timestamp(first)) & (days <= pd.Timestamp(last))].reset_index(drop=True)
