"""Which feature has moved in which period, and since when: every period judged under the bins of the version that decided."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas import DataFrame

from pipeline import contract
from pipeline.evaluation.drift import MOVED, NO_DATA, SHIFTED, TOO_FEW, drift_table
from pipeline.evaluation.profile_bins import count_matrix, rebased
from pipeline.project import Monitoring

UNJUDGED: Final = (TOO_FEW, NO_DATA)
NOT_INPUTS: Final = (contract.REFERENCE_PD, contract.PROFILE_DECISION, contract.PROFILE_GRADE)
"""Judged like features, but what the model and the policy say, not what applicants bring."""
References = Mapping[int, DataFrame]
"""Per model version what its decisions are compared with: rows as `contract.REFERENCE_COLUMNS`, in that version's bins."""


@dataclass(frozen=True)
class Floors:
    """From when a period is judged, and from which PSI it counts as moved or shifted."""

    min_n: int
    psi_warn: float
    psi_alert: float


def floors_of(monitoring: Monitoring) -> Floors:
    """Return the floors that a project states."""
    return Floors(monitoring.min_rows, monitoring.psi_warn, monitoring.psi_alert)


def past_references(references: References, counts: DataFrame) -> dict[int, DataFrame]:
    """Return references whose counts are those of a past window instead of development, in the bins of each version.

    counts: of that window, one segment, as `profiles.read_counts` returns them. Where a version did not decide in it, a feature
    with the very same bins is taken from the version that did most; without such, it has no rows and stays unjudged.
    """
    by_version = {int(v): counts[counts["model_version"] == v] for v in counts["model_version"].unique()}
    main = max(by_version, key=lambda v: int(by_version[v]["count"].sum()), default=None)
    found = {}
    for version, reference in references.items():
        own = by_version.get(version)
        if own is None and main is not None and main in references:
            same = _same_bins(reference, references[main])
            own = by_version[main][by_version[main]["feature"].isin(same)]
        found[version] = rebased(reference, _of_reference(counts.iloc[:0] if own is None else own, reference))
    return found


def _same_bins(reference: DataFrame, other: DataFrame) -> list[str]:
    """Features whose bins two references share: the same data seen by two versions, never the PD, which each has of its own."""
    columns = ["kind", "bin", "lower", "upper"]
    theirs = {name: table[columns].reset_index(drop=True) for name, table in other.groupby("feature", sort=False)}
    return [
        str(name)
        for name, table in reference.groupby("feature", sort=False)
        if name not in NOT_INPUTS and name in theirs and table[columns].reset_index(drop=True).equals(theirs[name])
    ]


def judge_periods(counts: DataFrame, references: References, floors: Floors) -> DataFrame:
    """Return `drift_table` of each period: a row per period and feature, with columns period, model_version and share first.

    counts: of one segment, as `profiles.read_counts` returns them. Where several versions decided in a period each is judged in
    its own bins, and the one with most decisions is shown; ``share`` is its part of the period's decisions. Counts of a version
    without a reference are left out.
    """
    versions = [v for v in references if (counts["model_version"] == v).any()]
    if not versions:
        return DataFrame({name: pd.Series(dtype=kind) for name, kind in _TYPES.items()})
    parts = [_of_version(counts, references[v], v, floors) for v in versions]
    table = pd.concat(parts, ignore_index=True)
    shown = _deciding(counts[counts["model_version"].isin(versions)])
    return table.merge(shown, on=["period", "model_version"])[_order(table)]


def _order(table: DataFrame) -> list[str]:
    first = ["period", "model_version", "share"]
    return [*first, *(str(name) for name in table.columns if name not in first)]


_TYPES: Final = {
    "period": "datetime64[us]", "model_version": "int64", "share": "float64", "feature": "object", "n_reference": "int64",
    "n": "int64", "psi": "float64", "noise": "float64", "verdict": "object", "js": "float64", "missing": "float64",
    "unseen": "float64", "out_of_range": "float64", "missing_before": "float64", "moved_bin": "object", "note": "object",
}  # fmt: skip
"""Columns of `judge_periods` where nothing could be judged."""


def _of_version(counts: DataFrame, reference: DataFrame, version: int, floors: Floors) -> DataFrame:
    mine = _of_reference(counts[counts["model_version"] == version], reference)
    table = drift_table(reference, mine, ["period"], floors.min_n, floors.psi_warn, floors.psi_alert)
    return table.assign(model_version=version)


