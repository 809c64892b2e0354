"""Counts of new rows in the reference's bins: what is stored of traffic, and any window of it is a sum.

Bins are the reference's, so that PSI is the reference's, and two more: numbers outside what development had ever seen.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from pandas import DataFrame, MultiIndex, Series, concat

from pipeline import contract
from pipeline.evaluation.inputs import FloatArray, IntArray
from pipeline.evaluation.reference import (
    CATEGORY,
    NUMBER,
    as_numbers,
    category_counts,
    category_places,
    codes_and_names,
    number_counts,
)

BIN_BELOW: Final = "(below range)"
BIN_ABOVE: Final = "(above range)"
COUNT_COLUMNS: Final = ("feature", "bin", "count")
_LARGEST: Final = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class FeatureBins:
    """Where the values of one feature go: the names of its known bins, and for numbers the edges between all bins."""

    feature: str
    known: tuple[str, ...]
    edges: FloatArray | None
    """Ascending, between below range, the decile bins, and above range; None for categories."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every bin that a row can be counted in, in the order of `counts`."""
        ends = (BIN_BELOW, *self.known, BIN_ABOVE) if self.edges is not None else self.known
        return (*ends, contract.BIN_MISSING, contract.BIN_UNSEEN)

    def counts(self, column: "Series[Any]") -> IntArray:
        """Count a column, shape (bins,); sums to its rows."""
        if self.edges is not None:
            return number_counts(self.edges, *as_numbers(column))
        return category_counts(list(self.known), *codes_and_names(column))

    def places(self, column: "Series[Any]") -> IntArray:
        """Return the bin of each row as its number among `names`, shape (n,)."""
        if self.edges is None:
            codes, found = codes_and_names(column)
            return category_places(list(self.known), found)[codes]
        numbers, _ = as_numbers(column)
        rest = np.where(column.isna().to_numpy(), self.edges.size + 1, self.edges.size + 2)
        return np.where(np.isnan(numbers), rest, np.searchsorted(self.edges, numbers, side="right")).astype(np.int64)


def feature_bins(reference: DataFrame, ranges: DataFrame | None = None) -> dict[str, FeatureBins]:
    """Return the bins of each feature of a reference, in its order.

    reference: as `contract.REFERENCE_COLUMNS`; ranges: as `contract.ARTIFACT_RANGES`. A number feature without a known range
    (the PD, or one never known in development) has nothing out of range but infinity.
    """
    known = {} if ranges is None else ranges.set_index("feature")[["lowest", "highest"]].T.to_dict("list")
    ends: Mapping[str, list[float]] = {str(name): values for name, values in known.items()}
    groups = reference.groupby("feature", sort=False)
    return {str(name): _bins_of(str(name), table.iloc[:-2], ends.get(str(name))) for name, table in groups}


def _bins_of(feature: str, known: DataFrame, ends: Sequence[float] | None) -> FeatureBins:
    names = tuple(known["bin"].astype(str))
    if not names or known["lower"].isna().any():
        return FeatureBins(feature, names, None)
    inner = known["upper"].to_numpy(dtype=np.float64)[:-1]
    lowest, highest = (-_LARGEST, _LARGEST) if ends is None or np.isnan(ends).any() else ends
    # A range narrower than the bins would tear them apart; above range is what exceeds the highest, which itself is in.
    low, high = min([lowest, *inner]), math.nextafter(max([highest, *inner]), math.inf)
    return FeatureBins(feature, names, np.array([low, *inner, high]))


