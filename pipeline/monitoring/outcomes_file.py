"""A file of outcomes, read through the project's own columns or the plain ones: what is known, what waits, what is refused."""

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from pipeline.data.clean import as_date, as_number, as_target
from pipeline.monitoring.outcomes_check import COLUMNS, REQUIRED, OutcomeError, check_outcomes
from pipeline.project import ProjectConfig


@dataclass(frozen=True)
class OutcomeFile:
    """The rows of a file. ``good`` goes to `record_outcomes`; ``faults`` (row, field, message) count rows from 1."""

    good: pd.DataFrame
    faults: pd.DataFrame
    n_waiting: int
    """Rows without an outcome, or with one that became known after the day asked for."""
    notes: tuple[str, ...]


def outcomes_of(frame: pd.DataFrame, config: ProjectConfig, as_of: date | None = None) -> OutcomeFile:
    """Read outcomes out of a table: columns subject_id, known_at, defaulted[, cash], or those that the project names.

    Raises OutcomeError when the columns are neither.
    """
    is_plain = all(name in frame for name in REQUIRED)
    if not is_plain:
        _require(frame, config)
    found, notes = (frame, ()) if is_plain else project_outcomes(frame, config)
    found = found.reset_index(drop=True)
    waits = np.zeros(len(found), dtype=np.bool_) if is_plain else found["defaulted"].isna().to_numpy()
    if as_of is not None:
        waits = waits | (as_date(found["known_at"]).dt.floor("D") > pd.Timestamp(as_of)).to_numpy()
    rest = found[~waits]
    checked = check_outcomes(rest)
    rows = rest.index.to_numpy(dtype=np.int64)[checked.faults["row"].to_numpy(dtype=np.int64) - 1] + 1
    return OutcomeFile(checked.good, checked.faults.assign(row=rows), int(waits.sum()), notes)


def project_outcomes(frame: pd.DataFrame, config: ProjectConfig) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return subject_id, known_at, defaulted and cash by the project's columns, as given where they cannot be read.

    ``defaulted`` is missing where the file has no outcome yet. Where it has no day on which the outcome became known, that is
    when the outcome window has passed.
    """
    known, notes = known_days(frame, config)
    label = as_target(frame[config.data.target], config.data)
    columns = {
        "subject_id": frame[config.data.id] if config.data.id in frame else pd.Series(None, index=frame.index, dtype=object),
        "known_at": known,
        "defaulted": _or_as_given(label, frame[config.data.target]),
        "cash": realised_cash(frame, config),
    }
    return pd.DataFrame(columns), notes


def known_days(frame: pd.DataFrame, config: ProjectConfig) -> tuple[pd.Series, tuple[str, ...]]:
    """Return per row when its outcome became known, and what was assumed; what is no date stays as it was given."""
    data = config.data
    given = frame[data.outcome_known] if data.outcome_known in frame else pd.Series(pd.NaT, index=frame.index)
    known = as_date(given)
    if data.time not in frame:
        return _or_as_given(known, given), ()
    decided = as_date(frame[data.time])
    absent, early = given.isna() & decided.notna(), known < decided.dt.floor("D")
    known = known.mask(absent, decided + pd.DateOffset(months=data.outcome_months)).mask(early, decided.dt.floor("D"))
    window = f"{data.outcome_months} months after {data.time}"
    notes = [
        f"{int(rows.sum()):,} outcomes {words}"
        for rows, words in (
            (
                absent & frame[data.target].notna(),
                f"have no day and count as known {window}",
            ),
            (early, f"lie before their application and count as known on the day of {data.time}"),
        )
        if rows.any()
    ]
    return _or_as_given(known, given), tuple(notes)


def _or_as_given(read: pd.Series, given: pd.Series) -> pd.Series:
    """Return what was read, and the cell itself where something stands in it that could not be."""
    odd = read.isna() & given.notna()
    return read.astype(object).mask(odd, given.astype(object)) if odd.any() else read


def realised_cash(frame: pd.DataFrame, config: ProjectConfig) -> pd.Series:
    """Return the net return per row, by the project's cash columns: missing where one is, as given where one is no number."""
    cash = config.data.cash
    columns = [(name, sign) for names, sign in ((cash.plus, 1.0), (cash.minus, -1.0)) for name in names]
    total = pd.Series(0.0 if columns and all(name in frame for name, _ in columns) else np.nan, index=frame.index)
    odd = pd.Series(None, index=frame.index, dtype=object)
    for name, sign in columns if total.notna().any() else ():
        numbers = as_number(frame[name])
        odd = odd.where(numbers.notna() | frame[name].isna(), frame[name].astype(object))
        total = total + sign * numbers
    return total.round(2) if odd.isna().all() else total.round(2).astype(object).where(odd.isna(), odd)


def _require(frame: pd.DataFrame, config: ProjectConfig) -> None:
    data = config.data
    missing = [name for name in (data.id, data.target) if name is not None and name not in frame]
    if missing or (data.outcome_known not in frame and data.time not in frame):
        days = " or ".join(repr(name) for name in (data.outcome_known, data.time) if name)
        wanted = [repr(name) for name in (data.id, data.target) if name] + [days or "a column with the day it became known"]
        raise OutcomeError(
            f"the file is no file of outcomes: {config.name} needs {', '.join(wanted)}, or the columns {', '.join(COLUMNS)} "
            f"(cash may be left out); it has {', '.join(map(repr, list(frame.columns)[:8]))}"
        )
