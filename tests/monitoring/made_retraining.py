"""A product whose test window has moved on: what retraining is tried with."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.conftest import LOGISTIC_ONLY, settings_of, small_text

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.monitoring.retrain_result import RetrainResult
    from pipeline.project import Project

AS_OF = "2026-12-31"
"""By then every outcome of the simulated book is known."""
WINDOW = {"test_until = 2025-04-30": "test_until = 2025-07-31"}
LENIENT = {"champion_tolerance = 0.01": "champion_tolerance = 0.2"}
"""So few test rows leave a wide interval; whether it passes is not what is tried."""


def recent_project(folder: Path, **replaced: str) -> "Project":
    """The small product with five test months and one cheap family, as a file of its own."""
    from pipeline.project import open_project

    path = folder / "recent.toml"
    path.write_text(small_text(LOGISTIC_ONLY, **{**WINDOW, **LENIENT, **replaced}), encoding="utf-8")
    return open_project(str(path))


def retrain_small(engine: "Engine", home: Path, project: "Project", **changed: Any) -> "RetrainResult":
    """Retrain on the book of the home as of a day on which all of it has matured."""
    from datetime import date

    from pipeline.monitoring.retrain import retrain

    given = {"data": home / "book.parquet", "as_of": date.fromisoformat(AS_OF), "jobs": 1} | changed
    return retrain(settings_of(home), engine, project, **given)


def end_state(engine: "Engine", home: Path, project: str) -> Mapping[str, Any]:
    """What must be the same however often a retraining was disturbed: complete bake-offs, ledger rows, versions, aliases."""
    from pipeline import contract
    from pipeline.registry import ledger, versions
    from pipeline.registry.reproduce import MEASURED_TIMES
    from pipeline.registry.runs import read_run, read_runs

    runs = read_runs(project, settings_of(home))
    parents = runs[(runs["kind"] == contract.KIND_BAKEOFF) & runs["is_complete"]]
    rows = [(e.event, e.actor, e.subject.get("model_version"), e.subject.get("mode")) for e in ledger.history(engine, project)]
    metrics = read_run(versions.read_version(project, max(row[2] for row in rows)).run_id, settings_of(home)).metrics
    return {
        "bake-offs": sorted(zip(parents["data_sha256"], parents["project_sha256"], strict=True)),
        "ledger": rows,
        "champion": versions.champion(project),
        "challenger": versions.challenger(project),
        "newest": {name: value for name, value in metrics.items() if name not in MEASURED_TIMES},
        "intact": ledger.verify(engine, project),
    }
