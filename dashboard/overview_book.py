"""What the Overview reads of the watch: alerts, the service in its newest period, and the vintage that matures next."""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

import pandas as pd

from dashboard import loading_desk, loading_risk, loading_watch
from pipeline.contract import PROFILE_DECISION
from pipeline.project import ProjectConfig
from pipeline.store.address import StoreError

if TYPE_CHECKING:
    from pipeline.monitoring.alerts import Alert
    from pipeline.monitoring.health import Health
    from pipeline.monitoring.rounds import MonitorRound


MONTHS: Final = 24


@dataclass(frozen=True)
class Maturing:
    """The month of decisions whose outcomes are all in next: its first day, decisions, and the day on which it is."""

    vintage: date
    n: int
    on: date


@dataclass(frozen=True)
class Watch:
    """What is known of the watch; ``problem`` says why nothing can be read."""

    alerts: "tuple[Alert, ...]" = ()
    """Those that nobody has closed."""
    as_of: date | None = None
    uncounted: int = 0
    fault: str = ""
    """Of the store."""
    health: "Health | None" = None
    """Of the newest period with a decision."""
    maturing: Maturing | None = None
    last: "MonitorRound | None" = None
    """The newest round of the watch."""
    too_few: str = ""
    """Why no rule on inputs can judge: no period yet has enough decisions."""
    problem: str = ""

    @property
    def is_unwatched(self) -> bool:
        """Something was decided, and no round of the watch is recorded."""
        return self.as_of is not None and self.last is None


def watch(project: str, config: ProjectConfig | None) -> Watch:
    """Read the watch of a project; nothing is computed that grows with the number of decisions."""
    if not loading_desk.has_store():
        return Watch()
    try:
        return _read(project, config)
    except StoreError as error:
        return Watch(problem=str(error))


def _read(project: str, config: ProjectConfig | None) -> Watch:
    as_of = loading_risk.as_of(project)
    if as_of is None:
        return Watch()
    state = loading_watch.store_state(project)
    left = tuple(alert for alert in loading_watch.alerts(project) if alert.state != "resolved")
    health, maturing, too_few = None, None, ""
    if state.last_decision is not None:
        grain = config.monitoring.granularity if config else "month"
        health = loading_watch.health(project, state.last_decision.date(), grain, 1)
    if config is not None:
        maturing = next_to_mature(project, as_of, config.data.outcome_months)
        too_few = few_to_judge(project, config)
    return Watch(
        left, as_of, state.uncounted, state.finding.fault, health, maturing, loading_watch.last_round(project), too_few
    )


def few_to_judge(project: str, config: ProjectConfig) -> str:
    """Say why no rule on inputs can judge, "" where some period of the last `MONTHS` months has enough decisions."""
    span, needed, grain = loading_risk.profile_span(project), config.monitoring.min_rows, config.monitoring.granularity
    if span is None:
        return ""
    first = max(span[0], (pd.Timestamp(span[1]).to_period("M") - (MONTHS - 1)).start_time.date())
    counts = loading_risk.counts(project, first, span[1], grain, features=(PROFILE_DECISION,))
    most = int(counts.groupby("period")["count"].sum().max()) if len(counts) else 0
    return (
        "" if most >= needed else f"Too few decisions to judge inputs: at most {most:,} a {grain}, and {needed:,} are needed."
    )


def money(project: str) -> "pd.DataFrame | str":
    """Return `money_line.money_by_period` of the last `MONTHS` months, empty before any is counted, or why it is not known."""
    from pipeline.monitoring.baseline import BaselineError
    from pipeline.monitoring.money_line import COLUMNS, features_needed, money_by_period
    from pipeline.registry.tracking_store import TrackingUnavailable

    nothing = pd.DataFrame(columns=list(COLUMNS))
    if not loading_desk.has_store():
        return nothing
    try:
        span = loading_risk.profile_span(project)
        if span is None:
            return nothing
        baselines = {version: loading_risk.baseline(project, version) for version in loading_risk.profile_versions(project)}
        first = max(span[0], (pd.Timestamp(span[1]).to_period("M") - (MONTHS - 1)).start_time.date())
        needed = sorted({name for baseline in baselines.values() for name in features_needed(baseline)})
        counts = loading_risk.CachedProfiles(project).counts(first, span[1], "month", features=needed)
        return money_by_period(counts, baselines)
    except (BaselineError, StoreError, TrackingUnavailable) as error:
        return f"Money by month cannot be shown: {error}"


def next_to_mature(project: str, as_of: date, outcome_months: int) -> Maturing | None:
    """Return the first vintage with decisions that has not matured on a day, None where there is none.

    A vintage is a calendar month of decisions; it has matured when the last of them is ``outcome_months`` old.
    """
    newest = pd.Timestamp(as_of).to_period("M")
    counts = loading_risk.decisions_by_month(project, (newest - outcome_months).start_time.date(), newest.end_time.date())
    for start, n in counts.items():
        on = _matures(pd.Period(start, freq="M"), outcome_months)
        if n and on > as_of:
            return Maturing(start, n, on)
    return None


def _matures(month: pd.Period, outcome_months: int) -> date:
    found: date = (month.end_time.normalize() + pd.DateOffset(months=outcome_months)).date()
    return found
