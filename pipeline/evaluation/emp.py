"""Expected maximum profit of a credit scorecard: one number that needs no cut-off, for lenders who lose less than all.

Verbraken, Bravo, Weber and Baesens (2014), Development and application of consumer credit scoring models using
profit-based classification measures, European Journal of Operational Research 238(2). Per unit lent, declining a defaulter
saves the share lambda of the loan that would be lost, declining a good customer forgoes the return on investment. Lambda
is 0 with probability p0, 1 with p1 and else uniform between.
"""

from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from pipeline.evaluation.hull import hull_rows, mistakes


@dataclass(frozen=True)
class MaximumProfit:
    """What the best use of a model earns over approving everybody."""

    profit: float
    """Expected share of the amount lent, per application."""
    declined_share: float
    """Share of applications declined on average when the cut-off follows the loss; the paper's optimal fraction."""


def expected_maximum_profit(curve: DataFrame, p0: float = 0.55, p1: float = 0.10, roi: float = 0.2644) -> MaximumProfit:
    """Integrate the highest profit at each loss share over the law of the loss: exact, a quadratic per corner of the hull.

    curve: as `threshold_curve` returns it, of one split. p0, p1: probabilities that nothing, and that everything, of a
    defaulted loan is lost; roi: return on investment of a good loan, 0 or more. The defaults are the paper's. NaN for an
    empty sample. Raises ValueError for probabilities or a return that mean nothing.
    """
    _check(p0, p1, roi)
    missed, refused = mistakes(curve)
    n = float(missed[-1] + refused[0])
    if n == 0:
        return MaximumProfit(float("nan"), float("nan"))
    corners = hull_rows(missed, refused)[::-1]
    saved, forgone = (missed[-1] - missed[corners]) / n, roi * refused[corners] / n
    # From corner i on to i + 1 as soon as the loss share makes the defaulters caught outweigh the return forgone.
    turn = np.concatenate([[0.0], np.clip(np.diff(forgone) / np.diff(saved), 0, 1), [1.0]])
    width, mean = np.diff(turn), (turn[1:] + turn[:-1]) / 2
    declined = saved + refused[corners] / n
    last = int(np.flatnonzero(width > 0)[-1])
    uniform = 1 - p0 - p1
    # Where nothing is lost nobody is declined: profit 0, share 0.
    return MaximumProfit(
        profit=float(p1 * (saved[last] - forgone[last]) + uniform * (width @ (saved * mean - forgone))),
        declined_share=float(p1 * declined[last] + uniform * (width @ declined)),
    )


def _check(p0: float, p1: float, roi: float) -> None:
    if not (p0 >= 0 and p1 >= 0 and p0 + p1 <= 1):
        raise ValueError(f"p0 is {p0} and p1 {p1}; they must be probabilities that add up to at most 1")
    if not 0 <= roi < float("inf"):
        raise ValueError(f"roi is {roi}; the return on investment must be a finite number of 0 or more")
