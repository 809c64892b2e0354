"""How measures and findings are said: for the command line, for messages to people, and for the Alerts page."""

import math
from dataclasses import dataclass
from typing import Final, Literal

from pipeline import contract

Unit = Literal["share", "points", "number", "count", "ms", "chance", "yes"]


@dataclass(frozen=True)
class Measure:
    """What a measure is called, in the middle of a sentence, and how its value is written."""

    text: str
    unit: Unit = "number"
    help: str = ""


MEASURE_WORDS: Final = {
    "volume": Measure("number of decisions", "count", "How many applicants were decided."),
    "latency_p50_ms": Measure("median answer time", "ms", "Half of all answers took longer."),
    "latency_p95_ms": Measure("answer time of the slowest 5 %", "ms", "One answer in twenty took longer."),
    "latency_p99_ms": Measure("answer time of the slowest 1 %", "ms", "One answer in a hundred took longer."),
    "error_share": Measure("share of requests that failed", "share", "Of all requests, those that got no answer."),
    "refused_share": Measure("share of refused inputs", "share", "Applications with a value that cannot be used."),
    "shadow_disagreement": Measure(
        "share decided differently by the challenger",
        "share",
        "Of 100 applicants, how many the other model decides otherwise.",
    ),
    "store_fault": Measure("faults of store or model", "count", "What is wrong with store, ledger or the model's file."),
    "watcher_fault": Measure("watcher that did not finish", "yes", "What this part of monitoring watches is not seen."),
    "psi": Measure("PSI", help="How far the distribution has moved from development; 0.10 is a shift, 0.25 a large one."),
    "missing": Measure("share missing", "share", "Of 100 applicants, how many have no value here."),
    "missing_rise": Measure("rise of the share missing", "points", "Against development; often a field lost upstream."),
    "unseen": Measure("share of values never seen in development", "share", "The model never learnt what these mean."),
    "out_of_range": Measure("share out of range", "share", "Below the lowest or above the highest value of development."),
    "constant": Measure("column with one value only", "yes", "It used to vary; often a default upstream."),
    "pd_psi": Measure("PSI of the predicted PD", help="How far the PDs have moved from development; 0.25 is a large shift."),
    "estimated_f1": Measure("estimated F1", help="From the PDs alone, before outcomes are known; an estimate."),
    "estimated_recall": Measure("estimated recall", "share", "From the PDs alone, before outcomes are known; an estimate."),
    "realised_f1": Measure("realised F1", help="On loans whose outcome is known."),
    "realised_recall": Measure("realised recall", "share", "Of 100 who defaulted, how many were caught."),
    "realised_auc": Measure("realised AUC", help="How often a defaulter had the higher PD; 0.5 is a coin toss."),
    "auc_drop": Measure("fall of the AUC below the promised one", help="How much worse the model ranks than it did on test."),
    "actual_to_expected": Measure("defaults per default expected", help="1 is as expected, 2 is twice as many defaults."),
    "calibration_p": Measure(
        "chance of so many defaults if the PDs were right",
        "chance",
        "The smaller, the less luck explains the defaults.",
    ),
    "grades_red": Measure("grades with too many defaults", "count", "Grades whose defaults chance does not explain."),
    "approval_rate_change": Measure("change of the approval rate", "points", "Of 100 applicants, how many more are approved."),
    "expected_default_change": Measure("change of the expected default rate", "points", "By the PDs of those who applied."),
    "expected_loss_change": Measure("change of the expected loss rate", "points", "By the PDs and amounts of applicants."),
    "money_shortfall": Measure(
        "money short of what was promised", "share", "What is missing of the money that the policy promised."
    ),
}
_OF: Final = {"psi", "missing", "missing_rise", "unseen", "out_of_range"}


def written(measure: str, value: float) -> str:
    """Write a value of a measure with its unit; "not computable" when it is NaN."""
    if not math.isfinite(value):
        return "not computable"
    unit = MEASURE_WORDS[measure].unit
    if unit == "share":
        return f"{100 * value:.1f} %"
    if unit == "points":
        return f"{100 * value:+.1f} points".replace("-", "−")
    if unit == "ms":
        return f"{value:,.0f} ms"
    if unit == "chance":
        return f"{value:.4f}" if value >= 0.0001 else "below 0.0001"
    return f"{value:,.0f}" if unit in ("count", "yes") else f"{value:.3f}"


def limit_text(measure: str, limit: float) -> str:
    """Write a limit with its unit, without zeros that nobody stated."""
    unit = MEASURE_WORDS[measure].unit
    if unit in ("share", "points"):
        sign = "+" if unit == "points" else ""
        return f"{100 * limit:{sign}.4g} {'%' if unit == 'share' else 'points'}".replace("-", "−")
    return f"{limit:,.4g} ms" if unit == "ms" else f"{limit:,.4g}"


def named(measure: str, subject: str) -> str:
    """Name what was measured: "PSI of income"; the whole when there is no subject."""
    text = MEASURE_WORDS[measure].text
    if subject == contract.ALL_SEGMENTS:
        return text
    return f"{text} of {subject}" if measure in _OF else f"{text} ({subject})"


def period_text(period: str, granularity: str) -> str:
    """Write a period by its first day: "2025-05" for a month, "week of 2025-05-05" for a week."""
    return period[:7] if granularity == "month" else f"week of {period}" if granularity == "week" else period
