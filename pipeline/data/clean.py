"""What each column of a project's table is, and how its values are typed.

Codes that mean missing stay as they are: the model's own pipeline replaces them, so training and serving cannot differ.
"""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from pipeline.data.read import DataError, parse_numbers
from pipeline.project import Data, ProjectConfig

Role = Literal["target", "id", "date", "number", "boolean", "category"]

TRUTH: Final[Mapping[str, float]] = MappingProxyType(
    {"true": 1.0, "t": 1.0, "yes": 1.0, "y": 1.0, "1": 1.0, "false": 0.0, "f": 0.0, "no": 0.0, "n": 0.0, "0": 0.0}
)
_WHOLE_WITH_POINT = re.compile(r"[+-]?\d{1,400}\.0*")
"""No number has more digits (float64 ends at 309), and Python refuses to read what has thousands: such a text stays a text."""
_DAY_AS_NUMBER = re.compile(r"\d{8}")


def column_roles(config: ProjectConfig) -> dict[str, Role]:
    """Role of each required column, in the order of `config.required_columns`.

    A feature keeps its declared kind even when it is also the amount or a segment. A group column that is no feature is a
    number where the TOML gives bins for it, else a category.
    """
    data = config.data
    roles: dict[str, Role] = dict.fromkeys(config.group_columns, "category")
    roles |= {column: "number" for groups in (config.protected, config.segments) for column in groups.bins}
    roles |= dict.fromkeys((*data.cash.plus, *data.cash.minus, *([data.amount] if data.amount else [])), "number")
    roles |= {feature.name: feature.kind for feature in config.features}
    roles |= {column: "date" for column in (data.time, data.outcome_known) if column}
    roles |= {data.id: "id"} if data.id else {}
    roles[data.target] = "target"
    return {column: roles[column] for column in config.required_columns}


def clean_table(frame: pd.DataFrame, config: ProjectConfig, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the typed table that snapshots hold and models are trained on.

    Args:
        frame: rows as read; index and further columns are dropped.
        config: the project; its `required_columns` in their order are the result's columns.
        columns: fewer columns, e.g. the features alone where no outcome is known yet.

    Returns:
        numbers float64, booleans float64 0/1, categories and id as text (36, 36.0 and "36" are "36"), target int64 with 1
        for the positive label, dates as datetime64[us] without zone. A value that is none of its kind, which the check
        reports, is missing here. Codes that mean missing stay as they are: the model's own pipeline replaces them, so that
        training and serving cannot differ.

    Raises:
        DataError: a column is absent, or the target holds anything but its two labels.
    """
    roles = column_roles(config)
    wanted = config.required_columns if columns is None else tuple(columns)
    absent = [column for column in wanted if column not in frame]
    if absent:
        raise DataError(f"columns {', '.join(map(repr, absent))} are missing; run the check, which names the nearest ones")
    typed = type_columns(frame, config, {column: roles[column] for column in wanted})
    target = config.data.target
    if target in typed:
        n_odd = int(typed[target].isna().sum())
        if n_odd:
            raise DataError(
                f"target {target!r}: {n_odd} rows are neither {config.data.positive!r} nor {config.data.negative!r}; "
                "remove the rows whose outcome is not known"
            )
        typed[target] = typed[target].astype("int64")
    return typed


def type_columns(frame: pd.DataFrame, config: ProjectConfig, roles: Mapping[str, Role]) -> pd.DataFrame:
    """Type the named columns without refusing anything: what does not fit is missing; the target is float64 0/1."""
    columns: dict[str, pd.Series] = {}
    for column, role in roles.items():
        series = frame[column]
        if role == "target":
            columns[column] = as_target(series, config.data)
        elif role == "date":
            columns[column] = as_date(series)
        elif role == "number":
            columns[column] = as_number(series)
        elif role == "boolean":
            columns[column] = as_boolean(series)
        else:
            columns[column] = category_texts(series)
    return pd.DataFrame(columns, index=frame.index).reset_index(drop=True)


def category_text(value: object) -> str | None:
    """Return the one text of a category: 36, 36.0, "36" and "36.0" are "36"; None for a missing value."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float | np.floating) and np.isnan(value)):
        return None
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating):
        return str(int(value)) if float(value).is_integer() else repr(float(value))
    text = str(value).strip()
    if _WHOLE_WITH_POINT.fullmatch(text):
        return str(int(text.split(".", maxsplit=1)[0]))
    return text or None


def category_texts(series: "pd.Series") -> "pd.Series[str]":
    """`category_text` of every value, as the pandas str type; each distinct value is looked at once."""
    if series.dtype == object:  # True and 1 are one key to a dictionary
        texts = [category_text(value) for value in series]
    else:
        codes, values = pd.factorize(series)
        lookup = np.array([category_text(value) for value in values] + [None], dtype=object)
        texts = list(lookup[codes])
    return pd.Series(texts, index=series.index, name=series.name, dtype="str")


def as_number(series: "pd.Series") -> "pd.Series[float]":
    """float64; what is no finite number (text, a date, inf) is missing."""
    if pd.api.types.is_numeric_dtype(series):
        numbers = (
            series.astype("float64")
            if series.dtype.kind in "iufb"
            else pd.to_numeric(series).to_numpy("float64", na_value=np.nan)
        )
        values = np.asarray(numbers, dtype="float64")
    elif pd.api.types.is_datetime64_any_dtype(series):
        values = np.full(len(series), np.nan)
    else:
        texts = series.where(series.isna(), series.astype("str")) if series.dtype == object else series
        values = np.asarray(
            parse_numbers(pa.array(texts, type=pa.large_string(), from_pandas=True)).to_numpy(zero_copy_only=False)
        )
    return pd.Series(np.where(np.isfinite(values), values, np.nan), index=series.index, name=series.name)


def as_boolean(series: "pd.Series") -> "pd.Series[float]":
    """float64 1 for true, yes, y, t, 1 and 0 for their opposites, in any case; other numbers, maybe missing codes, stay."""
    texts = category_texts(series).str.lower()
    truth = texts.map(dict(TRUTH)).astype("float64")
    return truth.where(truth.notna(), as_number(series))


def as_date(series: "pd.Series") -> "pd.Series[pd.Timestamp]":
    """datetime64[us]: ISO 8601 (2009-12-31, 2009-12, 20091231) or Dec-2009; anything else, 03/04/2009 above all, is missing.

    Times with a zone are turned to UTC. Numbers are dates only when written as eight digits.
    """
    if pd.api.types.is_datetime64_any_dtype(series):
        zoned = pd.to_datetime(series, utc=True)
    else:
        texts = category_texts(series)
        if pd.api.types.is_numeric_dtype(series):
            texts = texts.where(texts.str.fullmatch(_DAY_AS_NUMBER.pattern).fillna(value=False).astype(bool))
        zoned = pd.to_datetime(texts, format="ISO8601", errors="coerce", utc=True)
        if zoned.isna().sum() > texts.isna().sum():
            zoned = zoned.fillna(pd.to_datetime(texts, format="%b-%Y", errors="coerce", utc=True))
    return zoned.dt.tz_localize(None).dt.as_unit("us")


def as_target(series: "pd.Series", data: Data) -> "pd.Series[float]":
    """float64: 1 for the positive label, 0 for the negative one, missing for anything else."""
    labels = (data.positive, data.negative)
    if series.dtype == bool and not any(isinstance(label, bool) for label in labels):
        series = series.astype("int64")
    texts = category_texts(series)
    truth = texts.map({category_text(data.positive): 1.0, category_text(data.negative): 0.0})
    return truth.astype("float64")
