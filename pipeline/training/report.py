"""What is said of a model: holdout rows, curve, metrics with intervals, segments. Decided here, logged elsewhere."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipeline.contract import (
    CUTOFF,
    HOLDOUT_AMOUNT,
    HOLDOUT_CASH,
    HOLDOUT_ID,
    HOLDOUT_PD,
    HOLDOUT_TIME,
    HOLDOUT_Y,
    PROTECTED_PREFIX,
    SEGMENT_PREFIX,
    TEST,
    VALID,
    metric_key,
)
from pipeline.evaluation.bootstrap import bootstrap_metrics
from pipeline.evaluation.cost import CaseCosts, LoanCosts, best_f1_cutoff, cheapest_cutoff, cost_curve
from pipeline.evaluation.curve import confusion_at, threshold_curve
from pipeline.evaluation.metrics import ECE_BINS, ece_noise_floor
from pipeline.evaluation.segments import metrics_by_segment
from pipeline.project import Costs, Groups, ProjectConfig

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

N_BOOT = 200
SEGMENT_N_BOOT = 100
NOISE_DRAWS = 200


@dataclass(frozen=True)
class Report:
    """Everything a run promises about one model's predictions."""

    metrics: dict[str, float]
    holdout: pd.DataFrame
    curve: pd.DataFrame
    segments: pd.DataFrame
    reference: pd.DataFrame | None = None
    importance: pd.DataFrame | None = None
    background: pd.DataFrame | None = None
    ranges: pd.DataFrame | None = None


def holdout_rows(config: ProjectConfig, frame: pd.DataFrame, rows: IntArray, pd_: FloatArray, split: str) -> pd.DataFrame:
    """Return the contract's holdout columns for the scored `rows` of `frame`, groups as text beside them."""
    part = frame.iloc[rows]
    data = config.data
    columns: dict[str, object] = {
        "split": split,
        HOLDOUT_ID: part[data.id].astype(str).to_numpy() if data.id else rows.astype(str),
        HOLDOUT_TIME: part[data.time].to_numpy() if data.time else np.full(len(rows), np.datetime64("NaT", "us")),
        HOLDOUT_Y: part[data.target].to_numpy(dtype=np.int64),
        HOLDOUT_PD: pd_,
        HOLDOUT_AMOUNT: part[data.amount].to_numpy(dtype=np.float64) if data.amount else np.nan,
        HOLDOUT_CASH: realised_cash(config, part),
    }
    for prefix, groups in ((SEGMENT_PREFIX, config.segments), (PROTECTED_PREFIX, config.protected)):
        columns |= {prefix + c: group_labels(part[c], groups).to_numpy() for c in groups.columns}
    return pd.DataFrame(columns)


def realised_cash(config: ProjectConfig, frame: pd.DataFrame) -> FloatArray:
    """Net return of each loan in money, from the columns the project names; NaN where it names none."""
    cash = config.data.cash
    if not (cash.plus or cash.minus):
        return np.full(len(frame), np.nan)
    net = frame[list(cash.plus)].sum(axis=1, skipna=False) - frame[list(cash.minus)].sum(axis=1, skipna=False)
    return net.to_numpy(dtype=np.float64)


def group_labels(column: pd.Series, groups: Groups) -> pd.Series:
    """Return the group of each row as text: categories as they are, numbers cut at the declared edges, e.g. ``25 to 40``."""
    edges = groups.bins.get(str(column.name))
    if edges is None:
        return column.astype("str").fillna("(missing)")
    bounds = [-np.inf, *edges, np.inf]
    names = [f"under {edges[0]:g}"]
    names += [f"{low:g} to {high:g}" for low, high in pairwise(edges)]
    names += [f"{edges[-1]:g} and over"]
    cut = pd.cut(column.astype(float), bounds, right=False, labels=names)
    return cut.astype("str").fillna("(missing)")


