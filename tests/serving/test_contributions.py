"""Contributions add up to the PD the model gave, whatever the family and the calibration."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from pipeline.project import load_project
from pipeline.serving.contributions import EDGE, Explainer, add_up, logit
from pipeline.serving.records import ServingError
from pipeline.training.calibration import CalibratedPD, Calibrator
from tests.serving.explained_models import (
    FAMILIES,
    METHODS,
    applicants,
    by_hand,
    fitted,
    hand_rows,
    one_step,
    platt,
)

PAIRS = [("prior", "none"), *((family, method) for family in FAMILIES[1:] for method in METHODS)]


@pytest.mark.parametrize(("family", "method"), PAIRS)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(frame=applicants(load_project("simulated")))
def test_contributions_add_up_to_the_log_odds_of_the_pd(family: str, method: str, frame: pd.DataFrame) -> None:
    made = fitted(family, method)
    explainer = Explainer(made.model, made.config)
    pds = made.model.predict_proba(frame)[:, 1]
    pieces, base = explainer.contributions(explainer.raw_step(frame))
    assert pieces.shape == (len(frame), len(explainer.factors))
    np.testing.assert_allclose(base + pieces.sum(axis=1), logit(pds), rtol=0, atol=1e-6)
    np.testing.assert_allclose(expit(base + pieces.sum(axis=1)), pds, rtol=0, atol=1e-6)


@pytest.mark.parametrize(("family", "method"), PAIRS)
def test_scoring_from_the_raw_step_gives_the_bits_of_the_model(family: str, method: str) -> None:
    made = fitted(family, method)
    explainer = Explainer(made.model, made.config)
    np.testing.assert_array_equal(explainer.pd_of_matrix(explainer.matrix(explainer.raw_step(made.frame))), made.pds)


@pytest.mark.parametrize(("family", "method"), PAIRS)
def test_a_row_alone_has_the_bits_it_has_among_others(family: str, method: str) -> None:
    made = fitted(family, method)
    explainer = Explainer(made.model, made.config)
    many, _ = explainer.contributions(explainer.raw_step(made.frame.head(60)))
    for i in (0, 1, 17, 59):
        alone, _ = explainer.contributions(explainer.raw_step(made.frame.iloc[[i]]))
        np.testing.assert_array_equal(alone[0], many[i])


def test_factors_are_features_then_ratios_as_the_project_names_them() -> None:
    made = fitted("logistic", "sigmoid")
    explainer = Explainer(made.model, made.config)
    assert explainer.factors == (*made.config.feature_names, "loan_to_income", "debt_to_income")
    assert set(explainer.owner) == set(range(len(explainer.factors)))


def test_one_factor_replaced_in_the_scored_frame_changes_only_its_own_columns_of_the_matrix() -> None:
    made = fitted("lightgbm", "sigmoid")
    explainer = Explainer(made.model, made.config)
    scored, other = (explainer.raw_step(made.frame.iloc[[i]]) for i in (3, 40))
    for j, factor in enumerate(explainer.factors):
        replaced = scored.assign(**{factor: other[factor].to_numpy()})
        expected = np.where(explainer.owner == j, explainer.matrix(other), explainer.matrix(scored))
        np.testing.assert_array_equal(explainer.matrix(replaced), expected)


def test_the_linear_case_worked_by_hand() -> None:
    made = by_hand(debt=2.0, years=-1.0, tenant=0.5, intercept=-1.0)
    pieces, base = _explained(made, hand_rows((1.0, 3.0, "tenant"), (0.0, 0.0, "owner"), (0.0, 0.0, "castle")))
    np.testing.assert_allclose(pieces, [[2.0, -3.0, 0.5], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(base, -1.0)


def test_platts_slope_scales_every_piece_and_its_intercept_moves_the_base() -> None:
    made = by_hand(debt=2.0, years=-1.0, tenant=0.5, intercept=-1.0, calibrator=platt(0.5, 0.25))
    pieces, base = _explained(made, hand_rows((1.0, 3.0, "tenant")))
    np.testing.assert_allclose(pieces, [[1.0, -1.5, 0.25]], atol=1e-12)
    np.testing.assert_allclose(base, -0.25)


def test_an_isotonic_step_is_shared_out_in_proportion_to_the_pieces() -> None:
    made = by_hand(debt=1.0, years=-1.0, tenant=0.0, intercept=0.0, calibrator=one_step(0.6, 0.2, 0.8))
    pieces, base = _explained(made, hand_rows((3.0, 1.0, "owner")))
    # base: score 0.5 has PD 0.2; the row's score has PD 0.8, which is 2 ln 4 more; the pieces 3 and -1 sum to 2
    missing = 2 * np.log(4) - 2
    np.testing.assert_allclose(base, np.log(0.25))
    np.testing.assert_allclose(pieces, [[3 + 0.75 * missing, -1 + 0.25 * missing, 0.0]], atol=1e-12)


def test_a_pd_of_exactly_one_still_adds_up_at_the_edge() -> None:
    made = by_hand(debt=1.0, years=0.0, tenant=0.0, intercept=0.0, calibrator=one_step(0.6, 0.0, 1.0))
    pieces, base = _explained(made, hand_rows((3.0, 0.0, "owner")))
    np.testing.assert_allclose(base + pieces.sum(axis=1), np.log((1 - EDGE) / EDGE), rtol=1e-3)
    assert np.isfinite(pieces).all()


def test_a_missing_indicator_and_each_category_count_for_their_feature() -> None:
    made = fitted("logistic", "sigmoid")
    explainer = Explainer(made.model, made.config)
    frame = made.frame.iloc[[0]]
    without = frame.assign(income=np.nan)
    moved = np.subtract(*(explainer.contributions(explainer.raw_step(f))[0][0] for f in (without, frame)))
    changed = {explainer.factors[j] for j in np.flatnonzero(np.abs(moved) > 1e-9)}
    assert changed <= {"income", "loan_to_income", "debt_to_income"}
    assert "income" in changed


def test_the_prior_has_no_pieces() -> None:
    made = fitted("prior", "none")
    pieces, base = _explained(made, made.frame.head(5))
    assert not pieces.any()
    np.testing.assert_allclose(expit(base), made.pds[0])


def test_a_model_of_another_kind_is_refused_by_name() -> None:
    made = by_hand(1.0, 0.0, 0.0, 0.0)
    tree = DecisionTreeClassifier().fit(np.zeros((4, 4)), [0, 1, 0, 1])
    model = Pipeline([*made.model.steps[:2], ("pd", CalibratedPD(tree, Calibrator("none")))])
    explainer = Explainer(model, made.config)
    with pytest.raises(ServingError, match="DecisionTreeClassifier"):
        explainer.contributions(explainer.raw_step(made.frame))


@given(
    st.lists(st.lists(st.floats(-50, 50), min_size=3, max_size=3), min_size=1, max_size=5),
    st.floats(-30, 30),
)
def test_whatever_is_missing_the_pieces_are_made_to_add_up(rows: list[list[float]], total: float) -> None:
    pieces = np.array(rows)
    done = add_up(pieces, np.full(len(pieces), total))
    np.testing.assert_allclose(done.sum(axis=1), total, atol=1e-9)


def test_pieces_that_cancel_out_do_not_blow_up() -> None:
    done = add_up(np.array([[1.0, -1.0], [0.0, 0.0]]), np.array([0.5, 0.5]))
    np.testing.assert_allclose(done, [[1.25, -0.75], [0.25, 0.25]])


def _explained(made: Any, frame: pd.DataFrame) -> tuple[Any, Any]:
    explainer = Explainer(made.model, made.config)
    return explainer.contributions(explainer.raw_step(frame))
