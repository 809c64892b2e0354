"""Read a file of applicants strictly and in chunks: a row of another width is set apart by its number, all others go on.

A row's number counts the records after the header from 1, blank lines left out, whether they can be used or not: it names the
row in messages and in the idempotency key, so the same file gives the same numbers every time.
"""

import hashlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.data.read import GZIP, OTHER_FORMATS, PARQUET, DataError, plain_values, refuse_bad_header
from pipeline.serving.batch_csv import Chunk, csv_chunks, survey_csv
from pipeline.serving.batch_stream import TextStream, refuse_bomb

CHUNK_ROWS: Final = 20_000
MOST_CHUNK_BYTES: Final = 256_000_000

__all__ = ["BatchFile", "DataError", "open_batch", "read_chunks"]

Format = Literal["csv", "parquet"]


@dataclass(frozen=True)
class BatchFile:
    """A file that was read once to its end and can be read again in chunks."""

    path: Path
    name: str
    """How messages and results call it."""
    sha256: str
    """Of the bytes as given: the identity of the file."""
    kind: Format
    columns: tuple[str, ...]
    n_rows: int
    """All data rows, those set apart included."""
    n_broken: int
    notes: tuple[str, ...]
    stamp: tuple[int, int]

    @property
    def stem(self) -> str:
        """The name without what says its format: applicants.csv.gz is applicants."""
        stem = self.name
        for ending in (".gz", ".csv", ".txt", ".parquet"):
            stem = stem[: -len(ending)] if stem.lower().endswith(ending) else stem
        return stem or "batch"


def open_batch(path: Path | str, name: str | None = None) -> BatchFile:
    """Read a CSV, gzip CSV or Parquet file once, told apart by content: hash, columns, number of rows.

    Raises DataError naming the file, what is wrong (encoding, separators, doubled columns, a quotation mark never closed,
    nothing in it, another format, damaged, unpacking without end) and what would be right.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file" if not path.exists() else f"{path}: is a folder; name one file in it")
    name = name or path.name
    kind = _kind(path, name)
    with path.open("rb") as raw:
        sha256 = hashlib.file_digest(raw, "sha256").hexdigest()
    if kind == "parquet":
        columns, n_rows, n_broken = *_survey_parquet(path, name), 0
    else:
        columns, n_rows, n_broken = survey_csv(path, name)
    if n_rows == 0:
        raise DataError(f"{name}: has a header but no rows")
    return BatchFile(path, name, sha256, kind, columns, n_rows, n_broken, _notes(name, kind), _stamp(path))


def read_chunks(file: BatchFile, chunk_rows: int = CHUNK_ROWS) -> Iterator[Chunk]:
    """Yield every row of the file in order, at most `chunk_rows` at a time. DataError when it is no longer the same file."""
    if _stamp(file.path) != file.stamp:
        raise DataError(f"{file.name}: was changed after it was checked; start again")
    if file.kind == "parquet":
        yield from _parquet_chunks(file, chunk_rows)
    else:
        yield from csv_chunks(file.path, file.name, chunk_rows)
    if _stamp(file.path) != file.stamp:
        raise DataError(f"{file.name}: was changed while it was read; rows after the change may be wrong, start again")


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _kind(path: Path, name: str) -> Format:
    with path.open("rb") as raw:
        head = raw.read(8)
    if head.startswith(GZIP):
        with closing(TextStream(path, name)) as stream:
            head = stream.read(8)
        if head.startswith(PARQUET):
            raise DataError(f"{name}: is Parquet packed with gzip; unpack it, Parquet packs itself")
    for magic, what in OTHER_FORMATS.items():
        if head.startswith(magic):
            raise DataError(f"{name}: is {what}; save it as CSV in UTF-8, or as Parquet")
    if not head.strip():
        raise DataError(f"{name}: is empty; a header line and rows are expected")
    return "parquet" if head.startswith(PARQUET) else "csv"


def _notes(name: str, kind: Format) -> tuple[str, ...]:
    is_named_parquet = name.lower().endswith(".parquet")
    if is_named_parquet == (kind == "parquet") or "." not in name:
        return ()
    return (f"{name}: is {'Parquet' if kind == 'parquet' else 'CSV'}, whatever its name says, and was read so",)


def _survey_parquet(path: Path, name: str) -> tuple[tuple[str, ...], int]:
    try:
        about = pq.read_metadata(path)
        columns = pq.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(name, error) from error
    refuse_bad_header(columns, name)
    refuse_bomb(sum(about.row_group(i).total_byte_size for i in range(about.num_row_groups)), path.stat().st_size, name)
    return tuple(columns), about.num_rows


def _parquet_chunks(file: BatchFile, chunk_rows: int) -> Iterator[Chunk]:
    start = 1
    try:
        with pq.ParquetFile(file.path) as source:
            for batch in source.iter_batches(batch_size=chunk_rows):
                if batch.nbytes > MOST_CHUNK_BYTES:
                    raise DataError(f"{file.name}: rows {start} and on are too wide to be applicants; send fewer columns")
                rows = np.arange(start, start + batch.num_rows, dtype=np.int64)
                start += batch.num_rows
                yield Chunk(rows, plain_values(pa.Table.from_batches([batch])).to_pandas())
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(file.name, error) from error


def _unreadable(name: str, error: Exception) -> DataError:
    return DataError(f"{name}: is a Parquet file that cannot be read ({str(error).splitlines()[0]}); write it again")
