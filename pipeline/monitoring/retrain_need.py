"""Is a new model needed? What the advice, the alerts and the calendar say; and what speaks for waiting."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Engine

from pipeline.evaluation.advice import RETRAIN
from pipeline.monitoring.alerts import active_alerts
from pipeline.monitoring.performance_advice import advice_on
from pipeline.monitoring.performance_book import load_book
from pipeline.monitoring.retrain_release import decision_on, was_routed
from pipeline.project import ProjectConfig
from pipeline.registry import ledger, routing
from pipeline.registry.ledger import Live
from pipeline.settings import Settings

ACTOR: Final = "retrain"
"""Every name under which this verb acts begins so: "retrain", "retrain (schedule)"."""


@dataclass(frozen=True)
class Case:
    """What is looked at: the product, what is live in it, and the day."""

    settings: Settings
    engine: Engine
    config: ProjectConfig
    live: Live
    as_of: date


@dataclass(frozen=True)
class Sign:
    """What one witness says: whether it asks for a new model, and its sentence."""

    asks: bool
    said: str


@dataclass(frozen=True)
class Need:
    """Whether to retrain, the sentences for it, and those of the witnesses that do not ask."""

    is_needed: bool
    reasons: tuple[str, ...]
    quiet: tuple[str, ...]


def judge_need(case: Case) -> Need:
    """Ask every witness; one that asks is enough, unless an earlier retraining still waits for people to decide."""
    waiting = _waiting(case)
    signs = [witness(case) for witness in _WITNESSES]
    reasons = tuple(sign.said for sign in signs if sign.asks)
    quiet = tuple(sign.said for sign in signs if not sign.asks)
    if waiting:
        return Need(False, reasons, (waiting,))
    return Need(bool(reasons), reasons, quiet)


def _advice(case: Case) -> Sign:
    """What matured loans of the live version say; those of a version before it are no reason to replace it."""
    book = load_book(case.settings, case.engine, case.config.name, case.as_of)
    if book is None:
        return Sign(False, f"no decision is on record by {case.as_of}, so nothing can be advised")
    advised = advice_on(book)
    if advised.version != case.live.model_version:
        return Sign(False, f"no loan that version {case.live.model_version} decided has matured by {case.as_of}")
    headline = advised.advice.headline.rstrip(".")
    return Sign(advised.advice.action == RETRAIN, f"the advice from {advised.n:,} matured loans is: {headline}")


def _alerts(case: Case) -> Sign:
    """Alerts that nobody has resolved, of rules that ask for a new model."""
    asking = {rule.name for rule in case.config.monitoring.rules_in_force if rule.retrain}
    found = [alert.firing for alert in active_alerts(case.engine, case.config.name) if alert.firing.rule in asking]
    if not found:
        return Sign(
            False, f"no alert is open under {' or '.join(sorted(asking))}" if asking else "no rule asks for a new model"
        )
    return Sign(True, "; ".join(f"alert {f.rule} is open: {f.evidence.rstrip('.')}" for f in found))


def _age(case: Case) -> Sign:
    """Days since the release that is live, by the product's own calendar; a replayed day may lie before it."""
    limit, days = case.config.monitoring.retrain_after_days, max(0, (case.as_of - case.live.since.date()).days)
    age = f"version {case.live.model_version} has been live for {days:,} days"
    if limit is None:
        return Sign(False, f"{age}, and [monitoring] sets no retrain_after_days")
    return Sign(days >= limit, f"{age}; retrain_after_days is {limit:,}")


_WITNESSES: Final[tuple[Callable[[Case], Sign], ...]] = (_advice, _alerts, _age)


def _waiting(case: Case) -> str:
    """Name the proposal of an earlier retraining that people have not decided on yet; "" when there is none.

    One that was neither run in shadow nor kept out by another challenger was interrupted, and must be finished first.
    """
    entries = ledger.history(case.engine, case.config.name)
    proposals = [e for e in entries if e.event == ledger.PROPOSAL and e.actor.startswith(ACTOR)]
    last = proposals[-1] if proposals else None
    if last is None or decision_on(entries, last.seq) is not None:
        return ""
    if not was_routed(entries, last.seq) and routing.current(case.engine, case.config.name) is None:
        return ""
    version = last.subject["model_version"]
    return f"version {version}, retrained on {last.at:%Y-%m-%d}, waits for a decision on proposal {last.seq}"
