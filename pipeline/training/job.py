"""The training job: data file to snapshot to bake-off to runs. What CI runs and `python -m pipeline train` calls."""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import joblib
import pandas as pd

from pipeline import contract
from pipeline.contract import BIN_MISSING
from pipeline.data.check import CheckReport
from pipeline.data.intake import RawRows, Say, take_snapshot
from pipeline.data.read import DataError
from pipeline.data.split import Split, rows_sha256, split_rows
from pipeline.evaluation.metrics import HIGHER_IS_BETTER
from pipeline.evaluation.reference import reference_profile
from pipeline.project import Project, ProjectConfig, project_sha256
from pipeline.settings import Settings
from pipeline.training.bakeoff import Failed, Fitted, Progress, run_bakeoff
from pipeline.training.features import raw_columns
from pipeline.training.lineage import read_lineage
from pipeline.training.model_card import model_card
from pipeline.training.persistence import dump_model, model_sha256
from pipeline.training.report import Report, choose_cutoff, cost_per_1000, holdout_rows, report_on
from pipeline.training.tracking import RunContent, Writer, open_bakeoff, prepare_store


@dataclass(frozen=True)
class Outcome:
    """One candidate after the job: its run, and either its metrics or why it failed."""

    name: str
    family: str
    run_id: str
    metrics: Mapping[str, float]
    failed: str = ""


@dataclass(frozen=True)
class Bakeoff:
    """What the training job did."""

    id: str
    project: str
    parent_id: str
    chosen_run_id: str
    data_sha256: str
    test_sha256: str
    outcomes: tuple[Outcome, ...]
    chosen_by: str
    """Validation metric that named the winner."""


def train(
    project: Project,
    settings: Settings,
    data: Path | RawRows | None = None,
    *,
    n_jobs: int = -1,
    progress: Progress | None = None,
    say: Say = lambda _: None,
) -> Bakeoff:
    """Run the whole training job and return what was written.

    Everything is computed before the first candidate is written, so an interrupted job leaves nothing that looks complete.
    Raises DataError, CheckFailed, TrackingError; a bake-off in which every candidate failed is recorded and raises DataError.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:  # joined on every way out: a migration must not outlive the job
        store_ready = pool.submit(prepare_store, settings, project.config.name)
        return _train(project, settings, data, n_jobs, progress, say, store_ready)


def _train(
    project: Project,
    settings: Settings,
    data: Path | RawRows | None,
    n_jobs: int,
    progress: Progress | None,
    say: Say,
    store_ready: "Future[None]",
) -> Bakeoff:
    config = project.config
    say("Reading and checking the data")
    snapshot, frame, check = take_snapshot(project, settings, data, say)
    split = split_rows(frame, config)
    say(f"Development {len(split.dev):,} rows, test {len(split.test):,} rows")
    if not settings.is_local_tracking:
        store_ready.result()  # a server that is down is known before minutes of fitting
    results = run_bakeoff(config, frame, split, n_jobs=n_jobs, progress=progress)
    say("Measuring on validation and test, with intervals")
    tags = bakeoff_tags(project, snapshot.sha256, frame, split, results)
    threads = joblib.Parallel(n_jobs=n_jobs, prefer="threads")
    contents = threads(joblib.delayed(_content)(project, frame, split, r, tags, check) for r in results)
    store_ready.result()
    say("Writing the runs")
    with open_bakeoff(settings, config.name, tags, {contract.ARTIFACT_PROJECT: project.text}) as writer:
        outcomes = tuple(_write(writer, result, content, tags) for result, content in zip(results, contents, strict=True))
        chosen = choose(outcomes, config.cutoff.choose_by)
        writer.choose(chosen.run_id)
    return Bakeoff(
        writer.bakeoff, config.name, writer.parent_id, chosen.run_id, snapshot.sha256, tags[contract.TAG_TEST_SHA256], outcomes,
        config.cutoff.choose_by,
    )  # fmt: skip


def bakeoff_tags(
    project: Project, data_sha256: str, frame: pd.DataFrame, split: Split, results: Sequence[Fitted | Failed]
) -> dict[str, str]:
    """Lineage shared by all runs of a bake-off; every candidate is validated on the same rows."""
    lineage = read_lineage()
    validated = [r.valid_rows for r in results if isinstance(r, Fitted)]
    valid = {contract.TAG_VALID_SHA256: rows_sha256(frame, validated[0])} if validated else {}
    return {
        **valid,
        contract.TAG_PROJECT: project.config.name,
        contract.TAG_PROJECT_SHA256: project_sha256(project.text),
        contract.TAG_DATA_SHA256: data_sha256,
        contract.TAG_TEST_SHA256: rows_sha256(frame, split.test),
        contract.TAG_GIT_COMMIT: lineage.git_commit,
        contract.TAG_GIT_DIRTY: str(lineage.git_dirty).lower(),
        contract.TAG_LOCK_SHA256: lineage.lock_sha256,
        contract.TAG_SEED: str(project.config.split.seed),
        contract.TAG_CALIBRATION: project.config.calibration.method,
        contract.TAG_CUTOFF_RULE: project.config.cutoff.rule,
    }


def measure(config: ProjectConfig, frame: pd.DataFrame, split: Split, fitted: Fitted) -> Report:
    """Turn a fitted candidate's PDs into its report; the cut-off is chosen on validation and used on both splits."""
    valid = holdout_rows(config, frame, fitted.valid_rows, fitted.valid_pd, contract.VALID)
    test = holdout_rows(config, frame, split.test, fitted.test_pd, contract.TEST)
    cutoff = choose_cutoff(config, valid)
    report = report_on(pd.concat([valid, test], ignore_index=True), cutoff, seed=config.split.seed)
    money = {
        contract.metric_key(split_name, contract.COST): cost_per_1000(config, rows, cutoff)
        for split_name, rows in ((contract.VALID, valid), (contract.TEST, test))
    }
    speed = {contract.FIT_SECONDS: fitted.fit_seconds, contract.LATENCY_MS: fitted.latency_ms}
    kinds = {f.name: f.kind for f in config.features}
    known = raw_columns(config).transform(frame.iloc[fitted.valid_rows]).replace(BIN_MISSING, None)
    reference = reference_profile(known, kinds, fitted.valid_pd)
    dev = frame.iloc[split.dev]
    return replace(
        report,
        metrics={**report.metrics, **money, **speed},
        reference=reference,
        importance=fitted.importance,
        background=background_rows(config, dev, fitted),
        ranges=value_ranges(config, dev),
    )


