"""The verb ``score``: a file of applicants in, decisions and refused rows out."""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.console import DONE, INTERRUPTED, NO, ctrl_c_asks, progress_bar, say, show_json, show_line, stop
from pipeline.project import open_project
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from pipeline.serving.batch import BatchResult


def score(name: str, data: Path, out: Path | None, *, reasons: bool, record: bool, as_json: bool) -> int:
    """Score a file with the live model and policy; returns NO when rows were refused."""
    from pipeline.commands import open_engine
    from pipeline.serving.batch import Order, StoppedError, score_file
    from pipeline.serving.batch_log import recorded_before
    from pipeline.serving.batch_read import open_batch
    from pipeline.serving.batch_words import met_before
    from pipeline.serving.desk import Desk

    project = open_project(name).config.name
    file = open_batch(data)
    with open_engine() as engine:
        pair = Desk(load_settings(), engine, project).pair()
        say(f"{file.n_rows:,} rows, version {pair.champion.version} of {project}, policy {pair.champion.policy.id}")
        earlier = recorded_before(engine, project, file.sha256) if record else None
        if earlier:
            say(met_before(earlier, file.n_rows))
        order = Order(file, out or data.parent, file.kind, reasons, record)
        with progress_bar("Scoring") as move, ctrl_c_asks() as asked:
            try:
                result = score_file(pair, engine, order, moved=_mover(move), stop=asked)
            except StoppedError as error:
                stop(f"{str(error)[0].upper()}{str(error)[1:]}", INTERRUPTED)
    _show(result, record, as_json)
    return NO if result.summary.n_refused else DONE


def _mover(move: Callable[[str, int, int], None]) -> Callable[[int, int, int], None]:
    started = time.monotonic()

    def moved(done: int, total: int, refused: int) -> None:
        speed = done / max(time.monotonic() - started, 1e-9)
        move(f"{speed:,.0f} rows/s, {refused:,} refused", done, total)

    return moved


def _show(result: "BatchResult", record: bool, as_json: bool) -> None:
    from pipeline.serving.batch_words import aloud

    for note in result.notes:
        say(note)
    if as_json:
        show_json(_document(result, record))
        return
    for sentence in aloud(result.summary):
        show_line(sentence)
    if not record:
        show_line("Nothing was recorded: these are calculations, not decisions.")
    show_line(f"Decisions: {result.decisions}")
    if result.summary.n_refused:
        show_line(f"Refused rows, with what is wrong in each: {result.refused}")


def _document(result: "BatchResult", record: bool) -> dict[str, Any]:
    summary = result.summary
    return {
        "rows": summary.n_rows, "decided": summary.n_decided, "decided_before": summary.n_before, "refused": summary.n_refused,
        "recorded": record, "outcomes": {name: asdict(part) for name, part in summary.parts.items()},
        "lgd": summary.lgd, "currency": summary.currency, "versions": {str(v): n for v, n in summary.versions.items()},
        "refused_by_field": {name or "(row)": n for name, n in summary.refused_by_field.items()},
        "decisions_file": str(result.decisions), "refused_file": str(result.refused), "seconds": result.seconds,
    }  # fmt: skip
