"""Runs that somebody else's script trained: what is made of its test rows, so that readers treat them like our own."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline import contract
from pipeline.data.snapshot import content_sha256
from pipeline.settings import load_settings
from pipeline.training.report import report_on
from pipeline.training.tracking import RunContent, write_evaluation

EXTERNAL = "external"
"""Family of runs that somebody else's script trained."""


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
    holdout = external_holdout(np.asarray(y), np.asarray(pd_, dtype=np.float64), valid, details)
    report = report_on(holdout, cutoff, seed=seed)
    test = holdout[holdout["split"] == contract.TEST]
    tags = {
        contract.TAG_KIND: contract.KIND_CANDIDATE,
        contract.TAG_FAMILY: EXTERNAL,
        contract.TAG_TEST_SHA256: content_sha256(test[[contract.HOLDOUT_ID, contract.HOLDOUT_Y]]),
    }
    return write_evaluation(load_settings(), RunContent(name, {}, tags, report, {}), project=project, run_id=run_id)


def external_holdout(
    y: npt.NDArray[Any],
    pd_: npt.NDArray[np.float64],
    valid: tuple[npt.ArrayLike, npt.ArrayLike] | None,
    details: pd.DataFrame | None,
) -> pd.DataFrame:
    """Return scored rows as `contract.HOLDOUT_COLUMNS`, and the segments that the details hold; raises ValueError."""
    parts = [_rows(contract.TEST, y, pd_, details)]
    if valid is not None:
        parts.insert(0, _rows(contract.VALID, np.asarray(valid[0]), np.asarray(valid[1], dtype=np.float64), None))
    return pd.concat(parts, ignore_index=True)


def _rows(split: str, y: npt.NDArray[Any], pd_: npt.NDArray[np.float64], details: pd.DataFrame | None) -> pd.DataFrame:
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
