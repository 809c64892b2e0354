"""What one input must be: a rule per feature, compiled once, that reads a cell or a column and refuses in the same words."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.data.clean import TRUTH, as_number, category_text
from pipeline.data.read import NUMBER_PATTERN
from pipeline.evaluation.inputs import BoolArray
from pipeline.project import Feature
from pipeline.serving.records import Fault, Value
from pipeline.serving.wording import LONGEST_NAME, expected, nearest, plain, shown

_NUMBER = re.compile(NUMBER_PATTERN[1:-1], re.ASCII)
_NOT_GIVEN: Final = "was given"
"""After the word nothing."""
_NOTHING: Final = (None, pd.NA, pd.NaT)


class Refused(ValueError):  # noqa: N818  # a verdict on a value, caught at once
    """A value that is not taken; the text is the middle of a sentence: ``is below 1000``."""

    def __init__(self, why: str, unknown: str = "", known: Iterable[str] = ()) -> None:
        super().__init__(why)
        # Which of the known texts was meant is looked for only when it is said.
        self.unknown, self.known = unknown, known


@dataclass(frozen=True)
class Field:
    """The rule of one feature. `read` takes one value, `read_column` as many, with the same verdicts."""

    feature: Feature
    nullable: bool
    """Whether it may be left empty: the project allows missing values or declares codes for them."""
    expected: str
    """What would be right, as the end of a sentence."""

    def read(self, value: object, from_text: bool) -> Value:
        """Return the value as the model takes it; Refused when it may not be. From text, cells hold numbers as text."""
        raise NotImplementedError

    def read_column(self, column: pd.Series) -> tuple[npt.NDArray[Any], BoolArray]:
        """Return the values, shape (n,), and which of them are taken; the others' values mean nothing."""
        codes, distinct = (range(len(column)), column) if column.dtype == object else pd.factorize(column)
        values, taken = self._read_each([*distinct, None])
        return values[np.asarray(codes)], taken[np.asarray(codes)]

    def fault(self, value: object, from_text: bool, *, hinted: bool = True) -> Fault:
        """Say why `read` refuses the value, and unless ``hinted`` is False, which takes time, what was probably meant."""
        try:
            self.read(value, from_text)
        except Refused as refused:
            given = "nothing" if str(refused) == _NOT_GIVEN else shown(value)
            near = nearest(refused.unknown, refused.known) if hinted else None
            meant = f" (did you mean {near}?)" if near else ""
            return Fault(self.feature.name, given, f"{self.feature.label}: {given} {refused}{meant}; {self.expected}")
        raise AssertionError(f"{self.feature.name}: {value!r} was refused in a column and taken alone")

    def _nothing(self) -> Value:
        if not self.nullable:
            raise Refused(_NOT_GIVEN)
        return None

    def _read_each(self, cells: Iterable[object]) -> tuple[npt.NDArray[Any], BoolArray]:
        values: list[Value] = []
        taken: list[bool] = []
        for cell in cells:
            try:
                values.append(self.read(cell, from_text=True))
                taken.append(True)
            except Refused:
                values.append(None)
                taken.append(False)
        return self._array(values), np.array(taken, dtype=np.bool_)

    def _array(self, values: list[Value]) -> npt.NDArray[Any]:
        return np.array([math.nan if value is None else value for value in values], dtype=np.float64)


@dataclass(frozen=True)
class NumberField(Field):
    """A finite number within the range, whole where the project says so; codes for "not known" stay as they are."""

    codes: frozenset[float]
    lowest: float
    highest: float

    def read(self, value: object, from_text: bool) -> Value:
        """Return a float."""
        number = value if type(value) is float else _as_float(value, from_text, "a number")
        if number is None or (from_text and math.isnan(number)):
            return self._nothing()
        if self.lowest <= number <= self.highest and (not self.feature.integer or number.is_integer()):
            return number
        if number in self.codes:
            return number
        raise Refused(self._why(number))

    def read_column(self, column: pd.Series) -> tuple[npt.NDArray[Any], BoolArray]:
        """As for one value, without a look at each."""
        if not _is_plain(column):
            return super().read_column(column)
        values = as_number(column).to_numpy()
        taken = (values >= self.lowest) & (values <= self.highest)
        if self.feature.integer:
            taken &= np.floor(values) == values
        if self.codes:
            taken |= np.isin(values, list(self.codes))
        if self.nullable:
            taken |= _are_empty(column)
        return values, taken

    def _why(self, number: float) -> str:
        if not math.isfinite(number):
            return "is not a finite number"
        if number < self.lowest:
            return f"is below {plain(self.lowest)}"
        return f"is above {plain(self.highest)}" if number > self.highest else "is not a whole number"


