"""One applicant or a million rows: the same verdicts, the same words, and the values that training saw."""

import math
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.clean import clean_table
from pipeline.project import ProjectConfig, load_project, parse_project, read_project_text
from pipeline.serving.inputs import FAULT_COLUMNS, InputError, InputRules
from pipeline.serving.scorer import inputs_frame

FEATURES = """
[[features]]
name = "amount"
kind = "number"
label = "Loan amount"
unit = "EUR"
range = [1000, 50000]

[[features]]
name = "income"
kind = "number"
label = "Income"
max_missing = 0.1

[[features]]
name = "lines"
kind = "number"
label = "Credit lines"
integer = true
range = [0, 60]
missing = [-1, 999]

[[features]]
name = "term"
kind = "category"
label = "Term"
choices = [12, 24, 36]

[[features]]
name = "purpose"
kind = "category"
label = "Purpose"
choices = ["car", "travel", "other"]
missing = ["unknown"]

[[features]]
name = "customer"
kind = "boolean"
label = "Customer"

[[features]]
name = "insured"
kind = "boolean"
label = "Insured"
missing = [9]
"""
AMOUNT = "; give a number from 1000 to 50000 (EUR)"
INCOME = "; give a number, or nothing where it is not known"
LINES = "; give a whole number from 0 to 60 (-1, 999 where it is not known)"
PURPOSE = "; give one of car, travel, other (unknown where it is not known)"
GOOD: dict[str, Any] = {
    "amount": 8000, "income": 32000.5, "lines": 3, "term": 36, "purpose": "car", "customer": True, "insured": False,
}  # fmt: skip
VALUES = {"amount": 8000.0, "income": 32000.5, "lines": 3.0, "term": "36", "purpose": "car", "customer": 1.0, "insured": 0.0}


def mixed_project() -> ProjectConfig:
    """A project with every kind of feature: with and without range, codes, and leave to be empty."""
    text = read_project_text("taiwan")
    head, rest = text[: text.index("[[features]]")], text[text.index("[protected]") :]
    return parse_project(head + FEATURES + rest)


RULES = InputRules(mixed_project())
NAMES = RULES.config.feature_names


def message(field: str, value: object, *, from_text: bool = False) -> str:
    """The only fault there is when one field of a good applicant is replaced."""
    values, faults = RULES.check(GOOD | {field: value}, from_text=from_text)
    assert [fault.field for fault in faults] == [field]
    assert values == {name: value for name, value in VALUES.items() if name != field}, "the other fields are still there"
    return faults[0].message


def test_good_inputs_come_back_as_models_take_them() -> None:
    values, faults = RULES.check(GOOD)
    assert (values, faults) == (VALUES, [])
    assert [type(value) for value in values.values()] == [float, float, float, str, str, float, float]


@pytest.mark.parametrize("term", [36, 36.0, "36", "36.0", " 36 ", np.int64(36), np.float64(36)])
def test_a_category_is_one_text_however_it_is_written(term: object) -> None:
    assert RULES.check(GOOD | {"term": term}) == (VALUES, [])


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("amount", "8000", "Loan amount: '8000' is text, not a number" + AMOUNT),
        ("amount", True, "Loan amount: true is not a number" + AMOUNT),
        ("amount", 999.99, "Loan amount: 999.99 is below 1000" + AMOUNT),
        ("amount", 50001, "Loan amount: 50001 is above 50000" + AMOUNT),
        ("amount", None, "Loan amount: nothing was given" + AMOUNT),
        ("amount", math.nan, "Loan amount: nan is not a finite number" + AMOUNT),
        ("amount", [1, 2], "Loan amount: a list is not a number" + AMOUNT),
        ("income", math.inf, "Income: inf is not a finite number" + INCOME),
        ("income", 10**400, "Income: a number of over 60 digits is not a finite number" + INCOME),
        ("lines", 3.5, "Credit lines: 3.5 is not a whole number" + LINES),
        ("lines", -2, "Credit lines: -2 is below 0" + LINES),
        ("term", 48, "Term: 48 is not one of the choices; give one of 12, 24, 36"),
        ("term", True, "Term: true is not one of the choices; give one of 12, 24, 36"),
        ("term", math.nan, "Term: nan is not one of the choices; give one of 12, 24, 36"),
        ("term", "", "Term: nothing was given; give one of 12, 24, 36"),
        ("purpose", "Cra", "Purpose: 'Cra' is not one of the choices (did you mean car?)" + PURPOSE),
        ("purpose", {"a": 1}, "Purpose: an object is not one of the choices" + PURPOSE),
        ("customer", "true", "Customer: 'true' is text, not true or false; give true or false"),
        ("customer", 2, "Customer: 2 is neither true nor false; give true or false"),
        ("customer", None, "Customer: nothing was given; give true or false"),
    ],
)  # fmt: skip
def test_json_is_read_strictly_and_a_refusal_says_what_would_be_right(field: str, value: object, said: str) -> None:
    assert message(field, value) == said


