"""From the kept runs to the table that pages read: in memory, and beside the index as one Arrow file for the next process.

The Arrow file is a copy. Whatever is wrong with it (torn, foreign, of other columns), it is left aside and written anew.
"""

import hashlib
import io
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any, Final

import pandas as pd
import pyarrow as pa
from pyarrow import feather

from pipeline.registry.index_store import Entry, IndexStore, Position, digest_of
from pipeline.registry.runs import RUN_COLUMNS, RunDetail, run_state, runs_table

DETAIL_COLUMNS: Final = ("end", "tags", "metrics")
"""Beside `RUN_COLUMNS`: when the run ended, and all its tags and metrics under their own names, as JSON text."""
SAVE_AFTER: Final = 200
"""A cold process decodes at most so many runs; fewer changes are not worth writing the file again."""
_SHA_BYTES: Final = 32
_LAYOUT: Final = hashlib.sha256(repr((RUN_COLUMNS, DETAIL_COLUMNS, pd.__version__)).encode()).hexdigest()


@dataclass(frozen=True)
class Kept:
    """A table and the state of the index that it shows."""

    position: Position
    table: pd.DataFrame


class Tables:
    """The tables of one store's experiments, brought up to date by what changed since they were last asked for."""

    def __init__(self, store: IndexStore) -> None:
        self._store = store
        self._kept: dict[str, Kept] = {}
        self._saved: dict[str, Position] = {}
        self._lock = Lock()

    def table(self, experiment: str) -> pd.DataFrame:
        """All known runs, newest first, with `RUN_COLUMNS` and `DETAIL_COLUMNS`; not to be changed in place."""
        position = self._store.position(experiment)
        kept = self._kept.get(experiment)
        if kept is not None and kept.position == position:
            return kept.table
        with self._lock:
            self._kept[experiment] = kept = self._updated(experiment, position)
        return kept.table

    def save(self, experiment: str) -> None:
        """Write the table for the next process, when it has changed enough to be worth it."""
        self.table(experiment)
        kept, saved = self._kept[experiment], self._saved.get(experiment)
        if saved == kept.position:
            return
        is_behind = saved is None or saved.epoch != kept.position.epoch
        if saved is not None and not is_behind and self._store.count(experiment, saved.revision) < SAVE_AFTER:
            return
        write_table(self._file(experiment), kept)
        self._saved[experiment] = kept.position

    def _updated(self, experiment: str, position: Position) -> Kept:
        base = self._kept.get(experiment)
        if base is None:
            base = read_table(self._file(experiment))
            if base is not None:
                self._saved[experiment] = base.position
                if base.position == position:
                    return base
        if base is None or base.position.epoch != position.epoch or base.position.revision > position.revision:
            base = Kept(Position(position.epoch, -1), table_of([]))
        now, ids, rows = self._store.changes(experiment, base.position.revision)
        sound = [body for _, digest, body in rows if digest_of(body) == digest]
        if len(sound) < len(rows):
            self._store.distrust(experiment, [run_id for run_id, digest, body in rows if digest_of(body) != digest])
        return Kept(now, _merged(base.table, ids, {r[0] for r in rows}, table_of(sound)))

    def _file(self, experiment: str) -> Path:
        # An experiment id may be any text on a foreign server, so it does not name the file as it stands.
        name = hashlib.sha256(experiment.encode()).hexdigest()[:12]
        return self._store.path.with_suffix(f".{name}.arrow")


def entry_of(run: Any) -> Entry:
    """Return what is kept of an MLflow run."""
    info, data = run.info, run.data
    body = {
        "run_id": info.run_id,
        "experiment_id": info.experiment_id,
        "run_name": info.run_name,
        "status": info.status,
        "start_time": info.start_time,
        "end_time": info.end_time,
        "tags": data.tags,
        "metrics": data.metrics,
        "params": data.params,
    }
    return Entry(info.run_id, info.start_time, info.status, json.dumps(body, sort_keys=True, separators=(",", ":")))


def detail_of(body: str) -> RunDetail:
    """Return a kept run with every tag, parameter and metric."""
    run = json.loads(body)
    return RunDetail(
        run_id=run["run_id"],
        experiment_id=run["experiment_id"],
        name=run["run_name"] or run["run_id"],
        status=run["status"],
        state=run_state(run["status"], run["tags"]),
        params=run["params"],
        metrics=run["metrics"],
        tags=run["tags"],
    )


def table_of(bodies: Sequence[str]) -> pd.DataFrame:
    """Turn kept runs into rows of the table, in the order given."""
    runs = [json.loads(body) for body in bodies]
    table = runs_table([_as_mlflow(run) for run in runs])
    ends = pd.to_datetime(pd.Series([run["end_time"] for run in runs], dtype="Int64"), unit="ms", utc=True)
    texts = {name: pd.Series([_text(run[name]) for run in runs], dtype="str") for name in ("tags", "metrics")}
    return table.astype(dict.fromkeys(_text_columns(table), "str")).assign(end=ends, **texts)


def write_table(file: Path, kept: Kept) -> None:
    """Write a table in one step: readers see the old file or the new one. A full disk is no error; the file is a copy."""
    arrow = pa.Table.from_pandas(kept.table, preserve_index=False)
    note = {b"riskdeck": json.dumps([_LAYOUT, kept.position.epoch, kept.position.revision]).encode()}
    buffer = io.BytesIO()
    feather.write_feather(arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), **note}), buffer, compression="lz4")
    content = buffer.getvalue()
    try:
        handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=file.name, suffix=".tmp")
        with os.fdopen(handle, "wb") as target:
            target.write(hashlib.sha256(content).digest() + content)
        Path(temporary).replace(file)
    except OSError:
        file.unlink(missing_ok=True)


def read_table(file: Path) -> Kept | None:
    """Read a table back; None when there is none, or when it is not byte for byte what was written under these columns."""
    try:
        data = file.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(data[_SHA_BYTES:]).digest() != data[:_SHA_BYTES]:
        return None
    arrow = feather.read_table(io.BytesIO(memoryview(data)[_SHA_BYTES:]))
    layout, epoch, revision = json.loads(arrow.schema.metadata[b"riskdeck"])
    return Kept(Position(epoch, revision), arrow.to_pandas()) if layout == _LAYOUT else None


def _merged(base: pd.DataFrame, ids: Sequence[str], changed: set[str], fresh: pd.DataFrame) -> pd.DataFrame:
    """Rows of `base` that still stand, with `fresh` ones put in, newest first as MLflow orders them."""
    stays = base["run_id"].isin(set(ids) - changed)
    parts = [part for part in (base[stays], fresh) if len(part)]
    if not parts:
        return fresh
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["start", "run_id"], ascending=[False, True], ignore_index=True)


def _as_mlflow(run: dict[str, Any]) -> SimpleNamespace:
    info = SimpleNamespace(**{name: run[name] for name in ("run_id", "run_name", "status", "start_time")})
    return SimpleNamespace(info=info, data=SimpleNamespace(**{name: run[name] for name in ("tags", "metrics", "params")}))


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, ensure_ascii=False)


def _text_columns(table: pd.DataFrame) -> list[str]:
    """Columns that pandas cannot know to be text while there is no row."""
    return [name for name in table.columns if table[name].dtype == object]
