"""How sure the money is: where the cheapest cut-off moves, and what the saving becomes, had other cases applied."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipeline.evaluation.bootstrap import N_BOOT, interval, resample_counts
from pipeline.evaluation.cost import Costs, case_losses, losses_by_decision
from pipeline.evaluation.inputs import FloatArray, checked_scores
from pipeline.evaluation.ranking import Ranking, rank


@dataclass(frozen=True)
class Band:
    """A number, its percentile 95 % interval, and the draws it stands on."""

    value: float
    lo: float
    hi: float
    draws: FloatArray = field(repr=False)
    """Shape (n_boot,)."""


def cheapest_cutoff_band(
    y: npt.ArrayLike,
    pd: npt.ArrayLike,
    costs: Costs,
    amount: npt.ArrayLike | None = None,
    cash: npt.ArrayLike | None = None,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> Band:
    """Return the cheapest cut-off of the sample with the band its resamples' cheapest cut-offs lie in.

    y, pd: shape (n,); amount or cash: shape (n,), as the costs need. Resampled within each class. Every bound is a distinct
    PD of the sample or infinity, never one between. NaN bounds without resamples. Raises ValueError as `case_losses` does.
    """
    outcomes, scores = checked_scores(y, pd)
    if_approved, if_declined = losses_by_decision(outcomes, costs, amount, cash)
    ranking = rank(outcomes, scores)
    # Up to a constant per resample, cost at a cut-off is what approving everybody below it loses over declining them.
    extra = if_approved - if_declined
    draws = [_cheapest(ranking, weights * extra) for weights in resample_counts(outcomes, n_boot, seed)]
    found = np.concatenate([np.zeros(0), *draws])
    value = float(_cheapest(ranking, extra[None])[0])
    if not found.size:
        return Band(value, float("nan"), float("nan"), found)
    lo, hi = np.quantile(found, (0.025, 0.975), method="inverted_cdf")
    return Band(value, float(lo), float(hi), found)


def _cheapest(ranking: Ranking, extra: FloatArray) -> FloatArray:
    """The cheapest cut-off, of ties the highest, for each row of losses per case, shape (B, n) to (B,)."""
    summed = np.cumsum(ranking.group_sums(extra), axis=1)
    money = np.concatenate([np.zeros((len(extra), 1)), summed], axis=1)
    cutoffs = np.append(ranking.values, np.inf)
    return np.asarray(cutoffs[::-1][np.argmin(money[:, ::-1], axis=1)], dtype=np.float64)


def saving_band(
    y: npt.ArrayLike,
    pd: npt.ArrayLike,
    cutoff: float,
    baseline: float,
    costs: Costs,
    amount: npt.ArrayLike | None = None,
    cash: npt.ArrayLike | None = None,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> Band:
    """Return what a cut-off saves over a baseline's on the n cases, in money, with its paired interval.

    Both cut-offs are stated, so the interval holds for a cut-off chosen elsewhere (on validation), not for one chosen on
    these cases. Multiply by 1000 / n for a saving per 1,000 applications. Raises ValueError as `case_losses` does.
    """
    outcomes, scores = checked_scores(y, pd)
    saved = case_losses(outcomes, scores, baseline, costs, amount, cash) - case_losses(
        outcomes, scores, cutoff, costs, amount, cash
    )
    draws = np.concatenate([np.zeros(0), *(weights @ saved for weights in resample_counts(outcomes, n_boot, seed))])
    lo, hi = interval(draws)
    return Band(float(saved.sum()), lo, hi, draws)
