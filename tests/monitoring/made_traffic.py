"""Decisions of a whole book in bulk, on chosen days, without a model: for tests of what comes after the decision."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from pipeline.monitoring.baseline import decisions_of, grades_of, policy_of
from pipeline.project import ProjectConfig
from pipeline.serving.decision_batch import DecisionBatch, record_rows
from pipeline.serving.ids import new_ids
from pipeline.serving.records import Reason


def record_book(
    engine: Engine, config: ProjectConfig, frame: pd.DataFrame, *, version: int = 1, seed: int = 0, time: str | None = None
) -> int:
    """Record rows as decisions of the day in the project's time column, by the version's own policy; PDs are drawn."""
    policy = policy_of(engine, config.name, version)
    pds = np.random.default_rng(seed).beta(1.2, 6, len(frame))
    decided, graded = decisions_of(policy, pds), grades_of(config, pds)
    inputs = typed(config, frame)
    days = pd.to_datetime(frame[time or config.data.time]).dt.date.to_numpy()
    for day in sorted(set(days)):
        at = np.flatnonzero(days == day)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        batch = DecisionBatch(
            config.name, noon, "replay", version, "a" * 64, policy.run_id,
            policy.id, inputs.iloc[at], pds[at], graded.to_numpy(dtype=object)[at], decided.to_numpy(dtype=object)[at],
            ids=new_ids(noon, len(at)), reasons=[reasons(config, d, i) for d, i in zip(decided.iloc[at], at, strict=True)],
        )  # fmt: skip
        record_rows(engine, batch)
    return len(frame)


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


def reasons(config: ProjectConfig, outcome: str, row: int) -> tuple[Reason, ...]:
    """Two reasons for whoever is not approved."""
    names: Sequence[str] = config.feature_names
    if outcome == "approve":
        return ()
    return tuple(Reason(names[(row + i) % len(names)], "Because", 1.0, 2.0, 0.1, 0.05) for i in range(2))
