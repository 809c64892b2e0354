"""The verb ``reproduce``: a run trained again, or a decision scored again, and every number compared."""

from dataclasses import asdict

from pipeline.commands import open_engine
from pipeline.console import DONE, NO, WRONG, progress_bar, say, show_json, show_line
from pipeline.project import ProjectError
from pipeline.settings import load_settings


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
