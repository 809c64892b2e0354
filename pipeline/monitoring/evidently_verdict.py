"""Evidently's verdict beside ours, column by column, and one sentence where they differ: why, tried out on the rows."""

import math
from typing import Final

import numpy as np
from scipy.stats import wasserstein_distance

from pipeline.evaluation.drift import MOVED, NO_DATA, SHIFTED, STABLE, TOO_FEW, compare_frames
from pipeline.evaluation.inputs import FloatArray
from pipeline.evaluation.reference import CATEGORY, NUMBER, feature_profile
from pipeline.monitoring.evidently_run import Answers, Said
from pipeline.monitoring.evidently_sample import SCORE, Sample
from pipeline.monitoring.evidently_store import DRIFT, LEFT_OUT, NO_ANSWER, NO_DRIFT, ColumnVerdict

_TAIL: Final = 0.005
"""Cut from either end to see what the extremes did: one row in two hundred."""
_MISSING_MOVED: Final = 0.01


def verdicts(sample: Sample, answers: Answers) -> tuple[ColumnVerdict, ...]:
    """Return both verdicts on every column of a sample, those that differ first, then by our PSI."""
    limits = sample.config.monitoring
    table = compare_frames(
        sample.before, sample.now[list(sample.kinds)], sample.kinds, limits.min_rows, limits.psi_warn, limits.psi_alert
    ).set_index("feature")
    found = [_verdict(sample, answers, name, {str(k): v for k, v in table.loc[name].items()}) for name in sample.kinds]
    return tuple(sorted(found, key=lambda v: (not v.differs, -(v.psi if math.isfinite(v.psi) else -1.0))))


def _verdict(sample: Sample, answers: Answers, name: str, ours: dict[str, object]) -> ColumnVerdict:
    said = answers.columns.get(name)
    label = "PD" if name == SCORE else sample.config.feature(name).label
    theirs = LEFT_OUT if said is None else NO_ANSWER if said.drifted is None else DRIFT if said.drifted else NO_DRIFT
    differs, why = _compare(sample, name, ours, said, answers.left_out.get(name, ""))
    numbers = (said.value, said.threshold, said.psi) if said else (math.nan,) * 3
    return ColumnVerdict(
        name, label, sample.kinds[name], str(ours["verdict"]), _number(ours["psi"]), theirs, said.method if said else "",
        *numbers, differs, why,
    )  # fmt: skip


def _compare(sample: Sample, name: str, ours: dict[str, object], said: Said | None, left_out: str) -> tuple[bool, str]:
    """Whether the two differ, and the sentence."""
    verdict, psi = str(ours["verdict"]), _number(ours["psi"])
    ours_moved = verdict in (MOVED, SHIFTED)
    if said is None:
        answer = "we see no drift either" if verdict == STABLE else f"we say {_in_words(verdict, psi, ours)}"
        return (
            ours_moved,
            f"Evidently cannot take this column, since {left_out}; it was left out so that the others show; {answer}.",
        )
    if said.drifted is None:
        return (
            ours_moved,
            f"Evidently's {said.method} has no value here ({_constant(sample, name)}); we say {_in_words(verdict, psi, ours)}.",
        )
    if verdict in (TOO_FEW, NO_DATA):
        return True, f"We give no verdict: {ours['note'] or verdict}. Evidently gives one at any number of rows."
    if said.drifted == ours_moved:
        return False, _agree(sample, name, ours_moved, said)
    return True, _they_miss(sample, name, ours, said) if ours_moved else _they_alarm(sample, name, psi, said)


def _they_miss(sample: Sample, name: str, ours: dict[str, object], said: Said) -> str:
    """We see drift and Evidently does not."""
    psi, before, now = _number(ours["psi"]), sample.before[name], sample.now[name]
    missing, missed = _number(ours["missing"]), _number(ours["missing_before"])
    if abs(missing - missed) > _MISSING_MOVED and not _moves_without_missing(sample, name):
        return f"Evidently drops missing values: they went from {missed:.1%} to {missing:.1%}, and nothing else moved."
    if sample.kinds[name] != NUMBER:
        return f"Its {said.method} of {said.value:.3f} has not reached {said.threshold:g}; our PSI is {psi:.2f}: {_most(ours)}."
    if _counts_as_category(sample, name):
        return (
            f"It has few whole numbers, which we count one by one ({_most(ours)}); Evidently measures how far the values move, "
            f"{said.value:.3f} of {said.threshold:g}."
        )
    if _tails_hide(before.to_numpy(), now.to_numpy(), said.threshold):
        return (
            f"A few extreme values (up to {_largest(before, now):,.6g}) stretch the scale that Evidently measures by; without "
            f"the outermost rows it would see drift, too. Our bins are deciles of development: {_most(ours)}."
        )
    return (
        f"Evidently measures the distance that values move, {said.value:.3f} of {said.threshold:g} ({said.method}); our PSI "
        f"{psi:.2f} counts who is in which decile of development: {_most(ours)}."
    )


