"""What the Alerts page says: the answer, each alert in a PM's words, where to look further, and its tables. Pure."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pandas as pd

from dashboard.answers import Answer
from dashboard.labels import moment, plain
from dashboard.round_words import Looked
from pipeline import contract
from pipeline.monitoring.rule_words import MEASURE_WORDS, limit_text, named, period_text, written

if TYPE_CHECKING:
    from pipeline.monitoring.alerts import Alert
    from pipeline.project_monitoring import Monitoring, Rule

OPEN, ACKNOWLEDGED, RESOLVED = "open", "acknowledged", "resolved"
SEVERITIES: Final = ("critical", "warning", "info")
SIGNS: Final = {
    "critical": ":red[:material/error:]", "warning": ":orange[:material/warning:]", "info": ":blue[:material/info:]",
}  # fmt: skip
STATE_WORDS: Final = {OPEN: "waits", ACKNOWLEDGED: "looked after", RESOLVED: "closed"}
EVENT_WORDS: Final = {
    "opened": "Opened", "delivered": "Sent to every address", "acknowledged": "Acknowledged", "resolved": "Resolved",
}  # fmt: skip
LAYER_WORDS: Final = {
    contract.LAYER_SERVICE: "Service", contract.LAYER_DATA: "Data", contract.LAYER_MODEL: "Model",
    contract.LAYER_BUSINESS: "Business",
}  # fmt: skip
Labels = Mapping[str, str]
"""Feature to its label, as the project's file states it."""


@dataclass(frozen=True)
class Place:
    """Where an alert is looked into: a page, what the link says, and what it opens with."""

    page: str
    label: str
    icon: str
    choices: Mapping[str, str]


def answer(alerts: Sequence["Alert"], n_rules: int, looked: Looked, labels: Labels) -> Answer:
    """Say what waits for somebody and whether the service is well; alerts: all of the product; n_rules: that judge."""
    waiting = [alert for alert in alerts if alert.state == OPEN]
    taken = [alert for alert in alerts if alert.state == ACKNOWLEDGED]
    detail = f"{looked.text} {_of(n_rules, 'rule')} judge{'s' * (n_rules == 1)}. {_service(waiting + taken)}"
    if waiting:
        worst = in_order(waiting)[0]
        return Answer(
            f"{_counted(waiting)} for somebody. Gravest: {headline(worst, labels)}.", f"{_sent(waiting)}{detail}", False
        )
    if taken:
        return Answer(f"Nothing waits: {_of(len(taken), 'alert')} looked after and not closed yet.", detail)
    if not looked.ever and not alerts:
        return Answer("Nobody has looked yet, so nothing can be said.", detail, is_firm=False)
    why = f"every alert is closed, {len(alerts):,} so far" if alerts else "no alert was ever opened"
    return Answer(f"Nothing needs anybody: {why}.", detail, is_firm=looked.is_current)


def headline(alert: "Alert", labels: Labels) -> str:
    """Return an alert in one clause: what, how much, against which limit, when. Markdown, foreign names escaped."""
    firing = alert.firing
    what = named(firing.measure, labels.get(firing.subject, firing.subject))
    beyond = f"{written(firing.measure, firing.value)} (limit {limit_text(firing.measure, firing.threshold)})"
    return f"{plain(what[0].upper() + what[1:])}: {beyond} in {_period(alert)}"


def small_print(alert: "Alert") -> str:
    """Return what stands under an alert: rule, layer, owner, rows, since when, and whether it was sent."""
    firing = alert.firing
    rows = f"{firing.n:,} rows · " if firing.n > 1 else ""
    taken = alert.event("acknowledged")
    # That none was sent stands above all of them; on each row it would be noise.
    state = f" · looked after by {plain(taken.actor)}" if taken else " · sent" if alert.is_delivered else ""
    note = f" {plain(firing.note[0].upper() + firing.note[1:])}." if firing.note else ""
    return (
        f"{LAYER_WORDS[firing.layer]} · rule {plain(firing.rule)} · for {plain(firing.owner)} · {rows}"
        f"found {moment(alert.opened_at)}{state}.{note}"
    )


def place_of(alert: "Alert", labels: Labels) -> Place | None:
    """Return where to look into an alert; None for the service, whose page this is. Links hold what a page shows: labels."""
    firing = alert.firing
    if firing.layer == contract.LAYER_SERVICE:
        return None
    if firing.measure in _PERFORMANCE:
        return Place("views/performance.py", "Look at Performance", ":material/monitoring:", _PERFORMANCE[firing.measure])
    if firing.subject and firing.layer == contract.LAYER_DATA:
        choices = {"drift_part": "Feature", "feature": labels.get(firing.subject, firing.subject)}
        return Place("views/drift.py", "Look at the feature", ":material/waves:", choices)
    return Place("views/drift.py", "Look at PD and decisions", ":material/waves:", {"drift_part": "PD and decisions"})


