"""Read CSV in chunks of text cells; a row that does not fit the header is set apart by its number, all others go on."""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv

from pipeline.data.read import MISSING_MARKERS, DataError, refuse_bad_header
from pipeline.evaluation.inputs import IntArray
from pipeline.serving.batch_stream import TextStream

BLOCK_BYTES: Final = 4_000_000
"""CSV is parsed in blocks of this size; no row may be longer."""


@dataclass(frozen=True)
class BrokenRow:
    """A row that has not as many cells as the header, with its text."""

    row: int
    message: str


@dataclass(frozen=True)
class Chunk:
    """Consecutive rows: their numbers, their cells as given (text or Parquet's own types), and the rows set apart."""

    rows: IntArray
    frame: pd.DataFrame
    broken: tuple[BrokenRow, ...] = ()


def survey_csv(path: Path, name: str) -> tuple[tuple[str, ...], int, int]:
    """Return the columns, the number of rows, and how many of these do not fit the header. Raises DataError."""
    n_rows = n_broken = 0
    columns: tuple[str, ...] = ()
    for chunk in csv_chunks(path, name, BLOCK_BYTES):  # a block cannot hold more rows than bytes
        columns = columns or tuple(str(column) for column in chunk.frame.columns)
        n_rows += len(chunk.rows) + len(chunk.broken)
        n_broken += len(chunk.broken)
    return columns, n_rows, n_broken


def csv_chunks(path: Path, name: str, chunk_rows: int) -> Iterator[Chunk]:
    """Yield every row in order, at most `chunk_rows` at a time. Raises DataError."""
    apart, header = _SetApart(name), _header(path, name)
    with closing(TextStream(path, name)) as stream:
        try:
            reader = _open_csv(stream, header, apart)
            start = 1
            for batch in reader:
                rows, broken = apart.place(start, batch.num_rows)
                start += len(rows) + len(broken)
                yield from _sliced(rows, pa.Table.from_batches([batch]), broken, chunk_rows)
            rest = apart.rest()
            if rest:
                yield Chunk(np.empty(0, dtype=np.int64), reader.schema.empty_table().to_pandas(), rest)
        except pa.ArrowInvalid as error:
            raise DataError(f"{name}: {_said(error)}") from error


def _open_csv(stream: TextStream, header: Sequence[str], apart: "_SetApart") -> Any:
    """Every cell as text: whether it is a number is for the rules of the project to say, row by row."""
    reading = pa_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False)  # only so do rows come with their number
    parsing = pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=apart.take)
    cells = pa_csv.ConvertOptions(
        column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, null_values=["", *MISSING_MARKERS]
    )
    return pa_csv.open_csv(stream, read_options=reading, parse_options=parsing, convert_options=cells)


def _header(path: Path, name: str) -> list[str]:
    """Names of the columns; they must be known before the cells, so that each cell is read as text."""
    with closing(TextStream(path, name)) as stream:
        text = stream.read(BLOCK_BYTES).decode("utf-8-sig", errors="ignore")  # the block may end inside a letter
    try:
        header = next((cells for cells in csv.reader(io.StringIO(text, newline="")) if any(c.strip() for c in cells)), [])
    except csv.Error as error:
        raise DataError(f"{name}: the header cannot be read ({error}); look for a quotation mark never closed") from error
    refuse_bad_header(header, name)
    return header


class _SetApart:
    """Rows that the parser could not fit to the header, kept by number until the rows around them arrive."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._broken: list[BrokenRow] = []
        self._never_closed = 0

    def take(self, row: Any) -> str:
        """Keep a row; one that runs over several lines is a quotation mark never closed, which swallowed good rows."""
        if "\n" in row.text or "\r" in row.text:
            self._never_closed = self._never_closed or row.number - 1  # the parser swallows what is raised here
        shown = repr(row.text if len(row.text) <= 60 else row.text[:57] + "...")
        found = f"the row has {row.actual_columns} cells, the header {row.expected_columns}: {shown}"
        self._broken.append(BrokenRow(row.number - 1, found))
        return "skip"

    def place(self, start: int, n: int) -> tuple[IntArray, tuple[BrokenRow, ...]]:
        """Return the numbers of the next n rows that fit, and the broken ones before the last of them."""
        self._require_closed()
        apart = np.array([b.row for b in self._broken], dtype=np.int64)
        rows = np.setdiff1d(np.arange(start, start + n + len(apart), dtype=np.int64), apart)[:n]
        last = int(rows[-1]) if n else start - 1
        before = tuple(b for b in self._broken if b.row <= last)
        self._broken = self._broken[len(before) :]
        return rows, before

    def rest(self) -> tuple[BrokenRow, ...]:
        """Return those after the last row that fits."""
        self._require_closed()
        return tuple(self._broken)

    def _require_closed(self) -> None:
        if self._never_closed:
            raise DataError(
                f"{self._name}: in row {self._never_closed} a quotation mark was opened and not closed where it should be"
            )


def _sliced(rows: IntArray, table: pa.Table, broken: Sequence[BrokenRow], chunk_rows: int) -> Iterator[Chunk]:
    for first in range(0, len(rows), chunk_rows):
        mine = rows[first : first + chunk_rows]
        since = rows[first - 1] if first else 0
        apart = tuple(b for b in broken if since < b.row <= mine[-1])
        yield Chunk(mine, table.slice(first, chunk_rows).to_pandas(), apart)


def _said(error: pa.ArrowInvalid) -> str:
    text = str(error).splitlines()[0]
    if "CSV parse error" in text:  # the last line of all is judged without asking the handler
        return f"a quotation mark may not have been closed ({text})"
    if "straddl" in text:
        return f"a row is longer than {BLOCK_BYTES:,} bytes; a quotation mark may not have been closed"
    return f"cannot be read as CSV ({text})"
