"""The only reader of MLflow runs: whole, complete and honest about what is missing, and never longer than a few seconds.

Tables come back as plain DataFrames, so that an index of runs can later stand behind the same functions.
"""

import json
import math
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import pandas as pd

from pipeline import contract
from pipeline.registry.foreign import match_metrics
from pipeline.registry.tracking_store import DEADLINE_SECONDS, ask, is_empty
from pipeline.settings import Settings, load_settings

T = TypeVar("T")

PAGE_SIZE: Final = 1000
PARENT_TAG: Final = "mlflow.parentRunId"

COMPLETE, RUNNING, FAILED, INCOMPLETE, FOREIGN, OTHER_CONTRACT = (
    "complete", "running", "failed", "incomplete", "foreign", "other contract",
)  # fmt: skip
STATES: Final = (COMPLETE, RUNNING, FAILED, INCOMPLETE, FOREIGN, OTHER_CONTRACT)

TAG_COLUMNS: Final[Mapping[str, str]] = {
    tag.removeprefix(contract.PREFIX): tag
    for tag in (
        contract.TAG_KIND, contract.TAG_FAMILY, contract.TAG_CANDIDATE, contract.TAG_BAKEOFF, contract.TAG_DATA_SHA256,
        contract.TAG_TEST_SHA256, contract.TAG_VALID_SHA256, contract.TAG_GIT_COMMIT, contract.TAG_GIT_DIRTY,
        contract.TAG_LOCK_SHA256, contract.TAG_PROJECT_SHA256, contract.TAG_MODEL_SHA256, contract.TAG_SEED,
        contract.TAG_CALIBRATION, contract.TAG_CUTOFF_RULE, contract.TAG_CHOSEN, contract.TAG_FAILED,
    )
}  # fmt: skip
METRIC_COLUMNS: Final = (
    *(
        contract.metric_key(split, name, bound)
        for split in contract.SPLITS
        for name in contract.METRICS
        for bound in ("", "lo", "hi")
    ),
    *(contract.metric_key(split, name) for split in contract.SPLITS for name in (*contract.COUNTS, contract.COST)),
    *contract.METRICS,
    contract.CUTOFF,
    contract.FIT_SECONDS,
    contract.LATENCY_MS,
)
"""Those without a split hold a foreign run's metrics that do not say on which rows they were measured."""
RUN_COLUMNS: Final = (
    "run_id", "name", "status", "state", "start", "parent_run_id", "is_complete", "is_foreign",
    *TAG_COLUMNS, *METRIC_COLUMNS, "params",
)  # fmt: skip


class ArtifactMissing(LookupError):  # noqa: N818  # a state of a run that pages show, not a fault of code
    """The run has no such artifact, or it cannot be read as what it should be."""


@dataclass(frozen=True)
class Experiment:
    """One MLflow experiment; ours carry the project's short name."""

    id: str
    name: str


@dataclass(frozen=True)
class RunDetail:
    """Everything MLflow keeps of one run besides artifacts."""

    run_id: str
    experiment_id: str
    name: str
    status: str
    state: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def list_experiments(settings: Settings | None = None) -> tuple[Experiment, ...]:
    """Active experiments by name; MLflow's own empty Default is left out. Raises TrackingUnavailable."""
    where = settings or load_settings()
    if is_empty(where):
        return ()
    return ask(where, _list_experiments)


def read_runs(project: str, settings: Settings | None = None) -> pd.DataFrame:
    """Return one row per run of a project's experiment, newest first, with `RUN_COLUMNS`.

    Empty when store or experiment do not exist. `params` is JSON text. ``attrs["is_whole"]`` is False when a slow server
    did not hand over every page in time. Raises TrackingUnavailable.
    """
    where = settings or load_settings()
    if is_empty(where):
        return runs_table([])
    return ask(where, lambda client: _read_runs(client, project))


def read_run(run_id: str, settings: Settings | None = None) -> RunDetail:
    """Return one run by id. Raises LookupError when there is none, TrackingUnavailable when nobody answers."""
    where = settings or load_settings()
    if is_empty(where):
        raise LookupError(f"there is no run {run_id!r}: the store is empty")
    return ask(where, lambda client: _detail(_get_run(client, run_id)))


def chosen_run(project: str, settings: Settings | None = None) -> str | None:
    """Return the run id that the newest complete bake-off chose on validation, or None. Raises TrackingUnavailable."""
    runs = read_runs(project, settings)
    parents = runs[(runs["kind"] == contract.KIND_BAKEOFF) & runs["is_complete"] & (runs["chosen"] != "")]
    return None if parents.empty else str(parents["chosen"].iloc[0])


def read_artifact_table(run_id: str, path: str, settings: Settings | None = None) -> pd.DataFrame:
    """Return a Parquet artifact by its path in the contract. Raises ArtifactMissing or TrackingUnavailable."""
    return _read_artifact(run_id, path, pd.read_parquet, settings)


def read_text(run_id: str, path: str, settings: Settings | None = None) -> str:
    """Return a UTF-8 text artifact by its path in the contract. Raises ArtifactMissing or TrackingUnavailable."""
    return _read_artifact(run_id, path, lambda file: file.read_text(encoding="utf-8"), settings)


