"""Why the leader leads and the others do not: every candidate against one, on the same cases and the same resamples."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from pandas import DataFrame

from pipeline.evaluation.bootstrap import N_BOOT, Drawn, Scored, compared, interval, together
from pipeline.evaluation.cost import Costs
from pipeline.evaluation.inputs import FloatArray
from pipeline.evaluation.metrics import COST, HIGHER_IS_BETTER

HEADLINES: Final = ("f1", "recall", "roc_auc")
"""What a leader is compared by when nothing else is asked, with the cost on top where there are cost assumptions."""


def leader_against_others(
    y: npt.ArrayLike,
    candidates: Mapping[str, Scored],
    leader: str,
    metrics: Sequence[str] = HEADLINES,
    n_boot: int = N_BOOT,
    seed: int = 0,
    costs: Costs | None = None,
    amount: npt.ArrayLike | None = None,
    cash: npt.ArrayLike | None = None,
) -> DataFrame:
    """Return a row per other candidate and metric: candidate, metric, leader, other, difference, lo, hi, prob, is_clear.

    y: shape (n,); candidates: PDs of the same n cases by name. ``difference`` is leader - other with its paired percentile
    95 % interval, ``prob`` the share of resamples in which the leader is better (a tie counts half), ``is_clear`` whether
    the interval leaves out 0. The cost is added when `costs` are given. The same numbers as `paired_difference` of each
    pair. Raises ValueError for a leader or a metric that is not there.
    """
    _check_names(candidates, leader, metrics)
    names = [*metrics, *([COST] if costs is not None else [])]
    found = _measured(y, candidates, n_boot, seed, costs, amount, cash)
    rows = [
        {"candidate": other, **compared(metric, found[leader], found[other])}
        for other in candidates
        if other != leader
        for metric in names
    ]
    table = DataFrame(rows, columns=["candidate", "metric", "a", "b", "difference", "lo", "hi", "prob_a_better"])
    is_clear = (table["lo"] > 0) | (table["hi"] < 0)
    return table.rename(columns={"a": "leader", "b": "other", "prob_a_better": "prob"}).assign(is_clear=is_clear)


def prob_best(
    y: npt.ArrayLike,
    candidates: Mapping[str, Scored],
    metric: str,
    n_boot: int = N_BOOT,
    seed: int = 0,
    costs: Costs | None = None,
    amount: npt.ArrayLike | None = None,
    cash: npt.ArrayLike | None = None,
) -> DataFrame:
    """Return a row per candidate: candidate, value, lo, hi, prob_best, the share of resamples in which none is better.

    Those that tie for best share the resample, so ``prob_best`` adds up to 1; NaN throughout when the metric is not
    defined. `metric` may be ``cost`` when `costs` are given.
    """
    _check_names(candidates, next(iter(candidates), ""), [] if metric == COST and costs is not None else [metric])
    found = _measured(y, candidates, n_boot, seed, costs, amount, cash)
    draws = np.stack([drawn.draws[metric] for drawn in found.values()])
    bounds = [interval(row) for row in draws]
    return DataFrame(
        {
            "candidate": list(found),
            "value": [drawn.values[metric] for drawn in found.values()],
            "lo": [lo for lo, _ in bounds],
            "hi": [hi for _, hi in bounds],
            "prob_best": _shares(draws if HIGHER_IS_BETTER[metric] else -draws),
        }
    )


def _measured(
    y: npt.ArrayLike,
    candidates: Mapping[str, Scored],
    n_boot: int,
    seed: int,
    costs: Costs | None,
    amount: npt.ArrayLike | None,
    cash: npt.ArrayLike | None,
) -> dict[str, Drawn]:
    return dict(zip(candidates, together(y, list(candidates.values()), n_boot, seed, costs, amount, cash), strict=True))


def _shares(scores: FloatArray) -> FloatArray:
    """Of scores shape (k, B), higher being better, the share of resamples each row wins, shape (k,)."""
    known = scores[:, ~np.isnan(scores).any(axis=0)]
    if not known.size:
        return np.full(len(scores), np.nan)
    is_best = known == known.max(axis=0)
    return np.asarray((is_best / is_best.sum(axis=0)).mean(axis=1), dtype=np.float64)


def _check_names(candidates: Mapping[str, Scored], leader: str, metrics: Sequence[str]) -> None:
    if leader not in candidates:
        raise ValueError(f"{leader!r} is no candidate; there are {', '.join(candidates) or 'none'}")
    known = [name for name in HIGHER_IS_BETTER if name != COST]
    for name in metrics:
        if name not in known:
            raise ValueError(f"{name!r} is no metric that can be compared here; choose from {', '.join(known)}")
