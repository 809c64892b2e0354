"""What a run, a policy and a change of model are worth in money, at the assumptions the reader stated. Pure but for reads."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pandas as pd

from dashboard import loading, loading_desk, loading_money
from dashboard.charts.cost import Mark
from dashboard.charts.style import CHAMPION, OTHER
from pipeline import contract
from pipeline.evaluation.cost import Costs, LoanCosts, best_f1_cutoff, cheapest_cutoff, elkan_cutoff, flat_region
from pipeline.evaluation.curve import confusion_at
from pipeline.evaluation.hull import BreakEven, break_even_ratio
from pipeline.evaluation.policy import PolicyOutcome, Review, policy_outcome
from pipeline.evaluation.policy_search import Clash, Limits, best_policy
from pipeline.project import ProjectConfig
from pipeline.registry.assumptions import APPROVE_ALL, Baseline, costs_of_policy, costs_of_project

TODAY: Final = "today's policy"
CUSTOMARY: Final = f"declining from {100 * contract.CUSTOMARY_CUTOFF:.0f} %"
DAYS_PER_YEAR: Final = 365
CHEAPEST, BEST, BEST_F1 = "cheapest", "cheapest within limits", "best F1"
ELKAN, OWN, LIVE = "Elkan's", "the run's own", "live"
CHOSEN: Final = (CHEAPEST, BEST, BEST_F1, OWN)
"""Named cut-offs that were chosen on validation; Elkan's follows from the costs alone, and a live one may have been stated."""


@dataclass(frozen=True)
class Worth:
    """Money saved per 1,000 applications against approving everybody, on n test rows at the cut-off that decides."""

    saved: float
    lo: float
    hi: float
    n: int
    cutoff: float
    approval_rate: float
    currency: str


@dataclass(frozen=True)
class Desk:
    """One run with what its cut-offs are priced by. `own` is where the reader starts: the live cut-off, else the run's."""

    run: pd.Series
    name: str
    project: str
    config: ProjectConfig
    valid: pd.DataFrame
    test: pd.DataFrame
    own: float
    own_name: str
    live_run: str
    baselines: Mapping[str, Baseline]

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return str(self.run["run_id"])

    @property
    def currency(self) -> str:
        """Currency of all money here."""
        return self.config.project.currency

    @property
    def n_valid(self) -> int:
        """Validation applicants."""
        return int(self.valid[list(contract.CELLS)].iloc[0].sum())

    @property
    def n(self) -> int:
        """Test applicants."""
        return int(self.test[list(contract.CELLS)].iloc[0].sum())

    @property
    def default_rate(self) -> float:
        """Share of test applicants who defaulted."""
        return float(self.test["fn"].iloc[-1]) / self.n

    def has(self, column: str) -> bool:
        """Tell whether both curves know an amount or cash column throughout."""
        return all(column in curve and bool(curve[column].notna().all()) for curve in (self.valid, self.test))


@dataclass(frozen=True)
class Assumptions:
    """What the reader stated: costs, review terms, limits, volume a year, and the baseline that savings are against."""

    costs: Costs
    review: Review
    limits: Limits
    volume: int | None
    baseline: Baseline


@dataclass(frozen=True)
class Saved:
    """What a policy saves against the baseline on test, per 1,000 applications and per year (NaN without a volume)."""

    per_1000: float
    per_year: float
    lo: float
    hi: float


@dataclass(frozen=True)
class Cuts:
    """The named cut-offs of a desk at stated assumptions, all chosen on validation, the one to take first.

    best: the cheapest within the limits, or the limits that clash; flat: around the cheapest, see `flat_region`; band:
    where the cheapest lies in 95 % of resamples, None where that is not known; break_even: the cost ratios at which the
    cut-off where the reader starts would be right; baseline_per_1000: what the baseline costs, by split.
    """

    desk: Desk
    given: Assumptions
    best: PolicyOutcome | Clash
    marks: tuple[Mark, ...]
    flat: tuple[float, float]
    band: tuple[float, float] | None
    break_even: BreakEven
    baseline_per_1000: Mapping[str, float]

    @property
    def first(self) -> float:
        """The cut-off to take: the cheapest, within the limits where they can be kept."""
        return self.marks[0].cutoff


def price(desk: Desk, given: Assumptions) -> Cuts:
    """Find the named cut-offs on the validation curve. Elkan's has no place beside realised cash."""
    found, costs = best(desk, given), given.costs
    is_limited = bool(plain_limits(given).stated)
    marks = [] if isinstance(found, Clash) else [Mark(BEST if is_limited else CHEAPEST, found.decline_from, CHAMPION)]
    if is_limited:
        marks.append(Mark(CHEAPEST, cheapest_cutoff(desk.valid, costs), CHAMPION))
    marks += [Mark(BEST_F1, best_f1_cutoff(desk.valid), OTHER), Mark(ELKAN, elkan_cutoff(costs), OTHER)]
    marks.append(Mark(desk.own_name, desk.own, OTHER))
    known = tuple(mark for mark in marks if not math.isnan(mark.cutoff))
    baseline = {split: _baseline_per_1000(desk, given, split) for split in contract.SPLITS}
    band = loading_money.cheapest_band(desk.run_id, costs)
    ratio = break_even_ratio(desk.valid, desk.own, "loan" if isinstance(costs, LoanCosts) else "case")
    return Cuts(desk, given, found, known, flat_region(desk.valid, costs), band, ratio, baseline)


