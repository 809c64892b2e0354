"""How good is the model on loans whose outcomes are months away? Estimates from calibrated PDs, with their own track record.

CBPE as NannyML publishes it (confidence-based performance estimation): if PDs are right, each case defaults with its own PD,
and every count of a confusion matrix has an expectation. Nothing here can see concept drift.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from pandas import DataFrame

from pipeline import contract
from pipeline.evaluation.bootstrap import interval
from pipeline.evaluation.calibration import wilson_interval
from pipeline.evaluation.cost import CaseCosts, Costs, losses_by_decision
from pipeline.evaluation.inputs import BoolArray, FloatArray, checked_cutoffs, checked_pd
from pipeline.evaluation.profile_bins import ratio

DRAWS: Final = 300
METRICS: Final = (
    *contract.CELLS, "default_rate", "accuracy", "precision", "recall", "f1", "roc_auc", "approved_default_rate",
    "approval_rate",
)  # fmt: skip
CAVEAT: Final = (
    "Estimated from the PDs, as if they were right. The interval covers which loans happen to default, not whether PDs have "
    "gone wrong: when the same applicants begin to default more often (concept drift), no estimate can show it."
)
_DRAWS_AT_ONCE: Final = 2**17
"""What fits a processor's cache; ten times as much takes half as long again."""


def estimate_performance(
    pd: npt.ArrayLike,
    cutoff: npt.ArrayLike,
    costs: Costs | None = None,
    amount: npt.ArrayLike | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    logit_error: npt.ArrayLike = 0.0,
) -> DataFrame:
    """Return each of `METRICS` as the PDs expect it, with a 95 % interval: metric, value, lo, hi.

    pd: shape (n,), calibrated; declined when pd >= cutoff, one for all or one per case; costs adds ``cost_per_1000`` (money per
    1,000 cases, `amount` needed for `LoanCosts`). ``value`` puts expected counts in place of counts; AUC is that of PD-weighted
    pairs, a tie counting half. ``lo`` and ``hi`` are percentiles over `draws` seeded draws of all outcomes from the PDs. They
    cover the chance of outcomes alone: see `CAVEAT`. logit_error: how sure the PDs themselves are, where it is known from their
    calibration: the standard error of their level in log-odds, or shape (n, k): in each draw the log-odds of all cases move by
    its product with k standard normal numbers (`recalibration.Recalibration.errors`). NaN where a metric is not defined. Raises
    ValueError for bad PDs, and for `CashCosts`.
    """
    scores = checked_pd(pd)
    sums = _Sums(scores, scores >= checked_cutoffs(cutoff, scores.size), costs, amount)
    expected = sums.metrics(scores @ sums.columns)
    drawn = {
        name: np.ravel(values)
        for name, values in sums.metrics(_drawn_sums(sums, draws, seed, np.asarray(logit_error, dtype=np.float32))).items()
    }
    bounds = {name: interval(values) for name, values in drawn.items()}
    return DataFrame(
        {
            "metric": list(expected),
            "value": [float(value) for value in expected.values()],
            "lo": [bounds[name][0] for name in expected],
            "hi": [bounds[name][1] for name in expected],
        }
    )


class _Sums:
    """Every metric is a function of a few sums over the defaulters, so a draw of n outcomes is a product with n columns.

    Mid-ranks belong to the PDs and not to the outcomes, hence AUC too: its Mann-Whitney form is the sum of defaulters' ranks.
    """

    def __init__(self, pd: FloatArray, declined: BoolArray, costs: Costs | None, amount: npt.ArrayLike | None) -> None:
        self.pd, self.n = pd, pd.size
        self.n_declined = int(declined.sum())
        columns = [np.ones(self.n), declined.astype(np.float64), _mid_ranks(pd)]
        self.costs_if_good: float | None = None
        if costs is not None:
            if_good, if_default = (_losses(y, declined, costs, amount) for y in (np.zeros(self.n), np.ones(self.n)))
            self.costs_if_good = float(if_good.sum())
            columns.append(if_default - if_good)
        self.columns = np.stack(columns, axis=1)

    def metrics(self, sums: FloatArray) -> dict[str, FloatArray]:
        """Return every metric from sums of shape (..., columns)."""
        defaults, tp, ranks = sums[..., 0], sums[..., 1], sums[..., 2]
        fp, fn, goods = self.n_declined - tp, defaults - tp, self.n - defaults
        tn = goods - fp
        n = np.full(defaults.shape, float(self.n))
        found = {
            "tp": tp, "fp": fp, "fn": fn, "tn": tn,
            "default_rate": ratio(defaults, n),
            "accuracy": ratio(tp + tn, n),
            "precision": ratio(tp, tp + fp),
            "recall": ratio(tp, defaults),
            "f1": np.where(defaults > 0, ratio(2 * tp, 2 * tp + fp + fn), np.nan),
            "roc_auc": 0.5 + ratio(ranks * self.n, defaults * goods),
            "approved_default_rate": ratio(fn, fn + tn),
            "approval_rate": ratio(n - self.n_declined, n),
        }  # fmt: skip
        if self.costs_if_good is not None:
            found[contract.COST] = ratio(1000 * (self.costs_if_good + sums[..., 3]), n)
        return found


