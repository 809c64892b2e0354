"""Where a shift comes from: which bin moved, which segment moved it, and what became of the quantiles."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from pandas import DataFrame, concat

from pipeline import contract
from pipeline.evaluation.drift_noise import psi_terms
from pipeline.evaluation.inputs import FloatArray
from pipeline.evaluation.profile_bins import CountMatrix, count_matrix, ratio
from pipeline.evaluation.reference import SHARE_FLOOR

QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)


def psi_by_bin(reference: DataFrame, counts: DataFrame) -> DataFrame:
    """Return what each bin adds to the PSI: feature, bin, label, count, share_before, share, psi, in the reference's order.

    counts: of one window, as `profile_bins.profile_counts` returns them. Over a feature ``psi`` sums to its PSI; NaN where
    either side has no rows.
    """
    matrix = count_matrix(reference, counts)
    expected = matrix.shares(matrix.reference["count"].to_numpy(dtype=np.float64)[None])[0]
    actual = matrix.shares(matrix.counts)[0]
    table = matrix.reference[["feature", "bin", "label"]]
    return table.assign(
        count=matrix.counts[0].astype(np.int64), share_before=expected, share=actual, psi=psi_terms(expected, actual)
    )


def psi_by_segment(
    reference: DataFrame, counts: DataFrame, by: Sequence[str], counts_before: DataFrame | None = None
) -> DataFrame:
    """Return how much of each feature's PSI comes from each segment: `by`, feature, n, weight, psi, share, mix, within.

    counts: of one window with the columns `by`, whose groups part the rows. counts_before: the same of the reference's rows
    where they are known by segment; otherwise each segment is compared with the whole reference.

    PSI is sum_b (a_b - e_b) ln(a_b / e_b), and a and e are sums over segments, so the PSI is a sum over segments, too: psi_g =
    sum_b (w_g a_gb - v_g e_gb) ln(a_b / e_b), with w and v the segment's weights now and before. ``share`` is psi_g / PSI; a
    segment that pulls the other way has a negative one. With `counts_before` psi_g = ``mix`` + ``within``: what its change of
    weight does, against a segment of average make-up, and what its own change does (both at mid-point weights); else NaN.
    """
    now = count_matrix(reference, counts, by)
    e_counts = now.reference["count"].to_numpy(dtype=np.float64)
    before = None if counts_before is None else _aligned(reference, counts_before, now, by)
    groups = now.groups if before is None else before[0]
    a_g = now.counts if before is None else before[1]
    e_all = e_counts[None] if before is None else before[2].sum(axis=0, keepdims=True)
    e, a = now.shares(e_all), now.shares(a_g.sum(axis=0, keepdims=True))
    slope = _slope(e, a)
    w, share_now = _weights(now, a_g), now.shares(a_g)
    if before is None:
        psi = now.per_feature(now.spread(w) * np.nan_to_num(share_now - e + _floor_gap(e, a)) * slope)
        mix = within = np.full(psi.shape, np.nan)
    else:
        v, share_before = _weights(now, before[2]), now.shares(before[2])
        mix, within = _mix_and_within(now, (w, v), (share_now, share_before), (e + a) / 2, slope)
        within = within + now.per_feature(now.spread((w + v) / 2) * _floor_gap(e, a) * slope)
        psi = mix + within
    total = psi.sum(axis=0, keepdims=True)
    keys = groups.loc[np.repeat(groups.index, len(now.features))].reset_index(drop=True)
    columns = {"n": now.per_feature(a_g), "weight": w, "psi": psi, "share": ratio(psi, total), "mix": mix, "within": within}
    table = DataFrame({"feature": np.tile(now.features, len(groups))} | {k: np.ravel(x) for k, x in columns.items()})
    return concat([keys, table.astype({"n": np.int64})], axis=1)


def _aligned(
    reference: DataFrame, before: DataFrame, now: CountMatrix, by: Sequence[str]
) -> tuple[DataFrame, FloatArray, FloatArray]:
    """Groups of either side, sorted, with their counts now and before; a segment that is new or gone has zeros."""
    was = count_matrix(reference, before, by)
    both = concat([now.groups, was.groups], ignore_index=True)
    number = both.groupby(list(by), sort=True, dropna=False).ngroup().to_numpy()
    groups = both.assign(_number=number).drop_duplicates("_number").sort_values("_number")[list(by)].reset_index(drop=True)
    laid = np.zeros((2, len(groups), now.counts.shape[1]))
    laid[0, number[: len(now.groups)]], laid[1, number[len(now.groups) :]] = now.counts, was.counts
    return groups, laid[0], laid[1]


def _mix_and_within(
    matrix: CountMatrix,
    weights: tuple[FloatArray, FloatArray],
    shares: tuple[FloatArray, FloatArray],
    middle: FloatArray,
    slope: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Split (w a - v e) into (w - v)(a + e)/2 and (w + v)/2 (a - e); a segment on one side only is all mix."""
    (w, v), (a, e) = weights, shares
    a, e = np.where(np.isnan(a), e, a), np.where(np.isnan(e), a, e)
    change, size = matrix.spread(w - v), matrix.spread((w + v) / 2)
    mix = matrix.per_feature(np.nan_to_num(change * ((a + e) / 2 - middle)) * slope)
    return mix, matrix.per_feature(np.nan_to_num(size * (a - e)) * slope)


