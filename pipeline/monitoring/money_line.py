"""What a month's decisions are expected to be worth against what development promised: one line with its band."""

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from pandas import DataFrame

from pipeline import contract
from pipeline.monitoring.baseline import Baseline
from pipeline.monitoring.drift_impact import development_side, impact, window_side

COLUMNS: Final = ("period", "n", "promised", "expected", "change", "lo", "hi")
"""Per 1,000 applications in the project's currency; ``change`` is expected less promised with its 95 % interval."""


def features_needed(baseline: Baseline) -> tuple[str, ...]:
    """Return the features of a profile that `money_by_period` reads."""
    amount = baseline.config.data.amount
    return (contract.REFERENCE_PD, contract.PROFILE_DECISION, contract.PROFILE_SUMS, *((amount,) if amount else ()))


def money_by_period(counts: DataFrame, baselines: Mapping[int, Baseline]) -> DataFrame:
    """Return expected margin by period, estimated from PDs: `COLUMNS`, a row per period.

    counts: of all decisions together, as `profiles.read_counts` returns them. Of several versions in a period each is measured
    against its own development, and they are averaged by their decisions; versions without a baseline are left out. The margin
    is interest of the good less losses of the defaulters among the approved, as `drift_impact.impact` counts it.
    """
    rows = []
    for version, baseline in baselines.items():
        before, own = development_side(baseline), counts[counts["model_version"] == version]
        for period, mine in own.groupby("period", sort=True):
            now = window_side(baseline, mine)
            change = impact(before, now, baseline.config.costs).margin.times(1000)
            rows.append((period, now.n, change.before, change.now, change.change, change.lo, change.hi))
    table = DataFrame(rows, columns=list(COLUMNS))
    together = [_together(period, part) for period, part in table.groupby("period", sort=True)]
    return DataFrame(together, columns=list(COLUMNS))


def _together(period: object, versions: DataFrame) -> tuple[object, ...]:
    """Average the versions of a period by their decisions: they are independent, so their half widths add in squares."""
    n = versions["n"].to_numpy()
    share = n / n.sum()
    # Not by pandas, whose sums take what is not known for nought.
    promised, expected, change = (float(share @ versions[name].to_numpy()) for name in ("promised", "expected", "change"))
    half = math.sqrt(float(np.sum((share * (versions["hi"] - versions["change"]).to_numpy()) ** 2)))
    return period, int(n.sum()), promised, expected, change, change - half, change + half
