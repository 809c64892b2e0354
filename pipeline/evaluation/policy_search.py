"""The cheapest policy that keeps its promises, or which promises cannot be kept together.

Cost, approvals and misses of a pair of cut-offs are each one part for the lower plus one for the upper (`cell_weights`), and
each limit moves one way with the upper cut-off. So for every lower cut-off the upper ones allowed are one run of rows, and
the cheapest among them is a range minimum: all pairs of a curve of a million rows are searched exactly, without thinning.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Final

import numpy as np
from pandas import DataFrame

from pipeline import contract
from pipeline.evaluation.cost import Costs, cell_values
from pipeline.evaluation.curve import check_one_split
from pipeline.evaluation.inputs import FloatArray, IntArray
from pipeline.evaluation.policy import NO_REVIEW, PolicyOutcome, Review, cell_weights, policy_outcome

_SLACK: Final = 1e-9
"""Share of the sample by which a limit may be missed: sums of fractions of people are rounded."""


@dataclass(frozen=True)
class Limits:
    """What a policy must keep to; None is no limit. Rates are shares of the sample the curve was measured on."""

    approval_rate: float | None = None
    """At least; with those that reviewers approve."""
    recall: float | None = None
    """At least; with those that reviewers decline."""
    reviews_per_day: float | None = None
    """At most."""

    def __post_init__(self) -> None:
        """Refuse limits that mean nothing."""
        for name in ("approval_rate", "recall"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} is {value}; a limit on it must be a share between 0 and 1")
        if self.reviews_per_day is not None and not self.reviews_per_day >= 0:
            raise ValueError(f"reviews_per_day is {self.reviews_per_day}; the capacity must be 0 or more")

    @property
    def stated(self) -> dict[str, float]:
        """The limits that are set, by name."""
        return {f.name: value for f in fields(self) if (value := getattr(self, f.name)) is not None}


@dataclass(frozen=True)
class Missed:
    """One limit of a clash: what was wanted, and the best there is while the others of the clash are kept."""

    name: str
    wanted: float
    attainable: float


@dataclass(frozen=True)
class Clash:
    """The fewest limits that no policy keeps together; leaving out any one of them leaves some policy."""

    limits: tuple[Missed, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the limits that clash, as in `Limits`."""
        return tuple(limit.name for limit in self.limits)


def best_policy(
    curve: DataFrame, costs: Costs, limits: Limits = Limits(), review: Review | None = None
) -> PolicyOutcome | Clash:
    """Return the cheapest policy within the limits, or the smallest set of limits that clash.

    curve: one split's, as `threshold_curve` returns it; its distinct PDs and infinity are the cut-offs tried. Without
    `review` both cut-offs are one. Of equally cheap policies the one that approves most without review, then reviews
    fewest. Exact, O(n log n). Raises ValueError for an empty sample, a limit on recall without defaulters, a limit on
    reviews without a volume, or money that the curve lacks.
    """
    pairs = _Pairs(curve, costs, review)
    pairs.check(limits)
    found = pairs.cheapest(limits)
    if found is None:
        return _clash(pairs, limits)
    cutoffs = curve["cutoff"].to_numpy()
    low, high = (float(cutoffs[row]) for row in found)
    return policy_outcome(curve, costs, low, high, review or NO_REVIEW)


def _clash(pairs: "_Pairs", limits: Limits) -> Clash:
    """Sets are tried from the smallest up, so the first that fails holds nothing superfluous."""
    stated = limits.stated
    for size in range(1, len(stated) + 1):
        for names in combinations(stated, size):
            if not pairs.is_feasible(Limits(**{name: stated[name] for name in names})):
                return Clash(tuple(_missed(pairs, stated, names, name) for name in names))
    raise AssertionError("limits that fail together have a subset that fails")


def _missed(pairs: "_Pairs", stated: dict[str, float], names: tuple[str, ...], name: str) -> Missed:
    others = Limits(**{other: stated[other] for other in names if other != name})
    return Missed(name, stated[name], pairs.best_of(name, others))


