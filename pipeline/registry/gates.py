"""The promotion gate: rules from the project judged on what a run logged. Missing evidence fails.

`judge` is a pure function of `Evidence`; `gate_run` gathers the evidence from the tracking store and files the result.
"""

import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from pipeline import contract
from pipeline.evaluation.bootstrap import paired_difference
from pipeline.evaluation.metrics import HIGHER_IS_BETTER
from pipeline.project import ProjectConfig

N_BOOT: Final = 400


@dataclass(frozen=True)
class Champion:
    """The live model's PDs on the candidate's own test rows."""

    version: int
    pd: "np.ndarray[Any, np.dtype[np.float64]]"
    """PDs in the order of the candidate's test rows, shape (n,)."""
    cutoff: float


@dataclass(frozen=True)
class Evidence:
    """What a run logged, as far as it is there; None where an artifact is missing."""

    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    holdout: pd.DataFrame | None
    segments: pd.DataFrame | None
    checks: Mapping[str, Any] | None
    champion: Champion | None = None
    champion_missing: str = ""
    """Why there is a champion but its PDs on these rows could not be had; empty when there is none or they were."""


@dataclass(frozen=True)
class Rule:
    """One judged rule. `found` and `needed` are words for people, `margin` how far on the right side (negative: failed)."""

    name: str
    passed: bool
    found: str
    needed: str
    margin: float | None
    note: str = ""


@dataclass(frozen=True)
class GateResult:
    """All rules together; passed only when every one is."""

    rules: tuple[Rule, ...]

    @property
    def passed(self) -> bool:
        """True when there are rules and all passed."""
        return bool(self.rules) and all(rule.passed for rule in self.rules)

    def to_json(self) -> str:
        """Return the result as the JSON of a run's gates.json; a margin that is not computable is null."""
        rules = [{**asdict(rule), "margin": _or_null(rule.margin)} for rule in self.rules]
        return json.dumps({"passed": self.passed, "rules": rules}, indent=2, ensure_ascii=False, allow_nan=False)


def judge(config: ProjectConfig, evidence: Evidence) -> GateResult:
    """Judge every rule of the project's gate; none is skipped, and evidence that is missing fails its rule by name."""
    return GateResult(tuple(rule for step in _STEPS for rule in step(config, evidence)))


def _complete(_: ProjectConfig, evidence: Evidence) -> Iterator[Rule]:
    found = evidence.tags.get(contract.TAG_COMPLETE) == "true"
    yield Rule("complete run", found, "complete" if found else "not complete", "complete", None)
    chosen_on = evidence.metrics.get(contract.metric_key(contract.VALID, "n"))
    yield Rule(
        "cut-off from validation",
        bool(chosen_on),
        f"{chosen_on:,.0f} validation rows" if chosen_on else "no validation rows",
        "chosen on rows other than the test rows",
        None,
    )


def _floors(config: ProjectConfig, evidence: Evidence) -> Iterator[Rule]:
    if not config.gates.floors:
        yield Rule("floors", False, "none declared", "at least one floor under [gates] floors", None)
    for metric, floor in config.gates.floors.items():
        name, rises = f"floor {metric}", HIGHER_IS_BETTER[metric]
        # Of a metric where less is better, such as brier, the limit is a ceiling on the interval's upper end.
        side, bound, sign = ("lower", "lo", ">=") if rises else ("upper", "hi", "<=")
        value, worst = (evidence.metrics.get(contract.metric_key(contract.TEST, metric, b)) for b in ("", bound))
        needed = f"{side} bound of test {metric} {sign} {floor:g}"
        if value is None or worst is None:
            yield _missing(name, f"test {metric} with its interval", needed)
            continue
        margin = worst - floor if rises else floor - worst
        yield Rule(name, margin >= 0, f"{value:.4f}, {side} bound {worst:.4f}", needed, margin)


def _champion(config: ProjectConfig, evidence: Evidence) -> Iterator[Rule]:
    metric, tolerance = config.gates.champion_metric, config.gates.champion_tolerance
    name, needed = "no worse than champion", f"paired difference of {metric} surely above -{tolerance:g}"
    if evidence.champion_missing:
        yield _missing(name, evidence.champion_missing, needed)
        return
    if evidence.champion is None:
        yield Rule(name, True, "there is no champion yet", needed, None)
        return
    rows = _test_rows(evidence.holdout)
    if rows is None or len(rows) != len(evidence.champion.pd):
        yield _missing(name, f"{metric} of both on the same holdout rows", needed)
        return
    table = paired_difference(
        rows[contract.HOLDOUT_Y].to_numpy(),
        rows[contract.HOLDOUT_PD].to_numpy(),
        evidence.metrics.get(contract.CUTOFF, math.inf),  # none is logged where nobody is declined
        evidence.champion.pd,
        evidence.champion.cutoff,
        n_boot=N_BOOT,
        seed=config.split.seed,
    ).set_index("metric")
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    difference, low, high = (float(table[column].loc[metric]) for column in ("difference", "lo", "hi"))
    worst = low if sign > 0 else -high
    found = f"{difference:+.4f} [{low:+.4f}, {high:+.4f}] against version {evidence.champion.version}"
    yield Rule(name, worst >= -tolerance, found, needed, worst + tolerance)


