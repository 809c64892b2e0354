"""Silent on what training had; in plain words on what it never saw."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import contract
from pipeline.evaluation.reference import reference_profile
from pipeline.project import ProjectConfig
from pipeline.serving.scorer import inputs_frame
from pipeline.serving.warn import FEW_ROWS, Watch
from pipeline.training.features import raw_columns
from pipeline.training.job import value_ranges
from tests.serving.test_inputs import mixed_project

USUAL: dict[str, Any] = {
    "amount": 5000.0, "income": 30000.0, "lines": 3.0, "term": "12", "purpose": "car", "customer": 1.0, "insured": 0.0,
}  # fmt: skip
NOT_KNOWN = "is not known; it always was in the data the model learnt from"


def seen_rows() -> list[dict[str, Any]]:
    """What training had: amounts 1000 to 9000, incomes partly missing, no purpose "travel", everyone a customer."""
    changes: list[dict[str, Any]] = [
        {}, {"amount": 1000.0}, {"amount": 9000.0, "term": "24"}, {"income": None}, {"purpose": "other", "insured": 1.0},
        {"lines": 0.0}, {"lines": 10.0},
    ]  # fmt: skip
    return [USUAL | change for change in changes]


def watch_of(config: ProjectConfig, rows: list[dict[str, Any]]) -> Watch:
    """The watch as training's artifacts make it."""
    frame = inputs_frame(config, rows)
    known = raw_columns(config).transform(frame).replace(contract.BIN_MISSING, None)
    kinds = {feature.name: feature.kind for feature in config.features}
    return Watch(config, reference_profile(known, kinds, np.full(len(rows), 0.1)), value_ranges(config, frame))


CONFIG = mixed_project()
WATCH = watch_of(CONFIG, seen_rows())


@pytest.mark.parametrize("row", seen_rows())
def test_what_training_had_gives_no_warning(row: dict[str, Any]) -> None:
    assert WATCH.of_one(row) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": 9000.5}, "Loan amount: 9000.5 is above 9000, the highest in the data the model learnt from"),
        ({"amount": 999.0}, "Loan amount: 999 is below 1000, the lowest in the data the model learnt from"),
        ({"term": "36"}, "Term: 36 never occurred in the data the model learnt from"),
        ({"purpose": "travel"}, "Purpose: travel never occurred in the data the model learnt from"),
        ({"customer": 0.0}, "Customer: no never occurred in the data the model learnt from"),
        ({"lines": None}, f"Credit lines {NOT_KNOWN}"),
        ({"purpose": None}, f"Purpose {NOT_KNOWN}"),
    ],
)
def test_what_it_never_saw_is_said_in_plain_words(change: dict[str, Any], said: str) -> None:
    assert WATCH.of_one(USUAL | change) == (said,)
    assert WATCH.warnings(inputs_frame(CONFIG, [USUAL | change])) == [(said,)]


@pytest.mark.parametrize(("feature", "code"), [("lines", -1.0), ("lines", 999.0), ("purpose", "unknown"), ("insured", 9.0)])
def test_a_code_for_not_known_is_missing_and_no_number(feature: str, code: float | str) -> None:
    label = CONFIG.feature(feature).label
    assert WATCH.of_one(USUAL | {feature: code}) == (f"{label} {NOT_KNOWN}",)
    learnt = watch_of(CONFIG, [*seen_rows(), USUAL | {feature: code}])
    assert learnt.of_one(USUAL | {feature: code}) == learnt.of_one(USUAL | {feature: None}) == ()


def test_a_choice_counted_zero_times_was_never_seen() -> None:
    frame = inputs_frame(CONFIG, seen_rows())
    reference = reference_profile(frame, {"purpose": "category"}, np.full(len(frame), 0.1))
    reference.loc[reference["bin"] == "other", "count"] = 0
    ranges = pd.DataFrame({"feature": ["amount"], "lowest": [0.0], "highest": [1e6]})
    assert Watch(CONFIG, reference, ranges).of_one(USUAL | {"purpose": "other"}) == (
        "Purpose: other never occurred in the data the model learnt from",
    )


def test_a_number_training_never_knew_is_not_compared() -> None:
    watch = watch_of(CONFIG, [row | {"income": None} for row in seen_rows()])
    assert watch.of_one(USUAL) == ("Income was never known in the data the model learnt from",)
    assert watch.of_one(USUAL | {"income": None}) == ()


def test_warnings_come_in_the_order_of_the_project() -> None:
    said = WATCH.of_one(USUAL | {"customer": 0.0, "amount": 1.0, "term": "36"})
    assert [text.split(":")[0] for text in said] == ["Loan amount", "Term", "Customer"]


CHOICES: dict[str, list[Any]] = {
    "amount": [None, 1000.0, 5000.0, 9001.0], "income": [None, 0.0, 30000.0], "lines": [None, -1.0, 5.0, 60.0, 999.0],
    "term": ["12", "24", "36"], "purpose": ["car", "travel", "unknown", None], "customer": [0.0, 1.0, None],
    "insured": [0.0, 9.0, None],
}  # fmt: skip
ROWS = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in CHOICES.items()})


@settings(deadline=None, max_examples=25)
@given(st.lists(ROWS, min_size=1, max_size=8))
def test_a_long_file_is_warned_of_as_each_of_its_rows(rows: list[dict[str, Any]]) -> None:
    many = rows * (FEW_ROWS // len(rows) + 1)
    assert len(many) > FEW_ROWS
    one_by_one = [WATCH.of_one(row) for row in rows]
    assert WATCH.warnings(inputs_frame(CONFIG, rows)) == one_by_one
    assert WATCH.warnings(inputs_frame(CONFIG, many)) == one_by_one * (FEW_ROWS // len(rows) + 1)


def test_no_rows_have_no_warnings() -> None:
    assert WATCH.warnings(inputs_frame(CONFIG, [])) == []