_PERFORMANCE: Final[Mapping[str, Mapping[str, str]]] = {
    "estimated_f1": {"metric": "F1"},
    "realised_f1": {"metric": "F1"},
    "estimated_recall": {"metric": "Recall"},
    "realised_recall": {"metric": "Recall"},
    "realised_auc": {"metric": "AUC"},
    "auc_drop": {"metric": "AUC"},
    "actual_to_expected": {"metric": "Actual / expected"},
    "calibration_p": {"metric": "Actual / expected", "part": "By grade"},
    "grades_red": {"metric": "Actual / expected", "part": "By grade"},
    "money_shortfall": {"metric": "Cost per 1,000", "part": "Money"},
}
"""Measures of vintages, and the choices of the Performance page that show them."""


def in_order(alerts: Sequence["Alert"]) -> list["Alert"]:
    """Return alerts that nobody has closed: those that wait before those looked after, gravest first, then oldest period."""
    left = [alert for alert in alerts if alert.state != RESOLVED]
    return sorted(left, key=lambda alert: (alert.state != OPEN, -_gravity(alert), alert.firing.period))


def table(alerts: Sequence["Alert"], labels: Labels) -> pd.DataFrame:
    """Return alerts as people read them, in the order given: one a row, the id last."""
    columns = ("Severity", "What", "Value", "Limit", "Period", "State", "Layer", "Rule", "For", "Found", "Closed", "Note", "Id")
    return pd.DataFrame([_row(alert, labels) for alert in alerts], columns=list(columns))


def events_table(alert: "Alert") -> pd.DataFrame:
    """Return what happened to an alert, oldest first: Time (UTC), What, By, Note."""
    rows = [(f"{e.at:%Y-%m-%d %H:%M}", EVENT_WORDS[e.event], _who(e.actor), e.note) for e in alert.events]
    return pd.DataFrame(rows, columns=["Time (UTC)", "What", "By", "Note"])


def rules_table(section: "Monitoring") -> pd.DataFrame:
    """Return the rules in words: Rule, Called when, Rows needed, Severity, Layer, For, Quiet after closing."""
    columns = ("Rule", "Called when", "Rows needed", "Severity", "Layer", "For", "Quiet after closing")
    rows = [
        (
            rule.name, rule_words(rule, section.granularity), f"{rule.min_n:,}" if rule.min_n else "any", rule.severity,
            LAYER_WORDS[contract.MEASURES[rule.measure]], rule.owner,
            _of(rule.cooldown, section.granularity) if rule.cooldown else "not at all",
        )
        for rule in section.rules_in_force
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(columns))


def rule_words(rule: "Rule", granularity: str) -> str:
    """Say when a rule calls somebody."""
    text, k, n = MEASURE_WORDS[rule.measure].text, *rule.persist
    who = f" of {', '.join(rule.subjects)}" if rule.subjects else ""
    often = "" if n == 1 else f", in {k} of {n} {granularity}s"
    is_whether = MEASURE_WORDS[rule.measure].unit == "yes" and rule.above == 0
    limit = "" if is_whether else f" {rule.direction} {limit_text(rule.measure, rule.limit)}"
    return f"{text[0].upper()}{text[1:]}{who}{limit}{often}"


def _row(alert: "Alert", labels: Labels) -> tuple[str, ...]:
    firing, closed = alert.firing, alert.event("resolved")
    what = named(firing.measure, labels.get(firing.subject, firing.subject))
    return (
        firing.severity, what[0].upper() + what[1:], written(firing.measure, firing.value),
        limit_text(firing.measure, firing.threshold), _period(alert), STATE_WORDS[alert.state], LAYER_WORDS[firing.layer],
        firing.rule, firing.owner, f"{alert.opened_at:%Y-%m-%d %H:%M}",
        f"{closed.at:%Y-%m-%d %H:%M} by {closed.actor}" if closed else "",
        closed.note if closed else "", alert.id,
    )  # fmt: skip


def _period(alert: "Alert") -> str:
    # A month is written by its first seven characters; other periods begin on other days as well.
    return period_text(alert.firing.period, "month" if alert.firing.period.endswith("-01") else "day")


def _gravity(alert: "Alert") -> int:
    return -SEVERITIES.index(alert.firing.severity) if alert.firing.severity in SEVERITIES else -len(SEVERITIES)


def _counted(waiting: Sequence["Alert"]) -> str:
    by = Counter(alert.firing.severity for alert in waiting)
    words = {"critical": "critical alert", "warning": "warning", "info": "notice"}
    parts = [_of(by[severity], words[severity]) for severity in SEVERITIES if by[severity]]
    said = " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]
    return f"{said} {'waits' if len(waiting) == 1 else 'wait'}"


def _sent(waiting: Sequence["Alert"]) -> str:
    unsent = sum(not alert.is_delivered for alert in waiting)
    if unsent == len(waiting):
        return "None of them was sent to anybody yet. "
    return f"{unsent} of them {'was' if unsent == 1 else 'were'} not sent to every address yet. " if unsent else ""


def _service(active: Sequence["Alert"]) -> str:
    n = sum(alert.firing.layer == contract.LAYER_SERVICE for alert in active)
    if n:
        return f"About the service: {_of(n, 'alert')}."
    return "No alert is about the service."


def _of(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'s' * (n != 1)}"


def _who(actor: str) -> str:
    return "monitoring" if actor == "monitor" else f"{actor} (typed, unverified)"