def _segments(config: ProjectConfig, evidence: Evidence) -> Iterator[Rule]:
    gates, name = config.gates, "no segment far worse"
    metric = gates.segment_metric
    needed = f"test {metric} within {gates.segment_tolerance:g} of all rows in every group of {gates.segment_min_n}+"
    if not config.group_columns:
        yield Rule(name, True, "the project declares no segments", needed, None)
        return
    overall = evidence.metrics.get(contract.metric_key(contract.TEST, metric))
    if evidence.segments is None or evidence.segments.empty or overall is None:
        yield _missing(name, "metrics by segment", needed)
        return
    table = evidence.segments
    table = table[(table["metric"] == metric) & (table["n"] >= gates.segment_min_n) & table["value"].notna()]
    if table.empty:
        yield _missing(name, f"a group of {gates.segment_min_n} rows or more", needed)
        return
    sign = 1.0 if HIGHER_IS_BETTER[metric] else -1.0
    behind = sign * (overall - table["value"].to_numpy(dtype=np.float64))
    worst = int(behind.argmax())
    row = table.iloc[worst]
    group = f"{str(row['column']).split('.', 1)[-1]} = {row['group']}"
    found = f"worst {group}: {row['value']:.4f} against {overall:.4f} (n {row['n']:,})"
    margin = gates.segment_tolerance - float(behind[worst])
    yield Rule(name, margin >= 0, found, needed, margin)


def _calibration(config: ProjectConfig, evidence: Evidence) -> Iterator[Rule]:
    tolerance = config.gates.calibration_tolerance
    ece, floor = (evidence.metrics.get(contract.metric_key(contract.TEST, name)) for name in ("ece", "ece_floor"))
    needed = f"test ECE <= noise floor + {tolerance:g}"
    if ece is None or floor is None:
        yield _missing("calibration", "test ECE and its noise floor", needed)
        return
    margin = floor + tolerance - ece
    yield Rule("calibration", margin >= 0, f"ECE {ece:.4f}, noise floor {floor:.4f}", needed, margin)


def _leaks(_: ProjectConfig, evidence: Evidence) -> Iterator[Rule]:
    needed = "a data check that passed and suspects no unacknowledged leak"
    checks = evidence.checks
    if checks is None or "suspected_leak" not in checks.get("rules", ()):
        yield _missing("no suspected leak", "a data check that looked for leaks", needed)
        return
    blocking = [f for f in checks.get("failures", ()) if f.get("severity") == "blocking"]
    found = "; ".join(f"{f['column']}: {f['rule']}" for f in blocking) or "nothing blocking"
    yield Rule("no suspected leak", checks.get("passed") is True and not blocking, found, needed, None)


def _lineage(_: ProjectConfig, evidence: Evidence) -> Iterator[Rule]:
    missing = [tag.removeprefix(contract.PREFIX) for tag in contract.LINEAGE_TAGS if not evidence.tags.get(tag)]
    dirty = evidence.tags.get(contract.TAG_GIT_DIRTY) == "true"
    yield Rule(
        "complete lineage",
        not missing,
        f"missing: {', '.join(missing)}" if missing else "complete",
        "code, data, split, lock, project, model and seed are known",
        None,
        "the working tree had uncommitted changes, so the commit alone does not rebuild this run" if dirty else "",
    )


def _latency(config: ProjectConfig, evidence: Evidence) -> Iterator[Rule]:
    limit = config.gates.max_latency_ms
    value = evidence.metrics.get(contract.LATENCY_MS)
    needed = f"one applicant in {limit:g} ms or less (median)"
    if value is None:
        yield _missing("latency", "the measured scoring time", needed)
        return
    yield Rule("latency", value <= limit, f"{value:.1f} ms", needed, limit - value)


_STEPS: Final[tuple[Callable[[ProjectConfig, Evidence], Iterator[Rule]], ...]] = (
    _complete, _floors, _champion, _segments, _calibration, _leaks, _lineage, _latency,
)  # fmt: skip


def _or_null(margin: float | None) -> float | None:
    return margin if margin is not None and math.isfinite(margin) else None


def _missing(name: str, what: str, needed: str) -> Rule:
    return Rule(name, False, f"missing evidence: {what}", needed, None)


def _test_rows(holdout: pd.DataFrame | None) -> pd.DataFrame | None:
    return None if holdout is None else holdout[holdout["split"] == contract.TEST]
