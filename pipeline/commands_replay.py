"""The verbs ``replay`` and ``outcomes``: dated applications as live traffic, and what became of them."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.console import DONE, INTERRUPTED, NO, ctrl_c_asks, progress_bar, say, show_json, show_line, show_table, stop
from pipeline.project import open_project
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from pipeline.monitoring.outcomes import OutcomesRecorded
    from pipeline.monitoring.outcomes_file import OutcomeFile
    from pipeline.monitoring.replay import Order, Replayed

SHOWN_FAULTS = 20


def outcomes(name: str, data: Path, as_of: date | None, as_json: bool) -> int:
    """Record the outcomes of a file; returns NO when rows were refused."""
    from pipeline.commands import open_engine
    from pipeline.data.read import read_table
    from pipeline.monitoring.outcomes import record_outcomes
    from pipeline.monitoring.outcomes_file import outcomes_of

    config = open_project(name).config
    table = read_table(data)
    file = outcomes_of(table.frame, config, as_of)
    for note in (*table.notes, *file.notes):
        say(note)
    with open_engine() as engine:
        recorded = record_outcomes(engine, config.name, file.good)
    if as_json:
        faults = file.faults.to_dict("records")
        show_json({**asdict(recorded), "waiting": file.n_waiting, "refused": len(faults), "faults": faults})
    else:
        _show_outcomes(recorded, file)
    return NO if len(file.faults) else DONE


def _show_outcomes(recorded: "OutcomesRecorded", file: "OutcomeFile") -> None:
    for row, message in zip(file.faults["row"][:SHOWN_FAULTS], file.faults["message"][:SHOWN_FAULTS], strict=True):
        say(f"row {row}: {message}")
    for line in _aloud(recorded):
        show_line(line)
    if file.n_waiting:
        show_line(f"{_count(file.n_waiting, 'row')} left to wait: the outcome is not known yet.")
    if len(file.faults):
        more = " (the first are named above)" if len(file.faults) > SHOWN_FAULTS else ""
        show_line(f"{_count(len(file.faults), 'row')} refused{more}; nothing of them was recorded.")


def _aloud(recorded: "OutcomesRecorded") -> list[str]:
    """What came of outcomes, in sentences."""
    from pipeline.serving.batch_words import were

    n_again, n_over, n_strange = recorded.repeated, recorded.overtaken, recorded.unknown
    said = [f"{_count(recorded.given, 'outcome')}: {recorded.new:,} new, {_count(recorded.corrected, 'correction')}."]
    if recorded.confirmed:
        said.append(f"{recorded.confirmed:,} {were(recorded.confirmed)} told again with a later day, and is kept so.")
    if n_again:
        said.append(f"{n_again:,} {were(n_again)} known already; nothing is recorded twice.")
    if n_over:
        said.append(f"{n_over:,} {were(n_over)} corrected since; the correction stands. To take it back give the later day.")
    if n_strange:
        said.append(f"{n_strange:,} {were(n_strange)} about nobody decided here; kept, in case they were decided elsewhere.")
    return said


def _count(n: int, what: str) -> str:
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def replay(name: str, data: Path | None, order: "Order", as_json: bool) -> int:
    """Replay a dated file; returns NO when rows were refused."""
    done, n_undated = run_replay(name, data, order)
    for note in done.notes:
        say(note)
    if n_undated:
        say(f"Left out: {_count(n_undated, 'row')} of the file without a day that can be read, or that do not fit its header")
    if as_json:
        show_json(_document(done, order, n_undated))
    else:
        _show_replayed(done)
    return NO if done.total("refused") or n_undated else DONE


def run_replay(name: str, data: Path | None, order: "Order") -> tuple["Replayed", int]:
    """Replay with progress on stderr; return what was done, and how many rows of the file have no day."""
    from pipeline.commands import open_engine
    from pipeline.monitoring.replay import ReplayStopped
    from pipeline.monitoring.replay import replay as run
    from pipeline.monitoring.replay_file import read_dated
    from pipeline.serving.desk import Desk

    project = open_project(name)
    with open_engine() as engine:
        desk = Desk(load_settings(), engine, project.config.name)
        champion = desk.pair().champion
        file = read_dated(project, data, order.first, order.last)
        say(f"{_count(len(file), 'application')} from {order.first} to {order.last}, outcomes known by {order.as_of}")
        say(f"Version {champion.version} of {project.config.name} is live and decides, by policy {champion.policy.id}")
        learnt = project.config.split.test_from
        if learnt is not None and order.first < learnt:
            say(f"Days before {learnt} are those the model learnt from: there it looks better than it is")
        with progress_bar("Replaying") as move, ctrl_c_asks() as asked:
            try:
                return run(desk, file, order, moved=move, stop=asked), file.n_undated
            except ReplayStopped as error:
                stop(f"{str(error)[0].upper()}{str(error)[1:]}", INTERRUPTED)


_COLUMNS = ("month", "applications", "decided", "before", "refused", "outcomes", "corrected")


def _show_replayed(done: "Replayed") -> None:
    rows = [
        (f"{month.first:%Y-%m}", *map("{:,}".format, (month.applications, month.decided, month.before, month.refused)),
         *map("{:,}".format, (month.outcomes.new, month.outcomes.corrected)))
        for month in done.months
    ]  # fmt: skip
    show_table("Replayed, month by month", _COLUMNS, rows, right=_COLUMNS[1:])
    before = done.total("before")
    again = f", {before:,} had been decided before" if before else ""
    recorded, refused = _count(done.total("decided"), "decision"), _count(done.total("refused"), "row")
    show_line(f"{recorded} recorded{again}, {refused} refused, {done.seconds:.1f} s.")
    for line in _aloud(done.outcomes):
        show_line(line)


def _document(done: "Replayed", order: "Order", n_undated: int) -> dict[str, Any]:
    totals = {name: done.total(name) for name in ("applications", "decided", "before", "refused")}
    months = [{**asdict(month), "first": f"{month.first}"} for month in done.months]
    return {
        "from": f"{order.first}", "to": f"{order.last}", "as_of": f"{order.as_of}", **totals, "undated": n_undated,
        "outcomes": asdict(done.outcomes), "months": months, "seconds": done.seconds, "notes": list(done.notes),
    }  # fmt: skip
