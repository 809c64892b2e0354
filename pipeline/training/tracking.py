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
import numpy.typing as npt
import pandas as pd

from pipeline import contract
from pipeline.data.snapshot import content_sha256
from pipeline.settings import Settings, load_settings, quiet_mlflow
from pipeline.training.report import Report, report_on

PARENT_TAG = "mlflow.parentRunId"
EXTERNAL = "external"
"""Family of runs that somebody else's script trained."""


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


def log_evaluation(
    y: npt.ArrayLike,
    pd_: npt.ArrayLike,
    *,
    cutoff: float,
    valid: tuple[npt.ArrayLike, npt.ArrayLike] | None = None,
    details: pd.DataFrame | None = None,
    project: str | None = None,
    run_id: str | None = None,
    name: str = "external model",
    seed: int = 42,
) -> str:
    """Give a run made by any training script Riskdeck's evaluation: metrics with intervals, curve and holdout rows.

    Args:
        y: outcomes of the test rows, shape (n,), 1 = default.
        pd_: probability of default of the same rows, shape (n,), in [0, 1].
        cutoff: decline at or above it; choose it on validation rows, never on the test rows.
        valid: outcomes and PDs of validation rows, shape (m,) each, where there are some; Riskdeck ranks by them.
        details: n rows with any of ``id``, ``time``, ``amount``, ``cash`` and columns prefixed ``segment.``.
        project: experiment to write to when `run_id` is not given.
        run_id: an existing run to add to, unless a bake-off wrote it; without it a new run is made. The tracking store is
            MLFLOW_TRACKING_URI's, or the local one under RISKDECK_HOME.
        name: of a new run.
        seed: of the bootstrap.

    Returns:
        The run id.

    Raises:
        ValueError: lengths differ, values outside their range, neither project nor run_id is given, or the run is Riskdeck's.
        TrackingError: the store did not take it.

    Example::

        pipeline.log_evaluation(y_test, model.predict_proba(X_test)[:, 1], cutoff=0.2, project="cards")
    """
    if (project is None) == (run_id is None):
        raise ValueError("give either project (for a new run) or run_id (of an existing one)")
    holdout = _external_holdout(np.asarray(y), np.asarray(pd_, dtype=np.float64), valid, details)
    report = report_on(holdout, cutoff, seed=seed)
    test = holdout[holdout["split"] == contract.TEST]
    tags = {
        contract.TAG_KIND: contract.KIND_CANDIDATE,
        contract.TAG_FAMILY: EXTERNAL,
        contract.TAG_TEST_SHA256: content_sha256(test[[contract.HOLDOUT_ID, contract.HOLDOUT_Y]]),
    }
    settings = load_settings()
    client = open_client(settings)
    with _plain_errors(settings):
        if run_id is None:
            run_id = _start_run(client, _experiment(client, settings, str(project)), name, tags)
            with _ended(client, run_id):
                _complete(client, run_id, RunContent(name, {}, tags, report, {}))
        else:
            _refuse_own(client, run_id)
            _complete(client, run_id, RunContent(name, {}, {contract.TAG_CONTRACT: contract.VERSION, **tags}, report, {}))
    return run_id


def _refuse_own(client: Any, run_id: str) -> None:
    """What a bake-off measured must not be replaced by what somebody hands in."""
    if contract.TAG_BAKEOFF in client.get_run(run_id).data.tags:
        raise ValueError(f"run {run_id} belongs to a bake-off and keeps its own evaluation; give another run, or project")


def _complete(client: Any, run_id: str, content: RunContent) -> None:
    for key, value in content.tags.items():
        client.set_tag(run_id, key, value)
    _log_numbers(client, run_id, content.report.metrics, content.params)
    _log_files(client, run_id, content)
    client.set_tag(run_id, contract.TAG_COMPLETE, "true")


def _external_holdout(
    y: npt.NDArray[Any],
    pd_: npt.NDArray[np.float64],
    valid: tuple[npt.ArrayLike, npt.ArrayLike] | None,
    details: pd.DataFrame | None,
) -> pd.DataFrame:
    parts = [_external_rows(contract.TEST, y, pd_, details)]
    if valid is not None:
        parts.insert(0, _external_rows(contract.VALID, np.asarray(valid[0]), np.asarray(valid[1], dtype=np.float64), None))
    return pd.concat(parts, ignore_index=True)


def _external_rows(split: str, y: npt.NDArray[Any], pd_: npt.NDArray[np.float64], details: pd.DataFrame | None) -> pd.DataFrame:
    if y.shape != pd_.shape or y.ndim != 1:
        raise ValueError(f"{split}: y has shape {y.shape} and pd {pd_.shape}; both must be (n,)")
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"{split}: y holds {np.unique(y[~np.isin(y, (0, 1))])[:3].tolist()}; it must be 0 or 1 (default)")
    if details is not None and len(details) != len(y):
        raise ValueError(f"details has {len(details)} rows; it must have the {len(y)} test rows, in their order")
    given = details if details is not None else pd.DataFrame(index=range(len(y)))
    missing = {
        contract.HOLDOUT_ID: np.arange(len(y)).astype(str),
        contract.HOLDOUT_TIME: np.datetime64("NaT", "us"),
        contract.HOLDOUT_AMOUNT: np.nan,
        contract.HOLDOUT_CASH: np.nan,
    }
    columns = {
        "split": split,
        **{name: given[name].to_numpy() if name in given else value for name, value in missing.items()},
        contract.HOLDOUT_Y: y.astype(np.int64),
        contract.HOLDOUT_PD: pd_,
    }
    columns |= {str(c): given[c].astype("str").to_numpy() for c in given if str(c).startswith(contract.SEGMENT_PREFIX)}
    return pd.DataFrame(columns)
