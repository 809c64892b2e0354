"""What a month's decisions are expected to be worth: against the stated baseline, and against what development promised."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from pandas import DataFrame

from pipeline import contract
from pipeline.monitoring.baseline import Baseline
from pipeline.monitoring.drift_impact import Z95, Side, development_side, impact, window_side
from pipeline.monitoring.policy_saving import expected_saving, promised_saving

COLUMNS: Final = (
    "period", "n", "promised", "expected", "change", "lo", "hi", "saving_promised", "saving", "saving_lo", "saving_hi",
)  # fmt: skip
"""Per 1,000 applications in the project's currency, with 95 % intervals.

expected: margin of the approved, interest of the good less losses of the defaulters; change: it less that of the development
rows (``promised``); saving: money that the policy keeps over its stated baseline, saving_promised: what its proposal stated of
test. The two can part: riskier applicants lower the margin and raise what is kept over approving everybody.
"""


def features_needed(baseline: Baseline) -> tuple[str, ...]:
    """Return the features of a profile that `money_by_period` reads."""
    amount = baseline.config.data.amount
    return (contract.REFERENCE_PD, contract.PROFILE_DECISION, contract.PROFILE_SUMS, *((amount,) if amount else ()))


def money_by_period(counts: DataFrame, baselines: Mapping[int, Baseline]) -> DataFrame:
    """Return expected money by period, estimated from PDs: `COLUMNS`, a row per period.

    counts: of all decisions together, as `profiles.read_counts` returns them. Of several versions in a period each is measured
    against its own development and baseline, and they are averaged by their decisions; versions without a baseline are left
    out. What cannot be priced is NaN: see `drift_impact.impact` and `policy_saving.expected_saving`.
    """
    rows = []
    for version, baseline in baselines.items():
        before, own = development_side(baseline), counts[counts["model_version"] == version]
        for period, mine in own.groupby("period", sort=True):
            rows.append((period, *_of_version(baseline, before, window_side(baseline, mine))))
    table = DataFrame(rows, columns=list(COLUMNS))
    together = [_together(period, part) for period, part in table.groupby("period", sort=True)]
    return DataFrame(together, columns=list(COLUMNS))


def _of_version(baseline: Baseline, before: Side, now: Side) -> tuple[float, ...]:
    change = impact(before, now, baseline.config.costs).margin.times(1000)
    saved = expected_saving(baseline, now)
    saving, half = 1000 * saved.value, 1000 * Z95 * math.sqrt(saved.variance)
    return (
        now.n, change.before, change.now, change.change, change.lo, change.hi,
        promised_saving(baseline), saving, saving - half, saving + half,
    )  # fmt: skip


def _together(period: object, versions: DataFrame) -> tuple[object, ...]:
    """Average the versions of a period by their decisions: they are independent, so their half widths add in squares."""
    n = versions["n"].to_numpy()
    share = n / n.sum()

    def mean(name: str) -> float:
        # Not by pandas, whose sums take what is not known for nought.
        return float(share @ versions[name].to_numpy())

    def bounds(name: str, hi: str) -> tuple[float, float]:
        half = math.sqrt(float(np.sum((share * (versions[hi] - versions[name]).to_numpy()) ** 2)))
        return mean(name) - half, mean(name) + half

    return (
        period, int(n.sum()), mean("promised"), mean("expected"), mean("change"), *bounds("change", "hi"),
        mean("saving_promised"), mean("saving"), *bounds("saving", "saving_hi"),
    )  # fmt: skip