def _they_alarm(sample: Sample, name: str, psi: float, said: Said) -> str:
    """Evidently sees drift and we do not."""
    if "p_value" in said.method:
        return (
            f"Evidently tests for chance ({said.method} {said.value:.2g}): the difference may be real, but it is small (PSI "
            f"{psi:.3f}, we warn from {sample.config.monitoring.psi_warn:g})."
        )
    before, now = sample.before[name].to_numpy(), sample.now[name].to_numpy()
    if sample.kinds[name] == NUMBER and _distance(*_trimmed(before, now)) < said.threshold:
        return (
            f"A few extreme values (up to {_largest(before, now):,.6g}) make Evidently's distance {said.value:.2f}; without "
            f"the outermost rows it would see none. They are too few to move our deciles (PSI {psi:.3f})."
        )
    return (
        f"Evidently warns from {said.threshold:g} of its {said.method} on, here {said.value:.3f}; by shares of deciles or "
        f"categories the change is small (PSI {psi:.3f}, we warn from {sample.config.monitoring.psi_warn:g})."
    )


def _agree(sample: Sample, name: str, moved: bool, said: Said) -> str:
    """Nothing to say, but where its PSI would have missed what both see."""
    warn = sample.config.monitoring.psi_warn
    if moved and sample.kinds[name] == NUMBER and said.psi < warn:
        return (
            f"Both see drift, but Evidently's own PSI is {said.psi:.4f}: its bins have equal widths up to "
            f"{_largest(sample.before[name], sample.now[name]):,.6g}, ours are deciles of development."
        )
    return ""


def _in_words(verdict: str, psi: float, ours: dict[str, object]) -> str:
    note = f", {ours['note']}" if ours["note"] else ""
    return f"{verdict} (PSI {psi:.2f}{note})" if math.isfinite(psi) else f"{verdict}{note}"


def _most(ours: dict[str, object]) -> str:
    return f"most moved in {ours['moved_bin']}" if ours["moved_bin"] else "no single bin stands out"


def _moves_without_missing(sample: Sample, name: str) -> bool:
    limits = sample.config.monitoring
    before, now = (frame[[name]].dropna() for frame in (sample.before, sample.now))
    table = compare_frames(before, now, {name: sample.kinds[name]}, 1, limits.psi_warn, limits.psi_alert)
    return table["verdict"].iloc[0] in (MOVED, SHIFTED)


def _counts_as_category(sample: Sample, name: str) -> bool:
    profile = feature_profile(sample.before, {name: sample.kinds[name]})
    return bool((profile["kind"] == CATEGORY).all())


def _constant(sample: Sample, name: str) -> str:
    known = sample.now[name].dropna()
    return "the column has one value only" if (known == known.iloc[0]).all() else "it cannot be computed on these rows"


def _tails_hide(before: FloatArray, now: FloatArray, threshold: float) -> bool:
    return _distance(*_trimmed(before, now)) >= threshold


def _distance(before: FloatArray, now: FloatArray) -> float:
    """Evidently's distance for numbers: Wasserstein's over the standard deviation of development, at least 0.001."""
    before, now = before[np.isfinite(before)], now[np.isfinite(now)]
    return float(wasserstein_distance(before, now) / max(float(np.std(before)), 0.001))


def _trimmed(before: FloatArray, now: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both without their outermost rows."""
    return _inner(before), _inner(now)


def _inner(values: FloatArray) -> FloatArray:
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [_TAIL, 1 - _TAIL])
    return np.compress((known >= low) & (known <= high), known)


def _largest(*columns: object) -> float:
    return float(max(np.nanmax(np.abs(np.asarray(column, dtype=np.float64))) for column in columns))


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float | np.number) else math.nan