def plain_limits(given: Assumptions) -> Limits:
    """The limits that bear on a single cut-off: nobody is reviewed."""
    return Limits(given.limits.approval_rate, given.limits.recall)


def open_desk(run: pd.Series, name: str, project: str, release: loading_desk.Release) -> Desk | None:
    """Gather a run's curves, project and baselines; None when it lacks its project file or its curve."""
    run_id = str(run["run_id"])
    valid, test = (loading.curve(run_id, split) for split in contract.SPLITS)
    config = loading.project_config(run_id, project)
    if config is None or valid is None or test is None or valid.empty or test.empty:
        return None
    live = release.policy.decline_above if release.policy and release.run_id == run_id else None
    own, own_name = (float(run["cutoff"]), OWN) if live is None else (live, LIVE)
    return Desk(run, name, project, config, valid, test, own, own_name, release.run_id, _baselines(run, release))


def _baselines(run: pd.Series, release: loading_desk.Release) -> dict[str, Baseline]:
    found = {APPROVE_ALL: Baseline()}
    if release.policy is not None and _same_test_rows(run, release.run_id):
        policy = release.policy
        other = "" if release.run_id == run["run_id"] else release.run_id
        found[TODAY] = Baseline(TODAY, policy.decline_above, policy.approve_below, other)
    return found | {CUSTOMARY: Baseline(CUSTOMARY, contract.CUSTOMARY_CUTOFF, contract.CUSTOMARY_CUTOFF)}


def _same_test_rows(run: pd.Series, live_run: str) -> bool:
    """A saving against another model is one on the same applicants."""
    if live_run == run["run_id"]:
        return True
    mine, theirs = (loading.curve(run_id, contract.TEST) for run_id in (str(run["run_id"]), live_run))
    if mine is None or theirs is None or loading.curve(live_run, contract.VALID) is None:
        return False
    return str(loading.read_detail(live_run).tags.get(contract.TAG_TEST_SHA256)) == str(run["test_sha256"])


def outcome(desk: Desk, given: Assumptions, cutoff: float, split: str = contract.TEST) -> PolicyOutcome:
    """What one cut-off does on a split."""
    return policy_outcome(desk.test if split == contract.TEST else desk.valid, given.costs, cutoff, cutoff)


def best(desk: Desk, given: Assumptions, *, with_review: bool = False) -> PolicyOutcome | Clash:
    """The cheapest policy on validation within the limits, or the limits that clash; see `best_policy`."""
    limits = given.limits if with_review else plain_limits(given)
    return best_policy(desk.valid, given.costs, limits, given.review if with_review else None)


def saved(cuts: Cuts, here: PolicyOutcome, *, with_interval: bool = True) -> Saved:
    """What a policy, measured on test, saves against the stated baseline; bounds only where nobody is reviewed."""
    desk, given, base = cuts.desk, cuts.given, cuts.given.baseline
    per_case = cuts.baseline_per_1000[contract.TEST] / 1000 - here.cost / here.n
    is_plain = here.approve_below == here.decline_from and base.approve_below == base.decline_from
    bounds = None
    if with_interval and is_plain:
        bounds = loading_money.saving_interval(desk.run_id, here.decline_from, base.run_id, base.decline_from, given.costs)
    lo, hi = bounds or (math.nan, math.nan)
    return Saved(1000 * per_case, per_case * given.volume if given.volume else math.nan, lo, hi)


def _baseline_per_1000(desk: Desk, given: Assumptions, split: str) -> float:
    """Money the baseline costs per 1,000 applications on a split, with the reviewers as assumed."""
    base = given.baseline
    mine = desk.test if split == contract.TEST else desk.valid
    curve = loading.curve(base.run_id, split) if base.run_id else mine
    assert curve is not None  # a baseline without its curve is not offered
    found = policy_outcome(curve, given.costs, base.approve_below, base.decline_from, given.review)
    return 1000 * found.cost / found.n


def outcome_of(cuts: Cuts, approve_below: float, decline_from: float, split: str) -> PolicyOutcome:
    """What a policy of two cut-offs does on a split; equal ones review nobody."""
    curve = cuts.desk.test if split == contract.TEST else cuts.desk.valid
    return policy_outcome(curve, cuts.given.costs, approve_below, decline_from, cuts.given.review)


def worth(run: pd.Series, release: loading_desk.Release, config: ProjectConfig | None) -> Worth | None:
    """What a run is worth at the live policy's cut-off and costs, else at its own; None when it cannot be priced."""
    if config is None:
        return None
    costs, at = project_costs(config), float(run["cutoff"])
    if release.policy is not None and release.run_id == run["run_id"]:
        costs, at = costs_of_policy(release.policy.costs) or costs, release.policy.decline_above
    table, test = (
        loading_money.difference(str(run["run_id"]), at, None, float("inf"), costs),
        loading.curve(str(run["run_id"]), contract.TEST),
    )
    if table is None or test is None:
        return None
    row, here = table.loc[["cost"]].iloc[0], confusion_at(test, at)
    n = int(row["n"])
    per_1000 = 1000 / n
    value, lo, hi = (-float(row[key]) * per_1000 for key in ("difference", "hi", "lo"))
    return Worth(value, lo, hi, n, at, float(here["fn"] + here["tn"]) / n, config.project.currency)


def project_costs(config: ProjectConfig) -> Costs:
    """The unit costs of a project in the terms of `pipeline.evaluation.cost`."""
    return costs_of_project(config.costs)
