"""What is wrong with a file, and its first rows as understood, before anything of it is scored."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from pipeline.serving.batch_judge import read_chunk
from pipeline.serving.batch_read import BatchFile, read_chunks
from pipeline.serving.inputs import InputRules

PREVIEW_ROWS: Final = 8
SHOWN_FAULTS: Final = 200


@dataclass(frozen=True)
class Findings:
    """A file as understood. ``n_good`` + ``n_refused`` are all its rows."""

    n_good: int
    n_refused: int
    preview: pd.DataFrame
    """The first rows that can be scored: ``row``, ``applicant_id``, then the features as models take them."""
    faults: pd.DataFrame
    """The first `SHOWN_FAULTS` faults: ``row``, ``field``, ``given``, ``message``."""
    by_field: Mapping[str, int]
    """Faults by the field's name, most frequent first; "" counts rows that do not fit the header."""
    notes: tuple[str, ...]


def check_file(
    rules: InputRules, file: BatchFile, *, moved: Callable[[int, int, int], None], stop: Callable[[], bool]
) -> Findings:
    """Check every row of a file as scoring will, scoring none; ``moved`` is told rows done, all rows, and refused so far.

    ``stop`` ends it early with what was found until then. Raises InputError or DataError when nothing of it can be scored.
    """
    n_good = n_refused = 0
    previews, faults, notes = list[pd.DataFrame](), list[pd.DataFrame](), dict.fromkeys(file.notes)
    fields: Counter[str] = Counter()
    for chunk in read_chunks(file):
        if stop():
            break
        read = read_chunk(rules, chunk)
        n_good += len(read.rows)
        n_refused += int(np.unique(read.faults["row"]).size)
        fields.update(read.faults["field"].tolist())
        notes |= dict.fromkeys(read.notes)
        if sum(map(len, previews)) < PREVIEW_ROWS:
            previews.append(_preview(read.frame, read.rows, read.applicant_ids))
        if sum(map(len, faults)) < SHOWN_FAULTS:
            faults.append(read.faults)
        moved(n_good + n_refused, file.n_rows, n_refused)
    shown = _first(previews, PREVIEW_ROWS), _first(faults, SHOWN_FAULTS)
    return Findings(n_good, n_refused, *shown, dict(fields.most_common()), tuple(notes))


def _preview(frame: pd.DataFrame, rows: object, ids: object) -> pd.DataFrame:
    first = frame.head(PREVIEW_ROWS)
    about = pd.DataFrame({"row": rows, "applicant_id": ids}).head(PREVIEW_ROWS)
    return pd.concat([about, first], axis=1)


def _first(parts: list[pd.DataFrame], n: int) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True).head(n) if parts else pd.DataFrame()
