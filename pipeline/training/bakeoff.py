"""The bake-off: every candidate of the project fitted out of fold, calibrated, refitted on all development rows, tested once.

Nothing is written here; `pipeline.training.tracking` logs what comes back, so an interrupted bake-off leaves no run behind.
"""

import statistics
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import joblib
import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from pipeline.data.split import Split, folds
from pipeline.project import ProjectConfig, Scalar
from pipeline.training.calibration import CalibratedPD, Calibrator, cross_fitted, positive_score
from pipeline.training.families import make_estimator
from pipeline.training.features import build_matrix, matrix_names, monotone_signs, source_column

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
Progress = Callable[[str, int, int], None]
"""Called with what was done, how many units are done, and how many there are."""

_LATENCY_REPEATS = 9


@dataclass(frozen=True)
class Candidate:
    """One combination of a family and its parameters."""

    family: str
    params: dict[str, Scalar]
    name: str


@dataclass(frozen=True)
class Fitted:
    """A candidate that went all the way: the model, and the PDs it gave to rows it had not seen."""

    candidate: Candidate
    model: Pipeline
    valid_rows: IntArray
    """Positions in the frame that were scored out of fold."""
    valid_pd: FloatArray
    test_pd: FloatArray
    fit_seconds: float
    latency_ms: float
    importance: pd.DataFrame
    """Columns ``feature`` (raw column or ratio) and ``importance`` (share of all)."""
    calibration: str
    """Method by which the scores became PDs; none for the prior, which is a PD already."""


@dataclass(frozen=True)
class Failed:
    """A candidate that could not be fitted, and why, in one line."""

    candidate: Candidate
    reason: str


@dataclass
class _Attempt:
    """What is gathered about a candidate while the folds go by."""

    candidate: Candidate
    scores: dict[int, FloatArray] = field(default_factory=dict)
    seconds: float = 0.0
    estimator: Any = None
    reason: str = ""


@dataclass(frozen=True)
class _Unit:
    """One fit: a candidate on one fold's matrix. `fold` is None for the last fit on all development rows."""

    attempt: int
    candidate: Candidate
    fold: int | None


@dataclass(frozen=True)
class _Matrix:
    """A fitted matrix and both sides of one fold, shared by all candidates."""

    steps: Pipeline
    X_train: FloatArray
    y_train: IntArray
    X_valid: FloatArray
    signs: list[int]


def list_candidates(config: ProjectConfig) -> list[Candidate]:
    """Every combination of every grid, in the order of the file."""
    found = []
    for title, model in config.models.items():
        for params in model.candidates():
            varied = " ".join(f"{k}={params[k]}" for k in model.grid)
            found.append(Candidate(model.family, params, f"{title} {varied}".strip()))
    return found


def run_bakeoff(
    config: ProjectConfig,
    frame: pd.DataFrame,
    split: Split,
    *,
    candidates: Sequence[Candidate] | None = None,
    n_jobs: int = -1,
    progress: Progress | None = None,
) -> list[Fitted | Failed]:
    """Fit every candidate and return them in order; one that raises comes back as `Failed`, the others go on.

    `frame` is the cleaned snapshot. Fits run in threads through joblib: scikit-learn's and LightGBM's inner loops release
    the interpreter lock, and no worker has to import them again. BLAS is held to one thread for the sake of identical bits.
    """
    attempts = [_Attempt(c) for c in (list_candidates(config) if candidates is None else candidates)]
    dev = frame.iloc[split.dev].reset_index(drop=True)
    y = dev[config.data.target].to_numpy(dtype=np.int64)
    parts = folds(dev, config)
    total = len(attempts) * (len(parts) + 1)
    report = _counter(progress, total)
    with threadpool_limits(limits=1):
        for number, (train, valid) in enumerate(parts):
            matrix = _fit_matrix(config, dev.iloc[train], y[train], dev.iloc[valid])
            _fit_all(attempts, matrix, number, config.split.seed, n_jobs, report)
        last = _fit_matrix(config, dev, y, frame.iloc[split.test])
        _fit_all(attempts, last, None, config.split.seed, n_jobs, report)
        sample = frame.iloc[split.test[:1]]
        return [_finished(a, config, last, parts, y, split.dev, sample) for a in attempts]


def _counter(progress: Progress | None, total: int) -> Callable[[str], None]:
    done = 0

    def report(label: str) -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(label, done, total)

    return report


def _fit_matrix(config: ProjectConfig, train: pd.DataFrame, y: IntArray, valid: pd.DataFrame) -> _Matrix:
    steps = build_matrix(config)
    X_train = steps.fit_transform(train, y)
    return _Matrix(steps, X_train, y, steps.transform(valid), monotone_signs(matrix_names(steps), config))


def _fit_all(
    attempts: list[_Attempt], matrix: _Matrix, fold: int | None, seed: int, n_jobs: int, report: Callable[[str], None]
) -> None:
    units = [_Unit(i, a.candidate, fold) for i, a in enumerate(attempts) if not a.reason]
    with closing(_run_units(units, matrix, seed, n_jobs)) as outcomes:
        for unit, outcome, seconds in outcomes:
            attempt = attempts[unit.attempt]
            attempt.seconds += seconds
            if isinstance(outcome, str):
                attempt.reason = outcome
            elif fold is None:
                attempt.estimator, attempt.scores[-1] = outcome
            else:
                attempt.scores[fold] = outcome[1]
            report(unit.candidate.name)