class _Pairs:
    """Every pair of rows (lower cut-off, upper cut-off), held as one array per side."""

    def __init__(self, curve: DataFrame, costs: Costs, review: Review | None) -> None:
        check_one_split(curve)
        self.is_plain, self.review = review is None, review or NO_REVIEW
        weights = cell_weights(self.review.share_right)
        cell = {name: curve[name].to_numpy(dtype=np.float64) for name in contract.CELLS}
        self.n, self.defaults = float(cell["fn"][-1] + cell["tn"][-1]), float(cell["fn"][-1])
        if self.n == 0:
            raise ValueError("the sample is empty; there is no policy to choose on it")
        self.passed = cell["fn"] + cell["tn"]
        self.approved_low = weights["fn"] * cell["fn"] + weights["tn"] * cell["tn"]
        self.approved_high = (1 - weights["fn"]) * cell["fn"] + (1 - weights["tn"]) * cell["tn"]
        self.missed_low, self.missed_high = weights["fn"] * cell["fn"], (1 - weights["fn"]) * cell["fn"]
        self.cost_low, self.cost_high = -self.review.cost * self.passed, self.review.cost * self.passed
        for column, unit in costs.unit_costs.items():
            money = unit * cell_values(curve, column)
            self.cost_low = self.cost_low + weights[column[:2]] * money
            self.cost_high = self.cost_high + (1 - weights[column[:2]]) * money

    def check(self, limits: Limits) -> None:
        if limits.recall is not None and self.defaults == 0:
            raise ValueError(f"recall of at least {limits.recall} cannot be judged: the sample has no defaulter")
        if limits.reviews_per_day is not None and self.review.applications_per_day is None:
            raise ValueError(
                f"reviews_per_day of at most {limits.reviews_per_day} needs applications_per_day in the review terms"
            )

    def allowed(self, limits: Limits) -> tuple[IntArray, IntArray]:
        """First and last upper row allowed with each lower row; none where the last comes before the first."""
        slack, first = _SLACK * self.n, np.arange(self.passed.size)
        last = first if self.is_plain else np.full(self.passed.size, self.passed.size - 1)
        if limits.approval_rate is not None:
            needed = limits.approval_rate * self.n - slack - self.approved_low
            first = np.maximum(first, np.searchsorted(self.approved_high, needed, side="left"))
        if limits.recall is not None:
            spare = (1 - limits.recall) * self.defaults + slack - self.missed_low
            last = np.minimum(last, np.searchsorted(self.missed_high, spare, side="right") - 1)
        if limits.reviews_per_day is not None:
            capacity = limits.reviews_per_day / (self.review.applications_per_day or np.nan) * self.n
            last = np.minimum(last, np.searchsorted(self.passed, self.passed + capacity + slack, side="right") - 1)
        return first.astype(np.int64), last.astype(np.int64)

    def is_feasible(self, limits: Limits) -> bool:
        first, last = self.allowed(limits)
        return bool((first <= last).any())

    def cheapest(self, limits: Limits) -> tuple[int, int] | None:
        first, last = self.allowed(limits)
        rows = np.flatnonzero(first <= last)
        if not rows.size:
            return None
        total = self.cost_low[rows] + range_minimum(self.cost_high, first[rows], last[rows])
        # Costs that differ by rounding alone are equal.
        tie = 1e-13 * (np.abs(self.cost_low).max() + np.abs(self.cost_high).max())
        low = int(rows[np.flatnonzero(total <= total.min() + tie)[-1]])
        high = self.cost_high[first[low] : last[low] + 1]
        return low, int(first[low] + np.flatnonzero(high <= high.min() + tie)[0])

    def best_of(self, name: str, others: Limits) -> float:
        """The most approvals or recall, or the fewest reviews a day, within other limits that can be kept."""
        first, last = self.allowed(others)
        low = np.flatnonzero(first <= last)
        first, last = first[low], last[low]
        if name == "approval_rate":
            return float((self.approved_low[low] + self.approved_high[last]).max() / self.n)
        if name == "recall":
            return float(1 - (self.missed_low[low] + self.missed_high[first]).min() / self.defaults)
        reviewed = (self.passed[first] - self.passed[low]).min() / self.n
        return float(reviewed * (self.review.applications_per_day or np.nan))


def range_minimum(values: FloatArray, first: IntArray, last: IntArray) -> FloatArray:
    """Return the least of values[first : last + 1] for many ranges, each not empty, shape (q,). O((n + q) log n).

    The sparse table of Bender and Farach-Colton (2000), of which only one level is held at a time.
    """
    level_of = np.frexp(last - first + 1)[1] - 1
    least = np.empty(first.size)
    for level, table in enumerate(_doubling(values, int(level_of.max(initial=0)))):
        at = np.flatnonzero(level_of == level)
        least[at] = np.minimum(table[first[at]], table[last[at] - 2**level + 1])
    return least


def _doubling(values: FloatArray, levels: int) -> Iterator[FloatArray]:
    """Minima over 1, 2, 4, ... values from each place on."""
    table = values
    yield table
    for level in range(levels):
        table = np.minimum(table[: -(2**level)], table[2**level :])
        yield table
