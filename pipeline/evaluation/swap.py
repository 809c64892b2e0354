"""Who changes sides when one model takes over from another: newly approved, newly refused, and what that is worth."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pandas import DataFrame

from pipeline.evaluation.bootstrap import N_BOOT, interval, resample_strata
from pipeline.evaluation.cost import CashCosts, Costs, losses_by_decision
from pipeline.evaluation.inputs import BoolArray, FloatArray, IntArray, checked_cutoff, checked_pd, checked_scores
from pipeline.evaluation.segments import members

SWAP_IN: Final = "swap_in"
SWAP_OUT: Final = "swap_out"
NET: Final = "net"
MEASURES: Final = ("n", "default_rate", "expected_loss", "saving")
"""Each with its value and its bounds ``_lo`` and ``_hi``."""


def cutoff_at_approval(pd: npt.ArrayLike, approval_rate: float) -> float:
    """Return the cut-off, a distinct PD or infinity, whose approval rate comes nearest to the one asked, of two the higher.

    pd: shape (n,). Equal PDs cannot be torn apart, so the rate may be missed by half of those that tie: state the rate
    reached. Raises ValueError for a rate outside 0 to 1 or an empty sample.
    """
    if not 0 <= approval_rate <= 1:
        raise ValueError(f"approval_rate is {approval_rate}; it must be a share between 0 and 1")
    values, counts = np.unique(checked_pd(pd), return_counts=True)
    if not values.size:
        raise ValueError("the sample is empty; it has no approval rate")
    approved = np.concatenate([[0], np.cumsum(counts)])
    distance = np.abs(approved - approval_rate * approved[-1])
    return float(np.append(values, np.inf)[::-1][np.argmin(distance[::-1])])


def swap_set(
    y: npt.ArrayLike,
    pd_today: npt.ArrayLike,
    cutoff_today: float,
    pd_new: npt.ArrayLike,
    cutoff_new: float,
    costs: Costs,
    amount: npt.ArrayLike | None = None,
    cash: npt.ArrayLike | None = None,
    groups: DataFrame | None = None,
    previously_declined: npt.ArrayLike | None = None,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> DataFrame:
    """Return who swaps when the new model replaces today's, in all and by segment.

    Columns: column, group (both empty for all cases), set, inferred, then each of `MEASURES` with ``_lo`` and ``_hi``.
    ``swap_in`` is declined today and newly approved, ``swap_out`` the reverse, ``net`` the first less the second (its
    default_rate is NaN; its saving is that of both together). ``expected_loss`` is the new model's PD times what a default
    costs; ``saving`` what the change keeps, positive where the swap is good. NaN with `CashCosts`: realised cash states no
    loss given default. For the same approval rate take ``cutoff_new`` from `cutoff_at_approval`.

    y, pd_today, pd_new: shape (n,), the same cases in the same order; groups: n rows of labels; previously_declined: shape
    (n,), true where a case was once refused, so that no outcome was ever seen. Its y and cash are not read (they may be
    NaN): the new PD stands for its outcome, its rows come apart with ``inferred`` true, and with `CashCosts` its saving,
    and so the net one, is NaN. Intervals: percentile 95 %, resampled within defaulters, good customers and inferred cases.
    """
    cases = _cases(y, pd_today, pd_new, previously_declined)
    today, new = cases.pd_today >= checked_cutoff(cutoff_today), cases.pd_new >= checked_cutoff(cutoff_new)
    measured = _measured(cases, costs, amount, cash)
    parts = [
        _Part(column, group, sign, inferred, rows)
        for column, group, of_group in _segments(groups, cases.y.size)
        for sign, swaps in ((1, today & ~new), (-1, new & ~today))
        for inferred, seen in _inferred(cases.inferred, has_flags=previously_declined is not None)
        if (rows := np.flatnonzero(of_group & swaps & seen)).size or not (inferred and sign < 0)
    ]
    sums = [part.sums(measured, np.ones((1, cases.y.size)))[0] for part in parts]
    chunks = [[part.sums(measured, w) for part in parts] for w in resample_strata(cases.strata, n_boot, seed)]
    draws = [np.concatenate([np.zeros((0, 4)), *(chunk[i] for chunk in chunks)]) for i in range(len(parts))]
    found = DataFrame([row for rows in _by_segment(parts, sums, draws) for row in rows])
    # What nobody states is not known of nobody either; their sum alone would be zero.
    unstated = [f"expected_loss{end}" for end in ("", "_lo", "_hi")] if isinstance(costs, CashCosts) else []
    return found.assign(**dict.fromkeys(unstated, np.nan))


@dataclass(frozen=True)
class _Cases:
    y: FloatArray
    """Outcomes; where none was seen the new model's PD."""
    pd_today: FloatArray
    pd_new: FloatArray
    inferred: BoolArray

    @property
    def strata(self) -> list[IntArray]:
        seen = ~self.inferred
        return [np.flatnonzero(rows) for rows in (seen & (self.y == 1), seen & (self.y == 0), self.inferred)]


