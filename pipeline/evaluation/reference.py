"""What the development rows looked like, in bins, and how far new rows have moved from them (PSI)."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas
from pandas import DataFrame, Series, concat

from pipeline import contract
from pipeline.evaluation.inputs import FloatArray, IntArray, checked_pd

NUMBER: Final = "number"
CATEGORY: Final = "category"
MIN_N: Final = 500
"""Below this PSI is mostly noise: with no drift at all n = 200 exceeds 0.10 in 2.4 % of draws, n >= 500 never."""
FEW_INTEGERS: Final = 12
SHARE_FLOOR: Final = 1e-4
_DECILES: Final = np.linspace(0, 1, 11)[1:-1]
_KINDS: Final = ("number", "category", "boolean")


def reference_profile(frame: DataFrame, kinds: Mapping[str, str], pd: npt.ArrayLike) -> DataFrame:
    """Return bins and counts of each feature and of the PD: the columns of `contract.REFERENCE_COLUMNS`.

    frame: n development rows; kinds: feature name to ``number``, ``category`` or ``boolean``; pd: shape (n,). Numbers get
    decile bins lower <= x < upper with open ends; integers of at most `FEW_INTEGERS` values, and constants, count as
    categories, because deciles of a loan term of 36 or 60 cannot see a change. The rows ``(missing)`` and ``(unseen)``
    stand last for each feature. Raises ValueError naming a feature that is not in the frame or has an unknown kind.
    """
    scores = Series(checked_pd(pd), index=frame.index)
    parts = [feature_profile(frame, kinds), _profile(contract.REFERENCE_PD, scores, NUMBER)]
    return concat(parts, ignore_index=True)


def feature_profile(frame: DataFrame, kinds: Mapping[str, str]) -> DataFrame:
    """Return `reference_profile` of the features alone, for rows that nobody scored. Raises ValueError as it does."""
    _check_kinds(frame, kinds)
    parts = [_profile(name, frame[name], kind) for name, kind in kinds.items()]
    return concat(parts, ignore_index=True) if parts else DataFrame(columns=list(contract.REFERENCE_COLUMNS))


def _check_kinds(frame: DataFrame, kinds: Mapping[str, str]) -> None:
    for name, kind in kinds.items():
        if name == contract.REFERENCE_PD:
            raise ValueError(f"a feature is called {name!r}, the name kept for the probability of default; rename it")
        if kind not in _KINDS:
            raise ValueError(f"feature {name!r} has kind {kind!r}; it must be one of {', '.join(_KINDS)}")
        if name not in frame:
            raise ValueError(f"feature {name!r} is not a column of the frame")


def _profile(feature: str, column: "Series[float]", kind: str) -> DataFrame:
    bins, inner = _number_bins(column) if kind == NUMBER else (None, np.zeros(0))
    if bins is not None:
        counts = number_counts(inner, *as_numbers(column))
    else:
        coded = codes_and_names(column)
        bins = _category_bins(coded[1])
        counts = category_counts(bins["bin"].tolist(), *coded)
    rest = DataFrame({"bin": [contract.BIN_MISSING, contract.BIN_UNSEEN], "lower": np.nan, "upper": np.nan})
    rest["label"] = rest["bin"]
    table = concat([bins, rest], ignore_index=True)
    table = table.assign(feature=feature, kind=CATEGORY if bins["lower"].isna().all() else NUMBER, count=counts)
    return table[list(contract.REFERENCE_COLUMNS)]


def _number_bins(column: "Series[float]") -> tuple[DataFrame | None, FloatArray]:
    """Return decile bins and their inner edges; None where the column is better kept as categories."""
    numbers, _ = as_numbers(column)
    known = np.sort(numbers[np.isfinite(numbers)])
    n_distinct = int(np.count_nonzero(known[1:] != known[:-1])) + 1 if known.size else 0
    is_few = 0 < n_distinct <= FEW_INTEGERS and bool((known == np.floor(known)).all())
    if n_distinct == 1 or is_few:
        return None, np.zeros(0)
    inner = _inner_edges(known)
    edges = np.concatenate([[-np.inf], inner, [np.inf]])
    labels = [_range_label(low, high) for low, high in pairwise(edges)]
    names = [str(i + 1) for i in range(len(labels))]
    return DataFrame({"bin": names, "label": labels, "lower": edges[:-1], "upper": edges[1:]}), inner


def _inner_edges(known: FloatArray) -> FloatArray:
    """Deciles at observed values, so no bin is empty; a value that spans deciles (a fill value, say) is a bin of its own.

    known: ascending. Without that a pile of 90 % would share its bin with everything above it, and nothing could be seen to
    leave it.
    """
    if not known.size:
        return np.zeros(0)
    # numpy's quantile(method="inverted_cdf") of values already sorted.
    deciles = known[np.maximum(np.ceil(known.size * _DECILES - 1), 0).astype(np.int64)]
    edges, spans = np.unique(deciles, return_counts=True)
    piles = edges[(spans > 1) | (edges == known[0])]
    after = np.searchsorted(known, piles, side="right")
    inner: FloatArray = np.union1d(edges, known[after[after < known.size]])
    return np.compress(inner > known[0], inner)


def _range_label(low: float, high: float) -> str:
    if np.isinf(low):
        return "any number" if np.isinf(high) else f"< {high:,.6g}"
    return f"≥ {low:,.6g}" if np.isinf(high) else f"{low:,.6g} – {high:,.6g}"


def _category_bins(names: list[str]) -> DataFrame:
    bins = sorted(set(names) - {contract.BIN_MISSING, contract.BIN_UNSEEN}, key=_natural)
    return DataFrame({"bin": bins, "label": bins, "lower": np.nan, "upper": np.nan}, index=range(len(bins)))


def _natural(name: str) -> tuple[int, float, str]:
    """Numbers by value before words by letter: 9 stands before 10."""
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name


def as_numbers(column: "Series[float]") -> tuple[FloatArray, int]:
    """Return float64 with NaN for missing, and how many present values are no number at all (they are NaN, too)."""
    if column.dtype == np.float64:
        return np.asarray(column, dtype=np.float64), 0
    if pandas.api.types.is_bool_dtype(column.dtype):
        column = column.astype("Float64")
    # to_numeric would take dates for counts of microseconds, and keep complex numbers.
    is_number = not (pandas.api.types.is_complex_dtype(column.dtype) or column.dtype.kind in "mM")
    numbers = np.full(len(column), np.nan)
    if is_number:
        numbers = pandas.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers, int((np.isnan(numbers) & column.notna().to_numpy()).sum())


def codes_and_names(column: "Series[float]") -> tuple[IntArray, list[str]]:
    """Return a code per row (-1 = missing) and the text of each code; 36, 36.0 and "36" are one text."""
    try:
        codes, values = pandas.factorize(column)
    except TypeError:  # lists and the like, which cannot be compared
        codes, values = pandas.factorize(column.map(str, na_action="ignore"))
    return codes.astype(np.int64), [_text(value) for value in values]


def _text(value: object) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def bin_counts(reference: DataFrame, frame: DataFrame) -> DataFrame:
    """Count new rows in the reference's bins: feature, bin, count, in the reference's order.

    reference: as `reference_profile` returns it; frame: new rows, with the PD as column `contract.REFERENCE_PD` where it is
    to be profiled. Features that are no column of the frame are left out. Values that were never seen, or that are no
    number where one is due, are counted as ``(unseen)``.
    """
    parts = [
        DataFrame({"feature": feature, "bin": table["bin"].to_numpy(), "count": _counts_in(table, frame[str(feature)])})
        for feature, table in reference.groupby("feature", sort=False)
        if feature in frame
    ]
    return concat(parts, ignore_index=True) if parts else DataFrame(columns=["feature", "bin", "count"])


def _counts_in(bins: DataFrame, column: "Series[float]") -> IntArray:
    """Count one column in the bins of its feature; the counts always sum to the rows."""
    known = bins.iloc[:-2]
    if len(known) and known["lower"].notna().all():
        return number_counts(known["upper"].to_numpy(dtype=np.float64)[:-1], *as_numbers(column))
    return category_counts(known["bin"].tolist(), *codes_and_names(column))


def number_counts(inner: FloatArray, numbers: FloatArray, unseen: int) -> IntArray:
    """Count numbers between ascending inner edges, then the missing and the unseen; arguments as `as_numbers` returns them."""
    # With a dozen edges, comparing all numbers with each is an order of magnitude quicker than a search for each number.
    below = [int(np.count_nonzero(numbers < edge)) for edge in inner]
    absent = int(np.count_nonzero(np.isnan(numbers)))
    return np.append(np.diff([0, *below, numbers.size - absent]), [absent - unseen, unseen]).astype(np.int64)


def category_counts(names: list[str], codes: IntArray, found: list[str]) -> IntArray:
    """Count coded values under their names, then the missing and the unseen; arguments as `codes_and_names` returns them."""
    return np.bincount(category_places(names, found)[codes], minlength=len(names) + 2).astype(np.int64)


def category_places(names: list[str], found: list[str]) -> IntArray:
    """Return the bin of each code, and of -1: its place among `names`, then the missing and the unseen."""
    place = {name: i for i, name in enumerate([*names, contract.BIN_MISSING])}
    missing, unseen = len(names), len(names) + 1
    return np.array([*(place.get(name, unseen) for name in found), missing], dtype=np.int64)


def psi(expected_counts: npt.ArrayLike, actual_counts: npt.ArrayLike) -> float:
    """Return the population stability index of two sets of counts over the same bins: sum (a - e) ln(a / e).

    Shares below `SHARE_FLOOR` are raised to it, since ln 0 has no value: a bin empty on both sides adds 0, and a PSI does
    not change when all counts of a side are multiplied. NaN when either side has no rows. ValueError on unequal shapes.
    """
    expected, actual = np.asarray(expected_counts, dtype=np.float64), np.asarray(actual_counts, dtype=np.float64)
    if expected.shape != actual.shape:
        raise ValueError(f"expected counts have shape {expected.shape} and actual {actual.shape}; use the same bins")
    if expected.sum() <= 0 or actual.sum() <= 0:
        return float("nan")
    e, a = (np.maximum(side / side.sum(), SHARE_FLOOR) for side in (expected, actual))
    return float(((a - e) * np.log(a / e)).sum())


def psi_by_feature(reference: DataFrame, frame: DataFrame, min_n: int = MIN_N) -> DataFrame:
    """Return how far each feature of new rows has moved from the reference: feature, psi, n, note.

    With fewer than `min_n` rows on either side PSI is NaN and the note says "too few"; a feature that is no column of the
    frame says so. One broken column never hides the others.
    """
    actual = dict(list(bin_counts(reference, frame).groupby("feature", sort=False)))
    rows = []
    for name, table in reference.groupby("feature", sort=False):
        expected, counts = table["count"].to_numpy(), actual[name]["count"].to_numpy() if name in actual else None
        note = _floor_note(int(expected.sum()), len(frame), min_n) if counts is not None else "column is missing"
        value = float("nan") if note or counts is None else psi(expected, counts)
        rows.append({"feature": name, "psi": value, "n": 0 if counts is None else len(frame), "note": note})
    return DataFrame(rows, columns=["feature", "psi", "n", "note"])


def _floor_note(n_reference: int, n_new: int, min_n: int) -> str:
    fewest = min(n_reference, n_new)
    return f"too few: {fewest} rows, needs {min_n}" if fewest < min_n else ""
