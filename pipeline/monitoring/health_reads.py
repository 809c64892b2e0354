"""What the log holds about the service itself, by period: how many, how fast, what was refused, what the shadow said.

Counts are exact and come from an index. Latencies and shadows stand in the rows, so of a period with many decisions a sample
by their number is read: the cost hardly grows with traffic.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas import DataFrame, Timestamp
from sqlalchemy import ColumnElement, Engine, and_, func, select

from pipeline import contract
from pipeline.project_monitoring import Granularity
from pipeline.serving.decision_search import versions_seen
from pipeline.store.tables import decisions, service_events

NOT_READ: Final = "the health of the service cannot be read"
TIMED: Final = (contract.SOURCE_FORM, contract.SOURCE_HTTP)
"""Sources whose decisions carry a latency: for them an applicant waits."""
SAMPLE: Final = 1_000
"""Rows read of a period and source at most, more or less: the 99th percentile then stands on ten."""
_PRIME: Final = 65_521
_MULTIPLE: Final = 40_503
"""Its multiples lie evenly modulo the prime: near the golden section of it (Knuth, The Art of Computer Programming, 6.4)."""
_FREQ: Final = {"day": "D", "week": "W-SUN", "month": "M"}


@dataclass(frozen=True)
class Window:
    """A period: its first day and the first day after it."""

    start: date
    end: date

    @property
    def span(self) -> tuple[datetime, datetime]:
        """First instant, and the first one after, UTC."""
        return _midnight(self.start), _midnight(self.end)


def windows(last: date, n: int, granularity: Granularity) -> tuple[Window, ...]:
    """Return the n periods up to the one that holds ``last``, oldest first; weeks start on Monday."""
    periods = pd.period_range(end=pd.Period(Timestamp(last), freq=_FREQ[granularity]), periods=n)
    return tuple(Window(period.start_time.date(), (period + 1).start_time.date()) for period in periods)


def volumes(engine: Engine, project: str, periods: Sequence[Window]) -> DataFrame:
    """Return period (first day), source and n: decisions recorded; sources without any in a period are left out."""
    with engine.connect() as connection:
        versions = versions_seen(connection, project)
        found = [
            (window.start, row.source, row.n)
            for window in periods
            for row in connection.execute(
                select(decisions.c.source, func.count().label("n"))
                .where(_in(project, window, contract.SOURCES, versions))
                .group_by(decisions.c.source)
            )
        ]
    return DataFrame(found, columns=["period", "source", "n"]).astype({"n": "int64"})


def latencies(engine: Engine, project: str, periods: Sequence[Window], counts: DataFrame) -> DataFrame:
    """Return period, source, latency_ms and weight (decisions each row stands for).

    counts: as `volumes` gives them. Decisions without a latency are left out.
    """
    timed = counts[counts["source"].isin(TIMED)]
    by_start = {window.start: window for window in periods}
    found: list[tuple[Any, ...]] = []
    with engine.connect() as connection:
        versions = versions_seen(connection, project)
        for row in timed.to_dict("records"):
            share = min(1.0, SAMPLE / row["n"])
            chosen = _sample(project, by_start[row["period"]], [row["source"]], versions, share)
            query = select(decisions.c.latency_ms).where(chosen, decisions.c.latency_ms.is_not(None))
            found += [(row["period"], row["source"], ms, 1 / share) for ms in connection.execute(query).scalars()]
    columns = ["period", "source", "latency_ms", "weight"]
    return DataFrame(found, columns=columns).astype({"latency_ms": float, "weight": float})


def shadows(engine: Engine, project: str, periods: Sequence[Window], counts: DataFrame) -> DataFrame:
    """Return what both models said: period, role (of the one that did not decide), outcome, pd, shadow_outcome, shadow_pd.

    counts: as `volumes` gives them. Decisions without a shadow are left out; of many a sample is read.
    """
    totals = counts.groupby("period")["n"].sum()
    asked = (decisions.c.outcome, decisions.c.pd, decisions.c.shadow)
    found: list[tuple[Any, ...]] = []
    with engine.connect() as connection:
        versions = versions_seen(connection, project)
        for window in periods:
            n = int(totals.get(window.start, 0))
            if not n:
                continue
            chosen = _sample(project, window, contract.SOURCES, versions, min(1.0, SAMPLE / n))
            rows = connection.execute(select(*asked).where(chosen, decisions.c.shadow.is_not(None)))
            found += [(window.start, r.shadow["role"], r.outcome, r.pd, r.shadow["outcome"], r.shadow["pd"]) for r in rows]
    columns = ["period", "role", "outcome", "pd", "shadow_outcome", "shadow_pd"]
    return DataFrame(found, columns=columns).astype({"pd": float, "shadow_pd": float})


def events(engine: Engine, project: str, periods: Sequence[Window]) -> DataFrame:
    """Return period, source, kind, field and n of `service_events`, added up."""
    table = service_events.c
    found: list[tuple[Any, ...]] = []
    with engine.connect() as connection:
        for window in periods:
            first, end = window.span
            query = (
                select(table.source, table.kind, table.field, func.sum(table["count"]))
                .where(table.project == project, table.at >= first, table.at < end)
                .group_by(table.source, table.kind, table.field)
            )
            found += [(window.start, *row) for row in connection.execute(query)]
    return DataFrame(found, columns=["period", "source", "kind", "field", "n"]).astype({"n": "int64"})


def last_decision(engine: Engine, project: str) -> datetime | None:
    """Return when the newest decision was made, UTC; None when there is none."""
    with engine.connect() as connection:
        found: datetime | None = connection.scalar(
            select(func.max(decisions.c.decided_at)).where(decisions.c.project == project)
        )
    return found


def percentiles(values: Iterable[float], weights: Iterable[float], levels: Sequence[float]) -> list[float]:
    """Return the smallest value that at least each share of the weight does not exceed; NaN where there is no value."""
    ms, weight = np.asarray(list(values), dtype=np.float64), np.asarray(list(weights), dtype=np.float64)
    if not ms.size:
        return [float("nan")] * len(levels)
    order = np.argsort(ms, kind="stable")
    reached = np.cumsum(weight[order])
    # Counted from above, so that rounding in level * total asks for no more than it should.
    places = np.searchsorted(reached, np.asarray(levels) * reached[-1] * (1 - 1e-12), side="left")
    return [float(value) for value in ms[order][np.minimum(places, ms.size - 1)]]


def _sample(project: str, window: Window, sources: Sequence[str], versions: Sequence[int], share: float) -> ColumnElement[bool]:
    """A share of the decisions of a window, chosen by number in an index alone: only what is chosen is read.

    Every k-th would meet one source only where sources take turns; a multiple of the number modulo a prime meets all alike.
    """
    inside = _in(project, window, sources, versions)
    if share >= 1:
        return inside
    place = (decisions.c.seq * _MULTIPLE) % _PRIME
    return decisions.c.seq.in_(select(decisions.c.seq).where(inside, place < share * _PRIME))


def _in(project: str, window: Window, sources: Sequence[str], versions: Sequence[int]) -> ColumnElement[bool]:
    """Within a window, spelled so that the index over source, outcome, version and time serves it."""
    table, (first, end) = decisions.c, window.span
    return and_(
        table.project == project,
        table.source.in_(sources),
        table.outcome.in_(contract.OUTCOMES),
        table.model_version.in_(versions),
        table.decided_at >= first,
        table.decided_at < end,
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)