@pytest.mark.parametrize(
    ("field", "value", "read"),
    [
        ("amount", " 8e3 ", 8000.0),
        ("lines", "3.0", 3.0),
        ("lines", "-1", -1.0),
        ("income", "", None),
        ("income", math.nan, None),
        ("purpose", "unknown", "unknown"),
        ("purpose", math.nan, None),
        ("customer", "No", 0.0),
        ("customer", "1.0", 1.0),
        ("insured", "9", 9.0),
        ("amount", Decimal("8000.5"), 8000.5),
    ],
)
def test_forms_and_files_may_write_numbers_as_text(field: str, value: object, read: object) -> None:
    assert RULES.check(GOOD | {field: value}, from_text=True) == (VALUES | {field: read}, [])


@pytest.mark.parametrize("value", ["8,000", "0x10", "1_000", "EUR 8000", "nan", "inf", "\u0663", "1 000", "--1"])
def test_text_that_is_no_plain_number_is_refused(value: str) -> None:
    assert message("amount", value, from_text=True).startswith(f"Loan amount: {value!r} is not a number;")


def test_codes_for_not_known_stay_as_they_are_and_open_the_field_to_nothing() -> None:
    given = {"lines": 999, "purpose": "unknown", "insured": 9, "income": None}
    assert RULES.check(GOOD | given) == (VALUES | {"lines": 999.0, "purpose": "unknown", "insured": 9.0, "income": None}, [])
    assert RULES.check(GOOD | {"lines": None, "purpose": None, "insured": None})[1] == []


def test_every_fault_is_named_at_once_in_the_order_of_the_project() -> None:
    values, faults = RULES.check({"incme": 1, "term": 12, "income": "x", "lines": 3})
    assert [fault.field for fault in faults] == ["amount", "income", "customer", "incme"]
    assert values == {"lines": 3.0, "term": "12", "purpose": None, "insured": None}


def test_an_unknown_field_is_refused_with_the_nearest_name() -> None:
    assert message("incme", 5) == "'incme' is no input of taiwan; did you mean 'income'?"
    assert message("<script>", 5) == "'<script>' is no input of taiwan; leave it out"


def test_ten_thousand_unknown_fields_are_counted_not_listed() -> None:
    _, faults = RULES.check(GOOD | {f"field {i}": "x" * 10_000 for i in range(10_000)})
    assert [fault.field for fault in faults] == [*(f"field {i}" for i in range(5)), "(others)"]
    assert faults[-1].message == "9995 more fields are no inputs of taiwan; leave them out"


ENDLESS: dict[str, Any] = {
    "text": "x" * 10**6, "digits": "9" * 10**5 + ".0", "controls": "a\nb\x00\u202e", "half a character": "\ud800",
    "emoji": "🦊" * 500, "number": 10**5000, "negative": -(10**5000), "list": ["a"] * 10**6,
}  # fmt: skip


