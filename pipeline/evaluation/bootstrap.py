"""How sure the numbers are: stratified bootstrap of every metric, alone and as a paired difference of two models.

The cases are sorted once; a resample is only a new set of weights on them, so 200 resamples cost 200 cumulative sums.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pandas import DataFrame

from pipeline.evaluation.cost import Costs, case_losses
from pipeline.evaluation.inputs import FloatArray, IntArray, checked_outcomes, checked_scores
from pipeline.evaluation.metrics import COST, HIGHER_IS_BETTER, score_metrics, stacked_metrics
from pipeline.evaluation.ranking import Ranking, rank

N_BOOT: Final = 200
_CELLS_AT_ONCE: Final = 2**18
_BOUNDS: Final = (0.025, 0.975)


def resample_counts(y: npt.ArrayLike, n_boot: int, seed: int) -> Iterator[FloatArray]:
    """Yield how often each case is drawn, in chunks of shape (chunk, n), `n_boot` rows in all.

    Stratified: each class is redrawn from itself, so the default rate stays what it is and no resample lacks a class.
    The same y, n_boot and seed give the same counts.
    """
    outcomes = checked_outcomes(y)
    return resample_strata([np.flatnonzero(outcomes == label) for label in (1, 0)], n_boot, seed)


def resample_strata(strata: Sequence[IntArray], n_boot: int, seed: int) -> Iterator[FloatArray]:
    """Yield draws as `resample_counts` does, for strata given as arrays of case numbers that partition the n cases."""
    rng = np.random.default_rng(seed)
    n = sum(members.size for members in strata)
    at_once = max(1, _CELLS_AT_ONCE // max(1, n))
    for done in range(0, n_boot, at_once):
        chunk = np.zeros((min(at_once, n_boot - done), n))
        for members in strata:
            if members.size:
                chunk[:, members] = _draw(rng, len(chunk), members.size)
        yield chunk


def _draw(rng: np.random.Generator, n_resamples: int, size: int) -> IntArray:
    drawn = rng.integers(size, size=(n_resamples, size))
    drawn += (np.arange(n_resamples) * size)[:, None]
    return np.bincount(drawn.ravel(), minlength=n_resamples * size).reshape(n_resamples, size)


def bootstrap_metrics(y: npt.ArrayLike, pd: npt.ArrayLike, cutoff: float, n_boot: int = N_BOOT, seed: int = 0) -> DataFrame:
    """Return each metric of the contract with its percentile 95 % interval: metric, value, lo, hi.

    y: shape (n,), 0 or 1; pd: shape (n,). Bounds are NaN where the metric is, or with `n_boot` 0. ECE keeps the bins of the
    sample; resampling adds noise that can only raise it, so its draws are first moved down by their bias (Efron and
    Tibshirani 1993, ch. 10) and kept at 0 or above.
    """
    outcomes, scores = checked_scores(y, pd)
    values = score_metrics(outcomes, scores, cutoff)
    ranking = rank(outcomes, scores)
    stacks = [_resampled(ranking, outcomes, w, cutoff) for w in resample_counts(outcomes, n_boot, seed)]
    draws = _joined(stacks, list(values))
    draws["ece"] = _without_bias(draws["ece"], values["ece"])
    bounds = [interval(draws[name]) for name in values]
    return DataFrame(
        {
            "metric": list(values),
            "value": list(values.values()),
            "lo": [lo for lo, _ in bounds],
            "hi": [hi for _, hi in bounds],
        }
    )


def _resampled(ranking: Ranking, y: IntArray, weights: FloatArray, cutoff: float) -> dict[str, FloatArray]:
    defaults, both = ranking.group_sums(weights * y), ranking.group_sums(weights)
    return stacked_metrics(ranking, defaults, both - defaults, cutoff)


def _joined(stacks: list[dict[str, FloatArray]], names: list[str]) -> dict[str, FloatArray]:
    return {name: np.concatenate([np.zeros(0), *(stack[name] for stack in stacks)]) for name in names}


def _without_bias(draws: FloatArray, value: float) -> FloatArray:
    return np.maximum(0.0, draws - (draws.mean() - value)) if draws.size else draws


def interval(draws: FloatArray) -> tuple[float, float]:
    """Return the percentile 95 % interval of draws, shape (B,), leaving out those not computable; NaN when all are."""
    known = draws[~np.isnan(draws)]
    if not known.size:
        return float("nan"), float("nan")
    lo, hi = np.quantile(known, _BOUNDS)
    return float(lo), float(hi)


def paired_difference(
    y: npt.ArrayLike,
    pd_a: npt.ArrayLike,
    cutoff_a: float,
    pd_b: npt.ArrayLike,
    cutoff_b: float,
    n_boot: int = N_BOOT,
    seed: int = 0,
    costs: Costs | None = None,
    amount: npt.ArrayLike | None = None,
    cash: npt.ArrayLike | None = None,
) -> DataFrame:
    """Compare two models on the same cases and the same resamples: metric, a, b, difference, lo, hi, prob_a_better.

    y, pd_a, pd_b: shape (n,), one row per case in the same order. ``difference`` is a - b with its percentile 95 % interval.
    ``prob_a_better`` is the share of resamples in which a is better, by `metrics.HIGHER_IS_BETTER`, a tie counting half.
    With `costs` there is also the metric ``cost``, the money lost over all cases; `amount` is needed for `LoanCosts` and
    `cash` for `CashCosts`.
    """
    a, b = together(y, [Scored(pd_a, cutoff_a), Scored(pd_b, cutoff_b)], n_boot, seed, costs, amount, cash)
    return DataFrame([compared(name, a, b) for name in a.values])


@dataclass(frozen=True)
class Scored:
    """What one model says of a sample: its PDs, shape (n,), and the cut-off it is used at."""

    pd: npt.ArrayLike
    cutoff: float


@dataclass(frozen=True)
class Drawn:
    """The metrics of one model on the sample and, of shape (B,), on each resample."""

    values: dict[str, float]
    draws: dict[str, FloatArray]


def together(
    y: npt.ArrayLike,
    models: Sequence[Scored],
    n_boot: int = N_BOOT,
    seed: int = 0,
    costs: Costs | None = None,
    amount: npt.ArrayLike | None = None,
    cash: npt.ArrayLike | None = None,
) -> list[Drawn]:
    """Measure many models on the same cases and the same resamples, in their order; see `paired_difference`."""
    outcomes = checked_outcomes(y)
    sides = [_Model(outcomes, model, costs, amount, cash) for model in models]
    stacks = [[side.on_resamples(w) for side in sides] for w in resample_counts(outcomes, n_boot, seed)]
    values = [side.on_sample() for side in sides]
    return [Drawn(found, _joined([stack[i] for stack in stacks], list(found))) for i, found in enumerate(values)]


class _Model:
    """One side of a comparison, sorted once."""

    def __init__(
        self, y: IntArray, model: Scored, costs: Costs | None, amount: npt.ArrayLike | None, cash: npt.ArrayLike | None
    ) -> None:
        self.y, self.pd = checked_scores(y, model.pd)
        self.cutoff = model.cutoff
        self.ranking = rank(self.y, self.pd)
        self.losses = None if costs is None else case_losses(self.y, self.pd, model.cutoff, costs, amount, cash)

    def on_sample(self) -> dict[str, float]:
        values = score_metrics(self.y, self.pd, self.cutoff)
        return values if self.losses is None else values | {COST: float(self.losses.sum())}

    def on_resamples(self, weights: FloatArray) -> dict[str, FloatArray]:
        stack = _resampled(self.ranking, self.y, weights, self.cutoff)
        return stack if self.losses is None else stack | {COST: weights @ self.losses}


def compared(name: str, a: Drawn, b: Drawn) -> dict[str, str | float]:
    """Return one row of `paired_difference`: a metric of two models that were measured `together`."""
    draws = a.draws[name] - b.draws[name]
    lo, hi = interval(draws)
    known = draws[~np.isnan(draws)] * (1 if HIGHER_IS_BETTER[name] else -1)
    better = float(((known > 0) + (known == 0) / 2).mean()) if known.size else float("nan")
    values = {"a": a.values[name], "b": b.values[name], "difference": a.values[name] - b.values[name]}
    return {"metric": name, **values, "lo": lo, "hi": hi, "prob_a_better": better}
