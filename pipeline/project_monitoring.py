"""The section [monitoring] of a project: periods, floors, and the rules by which somebody is called."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from pipeline.contract import LAYER_DATA, MEASURES
from pipeline.project_sections import Section, nearest

Granularity = Literal["day", "week", "month"]
Severity = Literal["info", "warning", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "critical")
"""From the mildest on."""
LONGEST: Final = 24
"""Periods that watchers look back, and so the longest that a rule can."""


class Rule(Section):
    """When somebody is called: a measure beyond its limit in k of the last n periods, the newest of them included."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
    measure: str
    above: float | None = None
    below: float | None = None
    severity: Severity = "warning"
    persist: tuple[int, int] = (1, 1)
    """[k, n]: fires when k of the last n periods were beyond the limit."""
    cooldown: Annotated[int, Field(ge=0, le=120)] = 2
    """Periods after a resolution in which the same matter opens no new alert."""
    owner: Annotated[str, Field(min_length=1, max_length=80)] = "risk team"
    subjects: tuple[str, ...] = ()
    """Features, grades, fields or segments that are judged; empty for all of them."""
    min_n: Annotated[int, Field(ge=0)] = 0
    """Rows below which nothing is judged, beyond the floors that the measures have of themselves."""
    retrain: bool = False
    """Whether an open alert of this rule asks `retrain --if-needed` for a new model."""

    @property
    def limit(self) -> float:
        """The number that must be passed."""
        return float(self.above if self.above is not None else self.below or 0.0)

    @property
    def direction(self) -> Literal["above", "below"]:
        """On which side of the limit something is wrong."""
        return "above" if self.above is not None else "below"

    @field_validator("measure")
    @classmethod
    def _is_measured(cls, measure: str) -> str:
        if measure not in MEASURES:
            raise ValueError(f"nothing measures that{nearest(measure, tuple(MEASURES))}; choose among {', '.join(MEASURES)}")
        return measure

    @field_validator("above", "below")
    @classmethod
    def _is_a_number(cls, limit: float | None) -> float | None:
        if limit is not None and not math.isfinite(limit):
            raise ValueError("a limit must be a finite number")
        return limit

    @field_validator("persist")
    @classmethod
    def _can_persist(cls, persist: tuple[int, int]) -> tuple[int, int]:
        if not 1 <= persist[0] <= persist[1] <= LONGEST:
            raise ValueError(f"[k, n] means k of the last n periods; needs 1 <= k <= n <= {LONGEST}")
        return persist

    @model_validator(mode="after")
    def _has_one_limit(self) -> Self:
        if (self.above is None) == (self.below is None):
            raise ValueError(f"rule {self.name!r} needs one limit, above or below, and only one")
        return self


class Monitoring(Section):
    """Periods and floors of the drift panels, and the rules that open alerts."""

    granularity: Granularity = "month"
    min_rows: Annotated[int, Field(ge=1)] = 500
    psi_warn: float = 0.10
    psi_alert: float = 0.25
    retrain_after_days: Annotated[int, Field(ge=1)] | None = None
    """Days after its release from which a model is retrained by `retrain --if-needed` even when nothing else asks for it."""
    rules: tuple[Rule, ...] | None = None
    """Without any the usual ones hold; an empty list means that nobody is ever called."""

    @property
    def rules_in_force(self) -> tuple[Rule, ...]:
        """The rules that judge: the project's own, else the usual ones with the floors stated here."""
        return usual_rules(self) if self.rules is None else self.rules

    @field_validator("rules")
    @classmethod
    def _named_once(cls, rules: tuple[Rule, ...] | None) -> tuple[Rule, ...] | None:
        doubles = [name for name, times in Counter(rule.name for rule in rules or ()).items() if times > 1]
        if doubles:
            raise ValueError(f"{', '.join(doubles)} named twice; give each rule a name of its own")
        return rules

    @model_validator(mode="after")
    def _bands_in_order(self) -> Self:
        if not 0 < self.psi_warn < self.psi_alert:
            raise ValueError(f"psi_warn = {self.psi_warn:g} must lie between 0 and psi_alert = {self.psi_alert:g}")
        return self

    def require_subjects(self, features: Sequence[str]) -> None:
        """Raise ValueError when a rule about data names a subject that is no feature; "(pd)" and segments are no features."""
        for rule in self.rules or ():
            plain = [s for s in rule.subjects if not s.startswith("(") and "=" not in s]
            for subject in plain if MEASURES[rule.measure] == LAYER_DATA else []:
                if subject not in features:
                    raise ValueError(f"monitoring.rules {rule.name!r}: {subject!r} is no feature{nearest(subject, features)}")


def usual_rules(floors: Monitoring) -> tuple[Rule, ...]:
    """Return the rules of a project that states none, for all four layers.

    A rule on what may be chance asks for two periods of three; one on what no chance explains asks for one.
    """
    rows, often, once = floors.min_rows, (2, 3), (1, 1)
    return (
        Rule(name="watcher-failed", measure="watcher_fault", above=0, severity="critical", persist=once, owner="operations"),
        Rule(name="store-fault", measure="store_fault", above=0, severity="critical", persist=once, owner="operations"),
        Rule(name="errors", measure="error_share", above=0.01, severity="critical", min_n=100, owner="operations"),
        Rule(name="slow", measure="latency_p95_ms", above=500, persist=often, min_n=100, owner="operations"),
        Rule(name="refused", measure="refused_share", above=0.05, min_n=100, owner="operations"),
        Rule(name="challenger-differs", measure="shadow_disagreement", above=0.15, severity="info", persist=often, min_n=rows),
        Rule(name="shifted", measure="psi", above=floors.psi_alert, severity="critical", min_n=rows),
        Rule(name="moved", measure="psi", above=floors.psi_warn, persist=often, min_n=rows),
        Rule(name="missing", measure="missing_rise", above=0.05, min_n=rows),
        Rule(name="new-values", measure="unseen", above=0.01, min_n=rows),
        Rule(name="out-of-range", measure="out_of_range", above=0.01, min_n=rows),
        Rule(name="constant", measure="constant", above=0, severity="critical", min_n=rows),
        Rule(name="scores-shifted", measure="pd_psi", above=floors.psi_alert, severity="critical", min_n=rows),
        Rule(name="scores-moved", measure="pd_psi", above=floors.psi_warn, persist=often, min_n=rows),
        Rule(name="more-defaults", measure="calibration_p", below=0.001, severity="critical", min_n=200),
        Rule(name="grades-red", measure="grades_red", above=1, persist=often),
        Rule(name="ranks-worse", measure="auc_drop", above=0.05, persist=often, min_n=rows, retrain=True),
        Rule(name="approves-fewer", measure="approval_rate_change", below=-0.05, persist=often, min_n=rows, owner="product"),
        Rule(name="approves-more", measure="approval_rate_change", above=0.05, persist=often, min_n=rows, owner="product"),
        Rule(
            name="worse-applicants", measure="expected_default_change", above=0.02, persist=often, min_n=rows, owner="product"
        ),
        Rule(name="earns-less", measure="money_shortfall", above=0.20, persist=often, min_n=rows, owner="product"),
    )
