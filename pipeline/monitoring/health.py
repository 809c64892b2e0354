"""Is the service well? Volume, latency, errors, refusals, shadow and canary by period, and the state of store and model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas import DataFrame
from sqlalchemy import Engine

from pipeline import contract
from pipeline.evaluation.calibration import wilson_interval
from pipeline.monitoring import health_reads as reads
from pipeline.monitoring.health_reads import Window
from pipeline.monitoring.signals import signal_table
from pipeline.project_monitoring import LONGEST, Granularity
from pipeline.serving.service_events import REFUSED, WHOLE
from pipeline.settings import Settings
from pipeline.store.plain_errors import plain_store_errors

FAULTS: Final = ("internal", "not-ready", "not-recorded", "busy")
"""Errors of ours: an application was in order and got no decision. The other kinds are mistakes or trials of callers."""
LEVELS: Final = {"latency_p50_ms": 0.50, "latency_p95_ms": 0.95, "latency_p99_ms": 0.99}
_Row = tuple[str, str, str, float, int, str]


@dataclass(frozen=True, eq=False)
class Health:
    """The service over some periods, oldest first; ``period`` is the first day.

    periods: one row each with decided, refused and failed applications, asked (all three together), error_share and
    refused_share of those asked, latency_p50_ms, latency_p95_ms, latency_p99_ms and n_timed, n_shadow, disagreement with
    disagreement_lo and _hi, pd_difference (challenger less champion), canary_share with canary_lo and _hi; NaN where nothing
    was seen. volume: period, source, n. refused: period, field, n, share of those asked. errors: period, source, kind, n.
    """

    granularity: Granularity
    periods: DataFrame
    volume: DataFrame
    refused: DataFrame
    errors: DataFrame

    @property
    def is_silent(self) -> bool:
        """Whether nobody asked for anything in all these periods."""
        return not len(self.periods) or not int(self.periods["asked"].sum())


def read_health(engine: Engine, project: str, last: date, granularity: Granularity, n: int = LONGEST) -> Health:
    """Return the service over the n periods up to the one that holds ``last``; periods before anything happened are left out.

    Raises StoreError when the store does not answer.
    """
    asked = reads.windows(last, n, granularity)
    with plain_store_errors(reads.NOT_READ):
        volume, happened = reads.volumes(engine, project, asked), reads.events(engine, project, asked)
        seen = {*volume["period"], *happened["period"]}
        periods = [window for window in asked if seen and window.start >= min(seen)]
        speed = _latency(periods, reads.latencies(engine, project, periods, volume))
        beside = _shadow(periods, reads.shadows(engine, project, periods, volume))
    counts = _requests(periods, volume, happened)
    table = pd.concat([counts, speed, beside], axis=1).rename_axis("period").reset_index()
    refused = _refused_by_field(happened, counts)
    errors = happened[happened["kind"] != REFUSED][["period", "source", "kind", "n"]].reset_index(drop=True)
    return Health(granularity, table, volume, refused, errors)


def health_signals(
    settings: Settings, engine: Engine, project: str, as_of: date, *, granularity: Granularity | None = None
) -> DataFrame:
    """Return the signals of the service, `signals.SIGNAL_COLUMNS`, over at most the last 24 periods up to ``as_of``.

    granularity: by default that in which the rules of the project judge. ``refused_share`` is judged per field; ``store_fault``
    per thing that can be wrong with store or model, for the newest period only, because nobody knows how they were earlier.
    Raises StoreError when the store does not answer.
    """
    from pipeline.monitoring.health_state import findings

    chosen = granularity or granularity_of(settings, engine, project)
    newest = f"{reads.windows(as_of, 1, chosen)[0].start:%Y-%m-%d}"
    found = read_health(engine, project, as_of, chosen)
    states = [
        ("store_fault", f.subject, newest, float("nan") if f.unknown else float(bool(f.fault)), 1, f.fault or f.unknown)
        for f in findings(settings, engine, project)
    ]
    return signal_table([*_period_rows(found), *_field_rows(found), *states])


def granularity_of(settings: Settings, engine: Engine, project: str) -> Granularity:
    """Return the periods in which the rules of a project judge; months where those cannot be read."""
    from pipeline.monitoring.monitor import monitoring_of
    from pipeline.registry.tracking_store import TrackingUnavailable

    try:
        return monitoring_of(settings, engine, project).granularity
    except TrackingUnavailable:
        return "month"


def _requests(periods: Sequence[Window], volume: DataFrame, happened: DataFrame) -> DataFrame:
    """Applications by what became of them, one row per period."""
    starts = pd.Index([window.start for window in periods], name="period", dtype=object)
    is_refusal = happened["kind"] == REFUSED
    counted = {
        "decided": volume,
        "refused": happened[is_refusal & (happened["field"] == WHOLE)],
        "failed": happened[happened["kind"].isin(FAULTS)],
    }
    table = DataFrame(
        {name: rows.groupby("period")["n"].sum().reindex(starts).fillna(0).astype("int64") for name, rows in counted.items()},
        index=starts,
    )
    asked = table.sum(axis=1)
    share = table[["failed", "refused"]].div(asked.where(asked > 0), axis=0)
    return table.assign(asked=asked, error_share=share["failed"], refused_share=share["refused"])


def _latency(periods: Sequence[Window], rows: DataFrame) -> DataFrame:
    by_period = dict(tuple(rows.groupby("period")))
    table = {}
    for window in periods:
        mine = by_period.get(window.start, rows.iloc[:0])
        found = reads.percentiles(mine["latency_ms"], mine["weight"], list(LEVELS.values()))
        table[window.start] = {**dict(zip(LEVELS, found, strict=True)), "n_timed": len(mine)}
    return _by_period(table, [*LEVELS, "n_timed"]).astype({"n_timed": "int64"})


def _shadow(periods: Sequence[Window], rows: DataFrame) -> DataFrame:
    by_period = dict(tuple(rows.groupby("period")))
    table = {window.start: _beside(by_period.get(window.start, rows.iloc[:0])) for window in periods}
    return _by_period(table, list(_beside(rows.iloc[:0]))).astype({"n_shadow": "int64"})


def _beside(rows: DataFrame) -> dict[str, float]:
    n = len(rows)
    by_canary = rows["role"] == contract.ALIAS_CHAMPION
    differs = rows["outcome"] != rows["shadow_outcome"]
    difference = np.where(by_canary, rows["pd"] - rows["shadow_pd"], rows["shadow_pd"] - rows["pd"])
    los, his = wilson_interval([differs.sum(), by_canary.sum()], [n, n])
    return {
        "n_shadow": n,
        "disagreement": float(differs.mean()) if n else np.nan,
        "disagreement_lo": float(los[0]),
        "disagreement_hi": float(his[0]),
        "pd_difference": float(difference.mean()) if n else np.nan,
        "canary_share": float(by_canary.mean()) if n else np.nan,
        "canary_lo": float(los[1]),
        "canary_hi": float(his[1]),
    }


def _by_period(rows: dict[date, Any], columns: Sequence[str]) -> DataFrame:
    table = DataFrame(list(rows.values()), columns=list(columns), dtype=np.float64)
    return table.set_axis(pd.Index(list(rows), name="period", dtype=object), axis=0)


def _refused_by_field(happened: DataFrame, counts: DataFrame) -> DataFrame:
    """Faults by field, with the share of all applications that were at fault there."""
    rows = happened[(happened["kind"] == REFUSED) & (happened["field"] != WHOLE)]
    table = rows.groupby(["period", "field"], as_index=False)["n"].sum()
    asked = table["period"].map(counts["asked"]).to_numpy(dtype=np.float64)
    share = np.divide(table["n"], asked, out=np.full(len(table), np.nan), where=asked > 0)
    found: DataFrame = table.assign(share=np.minimum(share, 1.0))
    return found.sort_values(["period", "n"], ascending=[True, False], ignore_index=True)


def _period_rows(found: Health) -> Iterator[_Row]:
    for row in found.periods.to_dict("records"):
        period = f"{row['period']:%Y-%m-%d}"
        yield "volume", "", period, float(row["decided"]), int(row["asked"]), ""
        yield "error_share", "", period, row["error_share"], int(row["asked"]), "" if row["asked"] else "nobody asked"
        for measure in LEVELS:
            note = "" if row["n_timed"] else "no decision of this period carries its latency"
            yield measure, "", period, row[measure], int(row["n_timed"]), note
        note = "" if row["n_shadow"] else "no other model ran beside"
        yield "shadow_disagreement", "", period, row["disagreement"], int(row["n_shadow"]), note


def _field_rows(found: Health) -> Iterator[_Row]:
    """Every field that was ever at fault, in every period: a rule must see it end; where none was, all of them together."""
    asked = found.periods.set_index("period")["asked"]
    if found.refused.empty:
        for period, n in asked.items():
            yield "refused_share", "", f"{period:%Y-%m-%d}", 0.0 if n else np.nan, int(n), "" if n else "nobody asked"
    for field, rows in found.refused.groupby("field"):
        shares = rows.set_index("period")["share"].reindex(asked.index).fillna(0.0)
        for period, n, share in zip(asked.index, asked, shares, strict=True):
            yield "refused_share", str(field), f"{period:%Y-%m-%d}", share if n else np.nan, int(n), "" if n else "nobody asked"
