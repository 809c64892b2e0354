"""What each verb does, between the words of the command line and the rooms that do the work.

Rooms are imported where they are used: `--help` and a refused word must not wait for MLflow.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import contract
from pipeline.console import DONE, NO, WRONG, progress_bar, say, show_json, show_line, show_table, stop
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


def propose(
    name: str, run_id: str | None, cutoffs: tuple[float | None, float | None], actor: str, reason: str
) -> dict[str, Any]:
    """Register a gated run, write its policy and propose both; returns what was written."""
    from pipeline.registry.proposals import own_choice, propose_policy

    config = open_project(name).config
    run_id = chosen_or(config.name, run_id)
    choice = own_choice(run_id, config.costs, *cutoffs)
    with open_engine() as engine:
        done = asdict(propose_policy(engine, config.name, run_id, choice, actor=actor, reason=reason))
    outcomes = done.pop("outcomes")
    shown = ("approval_rate", "recall", contract.COST, "saving_per_1000")
    return done | {contract.metric_key(split, name): outcomes[split][name] for split in contract.SPLITS for name in shown}


def decide(step: str, proposal: int, actor: str, reason: str) -> dict[str, Any]:
    """Approve or reject a proposal."""
    from pipeline.registry import releases

    act = releases.approve if step == "approve" else releases.reject
    with open_engine() as engine:
        entry = act(engine, proposal, actor=actor, reason=reason)
    return {"seq": entry.seq, "event": entry.event, **entry.subject, "actor": actor, "actor_verified": entry.actor_verified}


def rollback(name: str, actor: str, reason: str) -> dict[str, Any]:
    """Go back to what was live before."""
    from pipeline.registry import releases

    with open_engine() as engine:
        entry = releases.rollback(engine, open_project(name).config.name, actor=actor, reason=reason)
    return {"seq": entry.seq, "event": entry.event, **entry.subject, "actor": actor, "actor_verified": entry.actor_verified}


def route(proposal: int, mode: str, share: float, actor: str, reason: str) -> dict[str, Any]:
    """Start, change or stop the challenger."""
    from pipeline.registry import routing

    with open_engine() as engine:
        entry = routing.route(engine, proposal, mode=mode, share=share, actor=actor, reason=reason)
    return {"seq": entry.seq, "event": entry.event, **entry.subject, "actor": actor, "actor_verified": entry.actor_verified}


def history(name: str, as_json: bool, *, verify: bool) -> int:
    """Print a project's ledger, and with `verify` whether its chain is unbroken and MLflow's alias agrees."""
    from pipeline.registry import ledger, releases

    project = open_project(name).config.name
    with open_engine() as engine:
        table = releases.history(engine, project)
        problems = ledger.verify(engine, project) if verify else []
        differs = releases.alias_differs(engine, project) if verify else None
    problems += [differs] if differs else []
    rows = [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]
    if as_json:
        show_json({"project": project, "rows": rows, "problems": problems})
    else:
        _show_history(project, rows)
        for problem in problems:
            say(problem)
        if verify and not problems:
            show_line(f"{len(rows)} rows, chain unbroken, alias agrees")
    return NO if problems else DONE


def _show_history(project: str, rows: list[dict[str, Any]]) -> None:
    cells = [
        (
            r["seq"], f"{r['at']:%Y-%m-%d %H:%M}", r["event"], r["model_version"] or "", r["policy_id"] or "",
            r["actor"] + ("" if r["actor_verified"] else " (typed, unverified)"), r["reason"], r["hash"][:12],
        )
        for r in rows
    ]  # fmt: skip
    show_table(f"Ledger of {project} (UTC)", ("row", "at", "event", "version", "policy", "by", "why", "hash"), cells)


def reproduce(wanted: str, as_json: bool) -> int:
    """Train a run again, or score a decision again, and compare every number."""
    return reproduce_decision(wanted, as_json) if "-" in wanted else reproduce_run(wanted, as_json)


def reproduce_decision(decision_id: str, as_json: bool) -> int:
    """Score a recorded decision with its own version and policy and compare PD, grade, outcome and reasons."""
    from pipeline.serving.again import show_again
    from pipeline.serving.decision_log import read_decision

    with open_engine() as engine:
        decision = read_decision(engine, decision_id)
        if decision is None:
            raise ProjectError(f"there is no decision {decision_id!r}; its id stands in the answer that it was given with")
        again = show_again(load_settings(), engine, decision)
    if as_json:
        show_json({**asdict(again), "is_identical": again.is_identical})
    else:
        for line in (*again.notes, *again.differences):
            say(line)
        tell = say if again.problem else show_line
        tell(f"decision {decision_id} by version {decision.model_version}: {again.verdict}")
    return WRONG if again.problem else DONE if again.is_identical else NO


def reproduce_run(run_id: str, as_json: bool) -> int:
    """Train a run again and compare every number."""
    from pipeline.registry import reproduce as again

    with progress_bar("Fitting again") as move:
        result = again.reproduce_run(load_settings(), run_id, progress=move)
    if as_json:
        show_json({**asdict(result), "is_identical": result.is_identical})
        return DONE if result.is_identical else NO
    for line in (*result.surroundings, *result.differences):
        say(line)
    verdict = "identical to the last digit" if result.is_identical else f"{len(result.differences)} differ"
    show_line(f"run {run_id}: {result.n_metrics} metrics and {result.n_pds:,} PDs compared, {verdict}")
    return DONE if result.is_identical else NO