def read_artifact_bytes(run_id: str, path: str, settings: Settings | None = None) -> bytes:
    """Return an artifact's bytes by its path in the contract. Raises ArtifactMissing or TrackingUnavailable."""
    return _read_artifact(run_id, path, lambda file: file.read_bytes(), settings)


def runs_table(runs: list[Any]) -> pd.DataFrame:
    """Turn MLflow runs into the table of `read_runs`."""
    table = pd.DataFrame([_row(run) for run in runs], columns=list(RUN_COLUMNS))
    numbers = dict.fromkeys(METRIC_COLUMNS, "float64")
    table = table.astype({**numbers, "is_complete": bool, "is_foreign": bool})
    table["start"] = pd.to_datetime(table["start"], unit="ms", utc=True)
    table.attrs["is_whole"] = True
    return table


def run_state(status: str, tags: Mapping[str, str]) -> str:
    """Tell which of `STATES` a run is in from its MLflow status and its tags."""
    if not any(tag.startswith(contract.PREFIX) for tag in tags):
        return FOREIGN
    if tags.get(contract.TAG_CONTRACT, contract.VERSION) != contract.VERSION:
        return OTHER_CONTRACT
    if contract.TAG_FAILED in tags or status in ("FAILED", "KILLED"):
        return FAILED
    if status in ("RUNNING", "SCHEDULED"):
        return RUNNING
    return COMPLETE if tags.get(contract.TAG_COMPLETE) == "true" else INCOMPLETE


def _row(run: Any) -> dict[str, Any]:
    tags, metrics = run.data.tags, run.data.metrics
    state = run_state(run.info.status, tags)
    return {
        "run_id": run.info.run_id,
        "name": run.info.run_name or run.info.run_id,
        "status": run.info.status,
        "state": state,
        "start": run.info.start_time,
        "parent_run_id": tags.get(PARENT_TAG, ""),
        "is_complete": state == COMPLETE,
        "is_foreign": state == FOREIGN,
        **{column: tags.get(tag, "") for column, tag in TAG_COLUMNS.items()},
        **(match_metrics(metrics) if state == FOREIGN else {k: v for k, v in metrics.items() if k in METRIC_COLUMNS}),
        **({contract.CUTOFF: math.inf} if _declines_nobody(state, tags, metrics) else {}),
        "params": json.dumps(dict(sorted(run.data.params.items()))),
    }


def _declines_nobody(state: str, tags: Mapping[str, str], metrics: Mapping[str, float]) -> bool:
    """A cut-off of infinity cannot be logged to MLflow: a complete candidate without one declines nobody."""
    return state == COMPLETE and tags.get(contract.TAG_KIND) == contract.KIND_CANDIDATE and contract.CUTOFF not in metrics


def _detail(run: Any) -> RunDetail:
    info, data = run.info, run.data
    state = run_state(info.status, data.tags)
    name = info.run_name or info.run_id
    return RunDetail(
        info.run_id, info.experiment_id, name, info.status, state, dict(data.params), dict(data.metrics), dict(data.tags)
    )


def _list_experiments(client: Any) -> tuple[Experiment, ...]:
    found, token = [], None
    while True:
        page = client.search_experiments(max_results=PAGE_SIZE, page_token=token, order_by=["name ASC"])
        found += [Experiment(e.experiment_id, e.name) for e in page]
        token = page.token
        if not token:
            break
    return tuple(e for e in found if e.name != "Default" or len(client.search_runs([e.id], max_results=1)))


def _read_runs(client: Any, project: str) -> pd.DataFrame:
    experiment = client.get_experiment_by_name(project)
    if experiment is None:
        return runs_table([])
    runs: list[Any] = []
    token, until = None, time.monotonic() + 0.6 * DEADLINE_SECONDS
    while True:
        page = client.search_runs(
            [experiment.experiment_id], max_results=PAGE_SIZE, page_token=token, order_by=["attributes.start_time DESC"]
        )
        runs += page
        token = page.token
        if not token or time.monotonic() > until:
            break
    table = runs_table(runs)
    table.attrs["is_whole"] = not token
    return table


def _get_run(client: Any, run_id: str) -> Any:
    from mlflow.exceptions import MlflowException

    try:
        return client.get_run(run_id)
    except MlflowException as exc:
        if exc.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            raise LookupError(f"there is no run {run_id!r}") from exc
        raise


def _read_artifact(run_id: str, path: str, read: Callable[[Path], T], settings: Settings | None) -> T:
    where = settings or load_settings()
    if is_empty(where):
        raise ArtifactMissing(f"run {run_id} has no {path}: the store is empty")
    return ask(where, lambda client: _download(client, run_id, path, read))


def _download(client: Any, run_id: str, path: str, read: Callable[[Path], T]) -> T:
    _get_run(client, run_id)
    with tempfile.TemporaryDirectory(prefix="riskdeck-") as folder:
        folder_of = str(Path(path).parent) if "/" in path else None
        if path not in {item.path for item in client.list_artifacts(run_id, folder_of)}:
            raise ArtifactMissing(f"run {run_id} has no {path}")
        file = Path(client.download_artifacts(run_id, path, dst_path=folder))
        try:
            return read(file)
        except (ValueError, OSError) as exc:  # pyarrow's errors are ValueError and OSError
            raise ArtifactMissing(f"{path} of run {run_id} cannot be read: {exc}") from exc
