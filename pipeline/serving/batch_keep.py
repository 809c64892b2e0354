"""What was scored becomes decisions: recorded in the log, or only calculated, as the rows of a result."""

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


def decide_chunk(pair: Pair, scored: Scored, log: tuple[Engine, str] | None) -> pd.DataFrame:
    """Return the scored rows with the columns of `batch_log.DECIDED`.

    log: where they are recorded first, with the sha256 of the file; None records nothing. A row that another process recorded
    meanwhile comes back as it stands in the log. Raises LogError or KeyConflict as `record_rows` does.
    """
    shadows = shadows_of(pair, scored.judged)
    parts = [_of_side(live, scored, chosen, shadows, log) for live, chosen in _sides(pair, scored)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(DECIDED))


def _sides(pair: Pair, scored: Scored) -> list[tuple[LiveModel, IntArray]]:
    """Each model that decides some of the rows, with which."""
    by_challenger = scored.judged.by_challenger
    both = [(pair.champion, np.flatnonzero(~by_challenger)), (pair.challenger, np.flatnonzero(by_challenger))]
    return [(live, chosen) for live, chosen in both if live is not None and chosen.size]


def _of_side(
    live: LiveModel, scored: Scored, chosen: IntArray, shadows: list[Shadow | None], log: tuple[Engine, str] | None
) -> pd.DataFrame:
    read, judged = scored.read, scored.judged
    values: dict[str, Any] = {name: judged.decided(name)[chosen] for name in ("outcome", "pd", "grade")}
    reasons, warnings = ([said[i] for i in chosen.tolist()] for said in (scored.reasons, scored.warnings))
    rows, applicants, now = read.rows[chosen], read.applicant_ids[chosen], datetime.now(UTC)
    ids = new_ids(now, len(chosen)) if log else None
    decided = pd.DataFrame({
        "row": rows, "applicant_id": applicants, "decision_id": ids, **values,
        "reasons": pd.Series([tuple(reason.text for reason in given) for given in reasons], dtype=object),
        "warnings": pd.Series(warnings, dtype=object), "model_version": live.version, "policy_id": live.policy.id,
        "decided_at": iso(now) if log else None,
    })  # fmt: skip
    if log is None or ids is None:
        return decided
    engine, sha256 = log
    batch = DecisionBatch(
        project=live.project, decided_at=now, source=contract.SOURCE_BATCH, model_version=live.version,
        model_sha256=live.model_sha256, run_id=live.run_id, policy_id=live.policy.id,
        inputs=read.frame if len(chosen) == len(read.frame) else read.frame.iloc[chosen], ids=ids, keys=keys_of(sha256, rows),
        applicant_ids=applicants.tolist(), reasons=reasons, warnings=warnings,
        shadows=[shadows[i] for i in chosen.tolist()], **values,
    )  # fmt: skip
    known = record_rows(engine, batch, chunk=len(batch)).known
    return _with_known(engine, sha256, live.project, decided, known) if known.any() else decided


def _with_known(engine: Engine, sha256: str, project: str, decided: pd.DataFrame, known: BoolArray) -> pd.DataFrame:
    """Replace rows that somebody else recorded first by what stands in the log."""
    rows = decided["row"].to_numpy(dtype=np.int64)
    stored = read_rows(engine, project, sha256, int(rows[0]), int(rows[-1]))
    return pd.concat([decided[~known], stored[stored["row"].isin(rows[known])]], ignore_index=True)
