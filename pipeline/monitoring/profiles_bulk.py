"""Profiles of bulk history: the same counts from Parquet files, on an existing Dask cluster or in this process.

Traffic that was decided before this store existed, or elsewhere, has no decisions here; its counts are all that panels need.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
from pandas import DataFrame, Series
from sqlalchemy import Engine, Text, func, select, type_coerce

from pipeline import contract
from pipeline.data.clean import as_boolean, as_date, category_texts
from pipeline.monitoring.baseline import VersionBins, grades_of
from pipeline.monitoring.profile_counts import add_tables, count_decisions
from pipeline.monitoring.profile_rows import DAY, NO_REASONS, REASONS
from pipeline.monitoring.profile_store import add_counts, lock_profiles
from pipeline.project import ProjectConfig
from pipeline.store.engine import transaction_lock, writing
from pipeline.store.plain_errors import plain_store_errors
from pipeline.store.tables import decisions, profiles

DECIDED_AT: Final = "decided_at"
OUTCOME: Final = "outcome"
GRADE: Final = "grade"
GIVEN_REASONS: Final = "reasons"
NEEDED: Final = (contract.REFERENCE_PD, OUTCOME, DECIDED_AT)
_FAN_IN: Final = 8
"""Tables that one step of the merge adds up: few enough for a worker's memory, many enough for few rounds."""


class BulkError(ValueError):
    """History that cannot be counted or kept; the message names the file, the column or the days."""


@dataclass(frozen=True)
class Piece:
    """One row group of one Parquet file: what a worker reads at a time."""

    path: str
    row_group: int
    rows: int


def count_parquet(
    bins: VersionBins, path: Path, *, scheduler: str | None = None, tell: Callable[[int], None] | None = None
) -> DataFrame:
    """Count decisions of one version in Parquet: `profile_counts.TABLE_COLUMNS`, as `update_profiles` would have counted them.

    path: a file, or a folder of files; columns: the inputs as the product's files have them, ``pd``, ``outcome`` and
    ``decided_at`` (an instant, UTC where it names no zone); ``grade`` (else the PD's) and ``reasons`` (JSON as the log keeps
    it) are optional. scheduler: address of an existing Dask cluster whose workers see the same files; without it this process
    counts, a row group at a time. ``tell`` is called with the rows done. Raises BulkError naming the file and column.
    """
    pieces = list_pieces(path, bins.config)
    if scheduler is None:
        tables, done = [], 0
        for piece in pieces:
            tables.append(count_piece(bins, piece))
            done += piece.rows
            if tell is not None:
                tell(done)
            if len(tables) == _FAN_IN:
                tables = [add_tables(tables)]
        return add_tables(tables)
    return _count_on_cluster(bins, pieces, scheduler, tell)


def list_pieces(path: Path, config: ProjectConfig) -> list[Piece]:
    """Return the row groups of a file or folder, in order. Raises BulkError for what is no Parquet or lacks a column."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(path.glob("**/*.parquet")) if path.is_dir() else [path]
    if not files:
        raise BulkError(f"{path} holds no .parquet file")
    pieces = []
    for file in files:
        try:
            found = pq.ParquetFile(file)
        except (OSError, pa.ArrowInvalid) as error:
            raise BulkError(f"{file} cannot be read as Parquet: {error}") from error
        with found:
            lacking = [name for name in (*config.feature_names, *NEEDED) if name not in found.schema_arrow.names]
            if lacking:
                raise BulkError(f"{file} lacks the columns {', '.join(lacking)}")
            sizes = [found.metadata.row_group(i).num_rows for i in range(found.num_row_groups)]
        pieces += [Piece(str(file.resolve()), i, rows) for i, rows in enumerate(sizes) if rows]
    return pieces


def count_piece(bins: VersionBins, piece: Piece) -> DataFrame:
    """Read and count one row group; runs on the workers."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(piece.path) as file:
        optional = [name for name in (GRADE, GIVEN_REASONS) if name in file.schema_arrow.names]
        frame = file.read_row_group(piece.row_group, columns=[*bins.config.feature_names, *NEEDED, *optional]).to_pandas()
    try:
        return count_decisions(bins, history_frame(bins.config, frame))
    except ValueError as error:
        raise BulkError(f"{piece.path}, row group {piece.row_group}: {error}") from error