def choose_cutoff(config: ProjectConfig, valid: pd.DataFrame) -> float:
    """Choose the candidate's cut-off on validation rows by the project's rule: least cost, best F1, or the stated number."""
    rule = config.cutoff
    if rule.value is not None:
        return rule.value
    curve = curve_of(valid)
    return float(cheapest_cutoff(curve, unit_costs(config.costs)) if rule.rule == "cost" else best_f1_cutoff(curve))


def unit_costs(costs: Costs) -> CaseCosts | LoanCosts:
    """Turn the project's cost section into the cost model it names."""
    if costs.model == "per_loan":
        return LoanCosts(lgd=costs.lgd, margin=costs.margin)
    return CaseCosts(fn_cost=costs.fn_cost, fp_cost=costs.fp_cost, review_cost=costs.review_cost)


def cost_per_1000(config: ProjectConfig, rows: pd.DataFrame, cutoff: float) -> float:
    """Money lost to wrong decisions at `cutoff`, per 1,000 applications, at the project's unit costs."""
    at = confusion_at(curve_of(rows), cutoff)
    return 1000.0 * float(cost_curve(at.to_frame().T, unit_costs(config.costs))[0]) / len(rows)


def curve_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the threshold curve of holdout rows, with amounts and cash where they are known."""
    amount, cash = (_known(rows, name) for name in (HOLDOUT_AMOUNT, HOLDOUT_CASH))
    return threshold_curve(
        rows[HOLDOUT_Y].to_numpy(dtype=np.int64), rows[HOLDOUT_PD].to_numpy(dtype=np.float64), amount=amount, cash=cash
    )


def _known(rows: pd.DataFrame, name: str) -> FloatArray | None:
    values = rows[name].to_numpy(dtype=np.float64)
    return None if np.isnan(values).any() else values


def report_on(holdout: pd.DataFrame, cutoff: float, *, seed: int) -> Report:
    """Measure every split of `holdout` at `cutoff`: metrics with 95 % bootstrap bounds, the curve, and test segments."""
    metrics: dict[str, float] = {CUTOFF: cutoff}
    curves = []
    for split in (VALID, TEST):
        rows = holdout[holdout["split"] == split]
        if rows.empty:
            continue
        metrics |= split_metrics(rows, split, cutoff, seed)
        curve = curve_of(rows)
        curve.insert(0, "split", split)
        curves.append(curve)
    segments = segment_table(holdout[holdout["split"] == TEST], cutoff, seed)
    return Report(metrics, holdout, pd.concat(curves, ignore_index=True), segments)


def split_metrics(rows: pd.DataFrame, split: str, cutoff: float, seed: int) -> dict[str, float]:
    """Return the contract's metrics of one split under their MLflow keys, bounds, counts and noise floor included."""
    y, pd_ = rows[HOLDOUT_Y].to_numpy(dtype=np.int64), rows[HOLDOUT_PD].to_numpy(dtype=np.float64)
    table = bootstrap_metrics(y, pd_, cutoff, n_boot=N_BOOT, seed=seed)
    found: dict[str, float] = {}
    for name, value, low, high in zip(table["metric"], table["value"], table["lo"], table["hi"], strict=True):
        found |= {metric_key(split, name): value, metric_key(split, name, "lo"): low, metric_key(split, name, "hi"): high}
    found[metric_key(split, "n")] = float(len(y))
    found[metric_key(split, "defaults")] = float(y.sum())
    found[metric_key(split, "ece_floor")] = ece_noise_floor(pd_, n_bins=ECE_BINS, draws=NOISE_DRAWS, seed=seed)
    return found


def segment_table(rows: pd.DataFrame, cutoff: float, seed: int) -> pd.DataFrame:
    """Return metrics per group of each segment and protected column of the test rows."""
    columns = [c for c in rows.columns if c.startswith((SEGMENT_PREFIX, PROTECTED_PREFIX))]
    table = metrics_by_segment(
        rows[columns],
        rows[HOLDOUT_Y].to_numpy(dtype=np.int64),
        rows[HOLDOUT_PD].to_numpy(dtype=np.float64),
        cutoff,
        n_boot=SEGMENT_N_BOOT,
        seed=seed,
    )
    table.insert(0, "split", TEST)
    return table