@pytest.mark.parametrize("what", ENDLESS)
@pytest.mark.parametrize("field", NAMES)
def test_what_was_given_is_shown_short_and_on_one_line(field: str, what: str) -> None:
    for from_text in (False, True):
        said = message(field, ENDLESS[what], from_text=from_text)
        assert len(said) < 350
        assert said.isprintable()


def cells() -> st.SearchStrategy[Any]:
    """What stands in the cells of files, and what does not belong there."""
    words = ["36", "36.0", " 12 ", "car", "Car ", "unknown", "-1", "999", "9", "yes", "NO", "t", "1e3", "+5", ".5", "5.", "-0"]
    words += ["", " ", "\x1c5\u2003", "\u00a01200", "1_000", "٣", "1e400", "1e-400", "nan", "inf", "0x1", "True", "12\n"]
    odd = [None, pd.NA, pd.NaT, True, False, np.True_, Decimal("1200.50"), pd.Timestamp("2024-01-01"), [1], 10**400, 2**63]
    numbers = st.sampled_from([0, 1, -1, 9, 12, 36, 999, 1000, 50000, 3.5, -0.0, 1e300, math.nan, math.inf, -math.inf])
    return st.one_of(
        st.sampled_from(words), st.sampled_from(odd), numbers, st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5)
    )


