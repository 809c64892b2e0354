"""Do nothing, recalibrate or retrain: what matured loans, ranking and inputs say, with the evidence in sentences."""

import math
from dataclasses import dataclass
from typing import Final

from pandas import DataFrame

from pipeline.evaluation.drift import MOVED, SHIFTED
from pipeline.evaluation.grades import TOO_FEW, binomial_tails

NOTHING: Final = "do nothing"
RECALIBRATE: Final = "recalibrate"
RETRAIN: Final = "retrain"
AUC_TOLERANCE: Final = 0.02
"""A fall of AUC smaller than this is not worth a new model, however sure it is."""
LEVEL_TOLERANCE: Final = 0.1
"""Defaults within this share of those expected are not worth a recalibration, however sure the difference is."""
LEVEL_CHANCE: Final = 0.01
_TO_99: Final = 2.5758 / 1.96
"""From half a 95 % interval to half a 99 % one."""
MIN_DEFAULTS: Final = 30
"""With fewer defaults, known or expected, neither level nor ranking can be judged."""


@dataclass(frozen=True)
class Measured:
    """A number with its 95 % interval; NaN where it could not be measured."""

    value: float
    lo: float
    hi: float

    def minus(self, other: "Measured") -> "Measured":
        """Return the difference of two independent measurements (MOVER: Zou and Donner 2008, Statistics in Medicine 27)."""
        value = self.value - other.value
        below = math.hypot(self.value - self.lo, other.hi - other.value)
        above = math.hypot(self.hi - self.value, other.value - other.lo)
        return Measured(value, value - below, value + above)


@dataclass(frozen=True)
class Advice:
    """What to do with the model. `is_judged` is False where there is too little to go by, which is not the same as good."""

    action: str
    headline: str
    evidence: tuple[str, ...]
    is_judged: bool


def advise(
    grades: DataFrame,
    auc_before: Measured,
    auc_now: Measured,
    drift: DataFrame | None = None,
    auc_expected: Measured | None = None,
    auc_tolerance: float = AUC_TOLERANCE,
    level_tolerance: float = LEVEL_TOLERANCE,
) -> Advice:
    """Advise on a live model from its matured loans.

    grades: as `grades.grade_table` of matured loans; auc_before: on test when the model was released; auc_now: on the same
    matured loans as the grades; drift: as `drift.drift_table` of the latest inputs, for the evidence only, since inputs may
    shift and the model stay right. auc_expected: as `estimate.estimate_performance` gives it for those loans; where the AUC is
    no lower than that, applicants have only become more alike and a new model would rank them no better.

    Retrain when AUC fell by `auc_tolerance` or more, and chance would do that less than once in a hundred times (the 99 %
    interval of the change lies below 0). Else recalibrate when defaults differ from those expected by more than
    `level_tolerance`, in all or in a grade, and chance would do that as seldom (exact binomial, two-sided; Bonferroni over the
    grades). Else do nothing.
    """
    levels, is_off = _levels(grades, level_tolerance)
    ranking, has_fallen = _ranking(auc_before, auc_now, auc_expected, auc_tolerance)
    evidence = (*levels, ranking, *_inputs(drift))
    defaults, expected = int(grades["defaults"].sum()), float(grades["expected"].sum())
    if min(defaults, expected) < MIN_DEFAULTS and not (is_off and max(defaults, expected) >= MIN_DEFAULTS):
        return Advice(
            NOTHING, f"Do nothing yet: only {defaults:,} defaults are known, {MIN_DEFAULTS} are needed.", evidence, False
        )
    if has_fallen:
        return Advice(RETRAIN, "Retrain: the model no longer ranks applicants as well as it did.", evidence, True)
    if is_off:
        return Advice(RECALIBRATE, _recalibrate(defaults, expected, level_tolerance), evidence, True)
    if math.isnan(auc_now.value):
        return Advice(NOTHING, "Do nothing yet: PDs fit the defaults, the ranking could not be measured.", evidence, False)
    return Advice(NOTHING, "Do nothing: the model ranks as it did, and its PDs fit the defaults.", evidence, True)