def history_frame(config: ProjectConfig, raw: DataFrame) -> DataFrame:
    """Lay raw rows out as `profile_counts.count_decisions` takes them: inputs in the types of the log."""
    instants = as_date(raw[DECIDED_AT])
    if instants.isna().any():
        raise BulkError(f"{int(instants.isna().sum())} rows have no {DECIDED_AT}; each must name its instant")
    pds = raw[contract.REFERENCE_PD].to_numpy(dtype=np.float64, na_value=np.nan)
    if not ((pds >= 0) & (pds <= 1)).all():
        raise BulkError(f"{int((~((pds >= 0) & (pds <= 1))).sum())} rows have no {contract.REFERENCE_PD} between 0 and 1")
    columns: dict[str, Any] = {feature.name: raw[feature.name] for feature in config.features}
    columns |= {f.name: as_boolean(raw[f.name]) for f in config.features if f.kind == "boolean"}
    columns |= {f.name: category_texts(raw[f.name]) for f in config.features if f.kind == "category"}
    columns |= {
        contract.REFERENCE_PD: pds,
        DAY: instants.dt.strftime("%Y-%m-%d"),
        contract.PROFILE_DECISION: raw[OUTCOME],
        contract.PROFILE_GRADE: raw[GRADE] if GRADE in raw else grades_of(config, pds),
        REASONS: raw[GIVEN_REASONS].fillna(NO_REASONS) if GIVEN_REASONS in raw else Series(NO_REASONS, index=raw.index),
    }
    return DataFrame({name: Series(values).reset_index(drop=True) for name, values in columns.items()})


def _count_on_cluster(
    bins: VersionBins, pieces: Sequence[Piece], scheduler: str, tell: Callable[[int], None] | None
) -> DataFrame:
    """Map the pieces over the workers and add their tables up there in a tree; only the last table comes back."""
    from dask import distributed

    dask: Any = distributed  # publishes no types that hold under strict
    try:
        client = dask.Client(scheduler, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise BulkError(f"no Dask scheduler answers at {scheduler}: {error}") from error
    with client:
        known = client.scatter(bins, broadcast=True, hash=False)
        counted = client.map(count_piece, [known] * len(pieces), list(pieces), pure=False)
        tables = counted
        while len(tables) > 1:
            tables = [client.submit(add_tables, tables[i : i + _FAN_IN], pure=False) for i in range(0, len(tables), _FAN_IN)]
        rows, done = dict(zip(counted, pieces, strict=True)), 0
        for future in dask.as_completed(counted, loop=client.loop):
            done += rows[future].rows
            if tell is not None:
                tell(done)
        try:
            return tables[0].result() if tables else add_tables([])
        except (dask.KilledWorker, OSError, ImportError) as error:
            raise BulkError(
                f"the workers of {scheduler} could not count: {error}; they need this Riskdeck and the same files"
            ) from error


def write_counts(engine: Engine, project: str, version: int, counts: DataFrame) -> int:
    """Add a history's counts to the profiles of one version, all or nothing; returns the days.

    Raises BulkError when a day of them is counted for the version already, or has decisions in the log, which are counted by
    themselves: nothing may be counted twice.
    """
    days = sorted({date.fromisoformat(day) for day in counts["day"].unique()})
    if not days:
        return 0
    with (
        plain_store_errors("the history cannot be kept", "what was finished before stays, run it again"),
        writing(engine) as connection,
    ):
        transaction_lock(connection, "decisions")
        lock_profiles(connection)
        _refuse_counted(connection, project, version, days)
        add_counts(connection, project, version, counts)
    return len(days)


def _refuse_counted(connection: Any, project: str, version: int, days: Sequence[date]) -> None:
    mine = (profiles.c.project == project, profiles.c.model_version == version)
    query = select(profiles.c.day).distinct().where(*mine, profiles.c.day.between(days[0], days[-1]))
    counted = sorted(set(days) & set(connection.execute(query).scalars()))
    if counted:
        raise BulkError(f"{_named(counted)} of version {version} are counted already; leave these days out, nothing was added")
    start, end = (datetime.combine(day, time(), UTC) for day in (days[0], days[-1] + timedelta(days=1)))
    at = decisions.c.decided_at
    is_sqlite = connection.dialect.name == "sqlite"
    day = func.substr(type_coerce(at, Text), 1, 10) if is_sqlite else func.to_char(func.timezone("UTC", at), "YYYY-MM-DD")
    its = (decisions.c.project == project, decisions.c.model_version == version, at >= start, at < end)
    logged = {date.fromisoformat(found) for found in connection.execute(select(day).distinct().where(*its)).scalars()}
    twice = sorted(logged & set(days))
    if twice:
        raise BulkError(
            f"the log holds decisions of version {version} on {_named(twice)}, which are counted by themselves; "
            "leave these days out, nothing was added"
        )


def _named(days: Sequence[date]) -> str:
    return f"{days[0]}" if len(days) == 1 else f"{len(days)} days from {days[0]} to {days[-1]}"
