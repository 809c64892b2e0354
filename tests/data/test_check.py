"""Every rule of the data check: silent on good data, one plain line on bad data, all failures at once."""

import json
import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.check import RULES, CheckReport, category_text, check_table, clean_table
from pipeline.data.check_schema import is_missing
from pipeline.data.read import DataError, read_table
from pipeline.project import ProjectConfig, ProjectError, load_project

TODAY = date(2025, 1, 15)
Build = Callable[..., ProjectConfig]
Spoil = Callable[[pd.DataFrame], pd.DataFrame]


def check(frame: pd.DataFrame, config: ProjectConfig, **keys: object) -> CheckReport:
    return check_table(frame, config, today=TODAY, **keys)


def put(column: str, value: object, rows: slice | list[int]) -> Spoil:
    """Put a value into some rows of a column."""

    def spoil(loans: pd.DataFrame) -> pd.DataFrame:
        values = loans[column].astype(object)
        values.iloc[rows] = value
        return loans.assign(**{column: values})

    return spoil


def set_all(column: str, values: Callable[[pd.DataFrame], object]) -> Spoil:
    return lambda loans: loans.assign(**{column: values(loans)})


def found(report: CheckReport) -> list[tuple[str, str, str, int, str]]:
    return [tuple(row) for row in report.failures.drop(columns="detail").itertuples(index=False)]


def test_good_data_passes_without_a_word(loans: pd.DataFrame, product: Build) -> None:
    report = check(loans, product(checks={"max_age_days": 30}), previous=clean_table(loans, product()))
    assert report.failures.empty
    assert report.passed
    assert report.rules == RULES


_FIRST = "3, 4"
CASES: list[tuple[Spoil, tuple[str, str, str, int, str], str]] = [
    (put("amount", "lots", [2, 3]), ("amount", "type", "blocking", 2, _FIRST), "2 values such as 'lots' are no numbers"),
    (put("amount", float("inf"), [2]), ("amount", "type", "blocking", 1, "3"), "no numbers"),
    (put("children", 1.5, [2, 3]), ("children", "type", "blocking", 2, _FIRST), "such as 1.5 are no whole numbers"),
    (put("homeowner", "maybe", [2, 3]), ("homeowner", "type", "blocking", 2, _FIRST), "'maybe' are neither true nor false"),
    (
        set_all("children", lambda loans: pd.to_datetime(loans["applied_on"])),
        ("children", "type", "blocking", 1200, "1, 2, 3, 4, 5, ..."),
        "are no whole numbers",
    ),
    (put("age", "old", [2]), ("age", "type", "blocking", 1, "3"), "such as 'old' are no numbers"),
    (put("amount", 99.0, [2, 3]), ("amount", "range", "blocking", 2, _FIRST), "such as 99.0 lie outside 100 to 50000"),
    (put("income", -2, [2, 3]), ("income", "range", "blocking", 2, _FIRST), "outside 0 to 1e+06"),
    (
        put("term", 48, [2, 3]),
        ("term", "unknown_category", "blocking", 2, _FIRST),
        "such as 48 are not among the choices 36, 60",
    ),
    (
        put("amount", None, [2, 3]),
        ("amount", "missing_rate", "warning", 2, _FIRST),
        "0.17% are missing; up to 0.00% is allowed",
    ),
    (
        put("income", -1, slice(0, 240)),
        ("income", "missing_rate", "blocking", 240, "1, 2, 3, 4, 5, ..."),
        "20.00% are missing (empty or -1); up to 10.00% is allowed",
    ),
    (put("loan_id", None, [2]), ("loan_id", "missing_rate", "blocking", 1, "3"), "0.08% are missing"),
    (put("loan_id", 7000, [2, 3]), ("loan_id", "duplicate_id", "blocking", 2, _FIRST), "e.g. '7000'; each row needs its own"),
    (put("applied_on", "03/04/2024", [2, 3]), ("applied_on", "date_unparseable", "blocking", 2, _FIRST), "e.g. '03/04/2024'"),
    (put("applied_on", None, [2, 3]), ("applied_on", "date_unparseable", "blocking", 2, _FIRST), "write them as 2009-12-31"),
    (put("applied_on", "2025-01-16", [2]), ("applied_on", "date_in_future", "blocking", 1, "3"), "after today, 2025-01-15"),
    (put("default", 2, [2, 3]), ("default", "target_value", "blocking", 2, _FIRST), "e.g. 2; 1 (default) and 0 are declared"),
    (put("default", None, [2, 3]), ("default", "target_value", "blocking", 2, _FIRST), "hold another value"),
    (set_all("default", lambda _: 0), ("default", "target_constant", "blocking", 0, ""), "is 0 in every row"),
    (lambda loans: loans.head(999), ("(table)", "row_count", "blocking", 0, ""), "has 999 rows; checks.min_rows asks for 1000"),
    (
        lambda loans: pd.concat([loans, loans.head(2).assign(loan_id=[1, 2])]),
        ("(table)", "duplicate_row", "warning", 2, "1201, 1202"),
        "equal an earlier one in everything but the id",
    ),
    (
        lambda loans: loans.rename(columns={"income": "Income_EUR"}),
        ("income", "missing_column", "blocking", 0, ""),
        "the file has 'Income_EUR': renamed?",
    ),
    (lambda loans: loans.drop(columns="channel"), ("channel", "missing_column", "blocking", 0, ""), "add it to the file"),
    (
        set_all("income", lambda loans: loans["default"] * 1000.0 + 5),
        ("income", "suspected_leak", "blocking", 0, ""),
        "alone reaches AUC 1.0000, above 0.95",
    ),
    (
        set_all("channel", lambda loans: loans["default"].map({0: "paid", 1: "lost"})),
        ("channel", "suspected_leak", "blocking", 0, ""),
        "list it under data.never",
    ),
]


