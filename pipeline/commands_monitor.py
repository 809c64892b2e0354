"""The verb ``monitor``: one round of the watch over one or all live products."""

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from pipeline.commands import open_engine
from pipeline.console import DONE, NO, say, show_json, show_line, show_table
from pipeline.project import ProjectError, open_project
from pipeline.settings import AlertSettings, load_alert_settings, load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.monitoring.alerts import Alert
    from pipeline.monitoring.monitor import MonitorReport

SAID = {
    "profiles": "counting decisions", "drift": "looking for drift", "performance": "looking at outcomes and estimates",
    "health": "looking at the service", "delivery": "sending alerts",
}  # fmt: skip
_SHOWN_SUBJECTS = 4


def monitor(names: list[str], day: date | None, *, fail_on_alert: bool, as_json: bool) -> int:
    """Watch the named products, or all that are live; NO with fail_on_alert when an alert of one is open."""
    from pipeline.registry import ledger

    alerting = load_alert_settings()
    with open_engine() as engine:
        chosen = names or ledger.live_projects(engine)
        if not chosen:
            raise ProjectError("nothing is live yet, so there is nothing to watch; see `python -m pipeline release --help`")
        reports = [_round(engine, name, day, alerting) for name in dict.fromkeys(chosen)]
    if as_json:
        show_json([_document(report) for report in reports])
    else:
        for report in reports:
            _show(report)
    return NO if fail_on_alert and any(report.has_open for report in reports) else DONE


def _round(engine: "Engine", name: str, day: date | None, alerting: AlertSettings) -> "MonitorReport":
    from pipeline.monitoring.monitor import run_monitor
    from pipeline.registry import ledger

    try:
        config = open_project(name).config
        project, section = config.name, config.monitoring
    except ProjectError:
        # A product whose file is elsewhere is watched by its name too, under the rules that its live version was trained with.
        if name not in ledger.live_projects(engine):
            raise
        project, section = name, None

    def tell(step: str) -> None:
        say(f"{project}: {SAID[step]}")

    report = run_monitor(load_settings(), engine, project, as_of=day, tell=tell, monitoring=section, alerting=alerting)
    for fault in (*report.faults, *report.delivery.faults):
        say(f"{project}: {fault}")
    return report


def _show(report: "MonitorReport") -> None:
    if report.as_of is None:
        show_line(f"{report.project}: nothing was decided yet, so there is nothing to watch")
        return
    _say_unjudged(report)
    new = {alert.id for alert in report.opened}
    rows = [_cells(alert, alert.id in new) for alert in report.active]
    columns = ("", "severity", "state", "rule", "what was found", "for", "id")
    if rows:
        show_table(f"Alerts of {report.project} as of {report.as_of}", columns, rows)
    n_open = sum(alert.state == "open" for alert in report.active)
    show_line(
        f"{report.project} as of {report.as_of}: {len(report.opened)} new alerts, {n_open} open, "
        f"{len(report.active) - n_open} acknowledged; {report.counted:,} decisions counted anew, {len(report.signals):,} "
        f"signals judged, {len(report.delivery.sent)} alerts delivered"
    )


def _cells(alert: "Alert", is_new: bool) -> tuple[str, ...]:
    firing = alert.firing
    return "new" if is_new else "", firing.severity, alert.state, firing.rule, firing.evidence, firing.owner, alert.id


def _say_unjudged(report: "MonitorReport") -> None:
    """Name on stderr what no rule could judge in its newest period: silence must not pass for health."""
    for left in report.judgement.unjudged:
        names = ", ".join(name or "(all)" for name in left.subjects[:_SHOWN_SUBJECTS])
        more = f" and {len(left.subjects) - _SHOWN_SUBJECTS} more" if len(left.subjects) > _SHOWN_SUBJECTS else ""
        where = f" in {left.period}" if left.period else ""
        say(f"{report.project}: rule {left.rule} could not judge {names or 'anything'}{more}{where}: {left.reason}")


def _document(report: "MonitorReport") -> dict[str, Any]:
    new = {alert.id for alert in report.opened}
    return {
        "project": report.project, "as_of": report.as_of, "decisions_counted": report.counted, "signals": len(report.signals),
        "alerts": [
            {"id": a.id, "state": a.state, "is_new": a.id in new, "is_delivered": a.is_delivered, **asdict(a.firing)}
            for a in report.active
        ],
        "not_judged": [asdict(left) for left in report.judgement.unjudged], "faults": report.faults,
        "delivery": asdict(report.delivery),
    }  # fmt: skip
