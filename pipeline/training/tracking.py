"""The one writer of MLflow runs. What is logged was decided in `report`; the completion tag is the last act."""

import contextlib
import os
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import contract
from pipeline.settings import Settings, quiet_mlflow
from pipeline.training.report import Report

PARENT_TAG = "mlflow.parentRunId"


class TrackingError(RuntimeError):
    """The tracking store could not be written; the message says which and what to do."""


@dataclass(frozen=True)
class RunContent:
    """Everything one candidate's run holds."""

    name: str
    params: Mapping[str, object]
    tags: Mapping[str, str]
    report: Report
    texts: Mapping[str, str]
    """Artifact path to text."""
    model: bytes | None = None


class Writer:
    """Writes the runs of one bake-off under one parent; see `open_bakeoff`, which ends and completes them all together."""

    def __init__(self, client: Any, experiment_id: str, parent_id: str, bakeoff: str) -> None:
        self._client = client
        self._experiment_id = experiment_id
        self.parent_id = parent_id
        self.bakeoff = bakeoff
        self.candidates: list[str] = []
        """Run ids of what was written and is not complete yet."""

    def candidate(self, content: RunContent) -> str:
        """Write all of one candidate but the completion tag, and return its run id."""
        run_id = self._start(content.name, {**content.tags, contract.TAG_KIND: contract.KIND_CANDIDATE})
        self.candidates.append(run_id)
        _log_numbers(self._client, run_id, content.report.metrics, content.params)
        _log_files(self._client, run_id, content)
        return run_id

    def failed(self, name: str, params: Mapping[str, object], tags: Mapping[str, str], reason: str) -> str:
        """Record a candidate that could not be fitted, with its reason; the run is failed and never complete."""
        run_id = self._start(name, {**tags, contract.TAG_KIND: contract.KIND_CANDIDATE, contract.TAG_FAILED: reason})
        _log_numbers(self._client, run_id, {}, params)
        self._client.set_terminated(run_id, "FAILED")
        return run_id

    def choose(self, run_id: str) -> None:
        """Mark the candidate that won on validation, on itself and on the parent."""
        self._client.set_tag(run_id, contract.TAG_CHOSEN, "true")
        self._client.set_tag(self.parent_id, contract.TAG_CHOSEN, run_id)

    def _start(self, name: str, tags: Mapping[str, str]) -> str:
        return _start_run(self._client, self._experiment_id, name, {PARENT_TAG: self.parent_id, **tags})


def open_client(settings: Settings) -> Any:
    """Return an MLflow client for the settings' store, creating the folder of a local one. Telemetry stays off."""
    quiet_mlflow()
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    from mlflow import MlflowClient

    if settings.is_local_tracking:
        settings.home.mkdir(parents=True, exist_ok=True)
    return MlflowClient(tracking_uri=settings.tracking_uri)


def prepare_store(settings: Settings, project: str) -> None:
    """Reach the tracking store and make the project's experiment, so that a store which is down is known early.

    A new local store is migrated here, which takes seconds: callers do it beside other work. Raises TrackingError.
    """
    with _plain_errors(settings):
        _experiment(open_client(settings), settings, project)


@contextmanager
def open_bakeoff(settings: Settings, project: str, tags: Mapping[str, str], texts: Mapping[str, str]) -> Iterator[Writer]:
    """Start the parent run of a bake-off in the project's experiment; complete it and its candidates when the block ends well.

    Leaving by an exception ends them all as failed (or killed, on Ctrl-C), and none looks complete.
    """
    client = open_client(settings)
    with _plain_errors(settings):
        experiment_id = _experiment(client, settings, project)
        bakeoff = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:6]}"
        identity = {contract.TAG_BAKEOFF: bakeoff, contract.TAG_KIND: contract.KIND_BAKEOFF}
        parent_id = _start_run(client, experiment_id, f"bake-off {bakeoff}", {**tags, **identity})
        writer = Writer(client, experiment_id, parent_id, bakeoff)
        with _ended(client, parent_id, writer.candidates):
            for path, text in texts.items():
                client.log_text(parent_id, text, path)
            yield writer
            for run_id in (*writer.candidates, parent_id):
                client.set_tag(run_id, contract.TAG_COMPLETE, "true")


def file_text(settings: Settings, run_id: str, path: str, text: str) -> None:
    """File a text artifact with an existing run, replacing an earlier one of that path. Raises TrackingError."""
    with _plain_errors(settings):
        open_client(settings).log_text(run_id, text, path)