@pytest.mark.parametrize(
    ("spoil", "expected", "detail"), CASES, ids=[f"{e[1]}-{e[0]}-{i}" for i, (_, e, _) in enumerate(CASES)]
)
def test_each_fault_is_named_by_column_rule_and_row_and_nothing_else_is(
    loans: pd.DataFrame, product: Build, spoil: Spoil, expected: tuple[str, str, str, int, str], detail: str
) -> None:
    report = check(spoil(loans), product())
    assert found(report) == [expected]
    assert detail in report.failures["detail"].iloc[0]
    assert report.passed == (expected[2] == "warning")


def test_old_data_is_stale_only_where_an_age_is_declared(loans: pd.DataFrame, product: Build) -> None:
    assert check(loans, product(checks={"max_age_days": 16})).failures.empty
    report = check(loans, product(checks={"max_age_days": 15}))
    assert found(report) == [("applied_on", "stale", "warning", 0, "")]
    assert "newest date is 2024-12-30, 16 days old; checks.max_age_days allows 15" in report.failures["detail"].iloc[0]


def test_a_shifted_column_is_named_against_the_earlier_snapshot(loans: pd.DataFrame, product: Build) -> None:
    previous = clean_table(loans, product())
    report = check(loans.assign(income=loans["income"] * 1.6), product(), previous=previous)
    assert found(report) == [("income", "shift", "warning", 0, "")]
    assert check(loans, product(), previous=previous).failures.empty


def test_a_copy_of_the_target_as_a_feature_fails_the_check(loans: pd.DataFrame, product: Build) -> None:
    copy = {"name": "status", "kind": "number", "label": "Status"}
    features = [*product().model_dump(exclude_unset=True)["features"], copy]
    report = check(loans.assign(status=loans["default"]), product(features=features))
    assert found(report) == [("status", "suspected_leak", "blocking", 0, "")]


def test_an_acknowledged_leak_warns_with_its_reason(loans: pd.DataFrame, product: Build) -> None:
    leak = {"column": "income", "reason": "synthetic exercise"}
    report = check(loans.assign(income=loans["default"] * 10.0), product(checks={"acknowledged_leaks": [leak]}))
    assert found(report) == [("income", "suspected_leak", "warning", 0, "")]
    assert report.failures["detail"].iloc[0].endswith("acknowledged: synthetic exercise")


def test_columns_that_are_never_features_are_no_suspects(loans: pd.DataFrame, product: Build) -> None:
    config = product(segments={"columns": ["recovered_amount"]})
    assert check(loans.assign(recovered_amount=loans["default"]), config).failures.empty


def test_all_failures_come_at_once_blocking_ones_first(loans: pd.DataFrame, product: Build) -> None:
    bad = loans.rename(columns={"channel": "chanel"})
    for spoil in (put("amount", "lots", [0]), put("term", 48, [1]), put("income", -7, [2]), put("children", None, [3])):
        bad = spoil(bad)
    report = check(put("default", "?", [4])(bad), product())
    assert set(report.failures["rule"]) == {
        "type", "unknown_category", "range", "missing_rate", "missing_column", "target_value"
    }  # fmt: skip
    assert report.failures["severity"].tolist() == ["blocking"] * 5 + ["warning"]


