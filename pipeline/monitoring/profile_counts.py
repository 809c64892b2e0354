"""Decisions in, counts out: the one way in which decisions are profiled, by one process or by many."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas import DataFrame, Series, concat

from pipeline import contract
from pipeline.evaluation.inputs import FloatArray, IntArray
from pipeline.evaluation.reference import as_numbers, codes_and_names
from pipeline.monitoring.baseline import VersionBins
from pipeline.monitoring.profile_rows import DAY, REASONS, reason_rows
from pipeline.monitoring.profile_sums import add_by, whole_values
from pipeline.project import Groups, ProjectConfig
from pipeline.training.report import group_labels

TABLE_COLUMNS: Final = ("day", "segment", "feature", "bin", "count")
_KEYS: Final = list(TABLE_COLUMNS[:-1])
_Texts = npt.NDArray[np.object_]


@dataclass(frozen=True, eq=False)
class _Cells:
    """Where rows fall for one feature: the place among ``names`` of each of ``rows``, of all rows where it is None."""

    names: Sequence[tuple[str, str]]
    """Feature and bin."""
    places: IntArray
    rows: IntArray | None = None


@dataclass(frozen=True, eq=False)
class _Labels:
    """The place of each row among names."""

    codes: IntArray
    names: Sequence[str]


def count_decisions(bins: VersionBins, frame: DataFrame) -> DataFrame:
    """Count the decisions of one version in its own bins: `TABLE_COLUMNS`, sorted, every count above 0.

    frame: n decisions, with the inputs and what `profile_rows.decision_frame` returns. It counts as
    `profile_bins.profile_counts` does by day and segment, but finds the bins of each row once for all segments. The tables of
    any split of the rows add up to theirs.
    """
    days = _labels(frame[DAY].to_numpy(dtype=object))
    cells = [*_placed(bins, frame), _reasons_placed(bins, frame[REASONS])]
    outcome = _outcomes(frame[contract.PROFILE_DECISION])
    values = whole_values(frame[contract.REFERENCE_PD].to_numpy(dtype=np.float64), _amounts(bins.config, frame))
    tally = _Tally(days)
    for segments in _all_segments(bins.config, frame):
        tally.enter(segments)
        for found in cells:
            tally.count(found)
        tally.add_up(outcome, values)
    return tally.table()


class _Tally:
    """Counts as numbers (day, segment, cell, count); names are put to them once, at the end."""

    def __init__(self, days: _Labels) -> None:
        self._days = days
        self._segments: list[str] = []
        self._cells: dict[tuple[str, str], int] = {}
        self._parts: list[IntArray] = []

    def enter(self, segments: _Labels) -> None:
        """From now on count by day and these segments."""
        self._first, self._n = len(self._segments), len(segments.names)
        self._group = self._days.codes * self._n + segments.codes
        self._segments += segments.names

    def count(self, cells: _Cells) -> None:
        """Count rows by group and cell."""
        width = len(cells.names)
        group = self._group if cells.rows is None else self._group[cells.rows]
        flat = np.bincount(group * width + cells.places)
        filled = np.flatnonzero(flat)
        self._keep(filled // width, self._numbers(cells.names)[filled % width], flat[filled])

    def add_up(self, outcome: IntArray, values: IntArray) -> None:
        """Add up PD and money by group and outcome."""
        n = len(contract.OUTCOMES)
        keys, sums = add_by(self._group * n + outcome, values)
        rows, columns = np.nonzero(sums)
        bins = self._numbers([(contract.PROFILE_SUMS, name) for name in contract.PROFILE_SUM_BINS])
        self._keep(keys[rows] // n, bins[(keys[rows] % n) * values.shape[1] + columns], sums[rows, columns])

    def table(self) -> DataFrame:
        """Return everything counted as `TABLE_COLUMNS`, sorted."""
        if not self._parts:
            return DataFrame(columns=list(TABLE_COLUMNS))
        day, segment, cell, count = np.concatenate(self._parts, axis=1)
        segments, cells = (_ranked(list(names)) for names in (self._segments, self._cells))
        order = np.lexsort((cells.codes[cell], segments.codes[segment], day))
        pairs = [_chosen([str(pair[i]) for pair in cells.names], cells.codes[cell][order]) for i in (0, 1)]
        columns = (
            _chosen(self._days.names, day[order]),
            _chosen(segments.names, segments.codes[segment][order]),
            *pairs,
        )
        table = {name: Series(values, dtype=object) for name, values in zip(_KEYS, columns, strict=True)}
        return DataFrame({**table, "count": count[order]}, copy=False)

    def _numbers(self, names: Sequence[tuple[str, str]]) -> IntArray:
        return np.array([self._cells.setdefault(name, len(self._cells)) for name in names], dtype=np.int64)

    def _keep(self, group: IntArray, cell: IntArray, count: IntArray) -> None:
        self._parts.append(np.stack([group // self._n, self._first + group % self._n, cell, count]))


def _ranked(names: list[Any]) -> _Labels:
    """The place of each name in the order of names, and that order."""
    order = sorted(range(len(names)), key=names.__getitem__)
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[order] = np.arange(len(names))
    return _Labels(ranks, [names[i] for i in order])


def _chosen(names: Sequence[str], places: IntArray) -> _Texts:
    return np.array(names, dtype=object)[places]


def _labels(values: Any) -> _Labels:
    codes, names = pd.factorize(values, sort=True)
    return _Labels(codes.astype(np.int64), [str(name) for name in names])


def _placed(bins: VersionBins, frame: DataFrame) -> Iterator[_Cells]:
    for name, found in bins.features.items():
        if name in frame:
            yield _Cells([(name, bin_name) for bin_name in found.names], found.places(frame[name]))


def _reasons_placed(bins: VersionBins, texts: "Series[Any]") -> _Cells:
    """Every reason given, over the factors that reasons may name."""
    rows, named = reason_rows(texts)
    found = bins.features[contract.PROFILE_REASON]
    names = [(contract.PROFILE_REASON, bin_name) for bin_name in found.names]
    return _Cells(names, found.places(Series(named, dtype=object)), rows)


def _outcomes(column: "Series[Any]") -> IntArray:
    places = pd.Index(contract.OUTCOMES).get_indexer(pd.Index(column))
    if (places < 0).any():
        wrong = column.iloc[int(np.argmin(places))]
        raise ValueError(f"outcome {wrong!r} is none of {', '.join(contract.OUTCOMES)}")
    return places.astype(np.int64)


def _amounts(config: ProjectConfig, frame: DataFrame) -> FloatArray:
    name = config.data.amount
    return as_numbers(frame[name])[0] if name is not None and name in frame else np.full(len(frame), np.nan)


def segment_columns(config: ProjectConfig) -> dict[str, Groups]:
    """Return the segment and protected columns that decisions hold, because they are inputs, with their groups.

    A number without stated edges would be a segment per value and is left out.
    """
    kinds = {feature.name: feature.kind for feature in config.features}
    return {
        column: groups
        for groups in (config.protected, config.segments)
        for column in groups.columns
        if column in kinds and (kinds[column] != "number" or column in groups.bins)
    }


def uncounted_segments(config: ProjectConfig) -> tuple[str, ...]:
    """Say which segment columns decisions hold and nobody counts by."""
    counted = segment_columns(config)
    held = [column for column in config.group_columns if column in config.feature_names and column not in counted]
    return tuple(
        f"segment {column!r} is a number without edges, so nothing is counted by it; give bins.{column}" for column in held
    )


def _all_segments(config: ProjectConfig, frame: DataFrame) -> Iterator[_Labels]:
    """Yield the segment of each row: once all together, then once per segment column."""
    yield _Labels(np.zeros(len(frame), dtype=np.int64), [contract.ALL_SEGMENTS])
    for column, groups in segment_columns(config).items():
        if column not in frame:
            continue
        if column in groups.bins:
            numbers = Series(as_numbers(frame[column])[0], name=column)
            found = _labels(group_labels(numbers, groups).to_numpy(dtype=object))
        else:
            codes, texts = codes_and_names(frame[column])
            # The last place is that of the code -1. Two values of one text are one segment.
            found = _labels(_chosen([*texts, contract.BIN_MISSING], codes))
        yield _Labels(found.codes, [contract.segment_name(column, name) for name in found.names])


def add_tables(tables: Sequence[DataFrame]) -> DataFrame:
    """Add up tables of `count_decisions`: the table of all their decisions."""
    kept = [table for table in tables if len(table)]
    if not kept:
        return DataFrame(columns=list(TABLE_COLUMNS))
    return concat(kept, ignore_index=True).groupby(_KEYS, sort=True)["count"].sum().reset_index()
