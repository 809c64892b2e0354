"""What an outcome must look like before it is kept: every fault at once, each with its row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.data.clean import as_date, as_number, category_texts

REQUIRED: Final = ("subject_id", "known_at", "defaulted")
COLUMNS: Final = (*REQUIRED, "cash")
LONGEST_ID: Final = 200
NAMED: Final = 5
_TRUTH: Final = {"1": True, "0": False, "true": True, "false": False}


class OutcomeError(ValueError):
    """Outcomes that cannot be kept; the message names the column or the row, the value and what would be right."""


@dataclass(frozen=True)
class CheckedOutcomes:
    """The outcomes that can be kept and what is wrong with the others."""

    good: pd.DataFrame
    """`COLUMNS` on the given index: text, datetime64[us] in UTC without zone, bool, float64 (NaN where not told)."""
    faults: pd.DataFrame
    """``row`` (position from 1), ``field``, ``message``: one row per row refused."""


def check_outcomes(frame: pd.DataFrame) -> CheckedOutcomes:
    """Read a frame of outcomes: subject_id, known_at, defaulted (0/1 or true/false) and, where it is known, cash.

    A row without subject, day or outcome, with cash that is no number, or whose subject comes twice is refused. Raises
    OutcomeError when a column is missing or unknown.
    """
    _require_columns(frame)
    typed = _typed(frame)
    faults = _faults(frame, typed)
    good = typed.drop(index=typed.index[faults["row"].to_numpy(dtype=np.int64) - 1])
    return CheckedOutcomes(good.astype({"defaulted": bool}), faults)


def require_good(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the outcomes typed, as `CheckedOutcomes.good`; OutcomeError names the first rows that cannot be kept."""
    checked = check_outcomes(frame)
    if len(checked.faults):
        raise OutcomeError(f"{len(checked.faults):,} outcomes cannot be kept; {named(checked.faults)}")
    return checked.good


def named(faults: pd.DataFrame) -> str:
    """Name the first faults in one line."""
    first = [f"row {row}: {message}" for row, message in zip(faults["row"][:NAMED], faults["message"][:NAMED], strict=True)]
    more = len(faults) - NAMED
    return "; ".join(first) + (f"; and {more:,} more" if more > 0 else "")


def _require_columns(frame: pd.DataFrame) -> None:
    names = [str(name) for name in frame.columns]
    missing = [name for name in REQUIRED if name not in names]
    unknown = [name for name in names if name not in COLUMNS]
    doubled = sorted({name for name in names if names.count(name) > 1})
    for found, what in ((missing, "missing"), (unknown, "unknown"), (doubled, "there twice")):
        if found:
            raise OutcomeError(
                f"column {', '.join(map(repr, found))} is {what}; outcomes have the columns {', '.join(COLUMNS)}"
            )


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    told = frame["cash"] if "cash" in frame else pd.Series(np.nan, index=frame.index)
    texts = category_texts(frame["defaulted"]).str.lower()
    return pd.DataFrame({
        "subject_id": category_texts(frame["subject_id"]),
        "known_at": as_date(frame["known_at"]),
        "defaulted": texts.map(_TRUTH).astype(object),
        "cash": as_number(told),
    })  # fmt: skip


def _faults(frame: pd.DataFrame, typed: pd.DataFrame) -> pd.DataFrame:
    """The first fault of each row that has one."""
    subject = typed["subject_id"]
    cash = frame["cash"] if "cash" in frame else typed["cash"]
    rules: tuple[tuple[str, npt.NDArray[Any], str], ...] = (
        ("subject_id", subject.isna().to_numpy(), "subject_id is empty; give the applicant's id or the decision's"),
        (
            "subject_id",
            _cannot_be_kept(subject),
            f"subject_id is over {LONGEST_ID} characters or unprintable; give a plain id",
        ),
        (
            "subject_id",
            subject.duplicated(keep=False).to_numpy(),
            "subject {subject} comes more than once; keep one row",
        ),
        ("known_at", typed["known_at"].isna().to_numpy(), "known_at {given} is no date; write it as 2025-06-30"),
        ("defaulted", typed["defaulted"].isna().to_numpy(), "defaulted is {given}; 1 is a default, 0 is none"),
        ("cash", (typed["cash"].isna() & cash.notna()).to_numpy(), "cash {given} is no number; leave it empty if not known"),
    )
    found: dict[int, tuple[str, str]] = {}
    for field, wrong, message in rules:
        for row in np.flatnonzero(wrong).tolist():
            given = _shown(frame[field].iloc[row]) if "{given}" in message else ""
            said = message.format(given=given, subject=_shown(subject.iloc[row]))
            found.setdefault(row, (field, said))
    return pd.DataFrame([(row + 1, *found[row]) for row in sorted(found)], columns=["row", "field", "message"])


def _cannot_be_kept(subjects: "pd.Series[str]") -> npt.NDArray[np.bool_]:
    texts: Sequence[str] = subjects.fillna("").tolist()
    return np.array([len(t) > LONGEST_ID or not (t.isprintable() or not t) for t in texts], dtype=np.bool_)


def _shown(value: object) -> str:
    if value is None or value is pd.NaT or value != value:
        return "empty"
    text = repr(str(value))
    return text if len(text) <= 40 else f"{text[:37]}..."
