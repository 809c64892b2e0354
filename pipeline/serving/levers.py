"""Levers: what an applicant could change, to which values, and how large each change is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.data.clean import category_text, category_texts
from pipeline.evaluation.inputs import FloatArray, IntArray
from pipeline.project import Feature, ProjectConfig
from pipeline.serving.records import Value
from pipeline.serving.what_if import allowed_range, choices_of

WIDTH = (0.05, 0.95)
"""Quantiles of past applicants whose distance is one unit of change: a few huge savings accounts must not set the scale."""
STEPS = 50
"""A number moves in round steps of at most this part of the width."""
OTHER_CHOICE = 1.0
"""Size of a change to another category, where nothing says which is nearer."""


@dataclass(frozen=True, eq=False)
class Lever:
    """One input moved one way: the values it could take, nearest first, and the size of each change, both of shape (m,)."""

    name: str
    values: npt.NDArray[np.object_] | FloatArray
    distance: FloatArray

    def value(self, i: int) -> Value:
        """Return a value as an application holds it."""
        value = self.values[i]
        return value if isinstance(value, str) else float(value)

    def places(self, below: float, points: int) -> IntArray:
        """Return at most about `points` places with a smaller change than `below`, ends included, near ones densest."""
        m = int(np.searchsorted(self.distance, below))
        if m <= points:
            return np.arange(m)
        near = np.geomspace(1, m, points // 2) - 1
        return np.unique(np.round(np.concatenate([near, np.linspace(0, m - 1, points - points // 2)])).astype(np.int64))


def levers(
    config: ProjectConfig, inputs: Mapping[str, Value], background: pd.DataFrame, ranges: pd.DataFrame
) -> tuple[Lever, ...]:
    """Return every way in which this applicant's actionable inputs could move.

    A missing value has none: what is not known cannot be changed. Nor has a number that was never known in training.
    background, ranges: as `contract.ARTIFACT_BACKGROUND` and `contract.ARTIFACT_RANGES`.
    """
    found: list[Lever] = []
    for feature in config.features:
        now = inputs[feature.name]
        if not feature.actionable or now is None or category_text(now) in {category_text(code) for code in feature.missing}:
            continue
        if feature.kind == "number":
            found += _number(feature, float(now), background[feature.name], allowed_range(feature, ranges))
        else:
            found += _choices(feature, now, background[feature.name])
    return tuple(lever for lever in found if len(lever.values))


def _number(feature: Feature, now: float, past: pd.Series, allowed: tuple[float, float]) -> Iterator[Lever]:
    """Lower and higher round values inside the allowed range; never the way that the project says raises the PD."""
    width = _width(past.to_numpy(dtype=np.float64))
    if not (width > 0 and allowed[0] <= allowed[1]):  # also true for NaN
        return
    step = natural_step(width / STEPS, whole=feature.integer)
    values = round_values(*allowed, step)
    values = values[~np.isin(values, np.asarray(feature.missing, dtype=np.float64))]
    for sign in (-1, 1):
        if feature.monotone != sign:
            way = values[np.sign(values - now) == sign][::sign]
            yield Lever(feature.name, way, np.abs(way - now) / width)


def _width(past: FloatArray) -> float:
    known = past[np.isfinite(past)]
    if not known.size:
        return float("nan")
    low, high = np.quantile(known, WIDTH)
    return float(high - low) or float(known.max() - known.min())


def natural_step(at_most: float, *, whole: bool) -> float:
    """Return the largest of 1, 2 or 5 times a power of ten that is not above `at_most`; at least 1 for whole numbers."""
    power = 10.0 ** np.floor(np.log10(at_most))
    step = float(max(m * power for m in (1, 2, 5) if m == 1 or m * power <= at_most))
    return max(1.0, step) if whole else step


def round_values(lowest: float, highest: float, step: float) -> FloatArray:
    """Return the multiples of a step from lowest to highest, both included, ascending and without float dust."""
    decimals = max(0, -int(np.floor(np.log10(step))))
    first, last = np.ceil(round(lowest / step, 6)), np.floor(round(highest / step, 6))
    return np.round(np.arange(first, last + 1) * step, decimals)


def _choices(feature: Feature, now: Value, past: pd.Series) -> Iterator[Lever]:
    """The other choices that training has seen; numeric ones lie on a line, others are all equally far."""
    values, _ = choices_of(feature)
    seen = set(category_texts(past)) if feature.kind == "category" else set(past)
    seen -= {category_text(code) for code in feature.missing}
    order = {value: place for place, value in enumerate(values)}
    others = [value for value in values if value in seen and value != now]
    numeric = feature.kind == "category" and all(isinstance(c, int | float) for c in feature.choices)
    if not numeric or now not in order:
        monotone = (v for v in others if feature.monotone == 0 or (v == 0.0) == (feature.monotone == 1))
        kept = others if feature.kind == "category" else list(monotone)
        yield Lever(feature.name, _column(kept), np.full(len(kept), OTHER_CHOICE))
        return
    for sign in (-1, 1):
        way = [v for v in others if np.sign(order[v] - order[now]) == sign][::sign]
        steps = np.array([abs(order[v] - order[now]) for v in way], dtype=np.float64)
        yield Lever(feature.name, _column(way), steps / (len(values) - 1))


def _column(values: list[Value]) -> npt.NDArray[np.object_] | FloatArray:
    text = any(isinstance(value, str) for value in values)
    return np.array(values, dtype=object if text else np.float64)
