"""The inputs of applicants, one or a whole file, checked against the project: every fault at once, each with its field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.evaluation.inputs import BoolArray, IntArray
from pipeline.project import ProjectConfig
from pipeline.serving.fields import Field, Refused, compile_field
from pipeline.serving.records import Fault, Value
from pipeline.serving.wording import nearest, shown

FAULT_COLUMNS: Final = ("row", "field", "given", "message")
HINTED: Final = 200
"""Of so many different values in a column it is said what was probably meant: whoever mistypes has few, and each takes time."""
NAMED: Final = 5
"""Unknown fields and ignored columns are named up to this many; the rest are counted."""


class InputError(ValueError):
    """A file that cannot be scored at all; the message names the columns and what would be right."""


@dataclass(frozen=True)
class CheckedFrame:
    """A file's good rows, and what is wrong with the others."""

    frame: pd.DataFrame
    """The good rows, typed as `pipeline.serving.scorer.inputs_frame` types them, index 0..m-1."""
    positions: IntArray
    """Where each of them stands in the input, 0-based, ascending, shape (m,)."""
    faults: pd.DataFrame
    """`FAULT_COLUMNS`, one row per fault in the order of the input; ``row`` is 0-based."""
    notes: tuple[str, ...]
    """What was ignored or is missing as a whole."""


class InputRules:
    """The rules of one project, compiled once."""

    def __init__(self, config: ProjectConfig) -> None:
        self.config = config
        self.fields: Mapping[str, Field] = {feature.name: compile_field(feature) for feature in config.features}

    def check(self, raw: Mapping[str, object], *, from_text: bool = False) -> tuple[dict[str, Value], list[Fault]]:
        """Read one applicant's inputs: the values of the good fields as models take them, and every fault.

        As JSON a number must be a number; ``from_text`` takes the cells of forms and files, where numbers may be text and
        NaN means that nothing was given. A field that is absent counts as given nothing. The applicant may be scored when
        there is no fault; then every feature is there.
        """
        values: dict[str, Value] = {}
        faults: list[Fault] = []
        for name, field in self.fields.items():
            value = raw.get(name)
            try:
                values[name] = field.read(value, from_text)
            except Refused:
                faults.append(field.fault(value, from_text))
        unknown = [name for name in raw if name not in self.fields]
        if unknown:
            faults += self._unknown(unknown, raw)
        return values, faults

    def check_frame(self, frame: pd.DataFrame) -> CheckedFrame:
        """Read many applicants, as `check` with ``from_text`` reads each; further columns are left alone and noted.

        Raises InputError when the frame lacks a column that may not be empty, has one that may be renamed, or has one twice.
        """
        notes = self._check_columns(frame)
        good = np.ones(len(frame), dtype=np.bool_)
        columns: dict[str, npt.NDArray[Any]] = {}
        faults = []
        for name, field in self.fields.items():
            column = frame[name] if name in frame else pd.Series(np.nan, index=frame.index)
            columns[name], taken = field.read_column(column)
            if not taken.all():
                faults.append(_column_faults(field, column, taken))
                good &= taken
        return CheckedFrame(self._typed(columns, good), np.flatnonzero(good), _in_row_order(faults), notes)

    def _typed(self, columns: Mapping[str, npt.NDArray[Any]], good: BoolArray) -> pd.DataFrame:
        chosen = slice(None) if good.all() else good
        typed: dict[str, Any] = {}
        for feature in self.config.features:
            values = columns[feature.name][chosen]
            typed[feature.name] = pd.Series(values, dtype="str") if feature.kind == "category" else values
        return pd.DataFrame(typed, copy=False)

    def _unknown(self, unknown: Sequence[str], raw: Mapping[str, object]) -> list[Fault]:
        faults = []
        for name in unknown[:NAMED]:
            near = nearest(str(name), self.fields)
            hint = f"did you mean {near!r}?" if near else "leave it out"
            given = shown(raw[name])
            faults.append(Fault(str(name)[:100], given, f"{shown(str(name))} is no input of {self.config.name}; {hint}"))
        more = len(unknown) - NAMED
        if more > 0:
            message = f"{more} more fields are no inputs of {self.config.name}; leave them out"
            faults.append(Fault("(others)", f"{more} more fields", message))
        return faults

    def _check_columns(self, frame: pd.DataFrame) -> tuple[str, ...]:
        twice = sorted({str(name) for name in frame.columns[frame.columns.duplicated()] if name in self.fields})
        if twice:
            raise InputError(f"columns {', '.join(twice)} occur twice; keep one of each")
        spare = [str(name) for name in frame.columns if name not in self.config.required_columns]
        missing = {name: nearest(name, spare) for name in self.fields if name not in frame}
        wrong = [self._missing(name, near) for name, near in missing.items() if near or not self.fields[name].nullable]
        if wrong:
            raise InputError(f"nothing was scored: {'; '.join(wrong)}")
        notes = [
            f"column {name!r} is not in the file; {self.fields[name].feature.label} counts as not known" for name in missing
        ]
        return (*notes, f"columns that are no inputs were ignored: {_named(spare)}") if spare else tuple(notes)

    def _missing(self, name: str, near: str | None) -> str:
        label = self.fields[name].feature.label
        return f"column {name!r} ({label}) is missing" + (f": the file has {near!r}, rename it" if near else "")


def _column_faults(field: Field, column: pd.Series, taken: BoolArray) -> pd.DataFrame:
    """The faults of a column; alike values are put into words once."""
    rows = np.flatnonzero(~taken)
    cells = column.iloc[rows]
    if column.dtype == object:
        codes, distinct = np.arange(rows.size), list(cells)
    else:
        codes, found = pd.factorize(cells, use_na_sentinel=False)
        distinct = list(found)
    said = [field.fault(value, from_text=True, hinted=i < HINTED) for i, value in enumerate(distinct)]
    words = np.array([(fault.field, fault.given, fault.message) for fault in said], dtype=object)
    return pd.DataFrame({"row": rows, **dict(zip(FAULT_COLUMNS[1:], words[codes].T, strict=True))})


def _in_row_order(faults: Sequence[pd.DataFrame]) -> pd.DataFrame:
    if not faults:
        empty = {name: pd.Series(dtype="int64" if name == "row" else "str") for name in FAULT_COLUMNS}
        return pd.DataFrame(empty)
    table = pd.concat(faults, ignore_index=True).sort_values("row", kind="stable", ignore_index=True)
    return table.astype(dict.fromkeys(FAULT_COLUMNS[1:], "str"))


def _named(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(islice(names, NAMED)) + (f" and {more} more" if more > 0 else "")
