"""Models to explain: every family under every calibration on a small simulated book, and linear ones made by hand."""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from pipeline import contract
from pipeline.data.clean import clean_table
from pipeline.data.simulate import BookSpec, simulate_book
from pipeline.project import Feature, ProjectConfig, load_project, parse_project
from pipeline.serving.scorer import inputs_frame
from pipeline.training.calibration import CalibratedPD, Calibrator, positive_score
from pipeline.training.families import make_estimator
from pipeline.training.features import build_matrix, matrix_names, monotone_signs

PARAMS: dict[str, dict[str, Any]] = {
    "prior": {},
    "logistic": {"max_iter": 1000},
    "forest": {"n_estimators": 12, "min_samples_leaf": 15, "max_depth": 6},
    "lightgbm": {"n_estimators": 30, "num_leaves": 6},
}
FAMILIES = tuple(PARAMS)
METHODS = ("sigmoid", "isotonic", "none")
HAND_MADE = """
[project]
name = "by_hand"
title = "By hand"
currency = "EUR"
[data]
target = "default"
[[features]]
name = "debt"
kind = "number"
label = "Debt"
reason = "Too much debt"
[[features]]
name = "years"
kind = "number"
label = "Years in job"
[[features]]
name = "home"
kind = "category"
label = "Home"
choices = ["owner", "tenant"]
reason = "Housing situation"
[split]
method = "random"
[preprocess]
caps = "none"
missing_indicators = false
min_category_share = 0.0
[costs]
fn_cost = 5
fp_cost = 1
[models.logistic]
family = "logistic"
"""


@dataclass(frozen=True)
class Explained:
    """A fitted model with the rows it was fitted on."""

    model: Pipeline
    config: ProjectConfig
    frame: pd.DataFrame

    @cached_property
    def background(self) -> pd.DataFrame:
        return self.frame.assign(**{contract.BACKGROUND_PD: self.pds})

    @cached_property
    def pds(self) -> Any:
        return self.model.predict_proba(self.frame)[:, 1]


@cache
def book() -> pd.DataFrame:
    return clean_table(simulate_book(BookSpec(n=1500).without(["campaign", "recession", "rename"])), load_project("simulated"))


@cache
def fitted(family: str, method: str, project_text: str | None = None) -> Explained:
    config = parse_project(project_text) if project_text else load_project("simulated")
    y = book()[config.data.target].to_numpy()
    matrix = build_matrix(config)
    X = matrix.fit_transform(book(), y)
    estimator = make_estimator(family, PARAMS[family], signs=monotone_signs(matrix_names(matrix), config), seed=7).fit(X, y)
    # The prior comes out of training uncalibrated, whatever the project says.
    calibrator = Calibrator("none" if family == "prior" else method).fit(positive_score(estimator, X), y)
    model = Pipeline([*matrix.steps, ("pd", CalibratedPD(estimator, calibrator))])
    return Explained(model, config, book()[list(config.feature_names)])


def by_hand(debt: float, years: float, tenant: float, intercept: float, calibrator: Calibrator | None = None) -> Explained:
    """A linear model on debt, years (both as they are) and home with the given log-odds per unit; an owner adds nothing."""
    config = parse_project(HAND_MADE)
    rows = pd.DataFrame({"debt": [-1.0, 1.0], "years": [-1.0, 1.0], "home": pd.Series(["owner", "tenant"], dtype="str")})
    matrix = build_matrix(config).fit(rows)  # mean 0 and deviation 1: scaling changes nothing
    estimator = LogisticRegression()
    estimator.coef_, estimator.intercept_ = np.array([[debt, years, 0.0, tenant]]), np.array([intercept])
    estimator.classes_ = np.array([0, 1])
    return Explained(Pipeline([*matrix.steps, ("pd", CalibratedPD(estimator, calibrator or Calibrator("none")))]), config, rows)


def hand_rows(*rows: tuple[float, float, str | None]) -> pd.DataFrame:
    """Rows of debt, years and home."""
    names = ("debt", "years", "home")
    return inputs_frame(parse_project(HAND_MADE), [dict(zip(names, row, strict=True)) for row in rows])


def platt(slope: float, intercept: float) -> Calibrator:
    calibrator = Calibrator("sigmoid")
    calibrator.map_ = LogisticRegression()
    calibrator.map_.coef_, calibrator.map_.intercept_ = np.array([[slope]]), np.array([intercept])
    calibrator.map_.classes_ = np.array([0, 1])
    return calibrator


def one_step(at: float, low: float, high: float) -> Calibrator:
    """Isotonic with a single step: PD ``low`` for scores up to ``at``, ``high`` above."""
    calibrator = Calibrator("isotonic")
    calibrator.map_ = IsotonicRegression(out_of_bounds="clip").fit([0.0, at, at + 1e-9, 1.0], [low, low, high, high])
    return calibrator


def applicants(config: ProjectConfig) -> st.SearchStrategy[pd.DataFrame]:
    """Frames of one to four applicants, with anything missing, categories that training never saw, and extremes."""
    row = st.fixed_dictionaries({f.name: _values(f) for f in config.features})
    return st.lists(row, min_size=1, max_size=4).map(lambda rows: inputs_frame(config, rows))


def _values(feature: Feature) -> st.SearchStrategy[Any]:
    if feature.kind == "category":
        return st.sampled_from([None, "never seen", *map(str, feature.choices)])
    if feature.kind == "boolean":
        return st.sampled_from([None, 0.0, 1.0])
    low, high = feature.range or (0.0, 1e6)
    return st.none() | st.floats(low, high) | st.sampled_from([low, high])
