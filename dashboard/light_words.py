"""The four lights, each with the sentence behind it and where to look: from alerts first, then from what was measured last."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from dashboard import health_words
from dashboard.alert_words import OPEN, Labels, headline, in_order
from dashboard.labels import money, number, plain, with_interval
from dashboard.loading_desk import Release
from dashboard.overview_book import Watch
from dashboard.worth import Worth
from pipeline import contract

if TYPE_CHECKING:
    from pipeline.monitoring.alerts import Alert

GOOD, LOOK, BAD, UNKNOWN = "good", "look", "bad", "unknown"
DRIFT: Final = ("views/drift.py", "Drift")
PERFORMANCE: Final = ("views/performance.py", "Performance")
ALERTS: Final = ("views/alerts.py", "Service health")
WATCH: Final = ("views/alerts.py", "Alerts")
EXPERIMENTS: Final = ("views/experiments.py", "Experiments")
TRADE_OFFS: Final = ("views/trade_offs.py", "Trade-offs")


@dataclass(frozen=True)
class Light:
    """One of the four: its name, its state, the sentence that gives the reason, and the page and choices that show more."""

    name: str
    state: str
    sentence: str
    page: tuple[str, str]
    choices: Mapping[str, str] = field(default_factory=dict)


def four_lights(
    run: pd.Series, release: Release, value: Worth | None, checks: Mapping[str, Any] | None, watch: Watch, labels: Labels
) -> tuple[Light, ...]:
    """Return service, data, model and business."""
    return (
        service_light(watch, labels),
        data_light(watch, labels, checks),
        model_light(watch, labels, run, release),
        business_light(watch, labels, value),
    )


def by_alerts(alerts: Sequence["Alert"], layer: str, labels: Labels) -> tuple[str, str] | None:
    """Return the state and the sentence that the open alerts of a layer give; None where there is none."""
    mine = [alert for alert in in_order(alerts) if alert.firing.layer == layer]
    if not mine:
        return None
    is_bad = any(alert.state == OPEN and alert.firing.severity == "critical" for alert in mine)
    taken = "" if any(alert.state == OPEN for alert in mine) else " Somebody looks after it."
    more = f" {len(mine) - 1} more alert{'s' * (len(mine) != 2)}." if len(mine) > 1 else ""
    return BAD if is_bad else LOOK, f"{headline(mine[0], labels)}.{taken}{more}"


def service_light(watch: Watch, labels: Labels) -> Light:
    """Whether applicants are answered, and whether what they are told is kept."""
    more = {"alert_part": "Service health"}
    fault = watch.problem or watch.fault
    if fault:
        return Light("Service", BAD, f"{plain(fault)}.".replace("..", "."), ALERTS, more)
    found = by_alerts(watch.alerts, contract.LAYER_SERVICE, labels)
    if found is not None:
        return Light("Service", *found, ALERTS, more)
    if watch.health is None or watch.health.is_silent:
        return Light("Service", UNKNOWN, "Nobody has asked for a decision yet.", ALERTS, more)
    said = health_words.answer(watch.health, [], labels).text
    failed = int(watch.health.periods["failed"].iloc[-1])
    return Light("Service", LOOK if failed else GOOD, said, ALERTS, more)


def data_light(watch: Watch, labels: Labels, checks: Mapping[str, Any] | None) -> Light:
    """Whether applicants are still those the model was developed on; before anybody is decided, the check of the data."""
    if watch.as_of is None:
        return Light("Data", *_checked(checks), EXPERIMENTS)
    found = by_alerts(watch.alerts, contract.LAYER_DATA, labels)
    if found is not None:
        return Light("Data", *found, DRIFT)
    if watch.last is None:
        text = "No round of the watch is recorded, so nobody can tell whether inputs moved."
        return Light("Data", UNKNOWN, text, WATCH)
    if watch.uncounted:
        noun = "decision is" if watch.uncounted == 1 else "decisions are"
        return Light("Data", LOOK, f"{watch.uncounted:,} {noun} not watched yet: the monitor has not counted them.", DRIFT)
    if {"profiles", "drift"} & set(watch.last.failed):
        return Light("Data", UNKNOWN, f"The last round, as of {watch.last.as_of}, could not look at inputs.", WATCH)
    if watch.too_few:
        return Light("Data", UNKNOWN, watch.too_few, DRIFT)
    return Light("Data", GOOD, f"No rule on inputs is broken, as of {watch.last.as_of}.", DRIFT)


def _checked(checks: Mapping[str, Any] | None) -> tuple[str, str]:
    if checks is None:
        return UNKNOWN, "This run holds no data check."
    found = [f for f in checks.get("failures", []) if isinstance(f, dict)]
    rows = number(float(checks.get("n_rows", float("nan"))), 0)
    if checks.get("passed") is not True:
        n = sum(f.get("severity") == "blocking" for f in found)
        return BAD, f"{n} blocking finding{'s' * (n != 1)} on {rows} rows of development."
    if found:
        first = plain(found[0].get("detail", found[0].get("rule", "")))
        return LOOK, f"{rows} rows of development passed with {len(found)} warning{'s' * (len(found) != 1)}: {first}."
    return GOOD, f"{rows} rows of development passed {len(checks.get('rules', []))} rules."


def model_light(watch: Watch, labels: Labels, run: pd.Series, release: Release) -> Light:
    """Whether a model is live, still ranks, and still promises what comes true."""
    value, lo, hi = (float(run[contract.metric_key(contract.TEST, "roc_auc", bound)]) for bound in ("", "lo", "hi"))
    ranks = f"ROC AUC {with_interval(value, lo, hi)} on test"
    if release.problem:
        return Light("Model", BAD, plain(release.problem), EXPERIMENTS)
    if release.run_id != run["run_id"]:
        return Light("Model", LOOK, f"Nothing is released; the best run has {ranks}.", EXPERIMENTS)
    found = by_alerts(watch.alerts, contract.LAYER_MODEL, labels)
    if found is not None:
        return Light("Model", *found, PERFORMANCE)
    version = release.live.model_version if release.live else ""
    return Light("Model", GOOD if lo > 0.5 else BAD, f"Version {version} is live: {ranks}.", PERFORMANCE)


def business_light(watch: Watch, labels: Labels, value: Worth | None) -> Light:
    """Whether approvals and losses are as expected, and whether the model surely saves money against approving everybody."""
    found = by_alerts(watch.alerts, contract.LAYER_BUSINESS, labels)
    if found is not None:
        return Light("Business", *found, DRIFT, {"drift_part": "PD and decisions"})
    if value is None:
        return Light("Business", UNKNOWN, "Cannot be priced: the run has no scored rows or no costs.", TRADE_OFFS)
    if value.lo > 0:
        saved = money(value.saved, value.currency)
        return Light("Business", GOOD, f"Saves about {saved} per 1,000 applications against approving everybody.", TRADE_OFFS)
    if value.hi < 0:
        lost = money(-value.saved, value.currency)
        return Light("Business", BAD, f"Loses about {lost} per 1,000 against approving everybody.", TRADE_OFFS)
    return Light("Business", LOOK, "Whether it saves anything against approving everybody is not sure.", TRADE_OFFS)
