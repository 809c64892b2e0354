"""The verdict on drift in one computed sentence, with what stands behind it; it never says more than counts can show."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import numpy as np
from pandas import Timestamp

from pipeline import contract
from pipeline.monitoring.drift import Drift, Finding
from pipeline.monitoring.drift_impact import Change, Impact
from pipeline.monitoring.drift_periods import UNJUDGED, decisions_of
from pipeline.monitoring.drift_source import Source
from pipeline.project import Feature, ProjectConfig

MAX_NAMED: Final = 4
"""Features named in a sentence; the rest are counted."""
BLIND: Final = "Inputs cannot show whether the same applicants now default more often; only outcomes can."


@dataclass(frozen=True)
class Verdict:
    """One sentence, what stands behind it, and whether the evidence carries an answer. Plain text, nothing escaped."""

    text: str
    detail: str
    is_firm: bool = True


def verdict(drift: Drift) -> Verdict:
    """Say what has moved, since when, where, and what it costs; or that nothing has, or that there is too little to say."""
    judged = drift.inputs[~drift.inputs["verdict"].isin(UNJUDGED)]
    if judged.empty:
        return _too_few(drift)
    if not drift.findings:
        return _stable(drift, len(judged["feature"].unique()), len(judged["period"].unique()))
    first = since_words(drift, drift.since)
    named = _named(drift)
    if drift.impact.approved.is_beyond_chance:
        text = f"Since {first} the live policy approves {_points(drift.impact.approved)}{_in_money(drift)}: {named}."
    else:
        text = f"{_capital(named)} {'has' if len(drift.findings) == 1 else 'have'} moved since {first}; {_same(drift)}."
    return Verdict(text, " ".join(part for part in (_evidence(drift), _newest(drift), BLIND) if part))


def since_words(drift: Drift, since: Timestamp) -> str:
    """Name the first period of a run; what was so from the window's first period on may have begun earlier."""
    words = period_words(since, drift.asked.granularity)
    return f"at least {words}" if since == drift.counts["period"].min() else words


def _too_few(drift: Drift) -> Verdict:
    n = decisions_of(drift.counts, ["period"])["n"]
    floor = drift.baseline.config.monitoring.min_rows
    most = f"at most {n.max():,} decisions a {drift.asked.granularity}"
    if n.max() >= floor:
        return Verdict("Nothing can be judged: the reference has too few rows.", f"{floor:,} are needed on either side.", False)
    what_now = "Wait for more." if drift.asked.granularity == "month" else "Choose longer periods."
    return Verdict(f"Too few decisions to judge drift: {most}, and {floor:,} are needed.", what_now, False)


def _stable(drift: Drift, n_features: int, n_periods: int) -> Verdict:
    periods = f"{n_periods} {drift.asked.granularity}{'s' * (n_periods != 1)}"
    features = f"{n_features} feature{'s' * (n_features != 1)}"
    text = f"Nothing has moved beyond chance: {features} over {periods}, n = {drift.n:,} decisions."
    gone = drift.runs[(drift.runs["worst"] >= drift.baseline.config.monitoring.psi_warn) & drift.runs["since"].isna()]
    came = [label_of(drift.baseline.config, str(name)) for name in gone["feature"]]
    back = f"Moved for a time and came back: {_joined(came)}." if came else ""
    return Verdict(text, " ".join(part for part in (back, f"{_capital(_same(drift))}.", BLIND) if part))


def _same(drift: Drift) -> str:
    approved = drift.impact.approved
    if not np.isfinite(approved.change):
        return "what the policy approves cannot be compared"
    if approved.is_beyond_chance:
        return f"the live policy approves {_points(approved)}{_in_money(drift)}"
    return f"the live policy approves as many as before ({_signed(approved)})"


def _points(change: Change) -> str:
    low, high = sorted(abs(100 * bound) for bound in (change.lo, change.hi))
    return f"{abs(100 * change.change):.1f} points {'fewer' if change.change < 0 else 'more'} [{low:.1f}, {high:.1f}]"


def _signed(change: Change) -> str:
    return f"{_number(100 * change.change, 1)} points [{_number(100 * change.lo, 1)}, {_number(100 * change.hi, 1)}]"


def _in_money(drift: Drift) -> str:
    money = drift.impact.margin_per_month
    if not np.isfinite(money.change):
        return ""
    currency = drift.baseline.config.project.currency
    if not money.is_beyond_chance:
        return f" (expected margin unchanged: {_bounds(money)} {currency} a month)"
    return f" (about {_money(abs(money.change))} {currency} {'less' if money.change < 0 else 'more'} margin a month)"


