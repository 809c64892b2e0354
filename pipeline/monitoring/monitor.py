"""One round of the watch: count what was decided, let every watcher look, judge, open alerts, send them.

A watcher that fails hides no other: its failure is a signal like any other, which a rule judges. A round that is repeated, or
killed and repeated, changes nothing twice; each that judged leaves a row of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Final

import pandas as pd

from pipeline.monitoring.alerts import OPEN, Alert, active_alerts, open_alerts
from pipeline.monitoring.clock import as_of_day
from pipeline.monitoring.deliver import Delivery, deliver
from pipeline.monitoring.rounds import record_round
from pipeline.monitoring.rules import Firing, Judgement, judge, period_number
from pipeline.monitoring.signals import SIGNAL_COLUMNS, signal_table
from pipeline.project import ProjectError, load_project
from pipeline.project_monitoring import Granularity, Monitoring
from pipeline.registry import ledger
from pipeline.settings import AlertSettings, Settings
from pipeline.store.address import StoreError

if TYPE_CHECKING:
    from sqlalchemy import Engine

WATCHERS: Final = ("profiles", "drift", "performance", "health")
"""In the order in which they look; the first one counts decisions, which the second one judges."""
Tell = Callable[[str], None]


@dataclass(frozen=True)
class MonitorReport:
    """What one round found. ``as_of`` is None where nothing was ever decided, and then nothing else is filled."""

    project: str
    as_of: date | None = None
    counted: int = 0
    """Decisions that this round added to the profiles."""
    signals: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(SIGNAL_COLUMNS)), compare=False, repr=False)
    judgement: Judgement = field(default_factory=Judgement)
    opened: tuple[Alert, ...] = ()
    active: tuple[Alert, ...] = ()
    """Every alert that nobody has resolved, gravest first, the opened ones among them."""
    faults: tuple[str, ...] = ()
    """Watchers that did not finish, and why."""
    delivery: Delivery = field(default_factory=Delivery)

    @property
    def has_open(self) -> bool:
        """True when an alert waits for somebody to look after it."""
        return any(alert.state == OPEN for alert in self.active)


def run_monitor(
    settings: Settings,
    engine: "Engine",
    project: str,
    *,
    as_of: date | None = None,
    tell: Tell | None = None,
    monitoring: Monitoring | None = None,
    alerting: AlertSettings | None = None,
) -> MonitorReport:
    """Run one round for a project and return what it found.

    as_of: the product's day, by default that of its newest decision or outcome; monitoring: the section whose rules judge, by
    default the project's own (`monitoring_of`); alerting: where alerts are sent, by default nowhere; tell: hears what is going
    on. Raises StoreError when alerts cannot be read or written; whatever a watcher raises is reported as its fault.
    """
    say = tell or (lambda _text: None)
    day = as_of or as_of_day(engine, project)
    if day is None:
        return MonitorReport(project)
    section = monitoring or monitoring_of(settings, engine, project)
    counted, signals, failed = _look(settings, engine, project, day, section.granularity, say)
    judgement = judge(section.rules_in_force, signals, section.granularity)
    opened = open_alerts(engine, project, judgement, section.rules_in_force, section.granularity, day)
    # Before anything is sent: an address that does not answer must not hide that somebody looked.
    record_round(engine, project, day, signals=len(signals), opened=len(opened), failed=tuple(failed))
    delivery = _deliver(engine, project, alerting, say)
    active = active_alerts(engine, project)
    faults = tuple(failed.values())
    return MonitorReport(project, day, counted, signals, judgement, opened, active, faults, delivery)


def monitoring_of(settings: Settings, engine: "Engine", project: str) -> Monitoring:
    """Return the section [monitoring] of a project: of the built-in file of that name, else of the live version's run.

    What comes along is read first: a rule is changed by changing the file, not by training again. Without either the usual
    rules hold.
    """
    try:
        return load_project(project).monitoring
    except ProjectError:
        pass
    from pipeline.monitoring.baseline import BaselineError, load_baseline

    live = ledger.live_at(engine, project)
    try:
        return load_baseline(settings, engine, project, live.model_version).config.monitoring if live else Monitoring()
    except BaselineError:
        return Monitoring()


def current(report: MonitorReport, granularity: Granularity) -> tuple[Firing, ...]:
    """Return the firings of the newest period that each rule could judge: what is wrong now, not what was."""
    newest = report.judgement.judged_to or {}
    at = {name: period_number(date.fromisoformat(day), granularity) for name, day in newest.items()}
    return tuple(
        firing
        for firing in report.judgement.firings
        if period_number(date.fromisoformat(firing.period), granularity) == at[firing.rule]
    )


def _look(
    settings: Settings, engine: "Engine", project: str, day: date, granularity: Granularity, say: Tell
) -> tuple[int, pd.DataFrame, dict[str, str]]:
    """Let every watcher look: how many decisions were counted, all signals, and by name why watchers failed."""
    counted, tables, faults, failed = 0, [], {}, {}
    for name in WATCHERS:
        say(name)
        try:
            if name == "profiles":
                counted = _count(settings, engine, project)
            else:
                tables.append(_watch(name, settings, engine, project, day))
        except Exception as error:  # whatever it is, the other watchers must still look
            failed[name] = type(error).__name__
            faults[name] = _fault(name, error)
    tables.append(_of_watchers(failed, day, granularity))
    return counted, pd.concat([table for table in tables if len(table)], ignore_index=True), faults


def _count(settings: Settings, engine: "Engine", project: str) -> int:
    from pipeline.monitoring.profiles import update_profiles

    return update_profiles(settings, engine, project).counted


def _watch(name: str, settings: Settings, engine: "Engine", project: str, day: date) -> pd.DataFrame:
    if name == "drift":
        from pipeline.monitoring.drift import drift_signals

        return drift_signals(settings, engine, project, day)
    if name == "performance":
        from pipeline.monitoring.performance import performance_signals

        return performance_signals(settings, engine, project, day)
    from pipeline.monitoring.health import health_signals

    return health_signals(settings, engine, project, day)


def _of_watchers(failed: dict[str, str], day: date, granularity: Granularity) -> pd.DataFrame:
    """Signals about the watchers themselves, in the period of the day."""
    period = _first_day(day, granularity)
    return signal_table(("watcher_fault", name, period, float(name in failed), 1, failed.get(name, "")) for name in WATCHERS)


def _first_day(day: date, granularity: Granularity) -> str:
    if granularity == "month":
        return day.replace(day=1).isoformat()
    return date.fromordinal(day.toordinal() - day.weekday() * (granularity == "week")).isoformat()


def _fault(name: str, error: Exception) -> str:
    """Say who failed and why; only our own errors are quoted, others could quote a row."""
    if type(error).__module__.startswith("pipeline."):
        return f"{name}: {error}"
    return f"{name}: failed with {type(error).__name__}, a fault of the program; the other watchers looked all the same"


def _deliver(engine: "Engine", project: str, alerting: AlertSettings | None, say: Tell) -> Delivery:
    if alerting is None:
        return Delivery()
    say("delivery")
    try:
        return deliver(engine, project, alerting)
    except StoreError as error:
        return Delivery(faults=(f"delivery: {error}",))