def profile_counts(
    frame: DataFrame, reference: DataFrame, ranges: DataFrame | None = None, by: Sequence[str] = ()
) -> DataFrame:
    """Count rows in the reference's bins, missing, unseen and out of range apart: columns of `by`, feature, bin, count.

    frame: n rows, the PD as column `contract.REFERENCE_PD` where it is to be profiled; by: columns of the frame, such as day
    and segment, whose every combination is counted apart (rows with a missing label are a group of their own). For each
    feature (and group) the counts sum to the rows; with `by`, bins that nobody is in are left out. A feature that is no column
    of the frame has no rows. What is unlike its kind (text in a number column) is ``(unseen)``, and so is a small integer or
    category that development never had. Raises ValueError for a column of `by` that is not there, and for a doubled column.
    """
    _check_columns(frame, by)
    bins = [found for name, found in feature_bins(reference, ranges).items() if name in frame]
    if not by:
        parts = [_table(found.feature, found.names, found.counts(frame[found.feature])) for found in bins]
        return concat(parts, ignore_index=True) if parts else DataFrame(columns=list(COUNT_COLUMNS))
    keys = frame[list(by)]
    group = keys.groupby(list(by), sort=True, dropna=False).ngroup().to_numpy().astype(np.int64)
    labels = keys.assign(_group=group).drop_duplicates("_group").sort_values("_group")[list(by)].reset_index(drop=True)
    tables = [_grouped(found, frame[found.feature], group, labels) for found in bins]
    return concat(tables, ignore_index=True) if tables else DataFrame(columns=[*by, *COUNT_COLUMNS])


def _check_columns(frame: DataFrame, by: Sequence[str]) -> None:
    for name in by:
        if name not in frame:
            raise ValueError(f"{name!r} is not a column of the frame; it cannot be counted by")
        if name in COUNT_COLUMNS:
            raise ValueError(f"{name!r} names a column of the counts themselves; rename it before counting by it")
    doubled = frame.columns[frame.columns.duplicated()]
    if len(doubled):
        raise ValueError(
            f"column {doubled[0]!r} stands in the frame {int((frame.columns == doubled[0]).sum())} times; keep one"
        )


def _table(feature: str, names: Sequence[str], counts: IntArray) -> DataFrame:
    return DataFrame({"feature": feature, "bin": list(names), "count": counts})