def _bounds(money: Change) -> str:
    return f"{_money(money.lo)} to {_money(money.hi)}"


def _named(drift: Drift) -> str:
    """Features by when they began, those of one group of applicants together: "a and b (mostly c), since September d"."""
    config, shown = drift.baseline.config, drift.findings[:MAX_NAMED]
    parts = []
    for since, found in groupby(shown, key=lambda finding: finding.since):
        names = _of_one_time(list(found), config)
        first = since == drift.since
        parts.append(names if first else f"since {period_words(since, drift.asked.granularity)} {names}")
    rest = len(drift.findings) - len(shown)
    return "; ".join(parts) + (f"; and {rest} more" if rest else "")


def _of_one_time(found: Sequence[Finding], config: ProjectConfig) -> str:
    columns = {finding.source.column for finding in found if finding.source is not None}
    names = [_with_what(finding, config, is_named_below=finding.feature in columns) for finding in found]
    where = sorted({source_words(finding.source, config) for finding in found if finding.source is not None})
    return _joined(names) + (f", mostly {_joined(where)}" if where else "")


def _with_what(finding: Finding, config: ProjectConfig, *, is_named_below: bool) -> str:
    """The feature with what is odd about it, or the category that moved most."""
    feature = _features(config).get(finding.feature)
    moved = value_of(config, finding.feature, finding.moved_bin) if feature and feature.kind == "category" else ""
    inside = finding.note or ("" if is_named_below else moved)
    return label_of(config, finding.feature) + (f" ({inside})" if inside else "")


def source_words(source: Source, config: ProjectConfig) -> str:
    """Name a group of applicants: "Channel: Partner"."""
    return f"{label_of(config, source.column)}: {value_of(config, source.column, source.value)}"


def _evidence(drift: Drift) -> str:
    impact, config = drift.impact, drift.baseline.config
    against = "development applications" if drift.asked.against is None else "decisions of the reference window"
    money = impact.margin_per_month
    said = f"n = {drift.n:,} decisions against {impact.n_before:,} {against}."
    if np.isfinite(money.change):
        said += f" Margin, as expected from the PDs: {_bounds(money)} {config.project.currency} a month."
    if np.isfinite(impact.pd_approved.change):
        before, now = (f"{100 * x:.1f} %" for x in (impact.pd_approved.before, impact.pd_approved.now))
        said += f" Expected default rate of the approved {before} before, {now} now."
    return said


def _newest(drift: Drift) -> str:
    """What the newest finding changed, where it began later than the oldest: two shifts can hide each other."""
    if drift.newest is None:
        return ""
    since, found = drift.newest
    return f"Since {period_words(since, drift.asked.granularity)} alone: {_signed(found.approved)} in approvals."


def period_words(period: Timestamp, granularity: str) -> str:
    """Write a period: "May 2025", "the week of 2025-05-05", "2025-05-05"."""
    if granularity == "month":
        return f"{period:%B %Y}"
    return f"the week of {period:%Y-%m-%d}" if granularity == "week" else f"{period:%Y-%m-%d}"


def label_of(config: ProjectConfig, feature: str) -> str:
    """Name a feature as the project does; what is counted beside the inputs has names of its own."""
    return _features(config)[feature].label if feature in _features(config) else EXTRA_LABELS.get(feature, feature)


def value_of(config: ProjectConfig, feature: str, value: str) -> str:
    """Name a value of a category as the project does, and the bins of no value in plain words."""
    found = _features(config).get(feature)
    labels = dict(zip((str(c) for c in found.choices), found.choice_labels, strict=False)) if found is not None else {}
    return labels.get(value) or BIN_WORDS.get(value, value)


BIN_WORDS: Final[Mapping[str, str]] = {contract.BIN_MISSING: "missing", contract.BIN_UNSEEN: "new values"}
EXTRA_LABELS: Final[Mapping[str, str]] = {
    contract.REFERENCE_PD: "PD", contract.PROFILE_DECISION: "Decision", contract.PROFILE_GRADE: "Grade",
    contract.PROFILE_REASON: "Reasons",
}  # fmt: skip


def _features(config: ProjectConfig) -> dict[str, Feature]:
    return {feature.name: feature for feature in config.features}


def _joined(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else list(names))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _number(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}".replace("-", "−")


def _money(value: float) -> str:
    """Two significant digits: what rests on PDs and cost assumptions is known no better."""
    digits = max(0, len(str(int(abs(value)))) - 2)
    return _number(round(value, -digits), 0)


__all__ = ["BLIND", "Impact", "Verdict", "label_of", "period_words", "since_words", "source_words", "value_of", "verdict"]
