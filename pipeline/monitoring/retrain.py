"""Retraining: recent matured rows, check, bake-off, gate against the champion, and at best a challenger in shadow.

Nothing here makes a model live: a person other than this verb approves the proposal, or rejects it. Every step looks for its
own result first, so that a retraining that was killed is finished by running it again and nothing is made twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from sqlalchemy import Engine

from pipeline import contract
from pipeline.data.check import clean_table
from pipeline.data.intake import RawRows, check_data, read_data
from pipeline.data.snapshot import content_sha256
from pipeline.monitoring.clock import as_of_day
from pipeline.monitoring.retrain_need import ACTOR, Case, judge_need
from pipeline.monitoring.retrain_release import file_once, proposal_of, propose_once
from pipeline.monitoring.retrain_result import (
    BAD_DATA,
    GATE_FAILED,
    IN_SHADOW,
    NOT_NEEDED,
    NOTHING_NEW,
    PROPOSED,
    RetrainResult,
    blocking,
    failed,
)
from pipeline.monitoring.retrain_rows import Learnable, RetrainError, learnable_rows, moved_project, moved_split
from pipeline.monitoring.retrain_turn import only_one
from pipeline.project import Project, Split, parse_project, project_sha256
from pipeline.registry import ledger
from pipeline.registry.gate_evidence import gate_run
from pipeline.registry.runs import read_runs, read_text
from pipeline.settings import Settings
from pipeline.training.bakeoff import Progress
from pipeline.training.job import train

Say = Callable[[str], None]


def retrain(
    settings: Settings,
    engine: Engine,
    project: Project,
    *,
    data: Path | None = None,
    as_of: date | None = None,
    if_needed: bool = False,
    actor: str = ACTOR,
    test_months: int | None = None,
    jobs: int = -1,
    progress: Progress | None = None,
    say: Say = lambda _: None,
) -> RetrainResult:
    """Retrain the live model of a project on what is known by a day, and say how far that came.

    Args:
        settings: as `load_settings` gives them; the registry reads the environment's.
        data: a dated file; without it the project's own file or generator.
        as_of: by default the product's own day, or today where nothing was decided yet.
        if_needed: stop at once unless the advice, an alert or the model's age asks for it.
        actor: who proposes; begins with ``retrain``, so that people see that no person did.
        test_months: length of the test window; by default that of the project.

    Raises RetrainError when nothing is live, the actor claims to be a person, or another process is retraining the project;
    else as reading, training and proposing do.
    """
    name = project.config.name
    if not actor.startswith(ACTOR):
        raise RetrainError(
            f"--as {actor!r}: a machine proposes here; its name begins with {ACTOR!r}, as in 'retrain (schedule)'"
        )
    with only_one(settings, engine, name):
        live = ledger.live_at(engine, name)
        if live is None:
            raise RetrainError(f"nothing is live in {name}, so there is nothing to retrain; train a model and release it first")
        learned_until = _learned_until(settings, live)
        day = as_of or as_of_day(engine, name) or datetime.now(UTC).date()
        need = judge_need(Case(settings, engine, project.config, live, day))
        start = RetrainResult(name, day, NOT_NEEDED, "", need.reasons, need.quiet, live.model_version)
        if if_needed and not need.is_needed:
            return replace(start, said=f"Not needed: {'; '.join(need.quiet)}.")
        job = _Job(settings, engine, project, live, learned_until, actor, if_needed, test_months, jobs, progress, say)
        return _learn(job, start, read_data(project, data))


@dataclass(frozen=True)
class _Job:
    settings: Settings
    engine: Engine
    project: Project
    live: ledger.Live
    learned_until: date | None
    """First day whose applications the champion has not learned from; None where it was not split by time."""
    actor: str
    if_needed: bool
    test_months: int | None
    jobs: int
    progress: Progress | None
    say: Say


def _learn(job: _Job, start: RetrainResult, raw: RawRows) -> RetrainResult:
    """Cut, check and split; then train. Stops where the data or the calendar say no."""
    frame, source, notes = raw
    rows = learnable_rows(frame, job.project.config, start.as_of)
    at = replace(start, n_rows=len(rows.frame), last_matured=rows.last_matured)
    if rows.frame.empty:
        return _nothing_new(job, at, f"no vintage has matured by {at.as_of}{_next(rows)}")
    job.say(f"{len(rows.frame):,} of {rows.n_read:,} rows belong to matured vintages and have an outcome known by {at.as_of}")
    check = check_data(job.project, job.settings, rows.frame)
    at = replace(at, check=check)
    if not check.passed:
        return replace(at, status=BAD_DATA, said=f"Stopped at the data check, nothing was trained: {blocking(check)}.")
    moved = _moved(job.project, rows, job.test_months)
    split = moved.config.split
    at = replace(at, test_from=split.test_from, test_until=split.test_until, caveat=_partly_known(job, split))
    stale = _seen_before(job, moved, rows)
    if stale:
        return _nothing_new(job, at, stale)
    run_id = _trained_before(job, moved, rows)
    if run_id is None:
        job.say("Training every candidate")
        kept = (rows.frame, source, notes)
        bakeoff = train(moved, job.settings, kept, n_jobs=job.jobs, progress=job.progress, say=job.say)
        return _release(job, replace(at, trained=True), bakeoff.chosen_run_id)
    job.say(f"The bake-off on these very rows is there: run {run_id}")
    return _release(job, at, run_id)


def _release(job: _Job, start: RetrainResult, run_id: str) -> RetrainResult:
    """Judge the chosen run at the gate, propose it, and let it run in shadow."""
    config, at = job.project.config, replace(start, run_id=run_id)
    if run_id == job.live.run_id:
        return _nothing_new(job, at, f"the model that these rows give is version {at.champion}, which is live")
    reason = f"retrained on outcomes known by {at.as_of}, tested {_window(at)}: {'; '.join(at.reasons) or 'asked for by hand'}"
    reason, caveat = (f"{reason}; {at.caveat}", f" Note that {at.caveat}.") if at.caveat else (reason, "")
    if proposal_of(ledger.history(job.engine, config.name), run_id) is None:
        job.say("Judging it at the gate, against the champion on the same test rows")
        gate = gate_run(job.settings, job.engine, run_id, config)
        at = replace(at, gate=gate)
        if not gate.passed:
            return replace(
                at,
                status=GATE_FAILED,
                said=f"The retrained model failed its gate and was not proposed: {failed(gate)}.{caveat}",
            )
    proposed = propose_once(job.engine, config, run_id, job.actor, reason)
    filed = file_once(job.engine, config.name, proposed, job.actor, reason)
    done = f"Version {filed.version} of {config.name}, proposal {filed.proposal}: {filed.said}."
    return replace(
        at, status=IN_SHADOW if filed.in_shadow else PROPOSED, version=filed.version, policy=filed.policy,
        proposal=filed.proposal, said=f"{done} Version {at.champion} stays live until a person approves.{caveat}",
    )  # fmt: skip


def _nothing_new(job: _Job, at: RetrainResult, why: str) -> RetrainResult:
    """A retraining that was only to happen if needed ends well here; one that was asked for does not."""
    if job.if_needed:
        return replace(at, status=NOT_NEEDED, said=f"Not needed yet: {why}.")
    return replace(at, status=NOTHING_NEW, said=f"Nothing to learn yet: {why}.")


def _moved(project: Project, rows: Learnable, test_months: int | None) -> Project:
    """The project with its test window on the last matured months; as it is where it does not split by time."""
    split = project.config.split
    if split.method != "time" or rows.last_matured is None:
        return project
    return moved_project(project, moved_split(split, rows.last_matured, test_months))


def _learned_until(settings: Settings, live: ledger.Live) -> date | None:
    try:
        text = read_text(live.run_id, contract.ARTIFACT_PROJECT, settings)
    except LookupError as error:
        champion = f"version {live.model_version}, which is live"
        raise RetrainError(f"what {champion}, was trained on cannot be read: {error}") from error
    return parse_project(text, f"run {live.run_id}").split.test_from


def _seen_before(job: _Job, moved: Project, rows: Learnable) -> str:
    """Say why the champion cannot be judged on the new test rows: it was developed on them. "" where it was not."""
    start, learned_until = moved.config.split.test_from, job.learned_until
    if start is None or learned_until is None or start >= learned_until:
        return ""
    return (
        f"the last matured vintage is {rows.last_matured:%Y-%m}, so the test rows would begin on {start}, and version "
        f"{job.live.model_version} was developed on applications before {learned_until}: it has seen them{_next(rows)}"
    )


def _partly_known(job: _Job, split: Split) -> str:
    """Say that the champion may have learned from some of the test rows: only two splits by time keep them apart for sure."""
    if split.method == "time" and job.learned_until is not None:
        return ""
    how = f"the split is {split.method} and not by time" if split.method != "time" else "its own split was not by time"
    return (
        f"version {job.live.model_version} may have learned from some of these test rows, because {how}: the comparison then "
        "errs in its favour, and a better model can fail it"
    )


def _trained_before(job: _Job, moved: Project, rows: Learnable) -> str | None:
    """Return the run chosen by the newest complete bake-off on these rows and this project text, if there is one."""
    runs = read_runs(moved.config.name, job.settings)
    wanted = {
        "kind": contract.KIND_BAKEOFF,
        "data_sha256": content_sha256(clean_table(rows.frame, moved.config)),
        "project_sha256": project_sha256(moved.text),
    }
    same = runs[(runs[list(wanted)] == list(wanted.values())).all(axis=1) & runs["is_complete"] & (runs["chosen"] != "")]
    return None if same.empty else str(same["chosen"].iloc[0])


def _next(rows: Learnable) -> str:
    return f"; the next vintage matures on {rows.next_matures}" if rows.next_matures else ""


def _window(at: RetrainResult) -> str:
    return f"on {at.test_from} to {at.test_until}" if at.test_from else "on the project's own test rows"
