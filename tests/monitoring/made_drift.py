"""A simulated book as decided traffic: scored by a live pair and recorded with the days of its applications."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from pipeline import contract
from pipeline.serving.decision_batch import DecisionBatch, record_rows
from pipeline.serving.desk import Pair
from pipeline.serving.ids import new_ids
from pipeline.serving.scorer import TEXT, explain, judge


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


def record_book(engine: Engine, pair: Pair, book: pd.DataFrame, *, by: str = "MS", with_reasons: bool = False) -> int:
    """Decide and record a book; days within a month (or whatever `by` names) are recorded as its first day."""
    live, days = pair.champion, pd.to_datetime(book["application_date"])
    period = days.dt.to_period("M" if by == "MS" else by).dt.start_time
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
    return len(book)