def value_ranges(config: ProjectConfig, dev: pd.DataFrame) -> pd.DataFrame:
    """Return the lowest and highest known value of each number feature, as `ARTIFACT_RANGES` promises; NaN when never known."""
    names = [f.name for f in config.features if f.kind == "number"]
    known = raw_columns(config).transform(dev)[names]
    return pd.DataFrame({"feature": names, "lowest": known.min().to_numpy(), "highest": known.max().to_numpy()})


def background_rows(config: ProjectConfig, dev: pd.DataFrame, fitted: Fitted) -> pd.DataFrame:
    """Sample development rows at random: raw features and the model's own PD, as `ARTIFACT_BACKGROUND` promises."""
    n = min(contract.BACKGROUND_ROWS, len(dev))
    rows = dev[list(config.feature_names)].sample(n, random_state=config.split.seed).reset_index(drop=True)
    return rows.assign(**{contract.BACKGROUND_PD: fitted.model.predict_proba(rows)[:, 1]})


def choose(outcomes: tuple[Outcome, ...], metric: str) -> Outcome:
    """Return the candidate that is best on validation by the project's metric. DataError when none was fitted."""
    best = rank_outcomes(outcomes, metric)[0]
    if best.failed:
        reasons = "; ".join(f"{o.name}: {o.failed}" for o in outcomes)
        raise DataError(f"every candidate failed; {reasons}")
    return best


def rank_outcomes(outcomes: Sequence[Outcome], metric: str) -> list[Outcome]:
    """Return the candidates best on validation first; then those whose metric is not computable, then those that failed."""
    key = contract.metric_key(contract.VALID, metric)
    sign = -1.0 if HIGHER_IS_BETTER.get(metric, False) else 1.0

    def place(outcome: Outcome) -> tuple[bool, bool, float]:
        value = sign * outcome.metrics.get(key, math.nan)
        return bool(outcome.failed), math.isnan(value), 0.0 if math.isnan(value) else value

    return sorted(outcomes, key=place)


def _content(
    project: Project, frame: pd.DataFrame, split: Split, result: Fitted | Failed, tags: Mapping[str, str], check: CheckReport
) -> RunContent | None:
    if isinstance(result, Failed):
        return None
    report = measure(project.config, frame, split, result)
    model = dump_model(result.model)
    own = {
        **tags,
        **_identity(result),
        contract.TAG_CALIBRATION: result.calibration,
        contract.TAG_MODEL_SHA256: model_sha256(model),
    }
    texts = {
        contract.ARTIFACT_PROJECT: project.text,
        contract.ARTIFACT_CHECKS: check.to_json(),
        contract.ARTIFACT_MODEL_CARD: model_card(project.config, result, report.metrics, split, own),
    }
    return RunContent(result.candidate.name, _params(result), own, report, texts, model)


def _identity(result: Fitted | Failed) -> dict[str, str]:
    return {contract.TAG_FAMILY: result.candidate.family, contract.TAG_CANDIDATE: result.candidate.name}


def _params(result: Fitted | Failed) -> dict[str, object]:
    return {"family": result.candidate.family, **result.candidate.params}


def _write(writer: Writer, result: Fitted | Failed, content: RunContent | None, tags: Mapping[str, str]) -> Outcome:
    candidate = result.candidate
    bakeoff = {contract.TAG_BAKEOFF: writer.bakeoff}
    if isinstance(result, Failed):
        run_id = writer.failed(candidate.name, _params(result), {**tags, **_identity(result), **bakeoff}, result.reason)
        return Outcome(candidate.name, candidate.family, run_id, {}, result.reason)
    assert content is not None
    run_id = writer.candidate(replace(content, tags={**content.tags, **bakeoff}))
    return Outcome(candidate.name, candidate.family, run_id, content.report.metrics)
