"""Cases sorted once by PD and gathered into groups of equal PD: what curve, metrics and bootstrap all start from."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.inputs import FloatArray, IntArray, checked_bins, checked_scores


@dataclass(frozen=True)
class Ranking:
    """The K distinct PDs of n cases, ascending, and who stands at each."""

    values: FloatArray
    """Shape (K,): distinct PDs, ascending."""
    defaults: IntArray
    """Shape (K,): defaulters at each PD."""
    goods: IntArray
    """Shape (K,): good customers at each PD."""
    order: IntArray
    """Shape (n,): case numbers by ascending PD; equal PDs keep their order, so that sums are the same on every machine."""
    starts: IntArray
    """Shape (K,): where each distinct PD begins in `order`."""

    @property
    def counts(self) -> IntArray:
        """Shape (K,): cases at each PD."""
        return self.defaults + self.goods

    def group_sums(self, per_case: FloatArray) -> FloatArray:
        """Sum values given per case, shape (..., n), at each distinct PD: shape (..., K)."""
        in_order = np.take(per_case, self.order, axis=-1)
        if self.values.size in (0, self.order.size):
            return in_order
        return np.add.reduceat(in_order, self.starts, axis=-1)


def rank(y: npt.ArrayLike, pd: npt.ArrayLike) -> Ranking:
    """Sort cases by PD and count both classes at each distinct PD. O(n log n).

    y: shape (n,), 0 or 1; pd: shape (n,), in [0, 1]. Raises ValueError as `inputs.checked_scores` does.
    """
    outcomes, scores = checked_scores(y, pd)
    order = np.argsort(scores, kind="stable").astype(np.int64, copy=False)
    in_order = scores[order]
    is_first = np.ones(scores.size, dtype=np.bool_)
    is_first[1:] = in_order[1:] != in_order[:-1]
    starts = np.flatnonzero(is_first).astype(np.int64, copy=False)
    counts = np.diff(np.append(starts, scores.size))
    up_to = np.concatenate([[0], np.cumsum(outcomes[order])])
    defaults = np.diff(up_to[np.append(starts, scores.size)])
    return Ranking(in_order[starts], defaults, counts - defaults, order, starts)


def quantile_bins(ranking: Ranking, n_bins: int) -> IntArray:
    """Return where each quantile bin begins in `ranking.values`, shape (at most n_bins,); equal PDs are never torn apart.

    The same bins as scikit-learn's ``calibration_curve(strategy="quantile")``: (lower, upper], empty ones left out.
    """
    if not ranking.values.size:
        return np.zeros(0, dtype=np.int64)
    inner = np.linspace(0, 1, checked_bins(n_bins) + 1)[1:-1]
    edges = np.percentile(np.repeat(ranking.values, ranking.counts), inner * 100)
    starts = np.unique(np.concatenate([[0], np.searchsorted(ranking.values, edges, side="right")]))
    return starts[starts < ranking.values.size].astype(np.int64)
