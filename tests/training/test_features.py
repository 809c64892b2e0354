"""Raw columns to numbers: every step worked by hand, and the same bits whoever stands beside an applicant."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contract import BIN_MISSING
from pipeline.project import ProjectConfig
from pipeline.training.features import (
    Caps,
    RawColumns,
    build_matrix,
    matrix_names,
    monotone_signs,
    raw_columns,
    safe_ratio,
    source_column,
)
from tests.training.conftest import Small

FAMILIES = ("prior", "logistic C=0.01", "logistic C=1.0", "forest", "lightgbm")


def product(**sections: object) -> ProjectConfig:
    content: dict[str, object] = {
        "project": {"name": "shop", "title": "Shop", "currency": "EUR"},
        "data": {"target": "default"},
        "features": [
            {"name": "debt", "kind": "number", "label": "Debt", "monotone": 1, "missing": [-1, 99]},
            {"name": "income", "kind": "number", "label": "Income", "monotone": -1},
            {"name": "owner", "kind": "boolean", "label": "Owner"},
            {"name": "term", "kind": "category", "label": "Term", "choices": [36, 60], "missing": [0]},
            {"name": "term_plan", "kind": "category", "label": "Plan", "choices": ["a", "b"]},
        ],
        "ratios": [{"name": "dti", "numerator": "debt", "denominator": "income", "label": "DTI", "monotone": 1}],
        "split": {"method": "random"},
        "costs": {"fn_cost": 5, "fp_cost": 1},
        "models": {"prior": {"family": "prior"}},
    }
    return ProjectConfig.model_validate(content | sections)


def loans() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "term": [36, 60, 0, 36.0, None, 60],
            "debt": [10.0, -1, 99, 40, 50, 60],
            "income": [100, 200, 300, 0, np.nan, 600],
            "owner": [True, False, True, True, False, True],
            "term_plan": ["a", "b", "a", "b", "a", None],
            "default": [0, 1, 0, 1, 0, 1],
        }
    )


def test_missing_codes_become_missing_before_a_ratio_is_taken() -> None:
    table = raw_columns(product()).transform(loans())
    assert list(table) == ["debt", "income", "owner", "dti", "term", "term_plan"]
    np.testing.assert_array_equal(table["debt"], [10, np.nan, np.nan, 40, 50, 60])
    np.testing.assert_array_equal(table["dti"], [0.1, np.nan, np.nan, np.nan, np.nan, 0.1])
    np.testing.assert_array_equal(table["owner"], [1.0, 0.0, 1.0, 1.0, 0.0, 1.0])


def test_categories_are_one_text_however_they_are_typed_and_missing_ones_are_a_group() -> None:
    table = raw_columns(product()).transform(loans())
    assert table["term"].tolist() == ["36", "60", BIN_MISSING, "36", BIN_MISSING, "60"]
    assert table["term_plan"].tolist() == ["a", "b", "a", "b", "a", BIN_MISSING]


def test_the_rows_are_not_changed_and_other_columns_are_ignored() -> None:
    frame = loans().assign(note="x")
    before = frame.copy(deep=True)
    raw_columns(product()).transform(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyError, match="income"):
        raw_columns(product()).transform(loans().drop(columns="income"))


@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.sampled_from([0.0, -0.0, 1.0, -2.0, 1e6, float("nan")])), min_size=1))
def test_a_ratio_is_the_quotient_or_missing_and_never_infinite(pairs: list[tuple[float, float]]) -> None:
    top, bottom = np.array(pairs).T
    for ratio, a, b in zip(safe_ratio(top, bottom), top, bottom, strict=True):
        assert np.isnan(ratio) if b == 0 or np.isnan(b) else ratio == a / b


def test_a_denominator_next_to_zero_gives_a_missing_ratio_not_an_infinite_one() -> None:
    np.testing.assert_array_equal(safe_ratio(np.array([1000.0]), np.array([2e-311])), [np.nan])


def test_iqr_caps_are_the_quartiles_of_the_training_rows_and_their_reach() -> None:
    caps = Caps("iqr", 1.5, [0.0, 1.0]).fit(np.arange(1.0, 6.0)[:, None])
    assert (caps.low_[0], caps.high_[0]) == (2 - 1.5 * 2, 4 + 1.5 * 2)
    np.testing.assert_array_equal(caps.transform(np.array([[-50.0], [3.0], [1e9], [np.nan]]))[:, 0], [-1, 3, 7, np.nan])


def test_quantile_caps_ignore_missing_values_and_an_empty_column_is_not_capped() -> None:
    values = np.column_stack([np.append(np.arange(101.0), np.nan), np.full(102, np.nan)])
    caps = Caps("quantile", 1.5, [0.01, 0.99]).fit(values)
    assert (caps.low_.tolist(), caps.high_.tolist()) == ([1.0, -np.inf], [99.0, np.inf])
    assert caps.transform(np.array([[500.0, 500.0]])).tolist() == [[99.0, 500.0]]


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30), st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_caps_keep_the_order_of_values(train: list[float], a: float, b: float) -> None:
    caps = Caps("iqr", 1.5, [0.0, 1.0]).fit(np.array(train)[:, None])
    low, high = caps.transform(np.array(sorted([a, b]))[:, None])[:, 0]
    assert low <= high


def test_what_scored_rows_hold_does_not_move_what_training_learnt() -> None:
    matrix = build_matrix(product()).fit(loans())
    wild = loans().assign(debt=1e12, income=1e12)
    before = matrix.transform(loans())
    matrix.transform(wild)
    np.testing.assert_array_equal(matrix.transform(loans()), before)


def test_an_unseen_category_is_scored_like_none_of_the_known_ones() -> None:
    matrix = build_matrix(product(preprocess={"min_category_share": 0.0})).fit(loans())
    names = matrix_names(matrix)
    row = dict(zip(names, matrix.transform(loans().assign(term=999))[0], strict=True))
    assert [row[n] for n in names if n.startswith("category__term_3") or n.startswith("category__term_6")] == [0.0, 0.0]


def test_every_matrix_column_knows_its_feature_and_its_sign() -> None:
    config = product(preprocess={"min_category_share": 0.0})
    names = matrix_names(build_matrix(config).fit(loans()))
    signs = dict(zip(names, monotone_signs(names, config), strict=True))
    assert (signs["number__debt"], signs["number__income"], signs["ratio__dti"]) == (1, -1, 1)
    assert (signs["number__missingindicator_debt"], signs["category__term_36"]) == (0, 0)
    owners = {name: source_column(name, config) for name in names}
    assert owners["number__missingindicator_debt"] == "debt"
    assert owners["category__term_36"] == "term"
    assert owners["category__term_plan_a"] == "term_plan"
    assert set(owners.values()) == {*config.feature_names, "dti"}


def test_without_imputation_lightgbm_gets_the_missing_values_as_they_are() -> None:
    matrix = build_matrix(product(preprocess={"impute": "none", "caps": "none"}))
    assert np.isnan(matrix.fit_transform(loans())).any()


def test_ratios_are_capped_only_when_the_project_says_so() -> None:
    frame = pd.concat([loans()] * 20, ignore_index=True).assign(debt=10.0, income=100.0)
    frame.loc[0, "income"] = 0.001
    last = [build_matrix(product(preprocess={"cap_ratios": capped})).fit(frame) for capped in (True, False)]
    reach = [np.ptp(m.transform(frame)[:, matrix_names(m).index("ratio__dti")]) for m in last]
    assert reach[0] < reach[1]


def test_the_first_step_learns_nothing() -> None:
    step = RawColumns(["a"], [], {}, {})
    assert vars(step.fit(pd.DataFrame({"a": [1.0]}))) == vars(RawColumns(["a"], [], {}, {}))


@pytest.mark.parametrize("name", FAMILIES)
def test_an_applicant_gets_the_same_bits_alone_in_a_crowd_or_in_another_frame(small: Small, name: str) -> None:
    found = small.model(name)
    rows = small.frame.iloc[small.split.test]
    whole = found.model.predict_proba(rows)[:, 1]
    np.testing.assert_array_equal(whole, found.test_pd)
    order = np.random.default_rng(5).permutation(len(rows))
    np.testing.assert_array_equal(found.model.predict_proba(rows.iloc[order])[:, 1], whole[order])
    wider = rows.iloc[:, ::-1].assign(noise=7, note="?")
    wider.index = range(10_000, 10_000 + len(rows))
    np.testing.assert_array_equal(found.model.predict_proba(wider)[:, 1], whole)
    for n in (2, 3, 5, 8, 13, 100):
        np.testing.assert_array_equal(found.model.predict_proba(rows.iloc[:n])[:, 1], whole[:n])
    alone = [found.model.predict_proba(rows.iloc[[i]])[0, 1] for i in range(40)]
    np.testing.assert_array_equal(alone, whole[:40])


@pytest.mark.parametrize("name", FAMILIES)
def test_an_applicant_with_every_category_new_and_every_optional_number_missing_gets_a_pd(small: Small, name: str) -> None:
    row = small.frame.iloc[small.split.test[:1]].copy()
    for feature in small.config.features:
        row[feature.name] = "never seen" if feature.kind == "category" else np.nan
    pd_ = small.model(name).model.predict_proba(row)[0, 1]
    assert 0 < pd_ < 1
