"""Are people refused for other reasons than before? The mix of reasons given, against an earlier window of the same log."""

from dataclasses import dataclass

from pandas import DataFrame

from pipeline import contract
from pipeline.evaluation.drift import drift_table
from pipeline.evaluation.drift_parts import psi_by_bin
from pipeline.evaluation.profile_bins import category_reference
from pipeline.monitoring.drift_periods import Floors


@dataclass(frozen=True, eq=False)
class ReasonMix:
    """The mix of reasons in two windows; a decision gives up to `contract.MAX_REASONS`, so n counts reasons, not people."""

    table: DataFrame
    """bin (feature or ratio), share_before, share, psi, count; the commonest now first."""
    psi: float
    """NaN where a side has too few reasons."""
    verdict: str
    n_before: int
    n: int


def reason_mix(before: DataFrame, now: DataFrame, floors: Floors) -> ReasonMix:
    """Compare the reasons given in two windows; before, now: counts of one version and segment, any number of periods.

    Development gave no reasons, hence an earlier window of decisions stands for it.
    """
    was, given = _reasons(before), _reasons(now)
    names = sorted({*was, *given})
    reference = category_reference(contract.PROFILE_REASON, {name: was.get(name, 0) for name in names})
    counts = DataFrame(
        {"feature": contract.PROFILE_REASON, "bin": list(given), "count": list(given.values())}, index=range(len(given))
    )
    judged = drift_table(reference, counts, (), floors.min_n, floors.psi_warn, floors.psi_alert).iloc[0]
    table = psi_by_bin(reference, counts)
    shown = table[(table["share"].fillna(0) > 0) | (table["share_before"].fillna(0) > 0)]
    ordered = shown.sort_values(["share", "share_before"], ascending=False).reset_index(drop=True)
    return ReasonMix(ordered, float(judged["psi"]), str(judged["verdict"]), sum(was.values()), sum(given.values()))


def _reasons(counts: DataFrame) -> dict[str, int]:
    mine = counts[counts["feature"] == contract.PROFILE_REASON].groupby("bin")["count"].sum()
    return {str(name): int(n) for name, n in mine.items()}