def _grouped(bins: FeatureBins, column: "Series[Any]", group: IntArray, labels: DataFrame) -> DataFrame:
    n_bins = len(bins.names)
    flat = np.bincount(group * n_bins + bins.places(column), minlength=len(labels) * n_bins)
    filled = np.flatnonzero(flat)
    table = _table(bins.feature, np.asarray(bins.names, dtype=object)[filled % n_bins].tolist(), flat[filled])
    return concat([labels.iloc[filled // n_bins].reset_index(drop=True), table], axis=1)


def merge_counts(tables: Sequence[DataFrame], by: Sequence[str] = ()) -> DataFrame:
    """Sum tables of counts over everything but `by`, feature and bin: the profile of the union of their rows.

    tables: as `profile_counts` returns them, of one reference. Other columns, such as the day, are summed over.
    """
    keys = [*by, "feature", "bin"]
    kept = [table[[*keys, "count"]] for table in tables if len(table)]
    if not kept:
        return DataFrame(columns=[*keys, "count"])
    return concat(kept, ignore_index=True).groupby(keys, sort=False, dropna=False)["count"].sum().reset_index()


def category_reference(feature: str, counts: Mapping[str, int]) -> DataFrame:
    """Return reference rows for something counted that is no input, such as decisions or reasons: `contract.REFERENCE_COLUMNS`.

    counts: how often each category stood in the reference. Append it to a reference to profile and judge it like a feature.
    """
    names = [*counts, contract.BIN_MISSING, contract.BIN_UNSEEN]
    table = DataFrame({"feature": feature, "kind": CATEGORY, "bin": names, "label": names, "lower": np.nan, "upper": np.nan})
    return table.assign(count=[*counts.values(), 0, 0])[list(contract.REFERENCE_COLUMNS)]


@dataclass(frozen=True, eq=False)
class CountMatrix:
    """Counts of G groups over the K bins of a reference, features side by side: what every drift number starts from."""

    reference: DataFrame
    """K rows; its own ``count`` is what is compared with."""
    starts: IntArray
    """Shape (features,): where each feature begins."""
    groups: DataFrame
    """G rows: the columns counted by (none for a single window)."""
    counts: FloatArray
    """Shape (G, K); out of range is counted in the outermost decile bins, where the reference would have put it."""
    out_of_range: FloatArray
    """Shape (G, features)."""

    @property
    def features(self) -> list[str]:
        """Names in the order of the reference."""
        return [str(name) for name in self.reference["feature"].to_numpy()[self.starts]]

    def per_feature(self, values: FloatArray) -> FloatArray:
        """Sum shape (..., K) over the bins of each feature: shape (..., features)."""
        return np.asarray(np.add.reduceat(values, self.starts, axis=-1), dtype=np.float64)

    def spread(self, values: FloatArray) -> FloatArray:
        """Repeat shape (..., features) for each bin of a feature: shape (..., K)."""
        return np.repeat(values, np.diff(np.append(self.starts, len(self.reference))), axis=-1)

    def shares(self, counts: FloatArray) -> FloatArray:
        """Divide counts, shape (..., K), by the rows of their feature; NaN where it has none."""
        return ratio(counts, self.spread(self.per_feature(counts)))


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Return part / whole, NaN where the whole is 0; `whole` of any shape that broadcasts to that of `part`."""
    whole = np.broadcast_to(whole, part.shape)
    return np.asarray(np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole != 0), dtype=np.float64)


def count_matrix(reference: DataFrame, counts: DataFrame, by: Sequence[str] = ()) -> CountMatrix:
    """Lay counts out over the reference's bins, one row per combination of `by` (sorted), one row in all without.

    counts: as `profile_counts` or `merge_counts` returns them; a feature without counts has zeros. Raises ValueError for counts
    of a feature or bin that the reference does not have: they were taken with another reference.
    """
    reference = reference.reset_index(drop=True)
    starts = np.flatnonzero(~reference["feature"].duplicated().to_numpy()).astype(np.int64)
    column = _columns_of(reference, starts, counts)
    if by:
        grouped = counts.groupby(list(by), sort=True, dropna=False)
        row, groups = grouped.ngroup().to_numpy(), grouped.size().reset_index()[list(by)]
    else:
        row, groups = np.zeros(len(counts), dtype=np.int64), DataFrame(index=range(1))
    size, weights = len(groups) * len(reference), counts["count"].to_numpy(dtype=np.float64)
    laid = np.bincount(row * len(reference) + column, weights, minlength=size).astype(np.float64)
    is_out = counts["bin"].isin([BIN_BELOW, BIN_ABOVE]).to_numpy()
    feature_of = np.searchsorted(starts, column, side="right") - 1
    beyond = np.bincount(row * starts.size + feature_of, weights * is_out, minlength=len(groups) * starts.size)
    shape = (len(groups), -1)
    return CountMatrix(reference, starts, groups, laid.reshape(shape), beyond.astype(np.float64).reshape(shape))


def rebased(reference: DataFrame, counts: DataFrame) -> DataFrame:
    """Return a reference with the same bins whose counts are a window's, for drift against the past instead of development."""
    return reference.assign(count=count_matrix(reference, counts).counts[0].astype(np.int64))


def _columns_of(reference: DataFrame, starts: IntArray, counts: DataFrame) -> IntArray:
    """The reference's row of each row of counts."""
    places = MultiIndex.from_frame(reference[["feature", "bin"]])
    ends = np.append(starts[1:], len(reference)) - 3
    names = reference["feature"].to_numpy()[starts]
    is_number = reference["kind"].to_numpy()[starts] == NUMBER
    outside = MultiIndex.from_arrays([np.tile(names[is_number], 2), np.repeat([BIN_BELOW, BIN_ABOVE], int(is_number.sum()))])
    target = np.concatenate([np.arange(len(reference)), starts[is_number], ends[is_number]])
    found = places.append(outside).get_indexer(MultiIndex.from_frame(counts[["feature", "bin"]]))
    if (found < 0).any():
        lost = counts.iloc[int(np.argmin(found))]
        raise ValueError(
            f"bin {lost['bin']!r} of {lost['feature']!r} is not in the reference; the counts were taken with another one"
        )
    return target[found].astype(np.int64)
