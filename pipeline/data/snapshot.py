"""Snapshots: the checked table as Parquet, named by the sha256 of its full content, with a manifest beside it."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.data.check import CheckReport
from pipeline.data.read import DataError

_FORM: Final = "riskdeck-table-1"
"""Version of the canonical form; a change of the form changes every hash."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Snapshot:
    """A table that may be trained on."""

    sha256: str
    path: Path
    manifest: dict[str, Any]


def content_sha256(frame: pd.DataFrame) -> str:
    """Hash every cell of a table in a form that depends on no Parquet writer and no platform.

    The form is, column by column: the name, a type word, which rows are missing (one byte each), then the values, missing
    ones as zero: numbers, booleans and dates as little-endian fixed-width bytes, texts as their lengths and their UTF-8. The
    order of rows and of columns counts; the index does not. All NaNs are one missing value; 0.0 and -0.0 differ. (Row hashes
    such as pandas' would be 64 bits wide, and MLflow's digest looks at 10,000 rows only.)

    Raises:
        DataError: a column mixes types and so has no canonical form.
    """
    digest = hashlib.sha256(f"{_FORM} {len(frame)} {frame.shape[1]}".encode())
    for position, name in enumerate(frame.columns):
        for part in _canonical_parts(str(name), frame.iloc[:, position]):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()


def write_snapshot(frame: pd.DataFrame, folder: Path, *, source: Path | str, project: str, report: CheckReport) -> Snapshot:
    """Write the table once under its content's hash; the same content again is the same file.

    Args:
        frame: as `clean_table` returns it.
        source: the data file, hashed into the manifest, or words for where the rows came from ("simulated, seed 7").
        report: the check of this very table; one that did not pass gets no snapshot.

    Raises:
        DataError: the check did not pass, or is about another number of rows, or a column mixes types.
    """
    _refuse_unchecked(frame, report)
    sha256 = content_sha256(frame)
    path = folder / f"{sha256}.parquet"
    manifest = _manifest(frame, sha256, source, project, report)
    folder.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _write_whole(path, lambda file: frame.to_parquet(file, index=False))
    text = json.dumps(manifest, indent=2, ensure_ascii=False)
    _write_whole(_manifest_path(folder, sha256, project), lambda file: file.write_text(text, encoding="utf-8"))
    return Snapshot(sha256, path, manifest)


def read_snapshot(folder: Path, sha256: str) -> pd.DataFrame:
    """Return the table of that hash, verified. Raises DataError naming the file when it is absent, damaged or altered."""
    if not _SHA256.fullmatch(sha256):
        raise DataError(f"{sha256!r} is no snapshot; a snapshot is named by 64 hexadecimal digits")
    path = folder / f"{sha256}.parquet"
    if not path.is_file():
        raise DataError(f"{path.name}: no such snapshot in {folder}; write it again from its source")
    try:
        frame = pd.read_parquet(path)
    except (pa.ArrowException, OSError, ValueError) as exc:
        raise DataError(f"{path.name}: cannot be read; it was damaged or altered after it was written") from exc
    found = content_sha256(frame)
    if found != sha256:
        raise DataError(f"{path.name}: its content hashes to {found[:12]}...; it was altered after it was written")
    return frame


def latest_snapshot(folder: Path, project: str) -> Snapshot | None:
    """Return the snapshot of the project that was written last (again), None when there is none."""
    manifests = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob(f"*.{project}.json")]
    if not manifests:
        return None
    last = max(manifests, key=lambda manifest: (manifest["created_at"], manifest["sha256"]))
    return Snapshot(last["sha256"], folder / f"{last['sha256']}.parquet", last)


def _canonical_parts(name: str, series: pd.Series) -> Iterator[bytes]:
    try:
        array = pa.array(series.reset_index(drop=True), from_pandas=True)
    except pa.ArrowException as exc:
        raise DataError(f"column {name!r} mixes types ({exc}); pass the table through clean_table first") from exc
    array = pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array
    array = array.dictionary_decode() if pa.types.is_dictionary(array.type) else array
    yield name.encode()
    word, values = _canonical_values(name, array)
    yield word.encode()
    yield np.asarray(array.is_null()).astype("u1").tobytes()
    yield from values


def _canonical_values(name: str, array: pa.Array) -> tuple[str, list[bytes]]:
    """Return the type word and the bytes of the values with missing ones set to zero or empty."""
    kind = array.type
    if pa.types.is_null(kind):
        return "empty", []
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        texts = pc.fill_null(array.cast(pa.large_string()), "")
        return "text", [_fixed(pc.binary_length(texts), "<i8"), b"".join(map(str.encode, texts.to_pylist()))]
    if pa.types.is_timestamp(kind):
        unit = "ns" if kind.unit == "ns" else "us"  # Parquet keeps seconds as milliseconds: one form for all three
        stamps = array.cast(pa.timestamp(unit, kind.tz)).cast(pa.int64())
        return f"time[{unit},{kind.tz}]", [_fixed(pc.fill_null(stamps, 0), "<i8")]
    if pa.types.is_boolean(kind):
        return "bool", [_fixed(pc.fill_null(array, False), "u1")]
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return str(kind), [_fixed(pc.fill_null(array, 0), np.dtype(kind.to_pandas_dtype()).newbyteorder("<").str)]
    raise DataError(f"column {name!r} holds {kind}, which a snapshot does not keep; numbers, text, booleans and dates it does")


def _fixed(array: pa.Array, dtype: str) -> bytes:
    return array.to_numpy(zero_copy_only=False).astype(dtype, copy=False).tobytes()


def _refuse_unchecked(frame: pd.DataFrame, report: CheckReport) -> None:
    if not report.passed:
        blocking = report.failures[report.failures["severity"] == "blocking"]
        named = ", ".join(f"{c}: {r}" for c, r in zip(blocking["column"], blocking["rule"], strict=True))
        raise DataError(f"no snapshot of data whose check failed ({named}); mend the data, or the limits in the TOML")
    if report.n_rows != len(frame):
        raise DataError(f"the check saw {report.n_rows} rows but the table has {len(frame)}; check this very table")


def _manifest(frame: pd.DataFrame, sha256: str, source: Path | str, project: str, report: CheckReport) -> dict[str, Any]:
    """Only the file's name is kept of its path: manifests travel."""
    is_file = isinstance(source, Path)
    return {
        "sha256": sha256,
        "form": _FORM,
        "project": project,
        "created_at": datetime.now(UTC).isoformat(timespec="microseconds"),
        "source": source.name if isinstance(source, Path) else source,
        "source_sha256": hashlib.sha256(Path(source).read_bytes()).hexdigest() if is_file else None,
        "rows": len(frame),
        "columns": {str(column): str(dtype) for column, dtype in frame.dtypes.items()},
        "check": json.loads(report.to_json()),
    }


def _manifest_path(folder: Path, sha256: str, project: str) -> Path:
    """One manifest per project, since two projects may use the same content."""
    return folder / f"{sha256}.{project}.json"


def _write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write beside the target and rename, so that nobody ever sees half a file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    os.close(handle)
    temporary = Path(name)
    try:
        write(temporary)
        temporary.chmod(0o644)  # mkstemp makes it private to its owner
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