def test_a_rule_listed_under_warn_only_warns(loans: pd.DataFrame, product: Build) -> None:
    report = check(put("term", 48, [1])(loans), product(checks={"warn_only": ["unknown_category"]}))
    assert found(report) == [("term", "unknown_category", "warning", 1, "2")]
    assert report.passed


def test_a_rule_that_does_not_exist_cannot_be_demoted(loans: pd.DataFrame, product: Build) -> None:
    with pytest.raises(ProjectError, match=r"no rule 'unknown_categories'; did you mean 'unknown_category'\?"):
        check(loans, product(checks={"warn_only": ["unknown_categories"]}))


def test_missing_codes_break_neither_type_nor_range(loans: pd.DataFrame, product: Build) -> None:
    features = [
        {
            "name": "amount", "kind": "number", "label": "Amount", "range": [100, 50_000], "missing": ["unknown", 0],
            "max_missing": 0.1,
        },
        {"name": "term", "kind": "category", "label": "Term", "choices": [36, 60], "missing": ["?"], "max_missing": 0.1},
        {"name": "homeowner", "kind": "boolean", "label": "Home", "missing": [9], "max_missing": 0.1},
    ]  # fmt: skip
    coded = loans
    for column, code in (("amount", "unknown"), ("term", "?"), ("homeowner", 9)):
        coded = put(column, code, [0, 1])(coded)
    assert check(put("amount", 0, [2])(coded), product(features=features)).failures.empty
    assert is_missing(pd.Series(["?", "36", None]), ["?"]).tolist() == [True, False, True]


@pytest.mark.parametrize("frame", [pd.DataFrame(), pd.DataFrame({"other": [1]})])
def test_a_table_without_any_declared_column_fails_in_words(frame: pd.DataFrame, product: Build) -> None:
    report = check(frame, product())
    assert not report.passed
    assert set(report.failures["rule"]) == {"missing_column", "row_count"}


def test_an_empty_table_fails_by_its_row_count(loans: pd.DataFrame, product: Build) -> None:
    assert found(check(loans.head(0), product(), previous=clean_table(loans, product()))) == [
        ("(table)", "row_count", "blocking", 0, "")
    ]


def test_the_report_is_json_with_the_verdict_the_rules_and_every_failure(loans: pd.DataFrame, product: Build) -> None:
    content = json.loads(check(put("term", 48, [1])(loans), product()).to_json())
    assert (content["passed"], content["n_rows"]) == (False, 1200)
    assert "shift" not in content["rules"]
    assert "stale" not in content["rules"]
    assert content["failures"] == [
        {
            "column": "term", "rule": "unknown_category", "severity": "blocking", "count": 1, "first_rows": "2",
            "detail": "1 values such as 48 are not among the choices 36, 60",
        }
    ]  # fmt: skip


def test_the_check_changes_nothing_and_ignores_the_index(loans: pd.DataFrame, product: Build) -> None:
    bad = put("term", 48, [1])(loans)
    shuffled = bad.set_axis(bad.index[::-1])
    before = shuffled.copy()
    assert found(check(shuffled, product())) == found(check(bad, product()))
    pd.testing.assert_frame_equal(shuffled, before)


@pytest.mark.parametrize("spoilt", [False, True])
def test_sixty_thousand_rows_of_thirty_columns_are_judged(spoilt: bool, product: Build) -> None:
    rng, n = np.random.default_rng(0), 60_000
    numbers = {f"n{i}": rng.normal(size=n) for i in range(22)}
    words = {f"c{i}": rng.choice(["a", "b", "c"], n) for i in range(6)}
    features = [{"name": name, "kind": "number", "label": name, "range": [-9, 9]} for name in numbers]
    features += [{"name": name, "kind": "category", "label": name, "choices": ["a", "b", "c"]} for name in words]
    config = product(
        data={"id": "key", "time": None, "amount": None}, features=features, protected={"columns": [], "bins": {}},
        segments={"columns": []}, split={"method": "stratified", "test_from": None},
    )  # fmt: skip
    frame = pd.DataFrame({"key": np.arange(n), **numbers, **words, "default": rng.integers(0, 2, n)})
    if spoilt:
        frame = frame.assign(**{f"n{i}": 10.0 for i in range(3)}, c0="z")
    report = check(frame, config, previous=clean_table(frame, config))
    assert report.passed == (not spoilt)


