"""Evidently's verdict beside ours, column by column, and one sentence where they differ: why, tried out on the rows."""

import math
from dataclasses import astuple, dataclass
from typing import Any, Final

import numpy as np
from pandas import Series
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
_DISTANCE: Final = "Wasserstein"
"""Evidently's choice for numbers of more than 1,000 development rows: the distance in their standard deviations."""


_TAKEN: Final = ("verdict", "psi", "missing", "missing_before", "moved_bin", "note")


@dataclass(frozen=True, eq=False)
class _Ours:
    """Our verdict on one column, and its rows."""

    kind: str
    verdict: str
    psi: float
    missing: float
    missing_before: float
    moved_bin: str
    note: str
    before: "Series[float]"
    now: "Series[float]"
    warn: float

    @property
    def has_moved(self) -> bool:
        return self.verdict in (MOVED, SHIFTED)

    @property
    def moved(self) -> str:
        """Where the change is."""
        return f"most moved in {self.moved_bin}" if self.moved_bin else "no single bin stands out"

    @property
    def words(self) -> str:
        note = f", {self.note}" if self.note else ""
        return f"{self.verdict} (PSI {self.psi:.2f}{note})" if math.isfinite(self.psi) else f"{self.verdict}{note}"

    @property
    def largest(self) -> str:
        value = max(float(np.nanmax(np.abs(column.to_numpy()))) for column in (self.before, self.now))
        return f"{value:,.0f}" if value >= 1000 else f"{value:,.6g}"


def verdicts(sample: Sample, answers: Answers) -> tuple[ColumnVerdict, ...]:
    """Return both verdicts on every column of a sample, those that differ first, then by our PSI."""
    found = [_verdict(sample, answers, name, ours) for name, ours in _our_verdicts(sample).items()]
    return tuple(sorted(found, key=lambda v: (not v.differs, -(v.psi if math.isfinite(v.psi) else -1.0))))


def _our_verdicts(sample: Sample) -> dict[str, _Ours]:
    limits, before, now = sample.config.monitoring, sample.before, sample.now[list(sample.kinds)]
    table = compare_frames(before, now, sample.kinds, limits.min_rows, limits.psi_warn, limits.psi_alert)
    rows: list[dict[str, Any]] = [{str(k): v for k, v in row.items()} for row in table[list(_TAKEN)].to_dict("records")]
    return {
        name: _Ours(kind=kind, before=before[name], now=now[name], warn=limits.psi_warn, **row)
        for (name, kind), row in zip(sample.kinds.items(), rows, strict=True)
    }


def _verdict(sample: Sample, answers: Answers, name: str, ours: _Ours) -> ColumnVerdict:
    label = "PD" if name == SCORE else sample.config.feature(name).label
    said, left_out = answers.columns.get(name), answers.left_out.get(name)
    if said is None:
        differs, why = ours.has_moved, _left_out(ours, left_out or "")
    else:
        differs, why = _compare(ours, said)
    nothing = Said("", math.nan, math.nan, None, math.nan)
    method, value, threshold, drifted, psi = astuple(said or nothing)
    theirs = LEFT_OUT if said is None else NO_ANSWER if drifted is None else DRIFT if drifted else NO_DRIFT
    numbers = ours.psi, theirs, method, value, threshold, psi
    return ColumnVerdict(name, label, ours.kind, ours.verdict, *numbers, differs, why)


def _left_out(ours: _Ours, reason: str) -> str:
    also = "we see no drift either" if ours.verdict == STABLE else f"we say {ours.words}"
    return f"Evidently cannot take this column: {reason}. It was left out so that the others show; {also}."


def _compare(ours: _Ours, said: Said) -> tuple[bool, str]:
    """Whether the two differ, and the sentence."""
    if said.drifted is None:
        return ours.has_moved, f"Evidently's {said.method} has no value here ({_without_value(ours)}); we say {ours.words}."
    if ours.verdict in (TOO_FEW, NO_DATA):
        return True, f"We give no verdict ({ours.note or ours.verdict}); Evidently gives one at any number of rows."
    if said.drifted == ours.has_moved:
        return False, _agree(ours, said)
    return True, _they_miss(ours, said) if ours.has_moved else _they_alarm(ours, said)


