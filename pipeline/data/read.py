"""Read a loan file as it is: nothing guessed away, everything left out said so.

CSV cells are read as text first and a column becomes numbers only when every cell of it is one. A column with a few strings
among its numbers stays text, so that the check can name the rows.
"""

import csv
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
OTHER_FORMATS = {
    b"PK\x03\x04": "a ZIP or Excel file",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
    b"%PDF": "a PDF",
}
_FOREIGN_DELIMITERS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
_MOST_FOOTER_LINES = 10

MISSING_MARKERS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "<NA>", "#N/A")
"""Cells read as missing, and noted. "None" is not among them: it may be a choice, as in "education: None"."""

NUMBER_PATTERN = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_LEADING_ZERO = r"^[+-]?0\d"
_WHOLE = r"^[+-]?\d{1,18}$"


class DataError(ValueError):
    """Data that cannot be used; the message names the file or column, what was found and what would be right."""


@dataclass(frozen=True)
class Table:
    """A file's rows with what had to be said about reading them."""

    frame: pd.DataFrame
    """Rows in file order, index 0..n-1; row number in messages = index + 1, the header and blank lines not counted."""
    notes: tuple[str, ...]
    """Plain sentences: footer lines dropped, encoding fallen back, markers read as missing."""
    sha256: str
    """Of the file's bytes as they were given."""


def read_table(path: Path | str) -> Table:
    """Read CSV, gzip CSV or Parquet, told apart by content. Raises DataError naming the file and what is wrong with it."""
    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file" if not path.exists() else f"{path}: is a folder; name one file in it")
    return read_content(path.read_bytes(), path.name)


def read_content(content: bytes, name: str) -> Table:
    """Read the bytes of a CSV, gzip CSV or Parquet file; `name` is how messages call it. Raises DataError."""
    sha256 = hashlib.sha256(content).hexdigest()
    if content.startswith(GZIP):
        content = _unzip(content, name)
    if content.startswith(PARQUET):
        return Table(_read_parquet(content, name), (), sha256)
    text, notes = _decode(content, name)
    layout = _lay_out(text, name)
    frame, marker_notes = _read_csv(text, layout, name)
    return Table(frame, (*notes, *layout.notes, *marker_notes), sha256)