def _run_units(
    units: list[_Unit], matrix: _Matrix, seed: int, n_jobs: int
) -> Generator[tuple[_Unit, tuple[Any, FloatArray] | str, float]]:
    pool = joblib.Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator_unordered")
    outcomes = pool(joblib.delayed(_fit_unit)(unit, matrix, seed) for unit in units)
    try:
        for outcome in outcomes:  # noqa: UP028 - `yield from` would close joblib's generator, see below
            yield outcome
    except GeneratorExit:
        # Closed early, joblib warns of unread results; thrown at, it stops its workers and says nothing.
        with suppress(KeyboardInterrupt):
            outcomes.throw(KeyboardInterrupt)
        raise


def _fit_unit(unit: _Unit, matrix: _Matrix, seed: int) -> tuple[_Unit, tuple[Any, FloatArray] | str, float]:
    start = time.perf_counter()
    try:
        estimator = make_estimator(unit.candidate.family, unit.candidate.params, signs=matrix.signs, seed=seed)
        estimator.fit(matrix.X_train, matrix.y_train)
        outcome: tuple[Any, FloatArray] | str = (estimator, positive_score(estimator, matrix.X_valid))
    except Exception as exc:  # any fault of one candidate is its own; it is recorded by name and the others go on
        outcome = _in_one_line(exc)
    return unit, outcome, time.perf_counter() - start


def _in_one_line(exc: Exception) -> str:
    return f"{type(exc).__name__}: {' '.join(str(exc).split())[:300]}"


def _finished(
    attempt: _Attempt,
    config: ProjectConfig,
    matrix: _Matrix,
    parts: Sequence[tuple[IntArray, IntArray]],
    y: IntArray,
    dev: IntArray,
    sample: pd.DataFrame,
) -> Fitted | Failed:
    if attempt.reason:
        return Failed(attempt.candidate, attempt.reason)
    try:
        return _finish(attempt, config, matrix, parts, y, dev, sample)
    except Exception as exc:  # such as scores that are not finite: this candidate's own fault too
        return Failed(attempt.candidate, _in_one_line(exc))


def _finish(
    attempt: _Attempt,
    config: ProjectConfig,
    matrix: _Matrix,
    parts: Sequence[tuple[IntArray, IntArray]],
    y: IntArray,
    dev: IntArray,
    sample: pd.DataFrame,
) -> Fitted:
    method = "none" if attempt.candidate.family == "prior" else config.calibration.method
    rows = np.concatenate([valid for _, valid in parts])
    scores = np.concatenate([attempt.scores[i] for i in range(len(parts))])
    fold = np.repeat(np.arange(len(parts)), [len(valid) for _, valid in parts])
    calibrator = Calibrator(method).fit(scores, y[rows])
    model = Pipeline([*matrix.steps.steps, ("pd", CalibratedPD(attempt.estimator, calibrator))])
    order = np.argsort(rows, kind="stable")
    return Fitted(
        candidate=attempt.candidate,
        model=model,
        valid_rows=dev[rows[order]],
        valid_pd=cross_fitted(scores, y[rows], fold, method)[order],
        test_pd=calibrator.transform(attempt.scores[-1]),
        fit_seconds=attempt.seconds,
        latency_ms=latency_ms(model, sample),
        importance=feature_importance(attempt.estimator, matrix_names(matrix.steps), config),
        calibration=method,
    )


def latency_ms(model: Pipeline, row: pd.DataFrame) -> float:
    """Median milliseconds to score one applicant (a frame of one row) through the whole pipeline."""
    times = []
    for _ in range(_LATENCY_REPEATS):
        start = time.perf_counter()
        model.predict_proba(row)
        times.append(1000.0 * (time.perf_counter() - start))
    return statistics.median(times)


def feature_importance(estimator: Any, names: Sequence[str], config: ProjectConfig) -> pd.DataFrame:
    """Share of importance per raw column or ratio, summed over its matrix columns.

    |coefficient| on scaled inputs for the linear model, impurity for a forest, total gain for LightGBM, 0 for the prior. The
    three are not comparable with one another.
    """
    if hasattr(estimator, "coef_"):
        weight = np.abs(np.asarray(estimator.coef_, dtype=np.float64)[0])
    elif hasattr(estimator, "booster_"):
        weight = np.asarray(estimator.booster_.feature_importance("gain"), dtype=np.float64)
    else:
        weight = np.asarray(getattr(estimator, "feature_importances_", np.zeros(len(names))), dtype=np.float64)
    table = pd.DataFrame({"feature": [source_column(n, config) for n in names], "importance": weight})
    summed = table.groupby("feature", sort=False, as_index=False)["importance"].sum()
    total = summed["importance"].sum()
    return summed.assign(importance=summed["importance"] / total if total > 0 else 0.0)