def _mid_ranks(pd: FloatArray) -> FloatArray:
    """Return the share of all cases below each case (half of its equals), less a half: in [-0.5, 0.5], adding up to 0."""
    _, place, counts = np.unique(pd, return_inverse=True, return_counts=True)
    below = np.cumsum(counts) - counts / 2
    return np.asarray(below[place] / max(pd.size, 1) - 0.5, dtype=np.float64)


def _losses(y: FloatArray, declined: npt.NDArray[np.bool_], costs: Costs, amount: npt.ArrayLike | None) -> FloatArray:
    if_approved, if_declined = losses_by_decision(y, costs, None if isinstance(costs, CaseCosts) else amount)
    return np.where(declined, if_declined, if_approved)


def _drawn_sums(sums: _Sums, draws: int, seed: int, logit_error: npt.NDArray[np.float32]) -> FloatArray:
    """Sums over the defaulters of each draw, shape (draws, columns)."""
    rng = np.random.default_rng(seed)
    scores, columns = sums.pd.astype(np.float32), sums.columns.astype(np.float32)
    errors = np.broadcast_to(logit_error, (1, 1)) if logit_error.ndim == 0 else logit_error
    moves = rng.standard_normal((draws, errors.shape[1]), dtype=np.float32)
    at_once = max(1, _DRAWS_AT_ONCE // max(1, sums.n))
    parts = [np.zeros((0, columns.shape[1]))]
    for done in range(0, draws, at_once):
        move = moves[done : done + at_once]
        chances = _shifted(scores, move @ errors.T) if errors.any() else scores
        defaulted = rng.random((len(move), sums.n), dtype=np.float32) < chances
        parts.append((defaulted.astype(np.float32) @ columns).astype(np.float64))
    return np.concatenate(parts)


def _shifted(pd: npt.NDArray[np.float32], shift: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Move PDs by log-odds; 0 and 1 stay what they are."""
    odds = pd * np.exp(shift)
    return np.asarray(odds / (1 - pd + odds), dtype=np.float32)


def track_record(estimates: DataFrame, realised: DataFrame, by: Sequence[str] = ("period",)) -> DataFrame:
    """Return how past estimates fared: metric, n, inside, inside_lo, inside_hi, mean_error, mean_abs_error.

    estimates: columns of `by`, metric, value, lo, hi; realised: columns of `by`, metric, value. Only pairs with both values
    count. ``inside`` is the share of realised values within the stated interval, with its Wilson 95 % interval; errors are
    estimate - realised, so a positive mean error of recall means it was promised too high. Raises ValueError for an estimate
    that is there twice.
    """
    keys = [*by, "metric"]
    for name, table in (("estimates", estimates), ("realised", realised)):
        doubled = table.duplicated(keys)
        if doubled.any():
            raise ValueError(f"{name} hold {table.loc[doubled, keys].iloc[0].to_dict()} more than once; keep one of each")
    both = estimates.merge(realised[[*keys, "value"]], on=keys, suffixes=("", "_realised")).dropna(
        subset=["value", "value_realised", "lo", "hi"]
    )
    error = both["value"] - both["value_realised"]
    # Nothing of a sum is exact; what equals a bound to ten digits is on it.
    slack = 1e-10 * np.maximum(1.0, both["value_realised"].abs())
    is_inside = both["value_realised"].between(both["lo"] - slack, both["hi"] + slack)
    judged = both.assign(error=error, abs_error=error.abs(), is_inside=is_inside).groupby("metric", sort=False)
    n, inside = judged.size(), judged["is_inside"].sum()
    lo, hi = wilson_interval(inside.to_numpy(), n.to_numpy())
    return DataFrame(
        {
            "metric": n.index.to_numpy(dtype=object), "n": n.to_numpy(), "inside": inside.to_numpy() / n.to_numpy(),
            "inside_lo": lo, "inside_hi": hi,
            "mean_error": judged["error"].mean().to_numpy(), "mean_abs_error": judged["abs_error"].mean().to_numpy(),
        }
    )  # fmt: skip
