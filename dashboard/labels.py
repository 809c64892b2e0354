"""The dictionary: per metric and term its label, direction and one plain sentence; and how numbers are written."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pipeline import contract


@dataclass(frozen=True)
class Label:
    """How one metric or term is shown. `direction` is +1 when more is better, -1 when less is, 0 when neither."""

    text: str
    help: str
    direction: int = 0
    decimals: int = 3

    @property
    def directed(self) -> str:
        """The sentence, and which way is better."""
        better = {1: " More is better.", -1: " Less is better."}
        return self.help + better.get(self.direction, "")


METRICS: Final[Mapping[str, Label]] = {
    "accuracy": Label("Accuracy", "Of 100 decisions, how many were right. High even for a model that catches nobody.", 1),
    "precision": Label("Precision", "Of 100 people we decline, how many would really have defaulted.", 1),
    "recall": Label("Recall", "Of 100 people who would default, how many we catch.", 1),
    "f1": Label("F1", "One number for recall and precision together; it is low when either is low.", 1),
    "roc_auc": Label("ROC AUC", "How often a defaulter gets a higher PD than a good customer; 0.5 is a coin toss.", 1),
    "pr_auc": Label("PR AUC", "Precision averaged over all levels of recall; compare it with the default rate.", 1),
    "gini": Label("Gini", "ROC AUC stretched so that a coin toss is 0 and perfection is 1.", 1),
    "ks": Label("KS", "The widest gap between the shares of defaulters and of good customers declined.", 1),
    "log_loss": Label("Log loss", "How far the PDs are from what happened; confident mistakes weigh most.", -1),
    "brier": Label("Brier score", "Mean squared distance between the PD and what happened.", -1),
    "ece": Label(
        "Calibration error", "By how much PDs and default rates differ on average; never quite 0, even when perfect.", -1
    ),
}
COST: Final = Label(
    "Cost per 1,000", "Money lost to missed defaulters and refused good customers, per 1,000 applications.", -1, 0
)
TERMS: Final[Mapping[str, Label]] = {
    "pd": Label("PD", "Probability of default: how likely this applicant is not to pay back."),
    "cutoff": Label("Cut-off", "Applicants whose PD is at or above it are declined; chosen on validation, never on test."),
    "fit_seconds": Label("Training time", "Seconds to train this candidate, validation included.", -1, 1),
    "latency_ms": Label("Latency", "Milliseconds to score one applicant through the whole model.", -1, 1),
    "interval": Label("[lo, hi]", "95 % interval: where the number would lie in 95 of 100 samples like this one."),
    "validation": Label("Validation", "Rows on which models and cut-offs are chosen; scored by models that did not see them."),
    "test": Label("Test", "Rows nobody chose anything on; what we report."),
    "champion": Label("Champion", "The model that decides today."),
    "elkan": Label(
        "Elkan's cut-off", "The cheapest cut-off if PDs are exactly right: cost of a refusal / (that + cost of a miss)."
    ),
    "lgd": Label("LGD", "Loss given default: the share of the amount that is lost when a loan defaults."),
    "margin": Label("Margin", "What a good loan earns, as a share of its amount."),
    "fn_cost": Label("A missed defaulter costs", "Money lost when we approve somebody who then defaults."),
    "fp_cost": Label("A good customer refused costs", "Margin we forgo when we decline somebody who would have paid."),
    "review_cost": Label("A review costs", "Money for a person to look at one application."),
    "share_right": Label(
        "Reviewers get right", "Of 100 applications a person reviews, how many are decided rightly. Assumed, not measured."
    ),
    "reviews_per_day": Label("Reviews a day", "How many applications people can look at on a calendar day."),
    "volume": Label("Applications a year", "The volume that the saving per year and the reviews per day are stated for."),
    "approval_rate": Label("Approval rate", "Of 100 applicants, how many are approved.", 1),
    "review_rate": Label("Review rate", "Of 100 applicants, how many a person looks at."),
    "approved_default_rate": Label("Default rate of the approved", "Of 100 people we approve, how many default.", -1),
    "baseline": Label("Baseline", "What a saving is measured against; without one, a saving means nothing."),
    "emp": Label(
        "Expected maximum profit",
        "What the best use of the model earns over approving everybody, as a share of the money lent (Verbraken 2014).",
        1,
    ),
    "break_even": Label(
        "Break-even ratio",
        "How many refused good customers one missed defaulter must cost for this cut-off to be the cheapest.",
    ),
    "swap_set": Label("Swap set", "The applicants whom two models decide differently: newly approved and newly refused."),
    "inferred": Label("Inferred", "No outcome was ever seen, because these applicants were declined; the PD stands for it."),
    "tp": Label("Caught", "Would default, and is declined."),
    "fp": Label("Refused though good", "Would pay back, but is declined."),
    "fn": Label("Missed", "Will default, but is approved."),
    "tn": Label("Rightly approved", "Pays back, and is approved."),
}
NOT_KNOWN: Final = "–"


def label_of(name: str) -> Label:
    """Return the label of a metric or term; an unknown name stands for itself."""
    return METRICS.get(name) or (COST if name == contract.COST else None) or TERMS.get(name) or Label(name, "")


def column_text(column: str) -> str:
    """Name a column of the table of runs: ``test_f1`` is "F1 · test"; what does not say its rows says so."""
    for split, words in ((contract.TEST, "test"), (contract.VALID, "validation")):
        if column.startswith(f"{split}_"):
            return f"{label_of(column.removeprefix(f'{split}_')).text} · {words}"
    return f"{label_of(column).text} · rows not named" if column in METRICS else label_of(column).text


def number(value: float, decimals: int = 3) -> str:
    """Write a number with thousands separators; a dash when it is not known."""
    return NOT_KNOWN if not math.isfinite(value) else f"{value:,.{decimals}f}".replace("-", "−")


def interval(lo: float, hi: float, decimals: int = 3) -> str:
    """Write ``[lo, hi]``, or nothing when the bounds are not known."""
    return f"[{number(lo, decimals)}, {number(hi, decimals)}]" if math.isfinite(lo) and math.isfinite(hi) else ""


def with_interval(value: float, lo: float, hi: float, decimals: int = 3) -> str:
    """Write a value with its interval behind it."""
    return f"{number(value, decimals)} {interval(lo, hi, decimals)}".strip()


def percent(share: float, decimals: int = 1) -> str:
    """Write a share in per cent; infinity (nobody declined) and the unknown are a dash."""
    return NOT_KNOWN if not math.isfinite(share) else f"{number(100 * share, decimals)} %"


def cutoff(value: float) -> str:
    """Write a cut-off: a PD in per cent, or in words where nobody is declined."""
    return "none (approve everybody)" if value == math.inf else percent(value)


def money(value: float, currency: str = "") -> str:
    """Write money to three significant digits and no cents: what comes from a sample is known no better."""
    if not math.isfinite(value):
        return NOT_KNOWN
    digits = max(0, math.floor(math.log10(abs(value))) - 2) if value else 0
    return f"{number(round(value, -digits), 0)} {currency}".strip()


def short_money(value: float, currency: str = "") -> str:
    """Write money for tight places: 7,970,000 is 7.97M."""
    for size, sign in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{sign} {currency}".replace("-", "−").strip()
    return money(value, currency)


def moment(value: datetime) -> str:
    """Write a time as ISO date and minutes, in UTC."""
    return f"{value:%Y-%m-%d %H:%M} UTC"


def plain(text: object) -> str:
    """Return foreign text so that Streamlit's markdown shows it literally: no HTML, links, formulas, colours or emoji."""
    one_line = re.sub(r"\s+", " ", str(text)).strip()
    no_shortcodes = re.sub(r":(?=[\w/+-]+:)", ":\u2060", one_line)
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", no_shortcodes)


def plain_label(text: object) -> str:
    """Return foreign text for the label of a field: only what markdown would read is escaped: screen readers read it all."""
    one_line = re.sub(r"\s+", " ", str(text)).strip()
    no_shortcodes = re.sub(r":(?=[\w/+-]+:)", ":\u2060", one_line)
    return re.sub(r"([\\`*_\[\]<>$~:&#|!{}^=])", r"\\\1", no_shortcodes)


def code(text: object) -> str:
    """Return foreign text as one literal code span of markdown."""
    return "`" + re.sub(r"[`\s]+", " ", str(text)).strip() + "`"


def short(identifier: str, length: int = 8) -> str:
    """Return the first characters of a hash or id, enough to recognise it."""
    return identifier[:length] if identifier else NOT_KNOWN
