"""A dated file as it will be replayed: every application with the instant of its decision and what became of it later."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.data.clean import as_date, category_texts
from pipeline.evaluation.inputs import IntArray
from pipeline.monitoring.outcomes_check import check_outcomes, named
from pipeline.monitoring.outcomes_file import project_outcomes
from pipeline.project import Project, ProjectConfig
from pipeline.serving.batch_csv import Chunk
from pipeline.serving.batch_read import open_batch, read_chunks

OPENS, OPEN_HOURS = timedelta(hours=8), timedelta(hours=12)
"""When the desk is open, UTC: applications dated to a day are spread over these hours, evenly, in the order of the file."""
_DAY: Final = "datetime64[D]"


class ReplayError(ValueError):
    """A file that cannot be replayed; the message names what is missing and what would be right."""


@dataclass(frozen=True, eq=False)
class DatedFile:
    """The applications of a window in the order of their decisions, n of them."""

    sha256: str
    frame: pd.DataFrame
    """Their cells as given, the columns that scoring needs."""
    rows: IntArray
    """Their numbers in the file, from 1."""
    decided_at: npt.NDArray[np.datetime64]
    """UTC, microseconds."""
    subjects: npt.NDArray[np.object_]
    """The applicant's id; None where the file gives none, or gives it twice."""
    outcomes: pd.DataFrame
    """``known_at`` (datetime64), ``defaulted`` (bool) and ``cash`` of the applications that have one, by position."""
    n_undated: int
    """Rows of the whole file that no day can be read of, or that do not fit its header."""
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many applications."""
        return len(self.rows)

    @property
    def days(self) -> npt.NDArray[np.datetime64]:
        """The day of each decision."""
        return self.decided_at.astype(_DAY)

    def became_known(self, after: date | None, until: date) -> IntArray:
        """Return the positions whose outcome became known after one day (None: ever) and by the end of another."""
        days = self.outcomes["known_at"].to_numpy().astype(_DAY)
        known = days <= np.datetime64(until)
        known = known if after is None else known & (days > np.datetime64(after))
        return np.asarray(self.outcomes.index[known], dtype=np.int64)

    def chunk(self, positions: IntArray) -> Chunk:
        """Return some of the applications as scoring takes them."""
        return Chunk(self.rows[positions], self.frame.iloc[positions].reset_index(drop=True))

    def instants(self, positions: IntArray) -> dict[int, datetime]:
        """Return when each of these was decided, by its number in the file."""
        moments = pd.DatetimeIndex(self.decided_at[positions]).tz_localize(UTC).to_pydatetime().tolist()
        return dict(zip(self.rows[positions].tolist(), moments, strict=True))


def read_dated(project: Project, data: Path | None, first: date, last: date) -> DatedFile:
    """Read the applications of the days ``first`` to ``last``: from a file, the one shipped with the project, or its generator.

    Raises ReplayError, DataError or OutcomeError naming what the file lacks.
    """
    config = project.config
    if config.data.time is None:
        raise ReplayError(f"{config.name} names no data.time, the application's day; only dated files can be replayed")
    frame, rows, sha256, n_broken = _read(project, data)
    if config.data.time not in frame:
        raise ReplayError(f"column {config.data.time!r}, the application's day, is missing; the file has {_some(frame)}")
    decided_at = spread(as_date(frame[config.data.time]))
    days = decided_at.astype(_DAY)
    inside = np.flatnonzero((days >= np.datetime64(first)) & (days <= np.datetime64(last)))
    chosen = inside[np.lexsort((rows[inside], decided_at[inside]))]
    subjects = _subjects(frame, config)[chosen]
    window = frame.iloc[chosen].reset_index(drop=True)
    outcomes, notes = _outcomes(window, rows[chosen], config)
    n_undated = int(np.isnat(decided_at).sum()) + n_broken
    return DatedFile(sha256, window, rows[chosen], decided_at[chosen], subjects, outcomes, n_undated, notes)


def spread(moments: "pd.Series[pd.Timestamp]") -> npt.NDArray[np.datetime64]:
    """Return instants: those with an hour as they are, those dated to a day spread over its `OPEN_HOURS`; NaT stays NaT."""
    days = moments.dt.floor("D")
    of_day = moments[moments == days].groupby(days)
    offset = OPENS + OPEN_HOURS * ((of_day.cumcount() + 0.5) / of_day.transform("size"))
    return (moments + offset.reindex(moments.index).fillna(pd.Timedelta(0))).to_numpy(dtype="datetime64[us]")


def _read(project: Project, data: Path | None) -> tuple[pd.DataFrame, IntArray, str, int]:
    """Return the cells, their row numbers, the identity of the file, and how many rows do not fit its header."""
    shipped = project.config.data.file
    path = data or (project.path.parent / shipped if shipped else None)
    if path is None:
        return _generated(project.config)
    file = open_batch(path)
    wanted = _columns(project.config, file.columns)
    chunks = list(read_chunks(file))
    frame = pd.concat([chunk.frame[wanted] for chunk in chunks], ignore_index=True)
    return frame, np.concatenate([chunk.rows for chunk in chunks]), file.sha256, file.n_broken


def _generated(config: ProjectConfig) -> tuple[pd.DataFrame, IntArray, str, int]:
    if config.data.generator is None:
        raise ReplayError(f"{config.name} ships no data; name the dated file with --data")
    from pipeline.data.simulate import BookSpec, simulate_book
    from pipeline.data.snapshot import content_sha256

    book = simulate_book(BookSpec())
    frame = book[_columns(config, tuple(book.columns))]
    return frame, np.arange(1, len(book) + 1, dtype=np.int64), content_sha256(book), 0


def _columns(config: ProjectConfig, there: tuple[str, ...]) -> list[str]:
    wanted = (*config.feature_names, *config.required_columns)
    return [name for name in dict.fromkeys(wanted) if name in there]


def _subjects(frame: pd.DataFrame, config: ProjectConfig) -> npt.NDArray[np.object_]:
    if config.data.id not in frame:
        return np.full(len(frame), None, dtype=object)
    texts = category_texts(frame[config.data.id])
    is_unique = texts.notna() & ~texts.duplicated(keep=False)
    return np.asarray(texts.astype(object).where(is_unique, None).to_numpy(dtype=object))


def _outcomes(window: pd.DataFrame, rows: IntArray, config: ProjectConfig) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return what became of each application; nothing where the file does not tell at all."""
    if config.data.target not in window:
        nothing = pd.DataFrame({"known_at": pd.to_datetime([]), "defaulted": np.empty(0, bool), "cash": np.empty(0)})
        return nothing, (f"the file has no {config.data.target!r}: applications are replayed, outcomes are not",)
    found, notes = project_outcomes(window, config)
    told = found[found["defaulted"].notna()]
    checked = check_outcomes(told.assign(subject_id=told.index.astype(str)))
    if len(checked.faults):
        rows_in_file = rows[told.index.to_numpy()[checked.faults["row"].to_numpy(dtype=np.int64) - 1]]
        what = named(checked.faults.assign(row=rows_in_file))
        notes = (*notes, f"{len(checked.faults):,} outcomes cannot be read and were left out: {what}")
    return checked.good, notes


def _some(frame: pd.DataFrame) -> str:
    return ", ".join(map(repr, list(frame.columns)[:8]))