def _recalibrate(defaults: float, expected: float, tolerance: float) -> str:
    ratio = defaults / expected if expected > 0 else math.inf
    if abs(ratio - 1) <= tolerance:
        return "Recalibrate: the order of applicants is right, but PDs do not fit the defaults grade by grade."
    side = "low" if ratio > 1 else "high"
    return f"Recalibrate: the order of applicants is right, but PDs are too {side}; {_times(ratio)} as many defaults came."


def _levels(grades: DataFrame, tolerance: float) -> tuple[list[str], bool]:
    """Sentences on the level in all and in each grade that is off, and whether any is."""
    judged = grades[grades["light"] != TOO_FEW]
    n, defaults, expected = int(grades["n"].sum()), int(grades["defaults"].sum()), float(grades["expected"].sum())
    if n == 0:
        return ["No matured loan is known."], False
    is_off, chance = _is_off(defaults, n, expected, 1, tolerance)
    said = [f"Of {n:,} matured loans {defaults:,} defaulted and {expected:,.1f} were expected{_chance(chance, is_off)}."]
    for row in judged.to_dict("records"):
        off, chance = _is_off(int(row["defaults"]), int(row["n"]), float(row["expected"]), len(judged), tolerance)
        is_off = is_off or off
        if off:
            rates = f"{100 * row['default_rate']:.1f} % defaulted and {100 * row['mean_pd']:.1f} % were expected"
            said.append(f"Grade {row['grade']}: {rates} (n = {row['n']:,}){_chance(chance, off)}.")
    return said, is_off


def _is_off(defaults: int, n: int, expected: float, n_tests: int, tolerance: float) -> tuple[bool, float]:
    """Tell whether defaults are off in size and beyond chance; with the two-sided chance, for as many tests."""
    more, fewer = binomial_tails([defaults], [n], [expected / n])
    chance = min(1.0, 2 * float(min(more[0], fewer[0])) * n_tests)
    return abs(defaults - expected) > tolerance * expected and chance < LEVEL_CHANCE, chance


def _chance(chance: float, is_off: bool) -> str:
    if not is_off:
        return ", which is within chance" if chance >= LEVEL_CHANCE else ", a difference too small to matter"
    return f"; with right PDs the chance of that is {'under 0.01 %' if chance < 1e-4 else f'{100 * chance:.2f} %'}"


def _ranking(before: Measured, now: Measured, expected: Measured | None, tolerance: float) -> tuple[str, bool]:
    change = now.minus(before)
    if math.isnan(change.lo) or math.isnan(change.hi):
        return "The ranking could not be measured on matured loans.", False
    figures = (
        f"AUC {now.value:.3f} on matured loans, {before.value:.3f} at release: "
        f"{change.value:+.3f}, 95 % interval {change.lo:+.3f} to {change.hi:+.3f}"
    )
    if change.value > -tolerance or change.value + _TO_99 * (change.hi - change.value) >= 0:
        return f"The ranking holds ({figures}).", False
    if expected is not None and now.minus(expected).hi >= 0:
        alike = f"the PDs themselves expect {expected.value:.3f}: applicants have become more alike"
        return f"AUC is lower, but the model is not the cause ({figures}; {alike}).", False
    return f"The ranking fell ({figures}).", True


def _inputs(drift: DataFrame | None) -> list[str]:
    """What the inputs did; drift alone is no reason to act."""
    if drift is None:
        return []
    said = []
    for verdict in (SHIFTED, MOVED):
        rows = drift[drift["verdict"] == verdict].sort_values("psi", ascending=False)
        if len(rows):
            names = ", ".join(f"{row['feature']} (PSI {row['psi']:.2f})" for row in rows.to_dict("records"))
            said.append(f"Inputs that {'have ' if verdict == SHIFTED else ''}{verdict}: {names}.")
    return said or ["No input that could be judged has moved."]


def _times(ratio: float) -> str:
    return f"{ratio:.2f} times" if math.isfinite(ratio) else "many times"