def _slope(e: FloatArray, a: FloatArray) -> FloatArray:
    return np.asarray(np.log(np.maximum(a, SHARE_FLOOR) / np.maximum(e, SHARE_FLOOR)), dtype=np.float64)


def _floor_gap(e: FloatArray, a: FloatArray) -> FloatArray:
    """What raising both shares to the floor does to their difference; spread over all segments by weight, so sums are exact."""
    return np.asarray((np.maximum(a, SHARE_FLOOR) - np.maximum(e, SHARE_FLOOR)) - (a - e), dtype=np.float64)


def _weights(matrix: CountMatrix, counts: FloatArray) -> FloatArray:
    """Share of each group in the rows of each feature, shape (G, features)."""
    n = matrix.per_feature(counts)
    return ratio(n, n.sum(axis=0, keepdims=True))


def bin_quantiles(
    reference: DataFrame,
    counts: DataFrame,
    ranges: DataFrame | None = None,
    by: Sequence[str] = (),
    quantiles: Sequence[float] = QUANTILES,
) -> DataFrame:
    """Return quantiles of the known numbers as the bins show them: columns of `by`, feature, quantile, value.

    Linear inside a bin; the outermost bins end at the lowest and highest of `ranges` (`contract.ARTIFACT_RANGES`; the PD at 0
    and 1), and what lies beyond counts as lying at the end, so a quantile there is a bound. NaN without rows or without a
    range. Features kept as categories have none.
    """
    matrix = count_matrix(reference, counts, by)
    ends = {} if ranges is None else {str(r["feature"]): (r["lowest"], r["highest"]) for r in ranges.to_dict("records")}
    parts = []
    for name, start, stop in zip(matrix.features, matrix.starts, np.append(matrix.starts[1:], len(reference)), strict=True):
        known = matrix.reference.iloc[start : stop - 2]
        if known["lower"].isna().any() or known.empty:
            continue
        lowest, highest = ends.get(name, (0.0, 1.0) if name == contract.REFERENCE_PD else (np.nan, np.nan))
        edges = np.array([lowest, *known["lower"].to_numpy()[1:], highest], dtype=np.float64)
        values = _interpolated(edges, matrix.counts[:, start : stop - 2], np.asarray(quantiles, dtype=np.float64))
        keys = matrix.groups.loc[np.repeat(matrix.groups.index, len(quantiles))].reset_index(drop=True)
        found = DataFrame({"feature": name, "quantile": np.tile(quantiles, len(matrix.groups)), "value": values.ravel()})
        parts.append(concat([keys, found], axis=1))
    return concat(parts, ignore_index=True) if parts else DataFrame(columns=[*by, "feature", "quantile", "value"])


def _interpolated(edges: FloatArray, counts: FloatArray, quantiles: FloatArray) -> FloatArray:
    """Quantiles of each row of counts, shape (G, q)."""
    values = np.full((len(counts), quantiles.size), np.nan)
    for row, inside in enumerate(counts):
        if inside.sum() > 0 and not np.isnan(edges).any():
            values[row] = np.interp(quantiles, np.concatenate([[0], np.cumsum(inside) / inside.sum()]), edges)
    return values