def _cases(
    y: npt.ArrayLike, pd_today: npt.ArrayLike, pd_new: npt.ArrayLike, previously_declined: npt.ArrayLike | None
) -> _Cases:
    outcomes = np.asarray(y, dtype=np.float64)
    inferred = np.zeros(outcomes.shape, dtype=np.bool_) if previously_declined is None else np.asarray(previously_declined)
    if inferred.shape != outcomes.shape or inferred.dtype != np.bool_:
        raise ValueError(
            f"previously_declined has shape {inferred.shape} and type {inferred.dtype}; it must hold true or false for each "
            f"of the {outcomes.size} cases"
        )
    known, new = checked_scores(np.where(inferred, 0.0, outcomes), pd_new)
    _, today = checked_scores(known, pd_today)
    return _Cases(np.where(inferred, new, known), today, new, inferred)


def _measured(cases: _Cases, costs: Costs, amount: npt.ArrayLike | None, cash: npt.ArrayLike | None) -> FloatArray:
    """Per case, shape (n, 4): itself, its default, its expected loss, and what approving it instead of declining saves."""
    ones = np.ones(cases.y.size)
    if isinstance(costs, CashCosts):
        known = None if cash is None else np.where(cases.inferred, 0.0, np.asarray(cash, dtype=np.float64))
        if_approved, if_declined = losses_by_decision(cases.y, costs, None, known)
        if_approved = np.where(cases.inferred, np.nan, if_approved)
        expected = np.full(cases.y.size, np.nan)
    else:
        if_approved, if_declined = losses_by_decision(cases.y, costs, amount)
        expected = cases.pd_new * losses_by_decision(ones, costs, amount)[0]
    return np.column_stack([ones, cases.y, expected, if_declined - if_approved])


@dataclass(frozen=True)
class _Part:
    column: str
    group: str
    sign: int
    inferred: bool
    rows: IntArray

    def sums(self, measured: FloatArray, weights: FloatArray) -> FloatArray:
        """n, defaults, expected loss and saving of the part under each weighting, shape (B, 4)."""
        signs = np.array([1, 1, 1, self.sign])
        return np.asarray(weights[:, self.rows] @ (measured[self.rows] * signs), dtype=np.float64)


def _segments(groups: DataFrame | None, n: int) -> Iterator[tuple[str, str, BoolArray]]:
    yield "", "", np.ones(n, dtype=np.bool_)
    if groups is None:
        return
    if len(groups) != n:
        raise ValueError(f"groups has {len(groups)} rows and y {n}; they must describe the same cases")
    for column in groups:
        for group, rows in members(groups[column]):
            of_group = np.zeros(n, dtype=np.bool_)
            of_group[rows] = True
            yield str(column), group, of_group


def _inferred(inferred: BoolArray, *, has_flags: bool) -> list[tuple[bool, BoolArray]]:
    return [(False, ~inferred), (True, inferred)] if has_flags else [(False, ~inferred)]


def _by_segment(
    parts: list[_Part], sums: list[FloatArray], draws: list[FloatArray]
) -> Iterator[list[dict[str, str | bool | float]]]:
    """The rows of each segment, with the net of all its parts as the last."""
    for key in dict.fromkeys((part.column, part.group) for part in parts):
        at = [i for i, part in enumerate(parts) if (part.column, part.group) == key]
        signs = [np.array([parts[i].sign, np.nan, parts[i].sign, 1]) for i in at]
        rows = [_row(parts[i], SWAP_IN if parts[i].sign > 0 else SWAP_OUT, sums[i], draws[i]) for i in at]
        net = _Part(*key, 0, any(parts[i].inferred and parts[i].rows.size > 0 for i in at), np.zeros(0, dtype=np.int64))
        net_sums = np.sum([sums[i] * sign for i, sign in zip(at, signs, strict=True)], axis=0)
        net_draws = np.sum([draws[i] * sign for i, sign in zip(at, signs, strict=True)], axis=0)
        yield [*rows, _row(net, NET, net_sums, net_draws)]


def _row(part: _Part, name: str, sums: FloatArray, draws: FloatArray) -> dict[str, str | bool | float]:
    row: dict[str, str | bool | float] = {"column": part.column, "group": part.group, "set": name, "inferred": part.inferred}
    values, drawn = _measures(sums[None])[0], _measures(draws)
    for i, measure in enumerate(MEASURES):
        row[measure] = float(values[i])
        row[f"{measure}_lo"], row[f"{measure}_hi"] = interval(drawn[:, i])
    return row


def _measures(sums: FloatArray) -> FloatArray:
    """Turn defaults into a rate, NaN where nobody swaps."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.column_stack([sums[:, 0], sums[:, 1] / sums[:, 0], sums[:, 2], sums[:, 3]])
