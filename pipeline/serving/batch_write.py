"""The two files of a batch, decided and refused rows: written aside chunk by chunk, put in their place when whole."""

from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline import contract
from pipeline.serving.batch_read import Format
from pipeline.spreadsheet import inert_texts

REFUSED_ROW: Final = "row"
REFUSED_WHY: Final = "what_is_wrong"


class ResultFiles:
    """Where results go; what `finish` did not put in its place, `discard` takes away."""

    def __init__(self, folder: Path, stem: str, kind: Format) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.decisions = folder / f"{stem}.decisions.{kind}"
        self.refused = folder / f"{stem}.refused.csv"
        self._kind = kind
        self._writers: dict[Path, Any] = {}

    def discard(self) -> None:
        """Leave nothing half written behind; after `finish` nothing is."""
        self._close()
        for path in (self.decisions, self.refused):
            _aside(path).unlink(missing_ok=True)

    def write_decisions(self, decided: pd.DataFrame, *, with_reasons: bool) -> None:
        """Append rows with the columns of `batch_log.DECIDED`; reasons become a column each."""
        self._write(self.decisions, _decisions_table(decided, with_reasons))

    def write_refused(self, refused: pd.DataFrame) -> None:
        """Append rows that were refused: `REFUSED_ROW`, `REFUSED_WHY`, then the cells as they were given."""
        self._write(self.refused, _texts_table(refused))

    def finish(self) -> None:
        """Put both files in their place; an older one of the same name is replaced."""
        self._close()
        for path in (self.decisions, self.refused):
            _aside(path).replace(path)

    def _write(self, path: Path, table: pa.Table) -> None:
        if path not in self._writers:
            is_csv = self._kind == "csv" or path == self.refused
            open_writer = pa_csv.CSVWriter if is_csv else pq.ParquetWriter
            self._writers[path] = open_writer(_aside(path), table.schema)
        self._writers[path].write_table(_inert(table))

    def _close(self) -> None:
        writers, self._writers = self._writers, {}
        for writer in writers.values():
            writer.close()


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")


def _decisions_table(decided: pd.DataFrame, with_reasons: bool) -> pa.Table:
    columns: dict[str, Any] = {"row": pa.array(decided["row"].to_numpy(dtype=np.int64))}
    columns |= {name: _text(decided[name]) for name in ("applicant_id", "decision_id", "outcome")}
    columns |= {"pd": pa.array(decided["pd"].to_numpy(dtype=np.float64)), "grade": _text(decided["grade"])}
    if with_reasons:
        for i in range(contract.MAX_REASONS):
            columns[f"reason_{i + 1}"] = _text([said[i] if len(said) > i else None for said in decided["reasons"]])
    columns["warnings"] = _text(["; ".join(said) or None for said in decided["warnings"]])
    columns["model_version"] = pa.array(decided["model_version"].to_numpy(dtype=np.int64))
    columns |= {name: _text(decided[name]) for name in ("policy_id", "decided_at")}
    return pa.table(columns)


def _texts_table(refused: pd.DataFrame) -> pa.Table:
    columns = [pa.array(refused[REFUSED_ROW].to_numpy(dtype=np.int64))]
    columns += [_text(refused.iloc[:, i]) for i in range(1, refused.shape[1])]
    names = inert_texts(pa.array([str(name) for name in refused.columns], type=pa.string())).to_pylist()
    return pa.Table.from_arrays(columns, names=names)


def _text(cells: Any) -> pa.Array:
    """Cells as text; what is no text yet, as in Parquet, as Python writes it."""
    if isinstance(cells, pd.Series) and not pd.api.types.is_string_dtype(cells):
        cells = [None if value is None or value is pd.NaT or _is_nan(value) else str(value) for value in cells.tolist()]
    return pa.array(cells, type=pa.string(), from_pandas=True)


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and value != value


def _inert(table: pa.Table) -> pa.Table:
    for i, field in enumerate(table.schema):
        if field.type == pa.string():
            table = table.set_column(i, field, inert_texts(table.column(i).combine_chunks()))
    return table
