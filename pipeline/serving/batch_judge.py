"""One chunk of a batch: what is wrong with which row, and what the models say to the others. It writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.data.clean import as_number, category_texts
from pipeline.evaluation.inputs import FloatArray, IntArray
from pipeline.project import ProjectConfig
from pipeline.serving import scorer
from pipeline.serving.batch_csv import Chunk
from pipeline.serving.batch_write import REFUSED_ROW, REFUSED_WHY
from pipeline.serving.desk import Pair
from pipeline.serving.inputs import FAULT_COLUMNS, InputRules
from pipeline.serving.records import Reason
from pipeline.serving.scorer import Assessed, Judged

LONGEST_ID: Final = 200


@dataclass(frozen=True, eq=False)
class Read:
    """The rows of a chunk as understood. ``rows`` are the numbers in the file of the good ones, beside ``frame``."""

    frame: pd.DataFrame
    rows: IntArray
    applicant_ids: npt.NDArray[np.object_]
    """Text or None, one per good row."""
    faults: pd.DataFrame
    """`inputs.FAULT_COLUMNS` in row order; ``row`` is the number in the file."""
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Scored:
    """What the models say to the good rows of a chunk, nothing of it recorded."""

    read: Read
    judged: Judged
    reasons: Sequence[tuple[Reason, ...]]
    warnings: Sequence[tuple[str, ...]]


def read_chunk(rules: InputRules, chunk: Chunk, leave_out: IntArray | None = None) -> Read:
    """Check the rows of a chunk but those left out, decided already. Raises InputError when a column is missing."""
    frame, rows = chunk.frame, chunk.rows
    if leave_out is not None and leave_out.size:
        wanted = ~np.isin(rows, leave_out)
        frame, rows = frame[wanted].reset_index(drop=True), rows[wanted]
    checked = rules.check_frame(frame)
    ids = applicant_ids(frame, rules.config)
    odd = np.array([text is not None and not _can_be_kept(text) for text in ids], dtype=np.bool_)
    good = ~odd[checked.positions]
    positions = checked.positions[good]
    faults = _decimal_commas(checked.faults).assign(row=rows[checked.faults["row"].to_numpy(dtype=np.int64)])
    faults = pd.concat([faults, _broken(chunk), _odd_ids(rows[odd], rules.config)]).sort_values("row", kind="stable")
    typed = checked.frame if good.all() else checked.frame[good].reset_index(drop=True)
    return Read(typed, rows[positions], ids[positions], faults.reset_index(drop=True), checked.notes)


def score_chunk(pair: Pair, read: Read, *, with_reasons: bool) -> Scored:
    """Score the good rows by champion and challenger, with reasons for who is not approved, and warnings."""
    if read.frame.empty:  # models refuse to score nobody
        return Scored(read, _NOBODY, (), ())
    judged = scorer.judge(pair, read.frame, read.applicant_ids.tolist())
    reasons = scorer.explain(pair, judged, read.frame) if with_reasons else [()] * len(read.frame)
    return Scored(read, judged.without_steps(), reasons, pair.champion.watch.warnings(read.frame))


def applicant_ids(frame: pd.DataFrame, config: ProjectConfig) -> npt.NDArray[np.object_]:
    """Return the applicant's id per row where the project names a column and the file has it, else None."""
    if config.data.id is None or config.data.id not in frame:
        return np.full(len(frame), None, dtype=object)
    texts = category_texts(frame[config.data.id])
    return np.asarray(texts.astype(object).where(texts.notna(), None).to_numpy(dtype=object))


def amounts(frame: pd.DataFrame, config: ProjectConfig) -> FloatArray:
    """Return the exposure per row as given, NaN where the project or the file names none."""
    if config.data.amount is None or config.data.amount not in frame:
        return np.full(len(frame), np.nan)
    return np.asarray(as_number(frame[config.data.amount]), dtype=np.float64)


def refused_rows(chunk: Chunk, faults: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return each refused row once: its number, all that is wrong with it, and its cells as they were given."""
    why = faults.groupby("row", sort=True)["message"].agg("; ".join)
    cells = chunk.frame[list(columns)].set_axis(chunk.rows, axis=0).reindex(why.index)
    cells.insert(0, REFUSED_WHY, why)
    cells.insert(0, REFUSED_ROW, why.index)
    return cells.reset_index(drop=True)


def _decimal_commas(faults: pd.DataFrame) -> pd.DataFrame:
    """Name the commonest reason for which a number is none: it was written with a comma."""
    has_comma = faults["given"].str.fullmatch(r"'[+-]?\d+,\d+'").astype(bool) & ~faults["message"].str.contains("choices")
    said = faults["message"].where(~has_comma, faults["message"] + "; decimal commas are not read, write a point")
    return faults.assign(message=said)


_NOTHING = np.empty(0, dtype=object)
_NOBODY = Judged(Assessed(np.empty(0), _NOTHING, _NOTHING), None, np.empty(0, dtype=np.bool_))


def _can_be_kept(text: str) -> bool:
    return len(text) <= LONGEST_ID and "\0" not in text and (text.isascii() or not any("\ud800" <= c <= "\udfff" for c in text))


def _odd_ids(rows: IntArray, config: ProjectConfig) -> pd.DataFrame:
    message = f"{config.data.id}: is longer than {LONGEST_ID} characters or holds control characters; give a plain id"
    return pd.DataFrame([(row, str(config.data.id), "", message) for row in rows.tolist()], columns=list(FAULT_COLUMNS))


def _broken(chunk: Chunk) -> pd.DataFrame:
    return pd.DataFrame([(b.row, "", "", b.message) for b in chunk.broken], columns=list(FAULT_COLUMNS))
