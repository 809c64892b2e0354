"""Every metric by group, each with its n: where a model is weaker than its headline."""

from typing import Final

import numpy as np
import numpy.typing as npt
from pandas import DataFrame, Series, concat

from pipeline import contract
from pipeline.evaluation.bootstrap import N_BOOT, bootstrap_metrics
from pipeline.evaluation.inputs import FloatArray, IntArray, checked_scores

MIN_N: Final = 30
_COLUMNS: Final = [name for name in contract.SEGMENT_COLUMNS if name != "split"]


def metrics_by_segment(
    groups: DataFrame,
    y: npt.ArrayLike,
    pd: npt.ArrayLike,
    cutoff: float,
    n_boot: int = N_BOOT,
    min_n: int = MIN_N,
    seed: int = 0,
) -> DataFrame:
    """Return the columns of `contract.SEGMENT_COLUMNS` but ``split``: a row per column of `groups`, group and metric.

    groups: n rows of group labels, any index; missing labels form the group ``(missing)``. y, pd: shape (n,). Groups of
    fewer than `min_n` cases have their n and defaults stated and every value NaN. Raises ValueError when rows differ.
    """
    outcomes, scores = checked_scores(y, pd)
    if len(groups) != outcomes.size:
        raise ValueError(f"groups has {len(groups)} rows and y {outcomes.size}; they must describe the same cases")
    parts = [
        _of_group(str(column), group, outcomes[rows], scores[rows], cutoff, n_boot if rows.size >= min_n else -1, seed)
        for column in groups
        for group, rows in members(groups[column])
    ]
    return concat(parts, ignore_index=True) if parts else DataFrame(columns=_COLUMNS)


def members(labels: "Series[str]") -> list[tuple[str, IntArray]]:
    """Return each group of a column of labels with its row numbers; missing labels form the group ``(missing)``."""
    text = labels.astype(object).where(labels.notna(), contract.BIN_MISSING).astype(str).to_numpy(dtype=object)
    names, codes = np.unique(text, return_inverse=True)
    return [(str(name), np.flatnonzero(codes == code)) for code, name in enumerate(names)]


def _of_group(column: str, group: str, y: IntArray, pd: FloatArray, cutoff: float, n_boot: int, seed: int) -> DataFrame:
    """A negative `n_boot` withholds the values: too few cases."""
    if n_boot < 0:
        table = DataFrame({"metric": list(contract.METRICS), "value": np.nan, "lo": np.nan, "hi": np.nan})
    else:
        table = bootstrap_metrics(y, pd, cutoff, n_boot, seed)
    return table.assign(column=column, group=group, n=y.size, defaults=int(y.sum()))[_COLUMNS]
