"""An application before it is checked: what a form offers for each feature, what it starts with, and examples to try."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from pipeline import contract
from pipeline.project import Feature, ProjectConfig, Scalar

Raw = Mapping[str, Scalar | None]
"""What stands in each field of a form, by feature; None is "not known" (or nothing typed yet)."""

NOT_KNOWN: Final = "not known"
_SHARES: Final = {"Low risk": 0.05, "Typical": 0.5, "High risk": 0.98}
"""Where the examples lie among all applicants, as quantiles of their PD."""
_NEAR: Final = "Near the cut-off"
EXAMPLES: Final = ("Low risk", "Typical", _NEAR, "High risk")
_STEPS: Final = 200
"""Presses of a field's plus that would cross its range, about."""


def may_be_missing(feature: Feature) -> bool:
    """Tell whether "not known" is an answer that the project accepts."""
    return feature.max_missing > 0 or bool(feature.missing)


def defaults(config: ProjectConfig) -> dict[str, Scalar | None]:
    """Return the project's own sensible start for every field."""
    return {feature.name: as_field(feature, feature.default) for feature in config.features}


def as_field(feature: Feature, value: object) -> Scalar | None:
    """Return a value as the feature's field holds it: int, float, bool or the choice itself; None where there is none."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if feature.kind == "category":
        return next((choice for choice in feature.choices if _same(choice, value)), None)
    number = float(str(value)) if not isinstance(value, bool) else float(value)
    if feature.kind == "boolean":
        return bool(number)
    return round(number) if feature.integer else number


def choice_text(feature: Feature, choice: Scalar | None) -> str:
    """Return the words for one choice of a category."""
    if choice is None:
        return NOT_KNOWN
    labels = feature.choice_labels or tuple(str(c) for c in feature.choices)
    return labels[feature.choices.index(choice)]


def step_of(feature: Feature) -> float:
    """Return by how much a field's plus and minus move it: a power of ten that crosses the range in some 200 presses."""
    if feature.range is None:
        return 1.0
    width = feature.range[1] - feature.range[0]
    step = 10.0 ** round(math.log10(width / _STEPS))
    return max(step, 1.0) if feature.integer else step


def said_range(feature: Feature) -> str:
    """Say what the field accepts, for its help."""
    ends = "" if feature.range is None else f"From {feature.range[0]:,.10g} to {feature.range[1]:,.10g}."
    return " ".join(part for part in (ends, "Leave empty when not known." if may_be_missing(feature) else "") if part)


def examples(config: ProjectConfig, background: pd.DataFrame, approve_below: float) -> dict[str, dict[str, Scalar | None]]:
    """Return by name one real development row each (they carry no id): low, typical and high risk, and near the cut-off.

    background: as `contract.ARTIFACT_BACKGROUND` promises, at least one row.
    """
    pds = background[contract.BACKGROUND_PD].to_numpy(dtype=np.float64)
    wanted = {name: float(np.quantile(pds, share)) for name, share in _SHARES.items()} | {_NEAR: approve_below}
    rows = {name: background.iloc[int(np.argmin(np.abs(pds - wanted[name])))] for name in EXAMPLES}
    return {
        name: {feature.name: as_field(feature, _plain(row[feature.name])) for feature in config.features}
        for name, row in rows.items()
    }


def _plain(value: object) -> object:
    """A cell as Python has it; pandas' several signs for missing are None."""
    if value is None or value is pd.NA:
        return None
    return value.item() if isinstance(value, np.generic) else value


def _same(choice: Scalar, value: object) -> bool:
    return choice == value or str(choice) == str(value)
