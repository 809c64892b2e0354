"""What-if scores by the live model alone: the curve's own point is the first answer, and only what differs is named."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from pipeline.serving.records import Value
from pipeline.serving.scorer import assess, inputs_frame
from pipeline.serving.what_if import CURVE_COLUMNS, Change, compare, pd_curve

if TYPE_CHECKING:
    from pipeline.serving.desk import Pair
    from pipeline.serving.live import LiveModel


@pytest.fixture
def live(live_pair: "Pair") -> "LiveModel":
    return live_pair.champion


def default_inputs(live: "LiveModel", **inputs: Value) -> dict[str, Value]:
    kinds = {f.name: (f.kind, f.default) for f in live.config.features}
    known = {n: None if v is None else str(v) if k == "category" else float(v) for n, (k, v) in kinds.items()}
    return {**known, **inputs}


def test_the_curve_passes_through_the_first_answer(live: "LiveModel") -> None:
    inputs = default_inputs(live, amount=7777.0)
    first = assess(live, inputs_frame(live.config, [inputs]))
    curve = pd_curve(live, inputs, "amount")
    assert list(curve.columns) == CURVE_COLUMNS
    own = curve[curve["is_current"]]
    assert own[["value", "pd", "outcome"]].to_numpy().tolist() == [[7777.0, first.pd[0], first.outcome[0]]]
    assert curve["value"].is_monotonic_increasing
    assert len(curve) == 61
    assert (np.diff(curve["pd"]) >= 0).all(), "the project says that more can only raise the PD"


def test_every_point_is_the_live_models_own_answer(live: "LiveModel") -> None:
    inputs = default_inputs(live)
    curve = pd_curve(live, inputs, "utilisation", points=7)
    for point in curve.itertuples():
        said = assess(live, inputs_frame(live.config, [{**inputs, "utilisation": point.value}]))
        assert (said.pd[0], said.outcome[0]) == (point.pd, point.outcome)


def test_the_density_shares_out_every_known_value(live: "LiveModel") -> None:
    inputs = default_inputs(live)
    curve = pd_curve(live, inputs, "savings_balance")
    grid = curve if len(curve) == 60 else curve[~curve["is_current"]]
    assert grid["density"].sum() == pytest.approx(live.background["savings_balance"].notna().mean())
    assert curve["value"].max() < live.background["savings_balance"].max(), "a few huge accounts do not stretch the axis"


def test_a_category_has_a_point_per_choice_in_its_own_words(live: "LiveModel") -> None:
    inputs = default_inputs(live, housing=None)
    curve = pd_curve(live, inputs, "housing")
    assert curve["value"].tolist() == ["owner", "mortgage", "tenant", "with_family", None]
    assert curve["label"].tolist()[-2:] == ["Lives with family", "not known"]
    assert curve["is_current"].tolist() == [False, False, False, False, True]
    assert curve["density"].sum() == pytest.approx(1.0)


def test_a_boolean_has_two_points(live: "LiveModel") -> None:
    curve = pd_curve(live, default_inputs(live), "existing_customer")
    assert curve[["value", "label", "is_current"]].to_numpy().tolist() == [[0.0, "no", False], [1.0, "yes", True]]
    assert curve["density"].sum() == pytest.approx(1.0)


def test_whole_numbers_have_whole_points(live: "LiveModel") -> None:
    values = pd_curve(live, default_inputs(live), "credit_lines")["value"]
    assert (values == values.round()).all()
    assert values.is_unique


def test_a_number_outside_all_training_is_shown_where_it_is(live: "LiveModel") -> None:
    curve = pd_curve(live, default_inputs(live, income=900000.0), "income")
    assert curve["value"].iloc[-1] == 900000.0
    assert curve["is_current"].tolist() == [False] * 60 + [True]


def test_a_number_that_was_never_known_has_its_own_point_at_the_most(live: "LiveModel") -> None:
    empty = replace(live, background=live.background.assign(income=np.nan))
    assert pd_curve(empty, default_inputs(live), "income")["value"].tolist() == [32000.0]
    nothing = pd_curve(empty, default_inputs(live, income=None), "income")
    assert (len(nothing), list(nothing.columns)) == (0, CURVE_COLUMNS)


def test_an_unknown_feature_is_refused_with_the_nearest_name(live: "LiveModel") -> None:
    with pytest.raises(KeyError, match="did you mean 'income'"):
        pd_curve(live, default_inputs(live), "incom")


def test_two_answers_stand_side_by_side_with_what_differs(live: "LiveModel") -> None:
    first = default_inputs(live, amount=45000.0, income=9000.0, utilisation=1.2)
    found = compare(live, first, {**first, "amount": 2000.0, "term_months": "12"})
    assert found.changes == (
        Change("amount", "Loan amount", "EUR", 45000.0, 2000.0), Change("term_months", "Term", "months", "36", "12"),
    )  # fmt: skip
    alone = [assess(live, inputs_frame(live.config, [i])) for i in (first, {**first, "amount": 2000.0, "term_months": "12"})]
    assert [found.first.pd, found.changed.pd] == [said.pd[0] for said in alone], "the same bits as scored alone"
    assert found.first.pd > found.changed.pd


def test_the_same_inputs_differ_in_nothing(live: "LiveModel") -> None:
    inputs = default_inputs(live, income=None)
    found = compare(live, inputs, dict(inputs))
    assert (found.changes, found.first) == ((), found.changed)


def test_the_first_inputs_are_not_changed(live: "LiveModel") -> None:
    inputs = default_inputs(live)
    kept = dict(inputs)
    background = live.background.copy()
    pd_curve(live, inputs, "amount")
    assert inputs == kept
    pd.testing.assert_frame_equal(live.background, background)
