"""The contract's eleven metrics of one scored sample, and how far Brier and calibration error can be believed.

All of them are sums over the distinct PDs, so the same function serves one sample and a stack of bootstrap resamples.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from pipeline import contract
from pipeline.evaluation.inputs import FloatArray, IntArray, checked_cutoff, checked_pd
from pipeline.evaluation.ranking import Ranking, quantile_bins, rank

COST: Final = "cost"
"""Money lost to wrong decisions; a metric only where cost assumptions are given."""
HIGHER_IS_BETTER: Final[Mapping[str, bool]] = MappingProxyType(
    {name: name not in ("log_loss", "brier", "ece") for name in contract.METRICS} | {COST: False}
)
ECE_BINS: Final = 10
_EPSILON: Final = float(np.finfo(np.float64).eps)
_DRAWS_AT_ONCE: Final = 2**20


def score_metrics(y: npt.ArrayLike, pd: npt.ArrayLike, cutoff: float) -> dict[str, float]:
    """Return every metric of `contract.METRICS` for one sample; NaN where it is not defined (one class, nobody declined).

    y: shape (n,), 0 or 1; pd: shape (n,), in [0, 1]; declined when pd >= cutoff. Raises ValueError on other input.
    Precision is NaN, not 0, when nobody is declined. PR AUC is average precision. ECE uses `ECE_BINS` quantile bins.
    """
    ranking = rank(y, pd)
    stack = stacked_metrics(ranking, ranking.defaults.astype(float)[None], ranking.goods.astype(float)[None], cutoff)
    return {name: float(values[0]) for name, values in stack.items()}


def stacked_metrics(ranking: Ranking, defaults: FloatArray, goods: FloatArray, cutoff: float) -> dict[str, FloatArray]:
    """Return every metric of `contract.METRICS` for B weightings of one sample, each of shape (B,).

    defaults, goods: shape (B, K), the weight of both classes at each of `ranking.values`. Ties count half in AUC, and
    average precision steps only between distinct PDs, so equal scores are exact.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        found = _at_cutoff(ranking.values, defaults, goods, checked_cutoff(cutoff))
        found |= _of_ranks(defaults, goods)
        found |= _of_probabilities(ranking, defaults, goods)
    return {name: found[name] for name in contract.METRICS}


def _at_cutoff(values: FloatArray, defaults: FloatArray, goods: FloatArray, cutoff: float) -> dict[str, FloatArray]:
    first = int(np.searchsorted(values, cutoff, side="left"))
    tp, fp = defaults[:, first:].sum(axis=1), goods[:, first:].sum(axis=1)
    fn, tn = defaults[:, :first].sum(axis=1), goods[:, :first].sum(axis=1)
    has_defaulters = np.where(tp + fn > 0, 1.0, np.nan)
    return {
        "accuracy": (tp + tn) / (tp + fp + fn + tn),
        "precision": tp / (tp + fp),
        "recall": tp / (tp + fn),
        "f1": has_defaulters * 2 * tp / (2 * tp + fp + fn),
    }


def _of_ranks(defaults: FloatArray, goods: FloatArray) -> dict[str, FloatArray]:
    defaults_to, goods_to = np.cumsum(defaults, axis=1), np.cumsum(goods, axis=1)
    n_defaults, n_goods = defaults.sum(axis=1), goods.sum(axis=1)
    auc = np.einsum("bk,bk->b", defaults, goods_to - goods / 2) / (n_defaults * n_goods)
    share_gap = defaults_to / n_defaults[:, None] - goods_to / n_goods[:, None]
    ks = np.abs(share_gap).max(axis=1, initial=0.0) + 0 * auc
    caught = n_defaults[:, None] - defaults_to + defaults
    refused = caught + n_goods[:, None] - goods_to + goods
    # A resample may leave out the riskiest cases: nobody is refused there and no defaulter stands there either.
    precision = caught / np.where(refused > 0, refused, 1.0)
    pr_auc = np.einsum("bk,bk->b", defaults, precision) / n_defaults
    return {"roc_auc": auc, "gini": 2 * auc - 1, "ks": ks, "pr_auc": pr_auc}


def _of_probabilities(ranking: Ranking, defaults: FloatArray, goods: FloatArray) -> dict[str, FloatArray]:
    values = ranking.values
    n = defaults.sum(axis=1) + goods.sum(axis=1)
    clipped = np.clip(values, _EPSILON, 1 - _EPSILON)
    brier = defaults @ (1 - values) ** 2 + goods @ values**2
    log_loss = -(defaults @ np.log(clipped) + goods @ np.log(1 - clipped))
    surprise = defaults * (1 - values) - goods * values
    gaps = _bin_sums(surprise, quantile_bins(ranking, ECE_BINS))
    return {"brier": brier / n, "log_loss": log_loss / n, "ece": np.abs(gaps).sum(axis=1) / n}


def _bin_sums(per_value: FloatArray, starts: IntArray) -> FloatArray:
    return np.add.reduceat(per_value, starts, axis=1) if starts.size else per_value


def ece_noise_floor(pd: npt.ArrayLike, n_bins: int, draws: int, seed: int) -> float:
    """Return the 95th percentile of ECE when the PDs are right: outcomes drawn from the PDs themselves.

    pd: shape (n,). A calibration error below this floor cannot be told from chance at this sample size. NaN when empty.
    """
    scores = np.sort(checked_pd(pd))
    if scores.size == 0 or draws < 1:
        return float("nan")
    ranking = rank(np.zeros(scores.size, dtype=np.int64), scores)
    case_starts = ranking.starts[quantile_bins(ranking, n_bins)]
    expected = np.add.reduceat(scores, case_starts)
    rng, errors, at_once = np.random.default_rng(seed), [], max(1, _DRAWS_AT_ONCE // scores.size)
    for done in range(0, draws, at_once):
        drawn = rng.random((min(at_once, draws - done), scores.size)) < scores
        observed = np.add.reduceat(drawn, case_starts, axis=1, dtype=np.int64)
        errors.append(np.abs(observed - expected).sum(axis=1) / scores.size)
    return float(np.quantile(np.concatenate(errors), 0.95))