def _experiment(client: Any, settings: Settings, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    # The local store keeps artifacts beside its database; a server decides for itself.
    place = settings.artifacts.as_uri() if settings.is_local_tracking else None
    return str(client.create_experiment(name, artifact_location=f"{place}/{name}" if place else None))


def _start_run(client: Any, experiment_id: str, name: str, tags: Mapping[str, str]) -> str:
    tags = {contract.TAG_CONTRACT: contract.VERSION, **tags}
    return str(client.create_run(experiment_id, run_name=name, tags=tags).info.run_id)


@contextmanager
def _ended(client: Any, run_id: str, others: Sequence[str] = ()) -> Iterator[None]:
    """End the runs as finished, failed or killed, however the block ends; `others` may grow until then."""
    status = "KILLED"
    try:
        yield
        status = "FINISHED"
    except Exception:
        status = "FAILED"
        raise
    finally:
        with contextlib.suppress(Exception) if status != "FINISHED" else contextlib.nullcontext():
            for each in (*others, run_id):
                client.set_terminated(each, status)


@contextmanager
def _plain_errors(settings: Settings) -> Iterator[None]:
    quiet_mlflow()
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as exc:
        where = "the local store" if settings.is_local_tracking else "the server named by MLFLOW_TRACKING_URI"
        first = re.sub(r"//[^/@\s]*@", "//", (str(exc).splitlines() or [type(exc).__name__])[0])  # no password in a message
        raise TrackingError(f"{where} refused or did not answer: {first[:200]}") from exc


def _log_numbers(client: Any, run_id: str, metrics: Mapping[str, float], params: Mapping[str, object]) -> None:
    from mlflow.entities import Metric, Param

    now = int(datetime.now(UTC).timestamp() * 1000)
    known = [Metric(k, float(v), now, 0) for k, v in metrics.items() if np.isfinite(v)]
    client.log_batch(run_id, metrics=known, params=[Param(k, str(v)) for k, v in params.items()])


def _log_files(client: Any, run_id: str, content: RunContent) -> None:
    report = content.report
    tables = {
        contract.ARTIFACT_CURVE: report.curve,
        contract.ARTIFACT_HOLDOUT: report.holdout,
        contract.ARTIFACT_SEGMENTS: report.segments,
        contract.ARTIFACT_REFERENCE: report.reference,
        contract.ARTIFACT_IMPORTANCE: report.importance,
        contract.ARTIFACT_BACKGROUND: report.background,
        contract.ARTIFACT_RANGES: report.ranges,
    }
    with tempfile.TemporaryDirectory(prefix="riskdeck-") as folder:
        for path, table in tables.items():
            if table is not None:
                table.to_parquet(_place(folder, path), index=False)
        for path, text in content.texts.items():
            _place(folder, path).write_text(text, encoding="utf-8")
        if content.model is not None:
            _place(folder, contract.ARTIFACT_MODEL).write_bytes(content.model)
        client.log_artifacts(run_id, folder)


def _place(folder: str, path: str) -> Path:
    place = Path(folder) / path
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def write_evaluation(settings: Settings, content: RunContent, *, project: str | None = None, run_id: str | None = None) -> str:
    """Write one complete run that no bake-off made, new in the project's experiment, or into an existing run; return its id.

    Raises ValueError when that run is a bake-off's, TrackingError when the store does not take it.
    """
    client = open_client(settings)
    with _plain_errors(settings):
        if run_id is None:
            run_id = _start_run(client, _experiment(client, settings, str(project)), content.name, content.tags)
            with _ended(client, run_id):
                _complete(client, run_id, content)
        else:
            _refuse_own(client, run_id)
            _complete(client, run_id, content)
    return run_id


def _refuse_own(client: Any, run_id: str) -> None:
    """What a bake-off measured must not be replaced by what somebody hands in."""
    if contract.TAG_BAKEOFF in client.get_run(run_id).data.tags:
        raise ValueError(f"run {run_id} belongs to a bake-off and keeps its own evaluation; give another run, or project")


def _complete(client: Any, run_id: str, content: RunContent) -> None:
    for key, value in {contract.TAG_CONTRACT: contract.VERSION, **content.tags}.items():
        client.set_tag(run_id, key, value)
    _log_numbers(client, run_id, content.report.metrics, content.params)
    _log_files(client, run_id, content)
    client.set_tag(run_id, contract.TAG_COMPLETE, "true")