COLUMNS: tuple[st.SearchStrategy[Any], ...] = (
    cells(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from([0.0, 1.0, 9.0, 12.0, 36.0, 999.0, 1500.0, math.nan]),
    st.integers(-2, 60000),
    st.booleans(),
    st.sampled_from(["36", "12.0", " car ", "travel", "1200", "x", "", "YES", "0", None]),
    st.sampled_from([1, 12, 999, 2000, None]),
    st.sampled_from([True, None]),
    st.datetimes(),
)
DTYPES = ("object", "float64", "float64", "int64", "bool", "str", "Int64", "boolean", "datetime64[us]")


FITTING: dict[str, list[Any]] = {
    "amount": [1000, "1500", 2000.0, " 8e3\u2003", "+5e4", Decimal("1200.50")],
    "income": [0, -0.0, "-0", "1e-400", 10**18 + 1, 2**63 + 1, "", None, math.nan, "5.", ".5"],
    "lines": [0, 60.0, "3.0", -1, "999", None, ""],
    "term": [12, 12.0, "24", "36.", " 36 "],
    "purpose": ["car", " travel", "unknown", None, "", pd.NA],
    "customer": [True, "yes", "NO", 0, "1.0", "1e0", " t"],
    "insured": [False, 9, "9.0", "n", None],
}


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    """A file in which every column holds anything, as any of the types that readers make."""
    n = draw(st.integers(1, 6))
    columns = {}
    for name in NAMES:
        if draw(st.integers(0, 9)):
            fitting = draw(st.lists(st.sampled_from(FITTING[name]), min_size=n, max_size=n))
            columns[name] = pd.Series(fitting, dtype="str" if draw(st.booleans()) else "object")
            continue
        kind = draw(st.integers(0, len(COLUMNS) - 1))
        columns[name] = pd.Series(draw(st.lists(COLUMNS[kind], min_size=n, max_size=n)), dtype=DTYPES[kind])
    return pd.DataFrame(columns)


@settings(deadline=None, max_examples=60)
@given(tables())
def test_a_file_gets_the_verdicts_words_and_values_of_its_rows_one_by_one(frame: pd.DataFrame) -> None:
    checked = RULES.check_frame(frame)
    faults, good, positions = [], [], []
    for row in range(len(frame)):
        values, found = RULES.check({name: frame[name].iloc[row] for name in NAMES}, from_text=True)
        faults += [(row, fault.field, fault.given, fault.message) for fault in found]
        if not found:
            good.append(values)
            positions.append(row)
    assert list(checked.faults.columns) == list(FAULT_COLUMNS)
    assert list(checked.faults.itertuples(index=False, name=None)) == faults
    assert checked.positions.tolist() == positions
    pd.testing.assert_frame_equal(checked.frame, inputs_frame(RULES.config, good), check_exact=True)


@settings(deadline=None, max_examples=60)
@given(tables())
def test_what_is_taken_is_what_training_would_have_seen(frame: pd.DataFrame) -> None:
    checked = RULES.check_frame(frame)
    if len(checked.positions):
        cleaned = clean_table(frame.iloc[checked.positions], RULES.config, NAMES)
        pd.testing.assert_frame_equal(checked.frame, cleaned, check_exact=True)


def rows(n: int = 3) -> pd.DataFrame:
    return pd.DataFrame([GOOD] * n)


def test_a_renamed_column_is_refused_by_name() -> None:
    with pytest.raises(
        InputError, match=r"^nothing was scored: column 'amount' \(Loan amount\) is missing: the file has 'Amount'"
    ):
        RULES.check_frame(rows().rename(columns={"amount": "Amount"}))
    with pytest.raises(InputError, match=r"column 'income' \(Income\) is missing: the file has 'incomes', rename it$"):
        RULES.check_frame(rows().rename(columns={"income": "incomes"}))
    with pytest.raises(InputError, match=r"column 'amount' .*; column 'term' \(Term\) is missing$"):
        RULES.check_frame(rows().drop(columns=["amount", "term"]))


def test_a_column_that_may_be_empty_may_be_absent_and_is_noted() -> None:
    checked = RULES.check_frame(rows().drop(columns="income").assign(shoe_size=43))
    assert checked.frame["income"].isna().all()
    assert len(checked.faults) == 0
    assert checked.notes == (
        "column 'income' is not in the file; Income counts as not known",
        "columns that are no inputs were ignored: shoe_size",
    )


def test_of_endless_different_mistakes_in_a_column_only_the_first_get_a_guess() -> None:
    frame = rows(300).assign(purpose=[f"cars{i}" for i in range(300)])
    said = RULES.check_frame(frame).faults["message"].tolist()
    assert said[0] == "Purpose: 'cars0' is not one of the choices (did you mean car?)" + PURPOSE
    assert said[299] == "Purpose: 'cars299' is not one of the choices" + PURPOSE
    guessed = ["did you mean" in text for text in said]
    assert guessed == [True] * 200 + [False] * 100


def test_a_column_that_stands_twice_is_refused() -> None:
    with pytest.raises(InputError, match="columns amount occur twice"):
        RULES.check_frame(pd.concat([rows(), rows()[["amount"]]], axis=1))


def test_one_bad_row_costs_no_good_one() -> None:
    frame = rows(4).astype({"amount": object})
    frame.loc[1, "amount"] = "lots"
    frame.loc[1, "term"] = 13
    checked = RULES.check_frame(frame.set_index(pd.Index([7, 7, 8, 9])))
    assert checked.positions.tolist() == [0, 2, 3]
    assert checked.faults[["row", "field", "given"]].to_numpy().tolist() == [[1, "amount", "'lots'"], [1, "term", "13"]]


def test_an_empty_file_has_no_faults_and_typed_columns() -> None:
    checked = RULES.check_frame(rows().iloc[:0])
    assert len(checked.frame) == len(checked.faults) == len(checked.positions) == 0
    pd.testing.assert_frame_equal(checked.frame, inputs_frame(RULES.config, []), check_exact=True)


@pytest.mark.parametrize("name", ["simulated", "taiwan", "loan_data", "lending_club"])
def test_the_rules_of_every_project_take_its_own_defaults(name: str) -> None:
    config = load_project(name)
    stated = {feature.name: feature.default for feature in config.features if feature.default is not None}
    faults = [fault for fault in InputRules(config).check(stated)[1] if fault.field in stated]
    assert faults == []
