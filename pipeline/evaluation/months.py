"""Whole months between dates, as a lender counts them: the 31st and a month is the last day of the next month."""

from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas
from pandas import DatetimeIndex, Timestamp

from pipeline.evaluation.inputs import FloatArray


def as_dates(values: Any) -> DatetimeIndex:
    """Return dates, instants or ISO 8601 texts as days without time or zone (UTC where they had one); missing stay missing."""
    days = pandas.to_datetime(pandas.Series(values).reset_index(drop=True), utc=True, format="ISO8601")
    return DatetimeIndex(days).tz_localize(None).normalize()


def as_date(value: date | str) -> Timestamp:
    """Return one date as `as_dates` does; ValueError when it is missing."""
    day = as_dates([value])[0]
    if pandas.isna(day):
        raise ValueError(f"{value!r} is no date; give one such as 2026-03-31")
    return Timestamp(day)


def months_passed(start: DatetimeIndex, end: DatetimeIndex) -> FloatArray:
    """Return how many whole months after each start have been reached by its end, shape (n,); NaN where a date is missing."""
    return _between(start, end) - (_day(end) < _due_day(start, end))


def month_reached(start: DatetimeIndex, end: DatetimeIndex) -> FloatArray:
    """Return the first whole month after each start that is not before its end: 0 on the day itself; NaN where missing."""
    return _between(start, end) + (_day(end) > _due_day(start, end))


def _between(start: DatetimeIndex, end: DatetimeIndex) -> FloatArray:
    months = (end.year - start.year) * 12 + (end.month - start.month)
    return np.where(np.isnan(_day(start)) | np.isnan(_day(end)), np.nan, np.asarray(months, dtype=np.float64))


def _day(dates: DatetimeIndex) -> npt.NDArray[np.float64]:
    return np.asarray(dates.day, dtype=np.float64)


def _due_day(start: DatetimeIndex, end: DatetimeIndex) -> npt.NDArray[np.float64]:
    """Day of the end's month on which a whole number of months is up."""
    return np.minimum(_day(start), np.asarray(end.days_in_month, dtype=np.float64))
