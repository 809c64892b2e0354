"""The verb ``retrain``: what it asks the room for, and how it says what came of it."""

import json
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.console import DONE, NO, progress_bar, say, show_json, show_line
from pipeline.project import ProjectError, open_project
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from pipeline.monitoring.retrain_result import RetrainResult


def retrain(
    name: str, data: Path | None, as_of: datetime | None, *, if_needed: bool, actor: str, test_months: int | None, jobs: int,
    as_json: bool,
) -> int:  # fmt: skip
    """Retrain a project's live model; returns NO when the data, the gate or the calendar said no."""
    from pipeline.commands import open_engine
    from pipeline.monitoring.retrain import retrain as run

    if jobs == 0:
        raise ProjectError("--jobs 0: must be 1 or more, or -1 for one per core")
    project = open_project(name)
    with open_engine() as engine, progress_bar("Fitting") as move:
        result = run(
            load_settings(), engine, project, data=data, as_of=_day(as_of), if_needed=if_needed, actor=actor,
            test_months=test_months, jobs=jobs, progress=move, say=say,
        )  # fmt: skip
    if as_json:
        show_json(_document(result))
    else:
        _show(result, str(data or name))
    return DONE if result.is_good else NO


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _show(result: "RetrainResult", source: str) -> None:
    from pipeline.commands import show_check, show_gate

    for sentence in result.reasons:
        show_line(f"For it: {sentence}")
    if result.check is not None and not result.check.passed:
        show_check(result.check, source, as_json=False)
    if result.gate is not None and result.run_id is not None:
        show_gate(result.gate, result.run_id, as_json=False)
    show_line(result.said)


def _document(result: "RetrainResult") -> dict[str, Any]:
    parts = {"check": result.check, "gate": result.gate}
    plain = asdict(result) | {name: json.loads(part.to_json()) if part else None for name, part in parts.items()}
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in plain.items()}
