"""What if: the PD over any one input, and a first answer beside a changed one. None is a decision, none is recorded."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipeline.data.clean import category_text
from pipeline.evaluation.inputs import FloatArray
from pipeline.project import Feature, ProjectConfig
from pipeline.serving.live import LiveModel
from pipeline.serving.records import Value
from pipeline.serving.scorer import assess, inputs_frame

CURVE_COLUMNS = ["value", "label", "pd", "outcome", "density", "is_current"]
POINTS = 60
NOT_KNOWN = "not known"
BODY = (0.005, 0.995)
"""Quantiles of past applicants between which the curve is drawn: one income of 10 million must not flatten the rest."""


@dataclass(frozen=True)
class Change:
    """One input that differs, with its words from the project."""

    feature: str
    label: str
    unit: str
    before: Value
    after: Value


@dataclass(frozen=True)
class Answer:
    """What the live model and its policy would say."""

    pd: float
    grade: str
    outcome: str


@dataclass(frozen=True)
class Comparison:
    """A first answer, a changed one, and the inputs that differ between them."""

    first: Answer
    changed: Answer
    changes: tuple[Change, ...]


def compare(live: LiveModel, first: Mapping[str, Value], changed: Mapping[str, Value]) -> Comparison:
    """Score validated inputs and a changed copy of them by the same model and policy, in one batch."""
    said = assess(live, inputs_frame(live.config, [first, changed]))
    answers = [Answer(float(said.pd[i]), str(said.grade[i]), str(said.outcome[i])) for i in (0, 1)]
    return Comparison(answers[0], answers[1], changes_between(live.config, first, changed))


def changes_between(config: ProjectConfig, before: Mapping[str, Value], after: Mapping[str, Value]) -> tuple[Change, ...]:
    """Return the features whose values differ, in the order of the project."""
    return tuple(
        Change(f.name, f.label, f.unit, before[f.name], after[f.name])
        for f in config.features
        if before[f.name] != after[f.name]
    )


def pd_curve(live: LiveModel, inputs: Mapping[str, Value], feature: str, points: int = POINTS) -> pd.DataFrame:
    """Return the PD over one input, all others held.

    inputs: validated, every feature present. A number is followed at about `points` even steps over what past applicants
    had, inside the project's range, and at the applicant's own value; a category or boolean at each of its values, and at
    None where it may be missing. A number that no past applicant had has its own point at the most.

    Returns columns ``value``, ``label``, ``pd``, ``outcome``, ``density`` (share of past applicants nearest to that value,
    among all of them; the applicant's own value repeats its neighbour's) and ``is_current``. Raises KeyError for a feature
    that the project has not.
    """
    declared = live.config.feature(feature)
    past = live.background[feature]
    if declared.kind == "number":
        table = _number_points(declared, past, live.ranges, inputs[feature], points)
    else:
        table = _choice_points(declared, past, inputs[feature])
    if table.empty:
        return table.assign(pd=[], outcome=[])[CURVE_COLUMNS]
    said = assess(live, inputs_frame(live.config, [{**inputs, feature: value} for value in table["value"]]))
    return table.assign(pd=said.pd, outcome=said.outcome)[CURVE_COLUMNS]


def _number_points(feature: Feature, past: pd.Series, ranges: pd.DataFrame, own: Value, points: int) -> pd.DataFrame:
    known = past.to_numpy(dtype=np.float64)
    known = known[np.isfinite(known) & ~np.isin(known, np.asarray(feature.missing, dtype=np.float64))]
    grid = _grid(feature, known, ranges, points)
    density = _nearest_share(grid, known, len(past))
    table = pd.DataFrame({"value": grid, "label": [f"{v:,.10g}" for v in grid], "density": density})
    table["is_current"] = table["value"] == own
    if isinstance(own, float) and not table["is_current"].any():
        at = float(density[np.argmin(np.abs(grid - own))]) if grid.size else 0.0
        mine = pd.DataFrame({"value": [own], "label": [f"{own:,.10g}"], "density": [at], "is_current": [True]})
        table = pd.concat([table, mine]).sort_values("value", ignore_index=True)
    return table


def _grid(feature: Feature, known: FloatArray, ranges: pd.DataFrame, points: int) -> FloatArray:
    """Even steps over the body of past applicants, inside what is allowed; none where nobody's value was known."""
    if not known.size:
        return known
    lowest, highest = allowed_range(feature, ranges)
    low, high = np.quantile(known, BODY)
    lowest, highest = max(lowest, float(low)), min(highest, float(high))
    grid = np.linspace(lowest, max(lowest, highest), points)
    return np.unique(np.round(grid) if feature.integer else grid)


def allowed_range(feature: Feature, ranges: pd.DataFrame) -> tuple[float, float]:
    """Return the lowest and highest value that the project allows and training has seen.

    ranges: as `contract.ARTIFACT_RANGES`. (NaN, NaN) for a number that was never known in training.
    """
    seen = ranges.loc[ranges["feature"] == feature.name]
    lowest, highest = float(seen["lowest"].iloc[0]), float(seen["highest"].iloc[0])
    if feature.range is None:
        return lowest, highest
    return max(lowest, feature.range[0]), min(highest, feature.range[1])


def _nearest_share(grid: FloatArray, known: FloatArray, n_all: int) -> FloatArray:
    middles = (grid[1:] + grid[:-1]) / 2
    counts = np.bincount(np.searchsorted(middles, known, side="right"), minlength=grid.size)
    return np.asarray(counts / max(n_all, 1), dtype=np.float64)


def _choice_points(feature: Feature, past: pd.Series, own: Value) -> pd.DataFrame:
    values, labels = choices_of(feature)
    text = past.map(category_text, na_action="ignore") if feature.kind == "category" else past
    density = [float((text == value).mean()) for value in values]
    missing = text.isna() | ~text.isin(values)
    if own is None or feature.max_missing > 0:
        values, labels, density = [*values, None], [*labels, NOT_KNOWN], [*density, float(missing.mean())]
    table = pd.DataFrame({"value": pd.Series(values, dtype=object), "label": labels, "density": density})
    table["is_current"] = [value == own for value in values]
    return table


def choices_of(feature: Feature) -> tuple[list[Value], list[str]]:
    """Return every value of a category or boolean as the model takes it, and its words."""
    if feature.kind == "boolean":
        return [0.0, 1.0], ["no", "yes"]
    values: list[Value] = [category_text(choice) for choice in feature.choices]
    return values, list(feature.choice_labels) or [str(value) for value in values]
