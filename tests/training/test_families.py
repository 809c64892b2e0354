"""The families honour the project's signs, take only what they know, and fit the same bits again."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.training.families import FAMILIES, FamilyError, make_estimator
from tests.training.conftest import Small

STEPS = 12


def sweep(small: Small, row: pd.DataFrame, feature: str) -> pd.DataFrame:
    """The applicant again and again with one number rising from a low to a high value of the book."""
    known = small.frame[feature].dropna()
    values = np.quantile(known[known > 0], np.linspace(0, 1, STEPS))
    return pd.concat([row] * STEPS, ignore_index=True).assign(**{feature: values})


@pytest.mark.parametrize("name", ["forest", "lightgbm"])
@pytest.mark.parametrize("sign", [1, -1])
def test_the_pd_follows_every_declared_sign_for_every_applicant(small: Small, name: str, sign: int) -> None:
    signed = [f.name for f in small.config.features if f.monotone == sign]
    assert len(signed) >= 4
    rows = small.frame.iloc[small.split.test[::90]]
    grids = [sweep(small, rows.iloc[[i]], feature) for feature in signed for i in range(len(rows))]
    pds = small.model(name).model.predict_proba(pd.concat(grids, ignore_index=True))[:, 1].reshape(-1, STEPS)
    assert np.all(sign * np.diff(pds, axis=1) >= -1e-12)
    assert np.ptp(pds, axis=1).max() > 0.01, "a sweep that moves nothing would prove nothing"


@pytest.mark.parametrize("family", ["forest", "lightgbm"])
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), signs=st.lists(st.sampled_from([-1, 0, 1]), min_size=3, max_size=3))
def test_any_signs_hold_against_data_that_say_the_opposite(family: str, seed: int, signs: list[int]) -> None:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(300, 3))
    y = (X @ -np.array(signs, dtype=float) + rng.normal(size=300) > 0).astype(int)
    model = make_estimator(family, {"n_estimators": 5}, signs=signs, seed=seed).fit(X, y)
    for column, sign in enumerate(signs):
        grid = np.repeat(X[:5], STEPS, axis=0)
        grid[:, column] = np.tile(np.linspace(-3, 3, STEPS), 5)
        rises = np.diff(model.predict_proba(grid)[:, 1].reshape(5, STEPS), axis=1)
        assert sign == 0 or np.all(sign * rises >= -1e-12)


def test_the_prior_gives_everybody_the_default_rate() -> None:
    X, y = np.zeros((10, 2)), np.array([1, 0, 0, 0, 0] * 2)
    model = make_estimator("prior", {}, signs=[0, 0], seed=1).fit(X, y)
    assert set(model.predict_proba(X)[:, 1]) == {0.2}


@pytest.mark.parametrize("family", ["prior", "logistic", "forest"])
def test_an_unknown_parameter_is_refused_by_name(family: str) -> None:
    with pytest.raises(FamilyError, match=f"{family} does not accept .*tree_depth"):
        make_estimator(family, {"tree_depth": 3}, signs=[0], seed=1)


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_the_same_seed_fits_the_same_bits(family: str) -> None:
    rng = np.random.default_rng(4)
    X, y = rng.normal(size=(300, 5)), rng.integers(0, 2, 300)
    params = {} if family in ("prior", "logistic") else {"n_estimators": 7}
    fits = [make_estimator(family, params, signs=[1, 0, 0, 0, 0], seed=9).fit(X, y) for _ in range(2)]
    np.testing.assert_array_equal(fits[0].predict_proba(X), fits[1].predict_proba(X))
