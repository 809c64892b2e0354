"""Applicants who just pass: the group that a decline is compared with, and what is typical of it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from pipeline import contract
from pipeline.evaluation.inputs import FloatArray
from pipeline.project import ProjectConfig
from pipeline.serving.contributions import Explainer
from pipeline.serving.records import Value

GROUP_ROWS: Final = 200
"""How many of those who just pass make up the group."""


@dataclass(frozen=True)
class Stand:
    """Values that an applicant's own can be replaced by: one per factor, their matrix row (m,) and contributions (k,)."""

    values: tuple[Value, ...]
    row: FloatArray
    contributions: FloatArray


@dataclass(frozen=True)
class ReferenceGroup:
    """The group as the reasons need it. ``note`` says so where nobody is approved, and is empty otherwise."""

    size: int
    note: str
    mean: FloatArray
    """Mean contributions (k,) in log-odds."""
    score: float
    """Mean logit of the group's PDs."""
    typical: Stand
    """Median of numbers and ratios, commonest category or boolean; missing where that is what most of the group have."""
    safest: Stand
    """The member with the lowest PD, as a whole."""


def reference_group(
    explainer: Explainer, config: ProjectConfig, background: pd.DataFrame, approve_below: float
) -> ReferenceGroup:
    """Describe the group of `nearest_passing` background rows (see `contract.ARTIFACT_BACKGROUND`)."""
    group, note = nearest_passing(background, approve_below)
    scored = explainer.raw_step(group[list(config.feature_names)])
    contributions, base = explainer.contributions(scored)
    mean: FloatArray = contributions.mean(axis=0)
    lowest = int(np.argmin(group[contract.BACKGROUND_PD].to_numpy()))
    return ReferenceGroup(
        size=len(group),
        note=note,
        mean=mean,
        score=float(base[0] + mean.sum()),
        typical=_stand(explainer, _typical(scored, config)),
        safest=_stand(explainer, scored.iloc[[lowest]]),
    )


def nearest_passing(background: pd.DataFrame, approve_below: float) -> tuple[pd.DataFrame, str]:
    """Return the `GROUP_ROWS` approved rows with the highest PD (all approved where fewer) and an empty note.

    Where nobody is approved: the `GROUP_ROWS` with the lowest PD, and a note that says so. Raises ValueError without any row.
    """
    if background.empty:
        raise ValueError("the background has no rows; there is nobody to compare an applicant with")
    ordered = background.sort_values(contract.BACKGROUND_PD, kind="stable")
    approved = ordered[ordered[contract.BACKGROUND_PD] < approve_below]
    if len(approved):
        return approved.tail(GROUP_ROWS), ""
    group = ordered.head(GROUP_ROWS)
    return group, (
        f"no development row has a PD below {approve_below:g}, so nobody would be approved; "
        f"compared with the {len(group)} lowest PDs instead"
    )


def value_of(cell: object) -> Value:
    """Return a cell of the scored frame as a record keeps it: None where missing."""
    if isinstance(cell, str):
        return None if cell == contract.BIN_MISSING else cell
    number = float(cell)  # type: ignore[arg-type]  # the frame holds texts and float64 alone
    return None if np.isnan(number) else number


def _typical(scored: pd.DataFrame, config: ProjectConfig) -> pd.DataFrame:
    counted = {f.name for f in config.features if f.kind != "number"}
    columns = {str(n): [_commonest(v) if n in counted else _median(v)] for n, v in scored.items()}
    return pd.DataFrame(columns).astype(scored.dtypes.to_dict())


def _median(values: pd.Series) -> float:
    """The lower median, a value that somebody has, of the known values; NaN where more than half are missing."""
    known = values.dropna().to_numpy()
    return float(np.quantile(known, 0.5, method="inverted_cdf")) if 2 * len(known) >= len(values) else np.nan


def _commonest(values: pd.Series) -> object:
    """The value that most have, missing counted as one; of equally common ones the lowest."""
    return values.mode(dropna=False).iloc[0]


def _stand(explainer: Explainer, scored: pd.DataFrame) -> Stand:
    X = explainer.matrix(scored)
    contributions, _ = explainer.contributions_of_matrix(X, explainer.pd_of_matrix(X))
    return Stand(tuple(value_of(scored[name].iloc[0]) for name in explainer.factors), X[0], contributions[0])
