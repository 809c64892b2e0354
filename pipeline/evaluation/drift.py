"""Has the world moved? PSI and its company between counts over the same bins, with what chance alone would show."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from pandas import DataFrame, concat

from pipeline import contract
from pipeline.evaluation.drift_noise import noise_moments, psi_terms, upper_noise
from pipeline.evaluation.inputs import BoolArray, FloatArray
from pipeline.evaluation.profile_bins import CountMatrix, count_matrix, profile_counts, ratio
from pipeline.evaluation.reference import MIN_N, NUMBER, as_numbers, feature_profile

PSI_WARN: Final = 0.10
PSI_ALERT: Final = 0.25
STABLE: Final = "stable"
MOVED: Final = "moved"
SHIFTED: Final = "shifted"
TOO_FEW: Final = "too few"
NO_DATA: Final = "no data"
VERDICTS: Final = (STABLE, MOVED, SHIFTED, TOO_FEW, NO_DATA)


def drift_table(
    reference: DataFrame,
    counts: DataFrame,
    by: Sequence[str] = (),
    min_n: int = MIN_N,
    psi_warn: float = PSI_WARN,
    psi_alert: float = PSI_ALERT,
) -> DataFrame:
    """Return a row per feature (and group of `by`): how far its counts have moved from the reference's, and the verdict.

    reference: as `contract.REFERENCE_COLUMNS`, or `profile_bins.rebased` on a past window; counts: as
    `profile_bins.profile_counts` of the same reference. Columns: those of `by`, feature, n_reference, n, psi, noise, verdict,
    js, missing, unseen, out_of_range, missing_before, moved_bin, note.

    ``psi`` as `reference.psi`; ``noise`` the PSI that chance alone exceeds in one case of a hundred. ``verdict``: ``too few``
    below `min_n` rows on either side, or from `psi_warn` where chance alone may have done it; else ``stable``, ``moved`` from
    `psi_warn` and ``shifted`` from `psi_alert`. psi and js are NaN where it is ``too few`` or ``no data``. ``js`` is the
    Jensen-Shannon distance, base 2, 0 to 1. missing, unseen and out_of_range are shares of the window. ``moved_bin`` adds most
    to the PSI. ``note`` says what is odd about a column: all missing, nothing but new values, one value only.
    """
    matrix = count_matrix(reference, counts, by)
    expected = matrix.reference["count"].to_numpy(dtype=np.float64)[None]
    n_reference, n = matrix.per_feature(expected), matrix.per_feature(matrix.counts)
    e, a = matrix.shares(expected), matrix.shares(matrix.counts)
    terms = psi_terms(e, a)
    is_missing, is_unseen = (matrix.reference["bin"].to_numpy() == name for name in (contract.BIN_MISSING, contract.BIN_UNSEEN))
    found = {
        "n_reference": np.broadcast_to(n_reference, n.shape),
        "n": n,
        "psi": matrix.per_feature(terms),
        "noise": _noise(matrix, expected),
        "js": np.sqrt(np.maximum(matrix.per_feature(_js_terms(e, a)), 0)),
        "missing": matrix.per_feature(a * is_missing),
        "unseen": matrix.per_feature(a * is_unseen),
        "out_of_range": ratio(matrix.out_of_range, n),
        "missing_before": np.broadcast_to(matrix.per_feature(e * is_missing), n.shape),
    }
    table = _long(matrix, found).assign(moved_bin=_moved_bins(matrix, terms).ravel(), note=_notes(matrix))
    return _judged(table, min_n, psi_warn, psi_alert)


def _noise(matrix: CountMatrix, expected: FloatArray) -> FloatArray:
    """PSI that chance alone exceeds in one case of a hundred, shape (G, features), both sides drawn from common shares."""
    shares = np.nan_to_num(matrix.shares(expected + matrix.counts))
    means, sds = zip(
        *(noise_moments(matrix.spread(matrix.per_feature(side)), shares) for side in (expected, matrix.counts)), strict=True
    )
    return upper_noise(matrix.per_feature(means[0] + means[1]), matrix.per_feature((sds[0] + sds[1]) ** 2))


def _js_terms(e: FloatArray, a: FloatArray) -> FloatArray:
    half = (e + a) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        of_e, of_a = np.where(e > 0, e * np.log2(e / half), 0 * e), np.where(a > 0, a * np.log2(a / half), 0 * a)
    return np.asarray((of_e + of_a) / 2, dtype=np.float64)


def _long(matrix: CountMatrix, found: Mapping[str, FloatArray]) -> DataFrame:
    """Lay (G, features) arrays out as a row per group and feature."""
    n_groups, names = len(matrix.groups), matrix.features
    keys = matrix.groups.loc[np.repeat(matrix.groups.index, len(names))].reset_index(drop=True)
    columns = {name: np.ravel(values) for name, values in found.items()}
    table = DataFrame({"feature": np.tile(np.asarray(names, dtype=object), n_groups), **columns})
    return concat([keys, table.astype({"n": np.int64, "n_reference": np.int64})], axis=1)


def _moved_bins(matrix: CountMatrix, terms: FloatArray) -> Any:
    """Label of the bin that adds most to each PSI, shape (G, features)."""
    labels, ends = matrix.reference["label"].to_numpy(dtype=object), np.append(matrix.starts[1:], terms.shape[1])
    pieces = [
        labels[start + np.argmax(np.nan_to_num(terms[:, start:end]), axis=1)]
        for start, end in zip(matrix.starts, ends, strict=True)
    ]
    return np.stack(pieces, axis=1) if pieces else np.empty((len(matrix.groups), 0), dtype=object)


def _notes(matrix: CountMatrix) -> list[str]:
    """What is odd about each column of each group, in the order of `_long`; most have nothing odd."""
    labels, bins = matrix.reference["label"].to_numpy(dtype=object), matrix.reference["bin"].to_numpy(dtype=object)
    is_number = matrix.reference["kind"].to_numpy()[matrix.starts] == NUMBER
    n = matrix.per_feature(matrix.counts)
    is_full = (matrix.counts == matrix.spread(n)) & (matrix.counts > 0)
    notes = np.where(n == 0, "no rows", "").astype(object)
    was_spread = matrix.per_feature((matrix.reference["count"].to_numpy() > 0).astype(np.float64)) > 1
    feature_of = np.searchsorted(matrix.starts, np.arange(len(labels)), side="right") - 1
    for group, place in np.argwhere(is_full):
        feature = int(feature_of[place])
        notes[group, feature] = _note(str(bins[place]), str(labels[place]), bool(is_number[feature]), bool(was_spread[feature]))
    return [str(note) for note in notes.ravel()]


def _note(bin_name: str, label: str, is_number: bool, was_spread: bool) -> str:
    """Say it of a column whose rows are all in one bin."""
    if bin_name == contract.BIN_MISSING:
        return "all missing"
    if bin_name == contract.BIN_UNSEEN:
        return "no value is a number" if is_number else "every value is new"
    return f"nothing but {label}" if was_spread else ""


def _judged(table: DataFrame, min_n: int, psi_warn: float, psi_alert: float) -> DataFrame:
    psi, noise = table["psi"].to_numpy(), table["noise"].to_numpy()
    fewest = np.minimum(table["n"].to_numpy(), table["n_reference"].to_numpy())
    has_none, is_few, may_be_noise = fewest == 0, fewest < min_n, (psi >= psi_warn) & (psi <= noise)
    is_hidden: BoolArray = has_none | is_few | may_be_noise
    verdict = np.select(
        [has_none, is_few | may_be_noise, psi >= psi_alert, psi >= psi_warn], [NO_DATA, TOO_FEW, SHIFTED, MOVED], STABLE
    )
    few = [
        f"too few: {rows} rows, needs {min_n}" if rows < min_n else f"too few: {rows} rows in so many bins" for rows in fewest
    ]
    note = table["note"].to_numpy(dtype=object)
    judged = table.assign(
        verdict=verdict.astype(object),
        psi=table["psi"].mask(is_hidden),
        js=table["js"].mask(is_hidden),
        moved_bin=np.where(~is_hidden & (psi > 0), table["moved_bin"].astype(object), ""),
        note=np.where(is_hidden & ~has_none & (note == ""), np.asarray(few, dtype=object), note),
    )
    return judged[[*(name for name in table.columns if name not in _ORDER), *_ORDER]]


_ORDER: Final = (
    "feature", "n_reference", "n", "psi", "noise", "verdict", "js", "missing", "unseen", "out_of_range", "missing_before",
    "moved_bin", "note",
)  # fmt: skip


def compare_frames(
    before: DataFrame,
    now: DataFrame,
    kinds: Mapping[str, str],
    min_n: int = MIN_N,
    psi_warn: float = PSI_WARN,
    psi_alert: float = PSI_ALERT,
) -> DataFrame:
    """Return `drift_table` of two windows of raw values, a row per feature of `kinds`, in its order.

    before, now: rows with a column per feature; kinds: feature name to ``number``, ``category`` or ``boolean``. Bins are the
    deciles or categories of `before`, and out of range is what lies beyond its lowest or highest. A feature that is no column
    of `now` has no data and says so. Raises ValueError, as `reference.feature_profile` does, for one that `before` lacks.
    """
    parts = [_compared(before, now, name, kind) for name, kind in kinds.items()]
    reference = concat([part[0] for part in parts], ignore_index=True)
    counts = concat([part[1] for part in parts], ignore_index=True)
    table = drift_table(reference, counts, (), min_n, psi_warn, psi_alert)
    return table.assign(note=table["note"].mask(~table["feature"].isin(list(now.columns)), "column is missing"))


def _compared(before: DataFrame, now: DataFrame, name: str, kind: str) -> tuple[DataFrame, DataFrame]:
    """Reference and counts of one feature; column by column, so that memory holds one column's copies at a time."""
    reference = feature_profile(before, {name: kind})
    ranges = None
    if (reference["kind"] == NUMBER).all():
        numbers, _ = as_numbers(before[name])
        known = numbers[np.isfinite(numbers)]
        ends = (known.min(), known.max()) if known.size else (np.nan, np.nan)
        ranges = DataFrame({"feature": [name], "lowest": ends[:1], "highest": ends[1:]})
    return reference, profile_counts(now[[name]] if name in now else DataFrame(), reference, ranges)
