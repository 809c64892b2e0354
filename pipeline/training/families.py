"""The model families a project can name: one function each, from parameters to an unfitted scikit-learn estimator."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from pipeline.project import Scalar

Parameters = Mapping[str, Scalar]


class FamilyError(ValueError):
    """A parameter that the family does not know, or a value it refuses."""


def make_estimator(family: str, params: Parameters, *, signs: Sequence[int], seed: int) -> Any:
    """Return an unfitted, single-threaded, seeded estimator; `signs` holds +1, 0 or -1 per matrix column.

    Single-threaded because candidates already run side by side, and because one applicant scores ten times faster so.
    """
    try:
        return FAMILIES[family](dict(params), list(signs), seed)
    except TypeError as exc:
        raise FamilyError(f"models: {family} does not accept {dict(params)}: {exc}") from exc


def _prior(params: dict[str, Scalar], _signs: list[int], _seed: int) -> Any:
    return DummyClassifier(strategy="prior", **params)


def _logistic(params: dict[str, Scalar], _signs: list[int], seed: int) -> Any:
    return LogisticRegression(random_state=seed, **params)


def _forest(params: dict[str, Scalar], signs: list[int], seed: int) -> Any:
    constraints = {"monotonic_cst": signs} if any(signs) else {}
    return RandomForestClassifier(random_state=seed, n_jobs=1, **constraints, **params)


def _lightgbm(params: dict[str, Scalar], signs: list[int], seed: int) -> Any:
    from lightgbm import LGBMClassifier

    constraints = {"monotone_constraints": signs} if any(signs) else {}
    # deterministic + force_col_wise: the same bits whatever the machine's threads
    return LGBMClassifier(
        random_state=seed, n_jobs=1, deterministic=True, force_col_wise=True, verbose=-1, **constraints, **params
    )


FAMILIES: dict[str, Callable[[dict[str, Scalar], list[int], int], Any]] = {
    "prior": _prior,
    "logistic": _logistic,
    "forest": _forest,
    "lightgbm": _lightgbm,
}