def _of_reference(counts: DataFrame, reference: DataFrame) -> DataFrame:
    """Counts that have something to be compared with: sums and reasons have not."""
    return counts[counts["feature"].isin(reference["feature"].unique())]


def _deciding(counts: DataFrame) -> DataFrame:
    """Per period the version with most decisions (the newer one of two equals) and its share of them."""
    n = decisions_of(counts, ["period", "model_version"]).sort_values(["period", "n", "model_version"])
    last = n.groupby("period").tail(1)
    whole = n.groupby("period")["n"].sum()
    share = last["n"].to_numpy() / whole.loc[last["period"]].to_numpy()
    return last.assign(share=share)[["period", "model_version", "share"]]


def decisions_of(counts: DataFrame, by: list[str]) -> DataFrame:
    """Return how many decisions were counted in each group: columns of `by` and n. Every decision has one PD."""
    scored = counts[counts["feature"] == contract.REFERENCE_PD]
    return scored.groupby(by)["count"].sum().rename("n").reset_index()


def current_runs(table: DataFrame) -> DataFrame:
    """Return since when each feature has been moved or shifted without a break: feature, since, periods, psi, verdict, worst.

    table: as `judge_periods` returns it. A run reaches to the newest period that could be judged; periods with too few rows are
    passed over and neither break it nor begin it. ``since`` is NaT and ``periods`` 0 where the newest judged period is stable
    or none could be judged; psi and verdict are the newest judged ones, ``worst`` is the largest PSI of all periods.
    """
    if table.empty:
        return _runs([], [], np.zeros(0, dtype=np.int64), [], [], [])
    features, names = pd.factorize(table["feature"])
    periods, when = pd.factorize(table["period"], sort=True)
    psi, state = np.full((len(names), len(when)), np.nan), np.zeros((len(names), len(when)), dtype=np.int64)
    psi[features, periods] = table["psi"].to_numpy()
    state[features, periods] = np.where(
        table["verdict"].isin(UNJUDGED), 0, np.where(table["verdict"].isin([MOVED, SHIFTED]), 2, 1)
    )
    verdicts = np.full(psi.shape, TOO_FEW, dtype=object)
    verdicts[features, periods] = table["verdict"].to_numpy(dtype=object)
    lengths, sinces, newest, said = [], [], [], []
    for row in range(len(names)):
        judged = np.flatnonzero(state[row])
        length = int(np.argmin(np.append(state[row, judged][::-1] == 2, False)))
        lengths.append(length)
        sinces.append(when[judged[-length]] if length else pd.NaT)
        newest.append(psi[row, judged[-1]] if judged.size else np.nan)
        said.append(verdicts[row, judged[-1]] if judged.size else TOO_FEW)
    return _runs(list(names), sinces, np.asarray(lengths), newest, said, np.fmax.reduce(psi, axis=1, initial=-np.inf))


def _runs(names: list[str], since: list[Any], periods: Any, psi: Any, verdict: list[str], worst: Any) -> DataFrame:
    found = DataFrame(
        {"feature": pd.Series(names, dtype=object), "since": pd.Series(since, dtype="datetime64[us]"), "periods": periods}
    )
    most = np.asarray(worst, dtype=np.float64)
    return found.assign(
        psi=np.asarray(psi, dtype=np.float64),
        verdict=pd.Series(verdict, dtype=object),
        worst=np.where(np.isneginf(most), np.nan, most),
    )


def shares_by_period(counts: DataFrame, reference: DataFrame) -> DataFrame:
    """Return the share of each bin in each period: period, bin, label, n, share; counts: of one version and one feature."""
    matrix = count_matrix(reference, counts, ["period"])
    shares = matrix.shares(matrix.counts)
    n_periods, n_bins = shares.shape
    return DataFrame(
        {
            "period": np.repeat(matrix.groups["period"].to_numpy(), n_bins),
            "bin": np.tile(matrix.reference["bin"].to_numpy(), n_periods),
            "label": np.tile(matrix.reference["label"].to_numpy(), n_periods),
            "n": np.repeat(matrix.counts.sum(axis=1), n_bins).astype(np.int64),
            "share": shares.ravel(),
        }
    )
