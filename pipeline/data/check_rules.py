"""The rules of the data check that look at more than one column's own limits: each returns the failures it found."""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

import numpy as np
import pandas as pd

from pipeline.data.check_schema import MISSING_RATE, RANGE, TYPE, UNKNOWN_CATEGORY, build_schema, failing_rows
from pipeline.data.clean import column_roles, type_columns
from pipeline.evaluation.leaks import single_feature_auc
from pipeline.evaluation.reference import psi_by_feature, reference_profile
from pipeline.project import Feature, ProjectConfig

MISSING_COLUMN: Final = "missing_column"
DUPLICATE_ID: Final = "duplicate_id"
DUPLICATE_ROW: Final = "duplicate_row"
ROW_COUNT: Final = "row_count"
DATE_UNPARSEABLE: Final = "date_unparseable"
DATE_IN_FUTURE: Final = "date_in_future"
STALE: Final = "stale"
TARGET_VALUE: Final = "target_value"
TARGET_CONSTANT: Final = "target_constant"
SUSPECTED_LEAK: Final = "suspected_leak"
SHIFT: Final = "shift"

RULES: Final = (
    MISSING_COLUMN, TYPE, RANGE, UNKNOWN_CATEGORY, MISSING_RATE, DUPLICATE_ID, DUPLICATE_ROW, ROW_COUNT, DATE_UNPARSEABLE,
    DATE_IN_FUTURE, STALE, TARGET_VALUE, TARGET_CONSTANT, SUSPECTED_LEAK, SHIFT,
)  # fmt: skip
"""Stable names: they stand in TOML files (`checks.warn_only`) and in every run's checks.json."""

WHOLE_TABLE: Final = "(table)"
SMALL_EXCESS: Final = 0.02
"""A missing share above its limit by no more than this warns; the model imputes, so a few more gaps are no reason to stop."""

Severity = Literal["blocking", "warning"]
_BY_DEFAULT: Final[dict[str, Severity]] = {DUPLICATE_ROW: "warning", STALE: "warning", SHIFT: "warning"}
_SHOWN_ROWS = 5


@dataclass(frozen=True)
class Failure:
    """One rule broken by one column."""

    column: str
    rule: str
    severity: Severity
    count: int
    """Rows concerned; 0 where the rule is about the column or the table as a whole."""
    first_rows: str
    """The first data rows concerned, counted from 1 without header and blank lines."""
    detail: str
    """What was found and what would be right."""


@dataclass(frozen=True)
class Case:
    """What the rules look at."""

    raw: pd.DataFrame
    """As read, index 0..n-1."""
    typed: pd.DataFrame
    """The required columns that are there, typed; what does not fit its type is missing."""
    config: ProjectConfig
    today: date
    previous: pd.DataFrame | None


def build_case(frame: pd.DataFrame, config: ProjectConfig, previous: pd.DataFrame | None, today: date) -> Case:
    """Type what can be typed of the frame."""
    raw = frame.reset_index(drop=True)
    present = {column: role for column, role in column_roles(config).items() if column in raw}
    return Case(raw, type_columns(raw, config, present), config, today, previous)


def missing_columns(case: Case) -> list[Failure]:
    """Name each absent column and the column of the file it may have been renamed to."""
    spare = [str(column) for column in case.raw.columns if column not in case.config.required_columns]
    found = []
    for column in case.config.required_columns:
        if column not in case.raw:
            near = _nearest(column, spare)
            hint = f"the file has {near!r}: renamed? Rename it back" if near else "add it to the file"
            found.append(_failure(column, MISSING_COLUMN, [], f"is not in the file; {hint} or change the project's TOML"))
    return found


def schema_failures(case: Case) -> list[Failure]:
    """Types, ranges, choices and missing shares, as pandera finds them."""
    if case.raw.empty:
        return []
    broken = failing_rows(case.raw, build_schema(case.config))
    return [_described(case, column, rule, rows) for (column, rule), rows in broken.items()]


def duplicates(case: Case) -> list[Failure]:
    """Ids that occur again, and rows alike in every required column but the id."""
    found, id_column = [], case.config.data.id
    if id_column and id_column in case.typed:
        ids = case.typed[id_column]
        again = ids.duplicated() & ids.notna()
        example = f", e.g. {_shown(ids[again].iloc[0])}" if again.any() else ""
        found += _if_any(id_column, DUPLICATE_ID, again, f"ids that occurred before{example}; each row needs its own")
    rest = case.typed.drop(columns=[id_column], errors="ignore")
    if rest.shape[1] > 1:
        found += _if_any(WHOLE_TABLE, DUPLICATE_ROW, rest.duplicated(), "rows equal an earlier one in everything but the id")
    return found