@pytest.mark.parametrize("value", [36, 36.0, "36", "36.0", " 36 ", np.int64(36), np.float64(36)])
def test_36_is_one_category_however_it_is_written(value: object) -> None:
    assert category_text(value) == "36"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, None), (float("nan"), None), (pd.NA, None), ("", None), (True, "True"), (0.5, "0.5"), ("036", "036"),
     ("< 1 year", "< 1 year"), (1e300, str(int(1e300))), ("-1.0", "-1"), (-0.0, "0"),
     (f"{'9' * 5000}.0", f"{'9' * 5000}.0")],
)  # fmt: skip
def test_other_categories_keep_their_text(value: object, text: str | None) -> None:
    assert category_text(value) == text


@given(st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(), st.booleans()))
def test_the_text_of_a_category_is_its_own_text(value: object) -> None:
    text = category_text(value)
    assert text is None or category_text(text) == text


def test_a_clean_table_has_the_required_columns_typed_and_its_missing_codes_left_alone(
    loans: pd.DataFrame, product: Build
) -> None:
    raw = put("income", "-1", [0])(put("term", "36.0", [0])(loans))
    clean = clean_table(raw.set_axis(raw.index + 9), product())
    assert clean.dtypes.astype(str).to_dict() == {
        "loan_id": "str", "applied_on": "datetime64[us]", "amount": "float64", "default": "int64", "income": "float64",
        "children": "float64", "term": "str", "homeowner": "float64", "age": "float64", "channel": "str",
    }  # fmt: skip
    assert tuple(clean.columns) == product().required_columns
    assert clean.loc[0, ["income", "term"]].tolist() == [-1.0, "36"]
    assert set(clean["homeowner"]) == {0.0, 1.0}
    assert clean.index.tolist() == list(range(1200))
    pd.testing.assert_frame_equal(clean_table(clean, product()), clean)


@pytest.mark.parametrize(
    ("labels", "positive", "negative"),
    [(["bad", "good"], "bad", "good"), ([True, False], 1, 0), ([True, False], True, False), (["1", "0"], 1, 0),
     ([1.0, 0.0], 1, 0)],
)  # fmt: skip
def test_the_target_is_1_for_the_declared_positive_label(
    loans: pd.DataFrame, product: Build, labels: list[object], positive: object, negative: object
) -> None:
    raw = loans.assign(default=np.where(loans["default"] == 1, labels[0], labels[1]))
    clean = clean_table(raw, product(data={"positive": positive, "negative": negative}))
    assert clean["default"].tolist() == loans["default"].tolist()


def test_a_clean_table_refuses_absent_columns_and_unknown_outcomes(loans: pd.DataFrame, product: Build) -> None:
    with pytest.raises(DataError, match="columns 'term' are missing"):
        clean_table(loans.drop(columns="term"), product())
    with pytest.raises(DataError, match="target 'default': 1 rows are neither 1 nor 0"):
        clean_table(put("default", None, [0])(loans), product())
    assert list(clean_table(loans.drop(columns="default"), product(), ["term", "income"])) == ["term", "income"]


@pytest.mark.parametrize(
    ("text", "day"),
    [("2024-03-31", "2024-03-31"), ("2024-03", "2024-03-01"), ("20240331", "2024-03-31"), ("Mar-2024", "2024-03-01"),
     ("2024-03-31T23:30:00-01:00", "2024-04-01 00:30"), (20240331, "2024-03-31"), (1234, None), ("03/04/2024", None),
     (pd.Timestamp("2024-03-31"), "2024-03-31")],
)  # fmt: skip
def test_dates_are_read_only_where_they_can_mean_one_day(
    loans: pd.DataFrame, product: Build, text: object, day: str | None
) -> None:
    clean = clean_table(loans.head(3).assign(applied_on=text), product())["applied_on"]
    assert clean.isna().all() if day is None else (clean == pd.Timestamp(day)).all()


@pytest.mark.parametrize(
    ("project", "name", "warnings"),
    [
        ("loan_data", "loan_data.csv.gz", ["suspected_leak", "suspected_leak"]),
        ("taiwan", "taiwan_credit_default.csv.gz", ["duplicate_row"]),
        ("lending_club", "lending_club_2007_2011.csv.gz", []),
    ],
)
def test_the_real_files_pass_with_the_warnings_they_deserve(project: str, name: str, warnings: list[str]) -> None:
    folder = os.environ.get("RISKDECK_DATA_DIR")
    if not folder:
        pytest.skip("RISKDECK_DATA_DIR is not set: the real loan files are not here")
    report = check_table(read_table(Path(folder) / name).frame, load_project(project), today=TODAY)
    assert report.failures["rule"].tolist() == warnings
    assert report.passed
