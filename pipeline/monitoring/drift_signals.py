"""Drift as signals: what rules judge of inputs, PDs, approvals and expected losses, period by period."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from pandas import DataFrame, Timestamp, concat

from pipeline import contract
from pipeline.monitoring.baseline import Baseline
from pipeline.monitoring.drift_impact import Side, development_side, impact, window_side
from pipeline.monitoring.drift_periods import NOT_INPUTS, UNJUDGED
from pipeline.monitoring.drift_source import Source
from pipeline.monitoring.signals import MEASURES, SIGNAL_COLUMNS, signal_table

_OF_FEATURE: Final = ("psi", "missing", "missing_rise", "unseen", "out_of_range", "constant")
_Row = tuple[str, str, str, float, int, str]


def signals_of(
    counts: DataFrame, table: DataFrame, baselines: Mapping[int, Baseline], sources: Mapping[str, Source | None]
) -> DataFrame:
    """Return `signals.SIGNAL_COLUMNS` of judged periods.

    counts: of all decisions together; table: as `drift_periods.judge_periods` judged them against development; sources: which
    group carries a feature's shift, where one does.
    """
    whole = signal_table([*_pd_rows(table), *_business_rows(counts, table, baselines)])
    parts = [part for part in (_feature_signals(table, baselines, sources), whole) if len(part)]
    return concat(parts, ignore_index=True) if parts else DataFrame(columns=list(SIGNAL_COLUMNS))


def _feature_signals(table: DataFrame, baselines: Mapping[int, Baseline], sources: Mapping[str, Source | None]) -> DataFrame:
    rows = table[~table["feature"].isin(NOT_INPUTS)]
    floor = rows["model_version"].map({v: b.config.monitoring.min_rows for v, b in baselines.items()})
    n, note = rows["n"].to_numpy(), rows["note"].to_numpy(dtype=object)
    is_few = n < floor.to_numpy()
    is_one = np.array([str(text).startswith("nothing but ") for text in note])
    values: dict[str, Any] = {
        "psi": rows["psi"],
        "missing": rows["missing"],
        "missing_rise": rows["missing"] - rows["missing_before"],
        "unseen": rows["unseen"],
        "out_of_range": rows["out_of_range"],
        "constant": is_one.astype(np.float64),
    }
    few = np.array([f"too few: {k} rows, needs {least}" for k, least in zip(n, floor, strict=True)], dtype=object)
    carried = {name: f"mostly {source.name}" for name, source in sources.items() if source is not None}
    said = np.where((note == "") & ~rows["verdict"].isin(UNJUDGED), rows["feature"].map(carried).fillna(""), note)
    parts = [
        DataFrame(
            {
                "layer": MEASURES[measure], "measure": measure, "subject": rows["feature"].to_numpy(),
                "period": rows["period"].dt.strftime("%Y-%m-%d").to_numpy(),
                "value": np.where(is_few, np.nan, np.asarray(values[measure], dtype=np.float64)),
                "n": n, "note": np.where(is_few, few, said if measure == "psi" else np.where(note == "", "", note)),
            }
        )
        for measure in _OF_FEATURE
    ]  # fmt: skip
    return concat(parts, ignore_index=True)


def _pd_rows(table: DataFrame) -> Iterator[_Row]:
    for row in table[table["feature"] == contract.REFERENCE_PD].to_dict("records"):
        yield "pd_psi", "", f"{row['period']:%Y-%m-%d}", float(row["psi"]), int(row["n"]), str(row["note"])


def _business_rows(counts: DataFrame, table: DataFrame, baselines: Mapping[int, Baseline]) -> Iterator[_Row]:
    """Each period under the version that decided most of it, against that version's development rows."""
    before = {version: development_side(baseline) for version, baseline in baselines.items()}
    shown = table[["period", "model_version"]].drop_duplicates()
    for period, version in zip(shown["period"], shown["model_version"].astype(int), strict=True):
        mine = counts[(counts["period"] == period) & (counts["model_version"] == version)]
        yield from _changes(before[version], window_side(baselines[version], mine), baselines[version], period)


def _changes(before: Side, now: Side, baseline: Baseline, period: Timestamp) -> Iterator[_Row]:
    found, floor = impact(before, now, baseline.config.costs), baseline.config.monitoring.min_rows
    few = f"too few: {now.n} rows, needs {floor}" if now.n < floor else ""
    changes = {
        "approval_rate_change": found.approved,
        "expected_default_change": found.pd,
        "expected_loss_change": found.loss_rate,
    }
    for measure, change in changes.items():
        value = np.nan if few else change.change
        shares = f"{100 * change.before:.1f} % before, {100 * change.now:.1f} % now"
        note = few or shares if np.isfinite(change.change) else "not computable"
        yield measure, "", f"{period:%Y-%m-%d}", float(value), now.n, note