def row_count(case: Case) -> list[Failure]:
    """Too few rows to learn from or to judge by."""
    n, least = len(case.raw), case.config.checks.min_rows
    return [] if n >= least else [_failure(WHOLE_TABLE, ROW_COUNT, [], f"has {n} rows; checks.min_rows asks for {least}")]


def dates(case: Case) -> list[Failure]:
    """Dates that cannot be read, applications in the future, and a file whose newest application is too old.

    Only the application date must lie in the past: when an outcome becomes known may be planned, as in a simulated book.
    """
    data, found = case.config.data, []
    for column in dict.fromkeys(c for c in (data.time, data.outcome_known) if c and c in case.typed):
        unread = case.typed[column].isna() & (True if column == data.time else case.raw[column].notna())
        detail = f"values are no dates{_example(case.raw[column], unread)}; write them as 2009-12-31"
        found += _if_any(column, DATE_UNPARSEABLE, unread, detail)
    if data.time and data.time in case.typed:
        times = case.typed[data.time]
        later = times >= pd.Timestamp(case.today) + pd.Timedelta(days=1)
        detail = f"dates lie after today, {case.today}{_example(case.raw[data.time], later)}"
        found += [*_if_any(data.time, DATE_IN_FUTURE, later, detail), *_stale(case, data.time, times)]
    return found


def target(case: Case) -> list[Failure]:
    """Target values other than the two declared, and a target that never changes."""
    data = case.config.data
    if data.target not in case.typed or case.raw.empty:
        return []
    truth = case.typed[data.target]
    odd = truth.isna()
    labels = f"{data.positive!r} (default) and {data.negative!r} are declared"
    found = _if_any(data.target, TARGET_VALUE, odd, f"rows hold another value{_example(case.raw[data.target], odd)}; {labels}")
    if len(set(truth.dropna())) == 1:
        only = data.positive if truth.dropna().iloc[0] == 1 else data.negative
        detail = f"is {only!r} in every row that has a declared value; {labels}, and both must occur"
        found.append(_failure(data.target, TARGET_CONSTANT, [], detail))
    return found


def leaks(case: Case) -> list[Failure]:
    """Columns that alone order the outcomes nearly perfectly: they probably hold it.

    Features and groups are tried, by kind; the id, dates, the target and `data.never` are not inputs and are left alone.
    """
    data, checks = case.config.data, case.config.checks
    kinds = {c: k for c, k in _kinds(case).items() if c in (*case.config.feature_names, *case.config.group_columns)}
    kinds = {column: kind for column, kind in kinds.items() if column != data.target and not data.is_never(column)}
    if data.target not in case.typed or case.typed[data.target].nunique() < 2 or not kinds:
        return []
    known = case.typed[data.target].notna()
    aucs = single_feature_auc(case.typed[known], case.typed.loc[known, data.target].astype("int64"), kinds)
    accepted = {leak.column: leak.reason for leak in checks.acknowledged_leaks}
    by_column = zip(aucs["column"].astype(str), aucs["auc"].astype(float), strict=True)
    return [_leak(column, auc, checks.leak_auc, accepted) for column, auc in by_column if auc > checks.leak_auc]


def shift(case: Case) -> list[Failure]:
    """Columns distributed otherwise than in the earlier snapshot: PSI over the bins of that snapshot."""
    if case.previous is None or case.raw.empty or case.previous.empty:
        return []
    limit = case.config.checks.max_shift_psi
    kinds = {column: kind for column, kind in _kinds(case).items() if column in case.previous}
    before = type_columns(case.previous, case.config, {c: r for c, r in column_roles(case.config).items() if c in kinds})
    reference = reference_profile(before, kinds, np.zeros(len(before)))
    table = psi_by_feature(reference, case.typed)
    return [
        _failure(column, SHIFT, [], f"PSI against the earlier snapshot is {psi:.2f}; up to {limit:g} is allowed")
        for column, psi in zip(table["feature"].astype(str), table["psi"].astype(float), strict=True)
        if column in kinds and psi > limit
    ]