@dataclass(frozen=True)
class BooleanField(Field):
    """True or false: 1.0 or 0.0."""

    codes: frozenset[float]

    def read(self, value: object, from_text: bool) -> Value:
        """Return 0.0, 1.0, or a code for "not known"."""
        if isinstance(value, bool | np.bool_):
            return float(value)
        if from_text and isinstance(value, str):
            truth = TRUTH.get(value.strip().lower())
            if truth is not None:
                return truth
        number = _as_float(value, from_text, "true or false")
        if number is None or (from_text and math.isnan(number)):
            return self._nothing()
        if number in (0.0, 1.0) or number in self.codes:
            return number
        raise Refused("is neither true nor false")


@dataclass(frozen=True)
class CategoryField(Field):
    """One of the choices, as text: 36, 36.0 and "36" are "36"."""

    known: Mapping[str, str]
    """Each choice and code by its text."""

    def read(self, value: object, from_text: bool) -> Value:
        """Return the text of the choice."""
        text = self.known.get(value) if type(value) is str else None
        return text if text is not None else self._read_odd(value, from_text)

    def _read_odd(self, value: object, from_text: bool) -> Value:
        if _is_nothing(value) if from_text else value is None:
            return self._nothing()
        if not isinstance(value, str | int | float | np.number | np.bool_):
            raise Refused("is not one of the choices")
        if isinstance(value, float | np.floating) and not math.isfinite(value):
            raise Refused("is not one of the choices")
        text = None if _is_endless(value) else category_text(value)
        if text is None and isinstance(value, str) and not value.strip():
            return self._nothing()
        if text is None or text not in self.known:
            raise Refused("is not one of the choices", text or "", self.known)
        return text

    def _array(self, values: list[Value]) -> npt.NDArray[Any]:
        return np.array(values, dtype=object)


def compile_field(feature: Feature) -> Field:
    """Build the rule of a feature from the project's TOML."""
    nullable = feature.max_missing > 0 or bool(feature.missing)
    right = expected(feature, nullable)
    if feature.kind == "category":
        texts = [text for text in map(category_text, (*feature.choices, *feature.missing)) if text is not None]
        return CategoryField(feature, nullable, right, {text: text for text in texts})
    codes = frozenset(float(code) for code in feature.missing)
    if feature.kind == "boolean":
        return BooleanField(feature, nullable, right, codes)
    greatest = float(np.finfo(np.float64).max)
    return NumberField(feature, nullable, right, codes, *(feature.range or (-greatest, greatest)))


def _as_float(value: object, from_text: bool, wanted: str) -> float | None:
    """Read a number; None where nothing was given."""
    if isinstance(value, bool | np.bool_):
        raise Refused(f"is not {wanted}")
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, int | np.integer):
        return _whole(int(value))
    if value is None or (from_text and _is_nothing(value)):
        return None
    if from_text and isinstance(value, str | Decimal):
        return _parsed(str(value), wanted)
    raise Refused(f"is {'text, ' if isinstance(value, str) else ''}not {wanted}")


def _parsed(text: str, wanted: str) -> float:
    """Read a text as `pipeline.data.read.parse_numbers` does."""
    found = _NUMBER.fullmatch(text.strip())
    if found is None:
        raise Refused(f"is not {wanted}")
    return float(found[0])


def _whole(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        raise Refused("is not a finite number") from None


def _is_nothing(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return any(value is none for none in _NOTHING) or (isinstance(value, float | np.floating) and math.isnan(value))


def _is_endless(value: object) -> bool:
    """Too long to be a choice, and slow or impossible to turn into text."""
    if isinstance(value, str):
        return len(value) > LONGEST_NAME
    return isinstance(value, int) and abs(value) >= 10**LONGEST_NAME


def _is_plain(column: pd.Series) -> bool:
    """Whether a column holds only numbers or only text, as the columns of files do."""
    return isinstance(column.dtype, pd.StringDtype) or column.dtype.kind in "iuf"


def _are_empty(column: pd.Series) -> BoolArray:
    empty = column.isna()
    if isinstance(column.dtype, pd.StringDtype):
        empty |= (column.str.strip() == "").fillna(value=False).astype(bool)
    return np.asarray(empty, dtype=np.bool_)
