"""The verbs ``release`` and ``ledger``: who proposes, who approves, what runs beside, and what was ever done."""

from dataclasses import asdict
from typing import Any

from pipeline import contract
from pipeline.commands import chosen_or, open_engine
from pipeline.console import DONE, NO, say, show_json, show_line, show_table
from pipeline.project import open_project


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
