"""What training had never seen: a PD stands on thinner ice where an input lies beyond the development rows."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline import contract
from pipeline.data.clean import category_text
from pipeline.evaluation.inputs import BoolArray
from pipeline.project import Feature, ProjectConfig
from pipeline.serving.records import Value
from pipeline.serving.wording import plain

FEW_ROWS = 64
"""Up to here a look at each value is quicker than setting pandas to work on a column."""


@dataclass(frozen=True)
class Seen:
    """What the development rows had of one feature. ``values`` is None for numbers, ``lowest`` NaN where none was known."""

    feature: Feature
    codes: frozenset[float | str]
    values: frozenset[float | str] | None
    lowest: float
    highest: float
    was_missing: bool

    def is_usual(self, value: Value) -> bool:
        """Tell whether training had such a value."""
        if value is None or value != value or value in self.codes:
            return self.was_missing
        return value in self.values if self.values is not None else self.lowest <= float(value) <= self.highest

    def are_usual(self, column: pd.Series) -> BoolArray:
        """`is_usual` of each value, shape (n,)."""
        missing = column.isna() | column.isin(list(self.codes)) if self.codes else column.isna()
        known = column.isin(list(self.values)) if self.values is not None else column.between(self.lowest, self.highest)
        usual: BoolArray = np.where(missing, self.was_missing, known).astype(np.bool_)
        return usual

    def warning(self, value: Value) -> str:
        """Say what is unusual about a value, in plain words."""
        label = self.feature.label
        if value is None or value != value or value in self.codes:
            return f"{label} is not known; it always was in the data the model learnt from"
        if self.values is not None:
            return f"{label}: {_shown(self.feature, value)} never occurred in the data the model learnt from"
        if math.isnan(self.lowest):
            return f"{label} was never known in the data the model learnt from"
        number = float(value)
        side, end = ("below", self.lowest) if number < self.lowest else ("above", self.highest)
        extreme = "lowest" if side == "below" else "highest"
        return f"{label}: {plain(number)} is {side} {plain(end)}, the {extreme} in the data the model learnt from"


class Watch:
    """Compares inputs with what training had of each feature.

    reference: `contract.ARTIFACT_REFERENCE`; ranges: `contract.ARTIFACT_RANGES`. A feature absent from them gives no warning.
    """

    def __init__(self, config: ProjectConfig, reference: pd.DataFrame, ranges: pd.DataFrame) -> None:
        ends = {str(row["feature"]): (float(row["lowest"]), float(row["highest"])) for row in ranges.to_dict("records")}
        bins = {str(name): table.set_index("bin")["count"] for name, table in reference.groupby("feature", sort=False)}
        self.seen = tuple(
            _seen(feature, bins[feature.name], ends.get(feature.name))
            for feature in config.features
            if feature.name in bins and (feature.kind != "number" or feature.name in ends)
        )

    def warnings(self, frame: pd.DataFrame) -> list[tuple[str, ...]]:
        """Return the warnings of each row, in the order of the project's features; () where all is usual.

        frame: typed rows as `pipeline.serving.scorer.inputs_frame` makes them.
        """
        if len(frame) <= FEW_ROWS:
            columns = {seen.feature.name: frame[seen.feature.name].tolist() for seen in self.seen}
            return [self.of_one({name: values[row] for name, values in columns.items()}) for row in range(len(frame))]
        found: dict[int, list[str]] = {}
        for seen in self.seen:
            column = frame[seen.feature.name]
            odd = np.flatnonzero(~seen.are_usual(column))
            for row, text in zip(odd.tolist(), _texts(seen.warning, column.iloc[odd]), strict=True):
                found.setdefault(row, []).append(text)
        texts: list[tuple[str, ...]] = [()] * len(frame)
        for row, said in found.items():
            texts[row] = tuple(said)
        return texts

    def of_one(self, inputs: Mapping[str, Value]) -> tuple[str, ...]:
        """Return the warnings of one applicant's validated inputs."""
        return tuple(
            seen.warning(inputs[seen.feature.name]) for seen in self.seen if not seen.is_usual(inputs[seen.feature.name])
        )


def _seen(feature: Feature, bins: "pd.Series[int]", ends: tuple[float, float] | None) -> Seen:
    codes = frozenset(_typed(feature, code) for code in feature.missing)
    was_missing = bool(bins.get(contract.BIN_MISSING, 0))
    if feature.kind == "number":
        lowest, highest = ends or (math.nan, math.nan)
        return Seen(feature, codes, None, lowest, highest, was_missing)
    names = [str(name) for name, count in bins.items() if count > 0 and name not in (contract.BIN_MISSING, contract.BIN_UNSEEN)]
    return Seen(feature, codes, frozenset(_typed(feature, name) for name in names), math.nan, math.nan, was_missing)


def _typed(feature: Feature, value: object) -> float | str:
    """A code or a bin's name as typed inputs hold it."""
    text = category_text(value)
    assert text is not None
    if feature.kind == "category":
        return text
    return float(text) if text not in ("True", "False") else float(text == "True")


def _texts(warning: Callable[[Any], str], cells: pd.Series) -> Sequence[str]:
    """The words of each cell; alike values are put into words once."""
    if cells.empty:
        return ()
    codes, distinct = pd.factorize(cells, use_na_sentinel=False)
    words = [warning(value) for value in distinct]
    return [words[code] for code in codes]


_TRUTH: Mapping[float, str] = {0.0: "no", 1.0: "yes"}


def _shown(feature: Feature, value: float | str) -> str:
    if feature.kind == "boolean":
        return _TRUTH.get(float(value), plain(float(value)))
    labels = dict(zip(map(category_text, feature.choices), feature.choice_labels, strict=False))
    return labels.get(str(value), str(value))
