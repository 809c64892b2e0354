"""What may be learned from on a day: rows of matured vintages whose outcome was known; and the split moved to them."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from pipeline.data.clean import column_roles, type_columns
from pipeline.evaluation.months import as_date, months_passed
from pipeline.evaluation.vintages import maturity_table
from pipeline.project import Project, ProjectConfig, Split, parse_project

OPEN_WINDOW_MONTHS: Final = 6
"""Calendar months of recent test rows where the project's own test window has no end."""


class RetrainError(ValueError):
    """A retraining that cannot be done at all; the message says what to do."""


@dataclass(frozen=True)
class Learnable:
    """Rows to learn from, as they were read and in that order, and how they were found."""

    frame: pd.DataFrame
    """Also holds rows whose dates cannot be read, so that the check names them instead of losing them in silence."""
    n_read: int
    last_matured: date | None
    """First day of the newest matured vintage; None where the project has no dates or nothing has matured."""
    next_matures: date | None
    """Day on which the next vintage matures; None where there is none waiting."""


def learnable_rows(frame: pd.DataFrame, config: ProjectConfig, as_of: date) -> Learnable:
    """Return the rows of matured vintages whose outcome was known by a day.

    An outcome is known on the date that the file's own column gives, and where it has none, once the loan has been on book
    for `outcome_months`. A vintage that has not matured is left out whole: its defaults are in, its good loans are not. A
    project without dates keeps every row, because nothing tells when an outcome was known.

    Args:
        frame: rows as read, shape (n, columns).
        as_of: the day, included.
    """
    time = config.data.time
    if time is None or time not in frame:
        return Learnable(frame, len(frame), None, None)
    loans = _loans(frame, config, as_of)
    dated = loans[loans["is_dated"] & (loans["decided_at"] <= as_date(as_of))]
    if dated.empty:
        return Learnable(frame[~loans["is_dated"].to_numpy()], len(frame), None, None)
    known = np.where(dated["is_known"], 0.0, np.nan)  # which outcome it was plays no part in whether it is in
    vintages = maturity_table(dated["decided_at"], known, as_of, config.data.outcome_months)
    matured = vintages.loc[vintages["is_matured"], "vintage"]
    waiting = vintages.loc[~vintages["is_matured"], "matures_on"]
    is_matured = loans["decided_at"].dt.to_period("M").dt.to_timestamp().isin(matured)
    keep = ~loans["is_dated"] | (is_matured & loans["is_known"])
    return Learnable(frame[keep.to_numpy()].reset_index(drop=True), len(frame), _day(matured.max()), _day(waiting.min()))


def moved_split(split: Split, last_matured: date, months: int | None = None) -> Split:
    """Return a split by time whose test window is the last matured months, as long as the project's own unless told."""
    length = months or window_months(split)
    last = pd.Period(last_matured, freq="M")
    start, end = (last - (length - 1)).start_time.date(), last.end_time.date()
    return split.model_copy(update={"test_from": start, "test_until": end})


def window_months(split: Split) -> int:
    """Return how many calendar months the test window touches; `OPEN_WINDOW_MONTHS` where it has no end."""
    if split.test_from is None or split.test_until is None:
        return OPEN_WINDOW_MONTHS
    return (split.test_until.year - split.test_from.year) * 12 + split.test_until.month - split.test_from.month + 1


def moved_project(project: Project, split: Split) -> Project:
    """Return the project with the dates of another split written into its TOML text, everything else as it stands.

    The text is what a run logs and what `reproduce` reads, so it must say what was done. Raises RetrainError when the text
    does not keep the two dates on lines of their own under [split].
    """
    text = _with_dates(project.text, split)
    config = parse_project(text, str(project.path))
    if config.model_dump() != project.config.model_copy(update={"split": split}).model_dump():
        raise RetrainError(
            f"{project.path.name}: the test window cannot be moved; write test_from (and test_until) each on a line of its own "
            "below a line [split]"
        )
    return Project(config, text, project.path)


def _loans(frame: pd.DataFrame, config: ProjectConfig, as_of: date) -> pd.DataFrame:
    """One row per row of the frame: decided_at, is_dated (its dates can be read), is_known by the day."""
    time, known_column = str(config.data.time), config.data.outcome_known
    dates = {column: role for column, role in column_roles(config).items() if role == "date" and column in frame}
    typed = type_columns(frame, config, dates)
    decided, is_dated, day = typed[time], typed[time].notna(), as_date(as_of)
    if known_column is not None and known_column in typed:
        is_dated &= typed[known_column].notna() | frame[known_column].reset_index(drop=True).isna()
        is_known = typed[known_column] < day + pd.Timedelta(days=1)
    else:
        passed = months_passed(pd.DatetimeIndex(decided), pd.DatetimeIndex([day] * len(decided)))
        is_known = pd.Series(passed >= config.data.outcome_months)
    return pd.DataFrame({"decided_at": decided.dt.normalize(), "is_dated": is_dated, "is_known": is_known})


def _with_dates(text: str, split: Split) -> str:
    """Replace or add the two dates inside the section [split]; what stood behind them on the line was about the old ones."""
    section = re.search(r"(?ms)^\[split\][^\n]*\n.*?(?=^\[|\Z)", text)
    if section is None:
        return text
    body = re.sub(r"(?m)^test_until[ \t]*=[^\r\n]*\r?\n?", "", section.group())
    dates = f"test_from = {split.test_from}\ntest_until = {split.test_until}"
    body = re.sub(r"(?m)^test_from[ \t]*=[^\r\n]*", dates, body)
    return text[: section.start()] + body + text[section.end() :]


def _day(stamp: Any) -> date | None:
    return None if pd.isna(stamp) else pd.Timestamp(stamp).date()
