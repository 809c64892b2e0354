"""The pandera schema of a project: types, ranges, choices and missing shares, straight from its TOML."""

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd
import pandera.pandas as pa

from pipeline.data.clean import Role, as_boolean, as_number, category_text, category_texts, column_roles
from pipeline.project import Feature, ProjectConfig, Scalar

TYPE = "type"
RANGE = "range"
UNKNOWN_CATEGORY = "unknown_category"
MISSING_RATE = "missing_rate"

_Mask = Callable[[pd.Series], pd.Series]


def build_schema(config: ProjectConfig) -> pa.DataFrameSchema:
    """Return the schema of the raw table; every pandera check is named after our rule and answers row by row.

    Values are judged by what they can be read as (36, 36.0 and "36" alike), because a raw column with one stray word is
    text as a whole and a dtype check would name no row. Absent columns are another rule's business: none is required here.
    """
    features = {feature.name: feature for feature in config.features}
    columns = {}
    for column, role in column_roles(config).items():
        checks = _feature_checks(features[column]) if column in features else _other_checks(role)
        if checks:
            columns[column] = pa.Column(nullable=True, required=False, checks=checks)
    return pa.DataFrameSchema(columns)


def failing_rows(frame: pd.DataFrame, schema: pa.DataFrameSchema) -> dict[tuple[str, str], list[int]]:
    """Return column and rule -> 0-based positions of the failing rows, ascending; all failures in one pass.

    frame must have the index 0..n-1.
    """
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as exc:
        cases = exc.failure_cases
        _raise_if_check_broke(cases)
        groups = cases.groupby(["column", "check"], sort=False)["index"]
        return {(str(column), str(rule)): sorted(int(i) for i in rows) for (column, rule), rows in groups}
    return {}


def is_missing(series: pd.Series, codes: Sequence[Scalar]) -> "pd.Series[bool]":
    """Tell which values are missing: empty, or one of the codes that mean so."""
    missing = series.isna()
    if not codes:
        return missing
    numbers = [code for code in codes if isinstance(code, int | float) and not isinstance(code, bool)]
    missing = missing | as_number(series).isin(numbers)
    if pd.api.types.is_numeric_dtype(series) and series.dtype != bool:
        return missing
    return missing | category_texts(series).isin([category_text(code) for code in codes])


def _raise_if_check_broke(cases: pd.DataFrame) -> None:
    """A check that raised has no row index; that is our bug, never the user's data."""
    broken = cases[cases["index"].isna()]
    if len(broken):
        raise RuntimeError(f"the schema check itself failed: {broken.iloc[0].to_dict()}")


def _feature_checks(feature: Feature) -> list[pa.Check]:
    checks = [_check(MISSING_RATE, partial(_within_missing, feature.missing, feature.max_missing), ignore_na=False)]
    if feature.kind == "category":
        allowed = {category_text(choice) for choice in (*feature.choices, *feature.missing)}
        return [*checks, _check(UNKNOWN_CATEGORY, lambda series: category_texts(series).isin(allowed))]
    if feature.kind == "boolean":
        return [*checks, _check(TYPE, lambda series: as_boolean(series).isin([0, 1]) | is_missing(series, feature.missing))]
    checks.append(_check(TYPE, partial(_is_number, feature)))
    if feature.range is not None:
        checks.append(_check(RANGE, partial(_in_range, feature)))
    return checks


def _other_checks(role: Role) -> list[pa.Check]:
    """Columns that are no features have a role and no limits; a money column or an id should be there in every row."""
    checks = []
    if role == "number":
        checks.append(_check(TYPE, lambda series: as_number(series).notna()))
    if role in ("number", "id"):
        checks.append(_check(MISSING_RATE, partial(_within_missing, (), 0.0), ignore_na=False))
    return checks


def _check(rule: str, mask: _Mask, ignore_na: bool = True) -> pa.Check:
    return pa.Check(mask, name=rule, ignore_na=ignore_na)


def _within_missing(codes: Sequence[Scalar], max_missing: float, series: pd.Series) -> "pd.Series[bool]":
    missing = is_missing(series, codes)
    return ~missing if missing.mean() > max_missing else pd.Series(data=True, index=series.index)


def _is_number(feature: Feature, series: pd.Series) -> "pd.Series[bool]":
    numbers = as_number(series)
    fits = numbers.notna() & ((numbers % 1 == 0) if feature.integer else True)
    return fits | is_missing(series, feature.missing)


def _in_range(feature: Feature, series: pd.Series) -> "pd.Series[bool]":
    """What is no number at all passes here: its type is already refused."""
    assert feature.range is not None
    numbers = as_number(series)
    return numbers.between(*feature.range) | numbers.isna() | is_missing(series, feature.missing)