def nearest_rule(name: str) -> str:
    """Say which rule name was probably meant."""
    near = _nearest(name, RULES)
    return f"; did you mean {near!r}?" if near else ""


def _stale(case: Case, column: str, times: "pd.Series[pd.Timestamp]") -> list[Failure]:
    limit, newest = case.config.checks.max_age_days, times.max()
    if limit is None or pd.isna(newest):
        return []
    age = (case.today - newest.date()).days
    detail = f"newest date is {newest.date()}, {age} days old; checks.max_age_days allows {limit}"
    return [_failure(column, STALE, [], detail)] if age > limit else []


def _leak(column: str, auc: float, limit: float, accepted: dict[str, str]) -> Failure:
    found = f"alone reaches AUC {auc:.4f}, above {limit:g}: it may hold the outcome"
    if column in accepted:
        return _failure(column, SUSPECTED_LEAK, [], f"{found}; acknowledged: {accepted[column]}", "warning")
    advice = "list it under data.never, or acknowledge it with a reason under checks.acknowledged_leaks"
    return _failure(column, SUSPECTED_LEAK, [], f"{found}; {advice}")


def _kinds(case: Case) -> dict[str, str]:
    """Kind of each present column that has a distribution; the target counts as a category, ids and dates do not count."""
    roles = {column: role for column, role in column_roles(case.config).items() if column in case.typed}
    return {c: "category" if r == "target" else r for c, r in roles.items() if r not in ("id", "date")}


def _described(case: Case, column: str, rule: str, rows: list[int]) -> Failure:
    """Put a schema failure into words."""
    feature = next((f for f in case.config.features if f.name == column), None)
    if rule == MISSING_RATE:
        return _missing_rate(case, column, feature, rows)
    example = _shown(case.raw[column].iloc[rows[0]])
    return _failure(column, rule, rows, f"{len(rows)} values such as {example} {_expected(rule, feature)}")


def _expected(rule: str, feature: Feature | None) -> str:
    if rule == RANGE and feature is not None and feature.range is not None:
        return f"lie outside {feature.range[0]:g} to {feature.range[1]:g}"
    if rule == UNKNOWN_CATEGORY and feature is not None:
        return f"are not among the choices {', '.join(map(str, feature.choices))}"
    if feature is not None and feature.kind == "boolean":
        return "are neither true nor false; write true, false, yes, no, 1 or 0"
    return "are no whole numbers" if feature is not None and feature.integer else "are no numbers; write 1234.5"


def _missing_rate(case: Case, column: str, feature: Feature | None, rows: list[int]) -> Failure:
    allowed = feature.max_missing if feature else 0.0
    share = len(rows) / len(case.raw)
    is_small = share <= allowed + SMALL_EXCESS and column != case.config.data.id
    is_cash = feature is None and column in (*case.config.data.cash.plus, *case.config.data.cash.minus)
    codes = f" (empty or {', '.join(map(repr, feature.missing))})" if feature and feature.missing else ""
    detail = f"{share:.2%} are missing{codes}; up to {allowed:.2%} is allowed"
    return _failure(column, MISSING_RATE, rows, detail, "warning" if is_small or is_cash else "blocking")


def _failure(column: str, rule: str, rows: Sequence[int], detail: str, severity: Severity | None = None) -> Failure:
    shown = ", ".join(str(row + 1) for row in rows[:_SHOWN_ROWS]) + (", ..." if len(rows) > _SHOWN_ROWS else "")
    return Failure(column, rule, severity or _BY_DEFAULT.get(rule, "blocking"), len(rows), shown, detail)


def _if_any(column: str, rule: str, mask: "pd.Series[bool]", detail: str) -> list[Failure]:
    rows = np.flatnonzero(mask.to_numpy()).tolist()
    return [_failure(column, rule, rows, f"{len(rows)} {detail}")] if rows else []


def _example(series: pd.Series, mask: "pd.Series[bool]") -> str:
    return f", e.g. {_shown(series[mask].iloc[0])}" if mask.any() else ""


def _shown(value: object) -> str:
    """The value as it stands in the file, without the name of NumPy's type."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def _nearest(wrong: str, right: Iterable[str]) -> str | None:
    """Nearest name, whatever its case."""
    by_lower = {name.lower(): name for name in right}
    close = difflib.get_close_matches(wrong.lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[close[0]] if close else None
