"""What the Drift page shows of PDs, decisions and reasons: tables from the judged window, and their titles."""

from typing import TYPE_CHECKING

import numpy as np
from pandas import DataFrame, Series

from dashboard.drift_book import periods
from dashboard.labels import number, percent
from pipeline import contract
from pipeline.monitoring.drift_impact import Z95, Side, development_side, window_side
from pipeline.monitoring.drift_periods import floors_of
from pipeline.monitoring.drift_reasons import ReasonMix, reason_mix
from pipeline.monitoring.drift_words import label_of, period_words

if TYPE_CHECKING:
    from pipeline.monitoring.drift import Drift
    from pipeline.project import ProjectConfig


def sides(drift: "Drift") -> dict[int, Side]:
    """The reference (-1) and each period in which the main version decided, by its place on the axis."""
    mine = drift.counts[drift.counts["model_version"] == drift.version]
    found = {i: window_side(drift.baseline, mine[mine["period"] == p]) for i, p in enumerate(periods(drift))}
    before = development_side(drift.baseline) if drift.past is None else window_side(drift.baseline, drift.past)
    return {-1: before} | {i: side for i, side in found.items() if side.n}


def outcomes_table(found: dict[int, Side]) -> DataFrame:
    """Shares of decisions: column, outcome, share, n."""
    rows = [
        (i, outcome, side.outcomes[outcome] / side.n, side.n)
        for i, side in found.items() if side.n
        for outcome in contract.OUTCOMES
    ]  # fmt: skip
    return DataFrame(rows, columns=["column", "outcome", "share", "n"])


def mean_pds(found: dict[int, Side]) -> DataFrame:
    """Mean PDs with 95 % intervals from the spread in the bins: column, value, lo, hi, n."""
    rows = []
    for i, side in found.items():
        if side.n:
            mean = sum(side.sums[f"{o}:{contract.SUM_PD}"] for o in contract.OUTCOMES) / side.n
            half = Z95 * float(np.sqrt(side.pd_variance / side.n))
            rows.append((i, mean, mean - half, mean + half, side.n))
    return DataFrame(rows, columns=["column", "value", "lo", "hi", "n"])


def outcomes_title(drift: "Drift") -> str:
    """The change of approvals, as a finding."""
    approved = drift.impact.approved
    if not np.isfinite(approved.change):
        return "Approvals cannot be compared with the reference"
    change = f"{number(100 * approved.change, 1)} points [{number(100 * approved.lo, 1)}, {number(100 * approved.hi, 1)}]"
    return f"Approved: {percent(approved.before)} before, {percent(approved.now)} since {_when(drift)}, {change}"


def pd_title(drift: "Drift") -> str:
    """The drift of the PD, as a finding."""
    rows = drift.table[(drift.table["feature"] == contract.REFERENCE_PD) & drift.table["psi"].notna()]
    if rows.empty:
        return "Too few decisions to judge the PD"
    newest: Series[float] = rows.sort_values("period").iloc[-1]
    return f"The PD is {newest['verdict']}: PSI {number(float(newest['psi']))} in {_newest(drift, rows)}"


def _newest(drift: "Drift", rows: DataFrame) -> str:
    return period_words(rows["period"].max(), drift.asked.granularity)


def _when(drift: "Drift") -> str:
    return period_words(drift.since, drift.asked.granularity)


def reasons(drift: "Drift") -> tuple[ReasonMix, str]:
    """The mix of reasons from `since` on against an earlier window, and in words which window that is."""
    mine = drift.counts[drift.counts["model_version"] == drift.version]
    now = mine[mine["period"] >= drift.since]
    if drift.past is not None:
        before, said = drift.past, "the reference window"
    elif (mine["period"] < drift.since).any():
        before, said = mine[mine["period"] < drift.since], f"the time before {_when(drift)}"
    else:
        first = mine["period"].min()
        before, now = mine[mine["period"] == first], mine[mine["period"] > first]
        said = period_words(first, drift.asked.granularity)
    return reason_mix(before, now, floors_of(drift.baseline.config.monitoring)), said


def reason_label(config: "ProjectConfig", name: str) -> str:
    """Name a feature or ratio that a reason speaks of."""
    ratios = {ratio.name: ratio.label for ratio in config.ratios}
    return ratios.get(name) or label_of(config, name)
