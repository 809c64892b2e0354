"""What a shift does to approvals, expected defaults and money: sums of counted decisions against what was promised."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from pandas import DataFrame

from pipeline import contract
from pipeline.evaluation.profile_bins import count_matrix
from pipeline.monitoring.baseline import Baseline
from pipeline.monitoring.drift_spread import moments, variance_below
from pipeline.monitoring.profile_sums import natural_sums
from pipeline.project import Costs

Z95: Final = 1.959964
MONTH_DAYS: Final = 365.25 / 12
METHOD: Final = "95 % intervals: normal, each decision drawn on its own, spreads of PD and amount as their bins show them"


@dataclass(frozen=True)
class Estimate:
    """A mean and its variance; NaN where it has no meaning."""

    value: float
    variance: float


@dataclass(frozen=True)
class Change:
    """A number before and now, and the difference now - before with its 95 % interval (`METHOD`)."""

    before: float
    now: float
    change: float
    lo: float
    hi: float

    @property
    def is_beyond_chance(self) -> bool:
        """True when the interval leaves out 0."""
        return self.lo > 0 or self.hi < 0

    def times(self, factor: float) -> "Change":
        """Return the same in another unit; the factor is positive."""
        return Change(*(factor * x for x in (self.before, self.now, self.change, self.lo, self.hi)))


@dataclass(frozen=True)
class Impact:
    """What changed between a reference and a window; shares as fractions, money in the project's currency.

    ``margin`` is what the approved are expected to earn per application, interest of the good less losses of the defaulters;
    ``loss`` those losses alone. What is sent to review counts as not approved.
    """

    n_before: int
    n: int
    approved: Change
    reviewed: Change
    pd: Change
    """Mean PD of all applications: expected defaults if everybody were approved."""
    pd_approved: Change
    """Mean PD of the approved."""
    loss: Change
    margin: Change
    loss_rate: Change
    """Expected loss of the approved: per unit of money lent (costs per loan), or defaults per loan (costs per case)."""
    per_month: float
    """Applications a month at the window's volume; NaN where its days are not known."""

    @property
    def margin_per_1000(self) -> Change:
        """Change of the expected margin per 1,000 applications."""
        return self.margin.times(1000)

    @property
    def margin_per_month(self) -> Change:
        """Change of the expected margin a month, at the window's volume."""
        return self.margin.times(self.per_month)


@dataclass(frozen=True)
class Side:
    """Decisions of one version in one window, or its development rows, as far as money needs them."""

    n: int
    outcomes: Mapping[str, int]
    sums: Mapping[str, float]
    """`contract.PROFILE_SUM_BINS` in natural units."""
    pd_variance: float
    pd_variance_approved: float
    """Spread of the PD among the approved, around their mean."""
    amount_cv2: float
    """Squared coefficient of variation of the amount."""


def development_side(baseline: Baseline) -> Side:
    """Return the development rows as the version's policy would have decided them."""
    return _side(baseline, _of_money(baseline), baseline.sums)


def window_side(baseline: Baseline, counts: DataFrame) -> Side:
    """Return the decisions of a window; counts: of the baseline's version and one segment, any number of periods."""
    reference = _of_money(baseline)
    known = counts[counts["feature"].isin(reference["feature"].unique())]
    laid = count_matrix(reference, known).counts[0]
    return _side(baseline, reference.assign(count=laid.astype(np.int64)), natural_sums(counts))


def _of_money(baseline: Baseline) -> DataFrame:
    """The part of the reference that money rests on."""
    names = [contract.REFERENCE_PD, contract.PROFILE_DECISION, baseline.config.data.amount]
    return baseline.reference[baseline.reference["feature"].isin([name for name in names if name])]


def impact(before: Side, now: Side, costs: Costs, days: int | None = None) -> Impact:
    """Return what changed from one side to another at the costs of the project; days: length of the window `now`.

    Raises nothing: what a side lacks, such as amounts, is NaN.
    """
    shares = {o: _difference(_share(before, o), _share(now, o)) for o in (contract.APPROVE, contract.REVIEW)}
    money = [_margin(side, costs) for side in (before, now)]
    return Impact(
        before.n, now.n, shares[contract.APPROVE], shares[contract.REVIEW],
        pd=_difference(*(_mean_pd(side) for side in (before, now))),
        pd_approved=_difference(*(_mean_pd_approved(side) for side in (before, now))),
        loss=_difference(*(_loss(side, costs) for side in (before, now))),
        margin=_difference(*money),
        loss_rate=_difference(*(_loss_rate(side, costs) for side in (before, now))),
        per_month=now.n / days * MONTH_DAYS if days else math.nan,
    )  # fmt: skip


