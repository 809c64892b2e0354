"""Judge signals by rules: pure, the same signals give the same findings. NaN never fires, it is reported as not judged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd

from pipeline.contract import MEASURES
from pipeline.monitoring.rule_words import limit_text, named, period_text, written
from pipeline.project_monitoring import SEVERITIES, Granularity, Rule

NOTHING: Final = "nothing measures it yet"


@dataclass(frozen=True)
class Firing:
    """A rule that is broken in one period. ``value`` is the measure's, ``n`` the rows behind it, ``evidence`` one sentence."""

    rule: str
    measure: str
    direction: str
    severity: str
    owner: str
    layer: str
    subject: str
    period: str
    """First day, ISO."""
    value: float
    threshold: float
    n: int
    evidence: str
    note: str = ""
    """What the watcher said beside the number, such as the segment a shift comes from."""

    @property
    def matter(self) -> tuple[str, str, str]:
        """What is wrong, whichever rule says so: measure, side of the limit, subject."""
        return self.measure, self.direction, self.subject


@dataclass(frozen=True)
class Unjudged:
    """Subjects that a rule could not judge in their newest period, and why."""

    rule: str
    subjects: tuple[str, ...]
    period: str
    reason: str


@dataclass(frozen=True)
class Judgement:
    """What rules found: firings by period, then rule, then subject; what they could not judge; and how far they could."""

    firings: tuple[Firing, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    judged_to: Mapping[str, str] | None = None
    """Per rule the newest period that could be judged; rules without any are left out."""


def judge(rules: Iterable[Rule], signals: pd.DataFrame, granularity: Granularity) -> Judgement:
    """Judge every period of the signals by every rule.

    signals: `signals.SIGNAL_COLUMNS`, periods of the given granularity. A rule fires for a subject in a period whose value is
    strictly beyond the limit when at least k of the n periods that end with it are; a period without a row, with NaN or with
    fewer than `min_n` rows counts as not beyond. Several rows of one period (model versions) count once, by the worst.
    """
    parts = [_judge_one(rule, signals, granularity) for rule in rules]
    firings = sorted(
        (f for part in parts for f in part.firings), key=lambda f: (f.period, -rank(f.severity), f.rule, f.subject)
    )
    judged_to = {name: period for part in parts for name, period in (part.judged_to or {}).items()}
    return Judgement(tuple(firings), tuple(u for part in parts for u in part.unjudged), judged_to)


def rank(severity: str) -> int:
    """Return a number that is higher for what is worse."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def period_number(day: date, granularity: str) -> int:
    """Return the running number of the period a day lies in: consecutive periods have consecutive numbers."""
    if granularity == "month":
        return day.year * 12 + day.month - 1
    return (day.toordinal() - 1) // 7 if granularity == "week" else day.toordinal()


def _judge_one(rule: Rule, signals: pd.DataFrame, granularity: Granularity) -> Judgement:
    own = signals[signals["measure"] == rule.measure]
    if rule.subjects:
        own = own[own["subject"].isin(rule.subjects)]
    if own.empty:
        return Judgement(unjudged=(Unjudged(rule.name, rule.subjects, "", NOTHING),))
    granularity = _granularity_of(own, granularity)
    usable = own[np.isfinite(own["value"].to_numpy(dtype=float)) & (own["n"].to_numpy() >= rule.min_n)]
    worst = _worst(rule, usable)
    firings = [_firing(rule, row, granularity) for row in _broken(rule, worst, granularity).to_dict("records")]
    judged_to = {rule.name: str(usable["period"].max())} if len(usable) else {}
    return Judgement(tuple(firings), tuple(_unjudged(rule, own, usable)), judged_to)


def _granularity_of(own: pd.DataFrame, stated: Granularity) -> Granularity:
    """Return month where all periods are calendar months: vintages are, whatever the project looks at otherwise."""
    return "month" if own["period"].astype(str).str[8:10].eq("01").all() else stated


def _worst(rule: Rule, usable: pd.DataFrame) -> pd.DataFrame:
    """One row per subject and period."""
    ordered = usable.sort_values("value", ascending=rule.direction == "below", kind="stable")
    return ordered.drop_duplicates(["subject", "period"]).sort_values(["subject", "period"], kind="stable")


def _broken(rule: Rule, worst: pd.DataFrame, granularity: Granularity) -> pd.DataFrame:
    """Rows of periods in which the rule fires, with ``times``: how many of the last n periods were beyond the limit."""
    values = worst["value"].to_numpy(dtype=float)
    beyond = worst[values > rule.limit if rule.direction == "above" else values < rule.limit]
    wanted, window = rule.persist
    subjects = pd.factorize(beyond["subject"])[0]
    numbers = np.asarray(
        [period_number(date.fromisoformat(str(p)[:10]), granularity) for p in beyond["period"]], dtype=np.int64
    )
    # Rows lie by subject and period: with subjects far apart one search finds where each row's window begins.
    keys = subjects * np.int64(10_000_000) + numbers
    times = np.arange(len(keys)) - np.searchsorted(keys, keys - window, side="right") + 1
    return beyond.assign(times=times)[times >= wanted]


def _firing(rule: Rule, row: Mapping[Any, Any], granularity: Granularity) -> Firing:
    subject, period, value, n = str(row["subject"]), str(row["period"])[:10], float(row["value"]), int(row["n"])
    evidence = _evidence(rule, subject, period, value, n, int(row["times"]), granularity)
    return Firing(
        rule.name, rule.measure, rule.direction, rule.severity, rule.owner, MEASURES[rule.measure], subject, period,
        value, rule.limit, n, evidence, str(row["note"] or ""),
    )  # fmt: skip


def _evidence(rule: Rule, subject: str, period: str, value: float, n: int, times: int, granularity: Granularity) -> str:
    what = named(rule.measure, subject)
    said = f"{what[0].upper()}{what[1:]} in {period_text(period, granularity)}: {written(rule.measure, value)}"
    limit = f"{rule.direction} the limit of {limit_text(rule.measure, rule.limit)}"
    rows = f", on {n:,} rows" if n > 1 else ""
    often = f"; {times} of the last {rule.persist[1]} {granularity}s were" if rule.persist[1] > 1 else ""
    return f"{said}, {limit}{rows}{often}."


def _unjudged(rule: Rule, own: pd.DataFrame, usable: pd.DataFrame) -> list[Unjudged]:
    """Subjects whose newest period could not be judged, together where period and reason are the same."""
    newest = own[own["period"] == own.groupby("subject")["period"].transform("max")]
    judged: Sequence[tuple[str, str]] = list(zip(usable["subject"], usable["period"], strict=True))
    left = newest[~pd.MultiIndex.from_frame(newest[["subject", "period"]]).isin(judged)]
    reasons = [
        str(note) or (f"{int(n):,} rows, the rule needs {rule.min_n:,}" if n < rule.min_n else "not computable")
        for note, n in zip(left["note"], left["n"], strict=True)
    ]
    groups = left.assign(reason=reasons).groupby(["period", "reason"], sort=True)["subject"]
    return [
        Unjudged(rule.name, tuple(dict.fromkeys(str(s) for s in subjects)), str(period)[:10], str(reason))
        for (period, reason), subjects in groups
    ]
