"""What PSI chance alone would show: the yardstick that a small sample or a bin of three rows needs."""

from typing import Final

import numpy as np
from scipy.special import chdtri, gammaln

from pipeline.evaluation.inputs import FloatArray
from pipeline.evaluation.reference import SHARE_FLOOR

NOISE_LEVEL: Final = 0.01
"""How often a feature that did not move may exceed its noise."""
_SPARSE: Final = 20.0
_COUNTS: Final = np.arange(80.0)


def psi_terms(expected: FloatArray, actual: FloatArray) -> FloatArray:
    """Return what each bin adds to the PSI, from shares of equal shape: (a - e) ln(a / e), both at least `SHARE_FLOOR`."""
    e, a = np.maximum(expected, SHARE_FLOOR), np.maximum(actual, SHARE_FLOOR)
    return np.asarray((a - e) * np.log(a / e), dtype=np.float64)


def noise_moments(n: FloatArray, shares: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of what each bin adds to the PSI when n rows are drawn from `shares`.

    n, shares: shapes that broadcast. A bin of at least `_SPARSE` expected rows adds (1 - share) / n times a chi-square of one
    degree (Yurdakul and Naranjo 2020). That understates rarer bins many times over, for an empty one counts as `SHARE_FLOOR`:
    their moments are summed over the Poisson distribution. A bin that nobody or everybody is in adds nothing; NaN where n is 0.
    """
    n, shares = np.broadcast_arrays(n, shares)
    rows = np.where(n > 0, n, np.nan)
    mean, sd = (1 - shares) / rows, np.sqrt(2 * (1 - shares)) / rows
    expected = rows * shares
    is_fixed, is_sparse = (shares == 0) | (shares == 1), (expected > 0) & (expected < _SPARSE)
    rate, size = expected[is_sparse][:, None], rows[is_sparse][:, None]
    chance = np.exp(_COUNTS * np.log(rate) - rate - gammaln(_COUNTS + 1))
    terms = psi_terms(rate / size, _COUNTS / size)
    mean[is_sparse] = (chance * terms).sum(axis=1)
    sd[is_sparse] = np.sqrt(np.maximum((chance * terms**2).sum(axis=1) - mean[is_sparse] ** 2, 0))
    return np.where(is_fixed & (n > 0), 0.0, mean), np.where(is_fixed & (n > 0), 0.0, sd)


def upper_noise(mean: FloatArray, variance: FloatArray) -> FloatArray:
    """Return what a sum of bins exceeds in `NOISE_LEVEL` of draws, by a scaled chi-square of its mean and variance.

    Satterthwaite (1946); with all bins well filled it is (1/n + 1/m) times the chi-square of bins less one.
    """
    can_move = (mean > 0) & (variance > 0)
    m, v = np.where(can_move, mean, 1.0), np.where(can_move, variance, 1.0)
    upper = v / (2 * m) * chdtri(2 * m**2 / v, NOISE_LEVEL)
    return np.asarray(np.where(can_move, upper, np.where(np.isnan(mean), np.nan, 0.0)), dtype=np.float64)