def parse_numbers(texts: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return texts as float64, correctly rounded; whatever is not a plain finite decimal number becomes null."""
    texts = pc.utf8_trim_whitespace(texts)
    is_number = pc.match_substring_regex(texts, NUMBER_PATTERN)
    return pc.cast(pc.if_else(is_number, texts, None), pa.float64())


def _unzip(content: bytes, name: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as exc:
        raise DataError(f"{name}: is a gzip file that is damaged or cut off ({exc}); fetch it again") from exc


def _read_parquet(content: bytes, name: str) -> pd.DataFrame:
    try:
        table = pq.read_table(io.BytesIO(content))
    except (pa.ArrowException, OSError) as exc:
        raise DataError(f"{name}: is a Parquet file that cannot be read ({str(exc).splitlines()[0]}); write it again") from exc
    refuse_bad_header(table.column_names, name)
    if table.num_rows == 0:
        raise DataError(f"{name}: has a header but no rows")
    return plain_values(table).to_pandas().reset_index(drop=True)


def plain_values(table: pa.Table) -> pa.Table:
    """Turn dictionary and decimal columns into what a CSV would have given; the pandas index metadata goes."""
    for position, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type):
            table = table.set_column(position, field.name, table.column(position).cast(field.type.value_type))
        elif pa.types.is_decimal(field.type):
            table = table.set_column(position, field.name, table.column(position).cast(pa.float64()))
    return table.replace_schema_metadata(None)


def _decode(content: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    if not content.strip():
        raise DataError(f"{name}: is empty; a header line and rows are expected")
    for magic, what in OTHER_FORMATS.items():
        if content.startswith(magic):
            raise DataError(f"{name}: is {what}; save it as CSV in UTF-8, or as Parquet")
    binary = DataError(f"{name}: is not text; CSV, gzip CSV and Parquet can be read")
    if b"\x00" in content:
        raise binary
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError as exc:
        text = content.decode("latin-1")
        if any(ord(sign) < 32 and sign not in "\t\r\n\f" for sign in text[:100_000]):
            raise binary from exc
        line = content[: exc.start].count(b"\n") + 1
        return text, (f"{name}: is not UTF-8 (line {line}); read as Latin-1, so look at accented letters",)


@dataclass(frozen=True)
class _Layout:
    """Where the data rows of a text stand."""

    skip: int
    """Physical lines before the header."""
    header: tuple[str, ...]
    n_rows: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Record:
    line: int
    cells: tuple[str, ...]


def _records(text: str, name: str) -> Iterator[_Record]:
    """Yield the records that are not blank, each with the line it ends on."""
    reader = csv.reader(io.StringIO(text, newline=""))
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield _Record(reader.line_num, tuple(cells))
    except csv.Error as exc:
        raise DataError(f"{name}: line {reader.line_num}: {exc}; a quotation mark may not have been closed") from exc


def _lay_out(text: str, name: str) -> _Layout:
    """Find header, rows and footer; refuse rows of another width than the header's."""
    records = _records(text, name)
    header, skip, notes = _find_header(records, name)
    n_rows, footer = 0, list[_Record]()
    for record in records:
        if not _is_footer_like(record, len(header.cells)):
            _refuse_odd_widths(footer, header, name)
            n_rows += 1 + len(footer)
            footer = []
            _refuse_odd_widths([record], header, name)
        else:
            footer.append(record)
            if len(footer) > _MOST_FOOTER_LINES:
                _refuse_odd_widths(footer, header, name)
    if len(footer) > _MOST_FOOTER_LINES:
        n_rows, footer = n_rows + len(footer), []
    if n_rows == 0:
        _refuse_odd_widths(footer, header, name)
        raise DataError(f"{name}: has a header but no rows")
    notes += tuple(f"{name}: line {r.line} is not a data row and was left out: {_shown(r)}" for r in footer)
    return _Layout(skip, header.cells, n_rows, notes)


def _find_header(records: Iterator[_Record], name: str) -> tuple[_Record, int, tuple[str, ...]]:
    """Return the header; a lone sentence above it (as in Lending Club's own files) is skipped and noted."""
    first = next(records)
    if len(first.cells) == 1 and " " in first.cells[0].strip() and not _foreign_delimiter(first.cells[0]):
        header = next(records, first)
        if len(header.cells) > 1:
            refuse_bad_header(header.cells, name)
            note = f"{name}: line {first.line} stands above the header and was left out: {_shown(first)}"
            return header, first.line, (note,)
        raise DataError(f"{name}: line 1 is {_shown(first)}, which is no header with columns separated by commas")
    refuse_bad_header(first.cells, name)
    return first, 0, ()


def _foreign_delimiter(header: str) -> str:
    found = max(_FOREIGN_DELIMITERS, key=header.count)
    return found if found in header else ""


def refuse_bad_header(header: tuple[str, ...] | list[str], name: str) -> None:
    """Raise DataError when columns are not separated by commas, or a name occurs twice."""
    if len(header) == 1 and (sign := _foreign_delimiter(header[0])):
        raise DataError(
            f"{name}: columns are separated by {_FOREIGN_DELIMITERS[sign]} ({sign!r}); save the file with commas "
            "and with points as decimal signs"
        )
    doubles = sorted({column for column in header if header.count(column) > 1})
    if doubles:
        raise DataError(f"{name}: column {', '.join(map(repr, doubles))} occurs more than once; each name must be used once")


def _is_footer_like(record: _Record, width: int) -> bool:
    """A short line, or a sentence in the first cell with nothing after it.

    Short over several lines is no footer but a quotation mark never closed, which would swallow all rows after it.
    """
    if len(record.cells) < width:
        return not any("\n" in cell for cell in record.cells)
    is_alone = width > 2 and len(record.cells) == width and not any(record.cells[1:])
    return is_alone and " " in record.cells[0].strip()


def _refuse_odd_widths(records: list[_Record], header: _Record, name: str) -> None:
    for record in records:
        if len(record.cells) != len(header.cells):
            raise DataError(
                f"{name}: line {record.line} has {len(record.cells)} cells where the header has {len(header.cells)}: "
                f"{_shown(record)}; put cells that contain commas in quotation marks, and close them"
            )


def _shown(record: _Record) -> str:
    text = ",".join(record.cells).strip()
    return repr(text if len(text) <= 80 else text[:77] + "...")


def _read_csv(text: str, layout: _Layout, name: str) -> tuple[pd.DataFrame, tuple[str, ...]]:
    raw = _read_texts(text, layout, name)
    columns, notes = {}, list[str]()
    for column, texts in zip(layout.header, (raw.iloc[:, i] for i in range(raw.shape[1])), strict=True):
        columns[column], n_markers = _typed(texts)
        if n_markers:
            notes.append(f"{name}: column {column!r}: {n_markers} cells such as NA or NULL read as missing")
    return pd.DataFrame(columns), tuple(notes)


def _read_texts(text: str, layout: _Layout, name: str) -> pd.DataFrame:
    """Every cell as it stands; what was counted before must be what pandas reads."""
    advice = "look for quotation marks that were never closed"
    try:
        raw = pd.read_csv(
            io.StringIO(text), skiprows=layout.skip, nrows=layout.n_rows, dtype="str", keep_default_na=False, na_values=[""],
            index_col=False,
        )  # fmt: skip
    except pd.errors.ParserError as exc:
        raise DataError(f"{name}: cannot be read as CSV ({exc}); {advice}") from exc
    if len(raw) != layout.n_rows or raw.shape[1] != len(layout.header):
        raise DataError(f"{name}: {layout.n_rows} rows were counted but {len(raw)} read; {advice}")
    return raw


def _typed(texts: "pd.Series[str]") -> tuple["pd.Series[float] | pd.Series[str]", int]:
    """Return numbers where every cell is one, else the text, with the count of missing markers."""
    cells = pa.chunked_array(pa.array(texts, type=pa.large_string(), from_pandas=True))
    trimmed = pc.utf8_trim_whitespace(cells)
    is_marker = pc.is_in(trimmed, value_set=pa.array(MISSING_MARKERS, type=pa.large_string()))
    is_blank = pc.equal(trimmed, "")
    kept = pc.if_else(pc.or_(is_marker, is_blank), pa.scalar(None, pa.large_string()), cells)
    return _numbers_or_text(kept, texts), int(pc.sum(is_marker).as_py() or 0)


def _numbers_or_text(cells: pa.ChunkedArray, texts: "pd.Series[str]") -> "pd.Series[float] | pd.Series[str]":
    """Codes with leading zeros (02139) stay text: as numbers they would lose them."""
    trimmed = pc.utf8_trim_whitespace(cells)
    numbers = parse_numbers(trimmed)
    has_zeros = pc.any(pc.match_substring_regex(trimmed, _LEADING_ZERO)).as_py()
    if numbers.null_count > cells.null_count or has_zeros or cells.null_count == len(cells):
        return pd.Series(cells.to_pandas(), index=texts.index, dtype="str") if cells.null_count < len(cells) else _empty(texts)
    if cells.null_count == 0 and pc.all(pc.match_substring_regex(trimmed, _WHOLE)).as_py():
        return pd.Series(pc.cast(pc.replace_substring_regex(trimmed, r"^\+", ""), pa.int64()).to_numpy(), index=texts.index)
    return pd.Series(numbers.to_numpy(), index=texts.index)


def _empty(texts: "pd.Series[str]") -> "pd.Series[float]":
    """A column without a single value has no type; numbers are the harmless one, as pandas does."""
    return pd.Series(float("nan"), index=texts.index)
