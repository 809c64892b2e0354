"""What was scored becomes decisions: recorded in the log, or only calculated, as the rows of a result."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from pipeline import contract
from pipeline.evaluation.inputs import BoolArray, IntArray
from pipeline.serving.batch_judge import Scored
from pipeline.serving.batch_log import DECIDED, iso, keys_of, read_rows
from pipeline.serving.decision_batch import DecisionBatch, record_rows
from pipeline.serving.desk import Pair
from pipeline.serving.ids import new_ids
from pipeline.serving.live import LiveModel
from pipeline.serving.records import Shadow
from pipeline.serving.scorer import shadows_of


@dataclass(frozen=True)
class Book:
    """Where the decided rows of a file are recorded, and as which traffic."""

    engine: Engine
    sha256: str
    source: str = contract.SOURCE_BATCH
    decided_at: Mapping[int, datetime] | None = None
    """When each row of the file was decided, by its number; without it now."""


def decide_chunk(pair: Pair, scored: Scored, book: Book | None) -> pd.DataFrame:
    """Return the scored rows with the columns of `batch_log.DECIDED`.

    book: where they are recorded first; None records nothing. A row that another process recorded meanwhile comes back as it
    stands in the log. Raises LogError or KeyConflict as `record_rows` does.
    """
    shadows = shadows_of(pair, scored.judged)
    parts = [_of_side(live, scored, chosen, shadows, book) for live, chosen in _sides(pair, scored)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(DECIDED))


def _sides(pair: Pair, scored: Scored) -> list[tuple[LiveModel, IntArray]]:
    """Each model that decides some of the rows, with which."""
    by_challenger = scored.judged.by_challenger
    both = [(pair.champion, np.flatnonzero(~by_challenger)), (pair.challenger, np.flatnonzero(by_challenger))]
    return [(live, chosen) for live, chosen in both if live is not None and chosen.size]


def _of_side(
    live: LiveModel, scored: Scored, chosen: IntArray, shadows: list[Shadow | None], book: Book | None
) -> pd.DataFrame:
    read, judged = scored.read, scored.judged
    values: dict[str, Any] = {name: judged.decided(name)[chosen] for name in ("outcome", "pd", "grade")}
    reasons, warnings = ([said[i] for i in chosen.tolist()] for said in (scored.reasons, scored.warnings))
    rows, applicants, now = read.rows[chosen], read.applicant_ids[chosen], datetime.now(UTC)
    ids = new_ids(now, len(chosen)) if book else None
    at = now if book is None or book.decided_at is None else [book.decided_at[row] for row in rows.tolist()]
    decided = pd.DataFrame({
        "row": rows, "applicant_id": applicants, "decision_id": ids, **values,
        "reasons": pd.Series([tuple(reason.text for reason in given) for given in reasons], dtype=object),
        "warnings": pd.Series(warnings, dtype=object), "model_version": live.version, "policy_id": live.policy.id,
        "decided_at": None if book is None else iso(at) if isinstance(at, datetime) else [iso(each) for each in at],
    })  # fmt: skip
    if book is None or ids is None:
        return decided
    batch = DecisionBatch(
        project=live.project, decided_at=at, source=book.source, model_version=live.version,
        model_sha256=live.model_sha256, run_id=live.run_id, policy_id=live.policy.id,
        inputs=read.frame if len(chosen) == len(read.frame) else read.frame.iloc[chosen], ids=ids,
        keys=keys_of(book.sha256, rows, book.source), applicant_ids=applicants.tolist(), reasons=reasons, warnings=warnings,
        shadows=[shadows[i] for i in chosen.tolist()], **values,
    )  # fmt: skip
    known = record_rows(book.engine, batch, chunk=len(batch)).known
    return _with_known(book, live.project, decided, known) if known.any() else decided


def _with_known(book: Book, project: str, decided: pd.DataFrame, known: BoolArray) -> pd.DataFrame:
    """Replace rows that somebody else recorded first by what stands in the log."""
    rows = decided["row"].to_numpy(dtype=np.int64)
    stored = read_rows(book.engine, project, book.sha256, int(rows.min()), int(rows.max()), book.source)
    return pd.concat([decided[~known], stored[stored["row"].isin(rows[known])]], ignore_index=True)