def _side(baseline: Baseline, reference: DataFrame, sums: Mapping[str, float]) -> Side:
    decided = reference[reference["feature"] == contract.PROFILE_DECISION].set_index("bin")["count"]
    outcomes = {o: int(decided.get(o, 0)) for o in contract.OUTCOMES}
    n, pd_bins = sum(outcomes.values()), reference[reference["feature"] == contract.REFERENCE_PD]
    mean = sum(sums[f"{o}:{contract.SUM_PD}"] for o in contract.OUTCOMES) / n if n else math.nan
    amount = reference[reference["feature"] == baseline.config.data.amount]
    return Side(
        n, outcomes, sums, moments(pd_bins, (0.0, 1.0), mean)[1],
        variance_below(pd_bins, (0.0, 1.0), baseline.policy.approve_below), _cv2(amount, baseline.ranges, sums),
    )  # fmt: skip


def _cv2(bins: DataFrame, ranges: DataFrame, sums: Mapping[str, float]) -> float:
    """Spread of the amount relative to its mean; that of an exponential where its bins are not known."""
    n, total = (sum(sums[f"{o}:{name}"] for o in contract.OUTCOMES) for name in (contract.SUM_N_AMOUNT, contract.SUM_AMOUNT))
    ends = ranges[ranges["feature"].isin(bins["feature"])]
    if not (n and total) or ends.empty or bins["lower"].isna().all():
        return 1.0
    mean, variance = moments(bins, (float(ends["lowest"].iloc[0]), float(ends["highest"].iloc[0])), total / n)
    return variance / mean**2 if math.isfinite(variance) else 1.0


def _difference(before: Estimate, now: Estimate) -> Change:
    change, half = now.value - before.value, Z95 * math.sqrt(before.variance + now.variance)
    return Change(before.value, now.value, change, change - half, change + half)


_UNKNOWN: Final = Estimate(math.nan, math.nan)


def _share(side: Side, outcome: str) -> Estimate:
    """Share of an outcome. Jeffreys' half a case keeps the variance of a share of 0 or 1 from being 0."""
    if not side.n:
        return _UNKNOWN
    k = side.outcomes[outcome]
    p = (k + 0.5) / (side.n + 1)
    return Estimate(k / side.n, p * (1 - p) / side.n)


def _mean_pd(side: Side) -> Estimate:
    total = sum(side.sums[f"{o}:{contract.SUM_PD}"] for o in contract.OUTCOMES)
    return Estimate(total / side.n, side.pd_variance / side.n) if side.n else _UNKNOWN


def _mean_pd_approved(side: Side) -> Estimate:
    n = side.outcomes[contract.APPROVE]
    return Estimate(_approved(side, contract.SUM_PD) / n, side.pd_variance_approved / n) if n else _UNKNOWN


def _loss_rate(side: Side, costs: Costs) -> Estimate:
    """Expected loss per unit lent; its spread is that of the approved's PDs, a little wider for unequal amounts."""
    if costs.model == "per_case":
        return _mean_pd_approved(side)
    n, lent = _approved(side, contract.SUM_N_AMOUNT), _approved(side, contract.SUM_AMOUNT)
    if not (n and lent):
        return _UNKNOWN
    variance = side.pd_variance_approved * (1 + side.amount_cv2) / n
    return Estimate(costs.lgd * _approved(side, contract.SUM_PD_AMOUNT) / lent, costs.lgd**2 * variance)


def _loss(side: Side, costs: Costs) -> Estimate:
    return _per_application(side, costs, if_good=0.0, if_default=costs.fn_cost if costs.model == "per_case" else costs.lgd)


def _margin(side: Side, costs: Costs) -> Estimate:
    good, bad = (costs.fp_cost, costs.fn_cost) if costs.model == "per_case" else (costs.margin, costs.lgd)
    return _per_application(side, costs, if_good=good, if_default=-bad)


def _per_application(side: Side, costs: Costs, if_good: float, if_default: float) -> Estimate:
    """Mean of 1{approved} A (good (1 - PD) + default PD) over all applications, A = 1 for costs per case, and its variance.

    E[X^2] = P(approved) E[A^2] E[(good + (default - good) PD)^2 | approved], amount and PD taken as independent.
    """
    approved, slope = side.outcomes[contract.APPROVE], if_default - if_good
    if not side.n:
        return _UNKNOWN
    if not approved:
        return Estimate(0.0, 0.0)
    mean_pd = _approved(side, contract.SUM_PD) / approved
    if costs.model == "per_case":
        amount, weighted, cv2 = 1.0, mean_pd, 0.0
    else:
        n = _approved(side, contract.SUM_N_AMOUNT)
        if not n:
            return _UNKNOWN
        amount, cv2 = _approved(side, contract.SUM_AMOUNT) / n, side.amount_cv2
        weighted = _approved(side, contract.SUM_PD_AMOUNT) / n
    share = approved / side.n
    mean = share * (amount * if_good + weighted * slope)
    spread = (if_good + slope * mean_pd) ** 2 + slope**2 * side.pd_variance_approved
    return Estimate(mean, max(share * amount**2 * (1 + cv2) * spread - mean**2, 0.0) / side.n)


def _approved(side: Side, name: str) -> float:
    return side.sums[f"{contract.APPROVE}:{name}"]
