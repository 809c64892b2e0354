"""The verb ``report``: a full Evidently report on a window of decisions, its verdict beside ours."""

import math
from datetime import date
from typing import TYPE_CHECKING

from pipeline.commands import open_engine
from pipeline.console import DONE, say, show_json, show_line, show_table
from pipeline.project import ProjectError, open_project
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.monitoring.evidently_store import Report


def report(
    name: str, first: date, last: date, as_of: date | None, sample: int, seed: int, version: int | None, as_json: bool
) -> int:
    """Make the report, or find it when nothing has changed since; progress goes to stderr, a line per step."""
    from pipeline.monitoring.evidently_report import make_report

    def tell(done: int, total: int, what: str) -> None:
        say(f"{done}/{total} {what}")

    with open_engine() as engine:
        made = make_report(
            load_settings(), engine, _project(engine, name), first=first, last=last, as_of=as_of, sample=sample, seed=seed,
            version=version, tell=tell,
        )  # fmt: skip
    _show(made, as_json)
    return DONE


def _project(engine: "Engine", name: str) -> str:
    """The project's short name, by which the dashboard asks, or as for every other verb a built-in name or a TOML file."""
    from pipeline.registry import ledger

    if name in ledger.live_projects(engine):
        return name
    try:
        return open_project(name).config.name
    except ProjectError as error:
        raise ProjectError(f"{error}; or the name of a project that is live") from None


def _show(made: "Report", as_json: bool) -> None:
    from pipeline.monitoring.evidently_store import as_document

    if as_json:
        show_json(as_document(made) | {"html": str(made.html), "json": str(made.json)})
        return
    rows = [(c.label, c.ours, _text(c.psi), c.theirs, c.method, _text(c.value), c.why) for c in made.columns]
    title = f"Version {made.model_version}, {made.first} to {made.last}: {made.n_sampled:,} of {made.n_window:,} decisions"
    show_table(title, ("feature", "we say", "PSI", "Evidently says", "by", "value", "why"), rows, right=("PSI", "value"))
    if made.judged is not None:
        found = ", ".join(f"{name} {value:.3f}" for name, value in made.judged.theirs.items())
        show_line(f"Declined from a PD of {made.cutoff:.4f} on, {made.judged.n:,} known outcomes: {found}")
    for note in made.notes:
        show_line(note)
    show_line(f"Page: {made.html}")
    show_line(f"Numbers: {made.json}")
    show_line(made.filed)


def _text(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"
