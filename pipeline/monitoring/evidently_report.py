"""A full Evidently report on a window of decisions, on a stated sample, with our verdict beside its own; kept as files.

It takes half a minute and half a gigabyte: run it in a process of its own (`python -m pipeline report`).
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.metadata import version as installed
from typing import Any, Final

from pandas import DataFrame
from sqlalchemy import Engine

from pipeline import contract
from pipeline.evaluation.metrics import score_metrics
from pipeline.monitoring import evidently_store as kept
from pipeline.monitoring.clock import as_of_day
from pipeline.monitoring.evidently_sample import OUTCOME, SCORE, TARGET, Sample, Window, find_window, read_sample
from pipeline.monitoring.evidently_store import SAMPLE, Judged, Report, ReportError
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.settings import Settings
from pipeline.store.documents import content_sha256

MIN_KNOWN: Final = 200
MIN_OF_EACH: Final = 20
"""Defaults, and loans paid back, below which a classification report says nothing."""
STEPS: Final = 7
FILED: Final = "monitoring/evidently"

Tell = Callable[[int, int, str], None]


def make_report(
    settings: Settings, engine: Engine, project: str, *, first: date, last: date, as_of: date | None = None,
    sample: int = SAMPLE, seed: int = 0, version: int | None = None, tell: Tell | None = None,
) -> Report:  # fmt: skip
    """Make, or find, the report on the decisions of the days first to last (inclusive, UTC), outcomes as known by `as_of`.

    Compares at most `sample` decisions of one version (None: the one that decided most) with the development rows that its run
    keeps. The same window, sample, seed and log give the report that is there already. ``tell`` gets steps done, all steps and
    what is done now.

    Raises ReportError for days in the wrong order, a window without decisions or rows that are gone; BaselineError,
    TrackingUnavailable and StoreError as their readers do.
    """
    if first > last or sample < 100:
        raise ReportError(
            f"from {first} to {last}, sample {sample}: the first day must not be after the last, and the sample at least 100"
        )
    steps = _Steps(tell)
    steps("looking for the decisions")
    window = find_window(engine, project, first, last, as_of or as_of_day(engine, project) or last, version)
    report_id = _report_id(window, sample, seed)
    try:
        return kept.read_report(settings, project, report_id)
    except ReportError:
        kept.forget(settings, project, report_id)
    started = time.monotonic()
    steps(f"reading {min(sample, window.n):,} of {window.n:,} decisions")
    drawn = read_sample(settings, engine, window, sample, seed)
    return _made(settings, window, drawn, report_id, seed, started, steps)


def _made(
    settings: Settings, window: Window, sample: Sample, report_id: str, seed: int, started: float, steps: "_Steps"
) -> Report:
    from pipeline.monitoring.evidently_run import ask
    from pipeline.monitoring.evidently_verdict import verdicts

    cutoff = sample.policy.decline_above
    known, why_not = known_outcomes(sample)
    answers = ask(sample.before, sample.now, sample.kinds, known, cutoff, steps)
    judged = None if known is None else _judged(known[1], cutoff, answers.measures)
    report = Report(
        id=report_id, project=window.project, first=window.first, last=window.last, as_of=window.as_of,
        made_at=datetime.now(UTC), seconds=time.monotonic() - started, seed=seed, model_version=window.version,
        run_id=sample.run_id, policy_id=sample.policy.id, cutoff=cutoff, n_window=window.n,
        n_other_versions=window.n_other_versions, n_sampled=len(sample.now), n_reference=len(sample.before),
        evidently=answers.version, columns=verdicts(sample, answers), judged=judged,
        notes=_notes(window, sample, why_not), filed="",
    )  # fmt: skip
    document = {
        "report": kept.as_document(report),
        "drift_and_summary": answers.drift,
        "classification": answers.classification,
    }
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False, default=str)
    files = {kept.HTML: answers.html, kept.JSON: text}
    steps("keeping the report")
    return kept.keep(settings, replace(report, filed=_file_with_run(settings, report, files)), files)


def known_outcomes(sample: Sample) -> tuple[tuple[DataFrame, DataFrame] | None, str]:
    """Return test rows and sampled decisions with their outcomes, or None and why there are too few."""
    known = sample.now.loc[sample.now[TARGET].notna(), [SCORE, TARGET]]
    defaults = int(known[TARGET].sum())
    if len(known) < MIN_KNOWN or min(defaults, len(known) - defaults) < MIN_OF_EACH:
        return None, (
            f"No classification: of {len(sample.now):,} sampled decisions the outcome of {len(known):,} is known, {defaults:,} "
            f"of them defaults; it takes {MIN_KNOWN}, and {MIN_OF_EACH} of either kind."
        )
    return (sample.tested, known), ""


def _judged(known: DataFrame, cutoff: float, theirs: Mapping[str, float]) -> Judged:
    ours = score_metrics(known[TARGET].to_numpy(), known[SCORE].to_numpy(), cutoff)
    return Judged(len(known), int(known[TARGET].sum()), dict(theirs), {name: ours[name] for name in theirs})


def _notes(window: Window, sample: Sample, why_not: str) -> tuple[str, ...]:
    notes = [why_not] if why_not else []
    if window.n > len(sample.now):
        notes.append(
            f"A sample of {len(sample.now):,} of {window.n:,} decisions: the Drift page counts them all, against all "
            "development rows, so that its PSI may differ a little from the one here."
        )
    if window.n_other_versions:
        notes.append(
            f"{window.n_other_versions:,} decisions of other versions in these days are left out: each version has its own "
            "development rows."
        )
    known = sample.now[TARGET].notna()
    declined = sample.now[OUTCOME] == contract.DECLINE
    if not why_not and declined.any() and not (known & declined).any():
        notes.append(
            "Outcomes are known of approved applicants only, so that no refusal can prove right: recall is zero by design."
        )
    elif not why_not and not known.all():
        notes.append(
            f"Classification stands on the {int(known.sum()):,} of {len(sample.now):,} decisions whose outcome is known."
        )
    return tuple(notes)


def _report_id(window: Window, sample: int, seed: int) -> str:
    asked: dict[str, Any] = {
        **{k: str(v) if isinstance(v, date) else v for k, v in window.__dict__.items()},
        "sample": sample, "seed": seed, "evidently": installed("evidently"), "form": kept.FORM,
    }  # fmt: skip
    return content_sha256(asked, leave_out="")[:16]


def _file_with_run(settings: Settings, report: Report, files: Mapping[str, str]) -> str:
    """File the page and the numbers with the run of the version in MLflow; return where, or why that was not possible."""
    from pipeline.training.tracking import TrackingError, file_text

    place = f"{FILED}/{report.id}"
    try:
        for name, text in files.items():
            file_text(settings, report.run_id, f"{place}/{name}", text)
    except (TrackingError, TrackingUnavailable, OSError) as error:
        return f"Not filed with the run in MLflow: {error}"
    return f"Filed with run {report.run_id} in MLflow: {place}"


class _Steps:
    """Counts what is done."""

    def __init__(self, tell: Tell | None) -> None:
        self._tell, self._done = tell, 0

    def __call__(self, what: str) -> None:
        if self._tell is not None:
            self._tell(self._done, STEPS, what)
        self._done += 1
