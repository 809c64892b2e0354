"""From raw columns to a numeric matrix: missing codes, ratios, caps, imputation, encoding, scaling, all fitted together.

The same fitted objects serve later, so training and serving cannot differ.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from pipeline.contract import BIN_MISSING
from pipeline.data.clean import category_text, category_texts
from pipeline.project import Preprocess, ProjectConfig, Scalar

FloatArray = npt.NDArray[np.float64]


class RawColumns(TransformerMixin, BaseEstimator):
    """Pick the declared columns, turn missing codes into missing, normalise categories to text, add ratios.

    Nothing is learnt here. Parameters are plain lists and dicts, so that the object can be saved and read without pickle.
    """

    def __init__(
        self,
        numbers: Sequence[str],
        categories: Sequence[str],
        missing: Mapping[str, Sequence[Scalar]],
        ratios: Mapping[str, Sequence[str]],
    ) -> None:
        self.numbers = numbers
        self.categories = categories
        self.missing = missing
        self.ratios = ratios

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Remember nothing; present because scikit-learn asks for it."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that there is nothing to fit."""
        return True

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return numbers, then ratios (float64, NaN where missing), then categories (text, `BIN_MISSING` where missing)."""
        columns: dict[str, Any] = {name: self._number(X[name], name) for name in self.numbers}
        for name, (numerator, denominator) in self.ratios.items():
            columns[name] = safe_ratio(columns[numerator], columns[denominator])
        for name in self.categories:
            columns[name] = self._category(X[name], name)
        return pd.DataFrame(columns, index=X.index, copy=False)

    def _number(self, column: pd.Series, name: str) -> FloatArray:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        codes = self.missing.get(name)
        return np.where(np.isin(values, np.asarray(codes, dtype=np.float64)), np.nan, values) if codes else values

    def _category(self, column: pd.Series, name: str) -> npt.NDArray[np.object_]:
        text = category_texts(column)
        known = text.notna() & ~text.isin([category_text(code) for code in self.missing.get(name, ())])
        return text.astype(object).where(known, BIN_MISSING).to_numpy(dtype=object)


class Caps(TransformerMixin, BaseEstimator):
    """Clip each column to limits learnt from training: quartiles -/+ factor x IQR (Tukey 1977), or two quantiles."""

    def __init__(self, method: str, factor: float, quantiles: Sequence[float]) -> None:
        self.method = method
        self.factor = factor
        self.quantiles = quantiles

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn the limits; a column without a known value gets none."""
        values = np.asarray(X, dtype=np.float64)
        shares = (0.25, 0.75) if self.method == "iqr" else tuple(self.quantiles)
        empty = np.isnan(values).all(axis=0)
        low, high = np.nanquantile(np.where(empty, 0.0, values), shares, axis=0)
        reach = self.factor * (high - low) if self.method == "iqr" else 0.0
        self.low_ = np.where(empty, -np.inf, low - reach)
        self.high_ = np.where(empty, np.inf, high + reach)
        self.n_features_in_ = values.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> FloatArray:
        """Return the clipped values; missing stays missing."""
        return np.clip(np.asarray(X, dtype=np.float64), self.low_, self.high_)

    def get_feature_names_out(self, input_features: Sequence[str]) -> npt.NDArray[np.object_]:
        """Return the names unchanged."""
        return np.asarray(input_features, dtype=object)


def safe_ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Divide element by element; NaN where either side is missing, the denominator is zero, or no float holds the result."""
    out = np.full(numerator.shape, np.nan)
    with np.errstate(over="ignore"):  # an income of 1e-310 is above zero and passes every range
        np.divide(numerator, denominator, out=out, where=denominator != 0)
    return np.where(np.isinf(out), np.nan, out)


def raw_columns(config: ProjectConfig) -> RawColumns:
    """Build the first step from the project: which columns, which missing codes, which ratios."""
    return RawColumns(
        numbers=[f.name for f in config.features if f.kind != "category"],
        categories=[f.name for f in config.features if f.kind == "category"],
        missing={f.name: list(f.missing) for f in config.features if f.missing},
        ratios={r.name: [r.numerator, r.denominator] for r in config.ratios},
    )


def build_matrix(config: ProjectConfig) -> Pipeline:
    """Return the unfitted steps from raw columns to a numeric matrix: numbers, ratios, one column per category value."""
    raw = raw_columns(config)
    steps = config.preprocess
    parts = [
        ("number", _number_steps(steps, capped=True), list(raw.numbers)),
        ("ratio", _number_steps(steps, capped=steps.cap_ratios), list(raw.ratios)),
        ("category", _category_steps(steps), list(raw.categories)),
    ]
    columns = ColumnTransformer([part for part in parts if part[2]], sparse_threshold=0.0)
    return Pipeline([("raw", raw), ("columns", columns)])


def _number_steps(steps: Preprocess, *, capped: bool) -> Pipeline:
    stages: list[tuple[str, Any]] = []
    if capped and steps.caps != "none":
        stages.append(("caps", Caps(steps.caps, steps.cap_iqr_factor, list(steps.cap_quantiles))))
    if steps.impute != "none":
        imputer = SimpleImputer(strategy=steps.impute, add_indicator=steps.missing_indicators, keep_empty_features=True)
        stages.append(("impute", imputer))
    return Pipeline([*stages, ("scale", StandardScaler())])


def _category_steps(steps: Preprocess) -> OneHotEncoder:
    return OneHotEncoder(
        handle_unknown="infrequent_if_exist", min_frequency=steps.min_category_share or None, sparse_output=False
    )


def matrix_names(matrix: Pipeline) -> list[str]:
    """Names of the fitted matrix's columns, ``part__column``, e.g. ``number__income`` or ``category__term_60``."""
    return [str(name) for name in matrix[-1].get_feature_names_out()]


def source_column(name: str, config: ProjectConfig) -> str:
    """Return the feature or ratio a matrix column comes from, e.g. ``category__term_60`` gives ``term``."""
    part, _, rest = name.partition("__")
    rest = rest.removeprefix("missingindicator_")
    if part != "category":
        return rest
    owners = [f.name for f in config.features if f.kind == "category" and rest.startswith(f"{f.name}_")]
    return max(owners, key=len, default=rest)


def monotone_signs(names: Sequence[str], config: ProjectConfig) -> list[int]:
    """Sign per matrix column, from the project; indicators and categories are free (0)."""
    declared = {f"number__{f.name}": int(f.monotone) for f in config.features}
    declared |= {f"ratio__{r.name}": int(r.monotone) for r in config.ratios}
    return [declared.get(name, 0) for name in names]