def _they_miss(ours: _Ours, said: Said) -> str:
    """We see drift and Evidently does not."""
    if abs(ours.missing - ours.missing_before) > _MISSING_MOVED and not _moves_without_missing(ours):
        shares = f"{100 * ours.missing_before:.1f} % to {100 * ours.missing:.1f} %"
        return f"Evidently drops missing values, and these went from {shares}; the known ones hardly moved."
    if ours.kind != NUMBER:
        return f"Its distance has not reached {said.threshold:g}, while shares changed enough for our PSI: {ours.moved}."
    if _is_counted_one_by_one(ours):
        return f"These are a few whole numbers, which we count one by one ({ours.moved}); Evidently measures how far they move."
    if _distance(*_trimmed(ours)) >= said.threshold:
        return (
            f"A few extreme values (up to {ours.largest}) stretch the scale by which Evidently measures; without the outermost "
            f"rows it would see drift, too. Our bins are deciles of development: {ours.moved}."
        )
    return (
        f"Evidently measures how far values move on average and warns from {said.threshold:g} standard deviations on; we count "
        f"who is in which decile of development: {ours.moved}."
    )


def _they_alarm(ours: _Ours, said: Said) -> str:
    """Evidently sees drift and we do not."""
    if "p_value" in said.method:
        return f"It tests for chance: the difference may be real, but it is small; our PSI warns from {ours.warn:g}."
    if _DISTANCE not in said.method:
        return f"It warns from {said.threshold:g} on, which small changes of shares reach; our PSI warns from {ours.warn:g}."
    if _distance(*_trimmed(ours)) < said.threshold:
        return (
            f"A few extreme values (up to {ours.largest}) are all of Evidently's distance; without the outermost rows it sees "
            "no drift. They are too few to move our deciles."
        )
    return (
        f"It warns when values move by {said.threshold:g} standard deviations on average, which takes few of them into another "
        f"decile; our PSI warns from {ours.warn:g}."
    )


def _agree(ours: _Ours, said: Said) -> str:
    """Nothing to say, but where its PSI would have missed what both see."""
    if ours.has_moved and ours.kind == NUMBER and said.psi < ours.warn:
        return (
            f"Both see drift, but Evidently's own PSI is {said.psi:.4f}: its bins have equal widths up to {ours.largest}, ours "
            "are deciles of development."
        )
    return ""


def _moves_without_missing(ours: _Ours) -> bool:
    before, now = (column.dropna().to_frame("known") for column in (ours.before, ours.now))
    return compare_frames(before, now, {"known": ours.kind}, 1, ours.warn)["verdict"].iloc[0] in (MOVED, SHIFTED)


def _is_counted_one_by_one(ours: _Ours) -> bool:
    return bool((feature_profile(ours.before.to_frame("known"), {"known": ours.kind})["kind"] == CATEGORY).all())


def _without_value(ours: _Ours) -> str:
    known = ours.now.dropna()
    return "the column has one value only" if (known == known.iloc[0]).all() else "it cannot be computed on these rows"


def _distance(before: FloatArray, now: FloatArray) -> float:
    """Evidently's distance for numbers: Wasserstein's over the standard deviation of development, at least 0.001."""
    return float(wasserstein_distance(before, now) / max(float(np.std(before)), 0.001))


def _trimmed(ours: _Ours) -> tuple[FloatArray, FloatArray]:
    """Known values before and now, without the outermost rows."""
    return _inner(ours.before), _inner(ours.now)


def _inner(column: "Series[float]") -> FloatArray:
    known = column.dropna().to_numpy(dtype=np.float64)
    low, high = np.quantile(known, [_TAIL, 1 - _TAIL])
    return np.compress((known >= low) & (known <= high), known)
