"""What the verbs from data to gate do, between the command line and the rooms that do the work, and what all verbs share.

Rooms are imported where they are used: `--help` and a refused word must not wait for MLflow.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import contract
from pipeline.console import DONE, NO, progress_bar, say, show_json, show_line, show_table, stop
from pipeline.project import ProjectError, open_project
from pipeline.settings import load_settings, quiet_mlflow

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.data.check import CheckReport
    from pipeline.registry.gates import GateResult
    from pipeline.training.job import Bakeoff

BOARD = ("recall", "f1", "roc_auc", "ece")


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn every error that a user can cause, or that the outside can, into one message and exit status 2."""
    quiet_mlflow()
    try:
        yield
    except (ValueError, OSError, RuntimeError) as exc:
        if not type(exc).__module__.startswith("pipeline.") and not isinstance(exc, OSError):
            raise
        stop(str(exc))
    except KeyboardInterrupt:
        stop("Stopped; nothing half done was kept.", 130)


@contextmanager
def open_engine() -> Iterator["Engine"]:
    """Open the store for one command."""
    from pipeline.store.engine import open_store

    engine = open_store(load_settings().database_url)
    try:
        yield engine
    finally:
        engine.dispose()


def simulate(out: Path | None, rows: int | None, seed: int | None, without: list[str], as_json: bool) -> int:
    """Write the simulated book to a file."""
    from dataclasses import replace

    from pipeline.data.simulate import BookSpec, simulate_book

    try:
        spec = BookSpec().without(without)
        spec = replace(spec, n=spec.n if rows is None else rows, seed=spec.seed if seed is None else seed)
    except ValueError as exc:
        raise ProjectError(str(exc)) from exc
    path = out or load_settings().home / "simulated.parquet"
    if path.suffix not in (".parquet", ".csv"):
        raise ProjectError(f"--out {path}: must end in .parquet or .csv")
    book = simulate_book(spec)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".csv":
        book.to_csv(path, index=False)
    else:
        book.to_parquet(path, index=False)
    incidents = {i.name: i.start_month for i in (spec.campaign, spec.recession, spec.rename) if i is not None}
    summary = {"file": str(path), "rows": len(book), "default_rate": float(book["default"].mean()), "incidents": incidents}
    if as_json:
        show_json(summary)
    else:
        show_line(
            f"{len(book):,} applications, {book['default'].mean():.1%} defaulted, incidents {incidents or 'none'}: {path}"
        )
    return DONE


def check(name: str, data: Path | None, as_json: bool) -> int:
    """Check a data file against its project."""
    from pipeline.data.intake import check_data, read_data

    project = open_project(name)
    frame, source, notes = read_data(project, data)
    for note in notes:
        say(note)
    report = check_data(project, load_settings(), frame)
    show_check(report, str(source), as_json)
    return DONE if report.passed else NO


def show_check(report: "CheckReport", source: str, as_json: bool) -> None:
    """Print a check's table and verdict."""
    if as_json:
        show_json(json.loads(report.to_json()))
        return
    found = report.failures
    if len(found):
        columns = ("severity", "column", "rule", "count", "first_rows", "detail")
        rows = found[list(columns)].values.tolist()
        show_table(f"Check of {source}", columns, rows, right=("count",))
    verdict = "passed" if report.passed else "failed: nothing can be trained on this file"
    show_line(f"{report.n_rows:,} rows, {len(report.rules)} rules, {len(found)} findings; the check {verdict}")


def train(name: str, data: Path | None, jobs: int, as_json: bool) -> int:
    """Train every candidate of a project."""
    from pipeline.data.intake import CheckFailed
    from pipeline.training.job import train as run_job

    if jobs == 0:
        raise ProjectError("--jobs 0: must be 1 or more, or -1 for one per core")
    project = open_project(name)
    try:
        with progress_bar("Fitting") as move:
            bakeoff = run_job(project, load_settings(), data, n_jobs=jobs, progress=move, say=say)
    except CheckFailed as exc:
        show_check(exc.report, str(data or name), as_json)
        return NO
    show_bakeoff(bakeoff, as_json)
    return DONE


def show_bakeoff(bakeoff: "Bakeoff", as_json: bool) -> None:
    """Print the candidates, best on validation first, by the metric that chose."""
    if as_json:
        show_json(asdict(bakeoff))
        return
    from pipeline.training.job import rank_outcomes

    key = contract.metric_key(contract.VALID, bakeoff.chosen_by)
    decimals = 0 if bakeoff.chosen_by == contract.COST else 4
    ordered = rank_outcomes(bakeoff.outcomes, bakeoff.chosen_by)
    rows = [
        (
            "chosen" if o.run_id == bakeoff.chosen_run_id else "failed" if o.failed else "",
            o.name,
            o.failed or f"{o.metrics[contract.CUTOFF]:.4f}",
            f"{o.metrics[key]:,.{decimals}f}" if key in o.metrics else "",
            *(_interval(o.metrics, m) for m in BOARD),
            o.run_id,
        )
        for o in ordered
    ]
    columns = ("", "candidate", "cut-off", f"valid {bakeoff.chosen_by}", *(f"test {m}" for m in BOARD), "run")
    show_table(f"Bake-off {bakeoff.id} of {bakeoff.project}", columns, rows)
    show_line(f"data {bakeoff.data_sha256[:12]}, test rows {bakeoff.test_sha256[:12]}")


def _interval(metrics: Mapping[str, float], name: str) -> str:
    value, low, high = (metrics.get(contract.metric_key(contract.TEST, name, bound)) for bound in ("", "lo", "hi"))
    return "" if value is None or low is None or high is None else f"{value:.4f} [{low:.4f}, {high:.4f}]"


def chosen_or(project: str, run_id: str | None) -> str:
    """Return the run the user named, else the one the newest bake-off of the project chose."""
    from pipeline.registry.runs import chosen_run

    found = run_id or chosen_run(project)
    if found is None:
        raise ProjectError(f"project {project!r} has no complete bake-off; run `python -m pipeline train {project}` first")
    return found


def gate(name: str, run_id: str | None, as_json: bool) -> int:
    """Judge a run by its project's gate and file the result with it."""
    from pipeline.registry.gate_evidence import gate_run

    config = open_project(name).config
    run_id = chosen_or(config.name, run_id)
    with open_engine() as engine:
        result = gate_run(load_settings(), engine, run_id, config)
    show_gate(result, run_id, as_json)
    return DONE if result.passed else NO


def show_gate(result: "GateResult", run_id: str, as_json: bool) -> None:
    """Print the rules, what failed and by how much."""
    if as_json:
        show_json(json.loads(result.to_json()))
        return
    rows = [
        ("pass" if r.passed else "FAIL", r.name, r.found, r.needed, "" if r.margin is None else f"{r.margin:+.4f}", r.note)
        for r in result.rules
    ]
    show_table(f"Gate of run {run_id}", ("", "rule", "found", "needed", "margin", "note"), rows, right=("margin",))
    failed = [f"{r.name} ({r.found})" for r in result.rules if not r.passed]
    show_line(f"failed: {'; '.join(failed)}" if failed else f"passed: all {len(result.rules)} rules")
