"""Evidently reports that were made, kept as files: what they say beside what we say, and where the pages are.

Reading them needs no Evidently. A folder under its final name is whole: it was written beside and renamed.
"""

import json
import math
import os
import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from pipeline.settings import Settings

FORM: Final = 1
"""Of ``meta.json``; a report of another form is made again."""
MOST_KEPT: Final = 50
"""Reports kept per project, at about 5 MB each; the oldest goes first."""
SAMPLE: Final = 5000
"""Decisions shown unless told otherwise."""
HTML, JSON, META = "report.html", "report.json", "meta.json"
DRIFT: Final = "drift"
NO_DRIFT: Final = "no drift"
LEFT_OUT: Final = "left out"
"""Evidently was not given the column: it cannot take it, and would have shown none of the others."""
NO_ANSWER: Final = "no answer"
_UNFINISHED: Final = ".unfinished-"
_ABANDONED_SECONDS: Final = 3600


class ReportError(RuntimeError):
    """No report can be made or read; the message says why and what to do."""


@dataclass(frozen=True)
class ColumnVerdict:
    """What Evidently and we say of one column, on the very same rows."""

    feature: str
    label: str
    kind: str
    ours: str
    """Of `drift.VERDICTS`."""
    psi: float
    """NaN where `ours` is too few or no data."""
    theirs: str
    """DRIFT, NO_DRIFT, LEFT_OUT or NO_ANSWER."""
    method: str
    value: float
    threshold: float
    their_psi: float
    """Evidently's PSI, for numbers over equal-width bins; NaN where it has none."""
    differs: bool
    why: str
    """One sentence where the two differ, or where they agree for different reasons; else empty."""


@dataclass(frozen=True)
class Judged:
    """The decline cut-off put to the test by both, on the sampled decisions whose outcome is known."""

    n: int
    n_defaults: int
    theirs: Mapping[str, float]
    """precision, recall, f1, roc_auc as Evidently reports them at our cut-off."""
    ours: Mapping[str, float]


@dataclass(frozen=True)
class Report:
    """One finished report. Days are inclusive, UTC; `seconds` is what it took to make."""

    id: str
    project: str
    first: date
    last: date
    as_of: date
    made_at: datetime
    seconds: float
    seed: int
    model_version: int
    run_id: str
    policy_id: str
    cutoff: float
    """Decline when PD >= cutoff; what every metric of Evidently was given."""
    n_window: int
    """Decisions of this version in the window; the report shows `n_sampled` of them."""
    n_other_versions: int
    n_sampled: int
    n_reference: int
    evidently: str
    """Version of Evidently."""
    columns: tuple[ColumnVerdict, ...]
    judged: Judged | None
    """None where too few outcomes are known; `notes` say so."""
    notes: tuple[str, ...]
    filed: str
    """Where the run keeps it in MLflow, or why it does not."""
    folder: Path = field(compare=False, default=Path())

    @property
    def html(self) -> Path:
        """The page; loads nothing from anywhere."""
        return self.folder / HTML

    @property
    def json(self) -> Path:
        """Evidently's numbers and the verdicts."""
        return self.folder / JSON

    @property
    def n_differ(self) -> int:
        """Columns on which the two verdicts differ."""
        return sum(column.differs for column in self.columns)


def read_report(settings: Settings, project: str, report_id: str) -> Report:
    """Return a report by its id. Raises ReportError when it is not there or of another form."""
    folder = _place(settings, project) / report_id
    found = _read(folder) if report_id.isalnum() else None
    if found is None:
        raise ReportError(f"there is no Evidently report {report_id!r} of {project}; make it again")
    return found


def read_reports(settings: Settings, project: str) -> list[Report]:
    """Return the reports of a project, newest first; unreadable ones are left out."""
    place = _place(settings, project)
    folders = [path for path in place.iterdir() if not path.name.startswith(".")] if place.is_dir() else []
    found = [report for path in folders if (report := _read(path)) is not None]
    return sorted(found, key=lambda report: report.made_at, reverse=True)


def keep(settings: Settings, report: Report, files: dict[str, str]) -> Report:
    """Keep a report with its files, name to text, in a folder that appears under its name when it is whole.

    A report of the same id that came first stays. Older ones beyond `MOST_KEPT` are deleted.
    """
    place = _place(settings, report.project)
    place.mkdir(parents=True, exist_ok=True)
    unfinished = place / f"{_UNFINISHED}{uuid.uuid4().hex}"
    unfinished.mkdir()
    try:
        for name, text in (files | {META: to_json(report)}).items():
            (unfinished / name).write_text(text, encoding="utf-8")
        os.replace(unfinished, place / report.id)  # noqa: PTH105  # Path.replace says less of folders
    except OSError:
        if _read(place / report.id) is None:
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    _tidy(settings, report.project)
    return read_report(settings, report.project, report.id)


def forget(settings: Settings, project: str, report_id: str) -> None:
    """Delete what stands under an id and is no whole report."""
    folder = _place(settings, project) / report_id
    if folder.exists() and _read(folder) is None:
        shutil.rmtree(folder)


def as_document(report: Report) -> dict[str, Any]:
    """Return a report as JSON takes it: dates as text, what is not a number as null, no folder."""
    document = asdict(report) | {"form": FORM}
    del document["folder"]
    plain = _plain(document)
    assert isinstance(plain, dict)
    return plain


def to_json(report: Report) -> str:
    """Return a report as the text of ``meta.json``."""
    return json.dumps(as_document(report), indent=2, ensure_ascii=False, allow_nan=False)


def _place(settings: Settings, project: str) -> Path:
    # Names of projects are file names already: MLflow's experiment and the built-in TOML carry them.
    return settings.home / "reports" / project.replace("/", "_").replace("\\", "_").lstrip(".")


def _read(folder: Path) -> Report | None:
    try:
        found = json.loads((folder / META).read_text(encoding="utf-8"))
        return _report(found, folder) if found.pop("form") == FORM and (folder / HTML).is_file() else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _report(found: dict[str, Any], folder: Path) -> Report:
    judged = found["judged"]
    given = found | {
        "first": date.fromisoformat(found["first"]),
        "last": date.fromisoformat(found["last"]),
        "as_of": date.fromisoformat(found["as_of"]),
        "made_at": datetime.fromisoformat(found["made_at"]),
        "columns": tuple(_column(column) for column in found["columns"]),
        "judged": None if judged is None else Judged(**{**judged, **{s: _numbers(judged[s]) for s in ("theirs", "ours")}}),
        "notes": tuple(found["notes"]),
    }
    return Report(**given, folder=folder)


def _column(found: dict[str, Any]) -> ColumnVerdict:
    numbers = {f.name for f in fields(ColumnVerdict) if f.type is float}
    given: dict[str, Any] = {k: math.nan if k in numbers and v is None else v for k, v in found.items()}
    return ColumnVerdict(**given)


def _numbers(found: Mapping[str, float | None]) -> dict[str, float]:
    return {name: math.nan if value is None else value for name, value in found.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, date | datetime):
        return value.isoformat()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _tidy(settings: Settings, project: str) -> None:
    """Delete the oldest beyond those kept, and what a killed process left unfinished."""
    for old in read_reports(settings, project)[MOST_KEPT:]:
        shutil.rmtree(old.folder, ignore_errors=True)
    for path in _place(settings, project).glob(f"{_UNFINISHED}*"):
        if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
