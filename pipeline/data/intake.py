"""From a product's file to rows that may be trained on: read, checked against the project, and kept as a snapshot."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from pipeline.data.check import CheckReport, check_table, clean_table
from pipeline.data.read import DataError, read_table
from pipeline.data.simulate import BookSpec, simulate_book
from pipeline.data.snapshot import Snapshot, latest_snapshot, read_snapshot, write_snapshot
from pipeline.project import Project
from pipeline.settings import Settings

Say = Callable[[str], None]
RawRows = tuple[pd.DataFrame, Path | str, tuple[str, ...]]
"""Rows as read, the file they came from or words for it, and notes of the reader."""


class CheckFailed(DataError):  # noqa: N818  # an answer of the check, not a fault of code
    """The data check found something blocking; `report` holds the table."""

    def __init__(self, report: CheckReport) -> None:
        super().__init__("the data check failed; nothing was trained")
        self.report = report


def read_data(project: Project, data: Path | RawRows | None) -> RawRows:
    """Return the raw rows, where they came from, and notes of the reader.

    The file named by the user, else the one shipped with the project, else the generator the project names. Rows that were
    read already are taken as they are. DataError when there is none of them.
    """
    if isinstance(data, tuple):
        return data
    declared = project.config.data
    path = data or (project.path.parent / declared.file if declared.file else None)
    if path is not None:
        table = read_table(path)
        return table.frame, path, table.notes
    if declared.generator is None:
        raise DataError(f"project {project.config.name!r} ships no data; name the file with --data")
    spec = BookSpec()
    return simulate_book(spec), f"simulated, seed {spec.seed}", ()


def check_data(project: Project, settings: Settings, frame: pd.DataFrame) -> CheckReport:
    """Check raw rows, against the project's latest snapshot too where there is one."""
    earlier = latest_snapshot(settings.snapshots, project.config.name)
    previous = read_snapshot(settings.snapshots, earlier.sha256) if earlier else None
    return check_table(frame, project.config, previous=previous)


def take_snapshot(
    project: Project, settings: Settings, data: Path | RawRows | None, say: Say = lambda _: None
) -> tuple[Snapshot, pd.DataFrame, CheckReport]:
    """Read, check, clean and keep the rows. Raises CheckFailed (with the table) or DataError."""
    frame, source, notes = read_data(project, data)
    for note in notes:
        say(note)
    report = check_data(project, settings, frame)
    if not report.passed:
        raise CheckFailed(report)
    clean = clean_table(frame, project.config)
    snapshot = write_snapshot(clean, settings.snapshots, source=source, project=project.config.name, report=report)
    return snapshot, clean, report
