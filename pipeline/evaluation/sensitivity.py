"""What if the assumptions are off: other unit costs, another default rate, another volume."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from pandas import DataFrame

from pipeline import contract
from pipeline.evaluation.cost import Costs, cost_curve
from pipeline.evaluation.curve import rows_at
from pipeline.evaluation.hull import By, hull_rows, mistakes
from pipeline.evaluation.inputs import FloatArray, checked_cutoff, checked_pd

APPROVE_ALL: Final = float("inf")
DECLINE_ALL: Final = 0.0
"""The two policies that need no model, as cut-offs; any other cut-off is a baseline too."""


@dataclass(frozen=True)
class SavingAgainst:
    """Money that one cut-off saves against a baseline's; negative where the baseline is cheaper."""

    cutoff: float
    baseline: float
    n: int
    """Cases the saving was measured on."""
    total: float
    """Money saved on those cases."""
    per_1000: float
    per_year: float
    """At the stated volume; NaN when none is stated."""


def saving_against(
    curve: DataFrame, costs: Costs, cutoff: float, baseline: float, applications_per_year: float | None = None
) -> SavingAgainst:
    """Return what a cut-off saves against a stated baseline: `APPROVE_ALL`, `DECLINE_ALL`, today's cut-off, or 0.5.

    NaN for an empty sample. Raises ValueError for a NaN cut-off, a negative volume, or money that the curve lacks.
    """
    if applications_per_year is not None and not 0 <= applications_per_year < float("inf"):
        raise ValueError(f"applications_per_year is {applications_per_year}; it must be a finite number of 0 or more")
    pair = curve.iloc[rows_at(curve, [checked_cutoff(cutoff), checked_cutoff(baseline)])]
    here, there = cost_curve(pair, costs)
    n = _cases(curve)
    per_case = float(there - here) / n if n else float("nan")
    return SavingAgainst(
        cutoff=cutoff,
        baseline=baseline,
        n=n,
        total=float(there - here),
        per_1000=1000 * per_case,
        per_year=float("nan") if applications_per_year is None else applications_per_year * per_case,
    )


def cost_grid(
    curve: DataFrame,
    fn_costs: npt.ArrayLike,
    fp_costs: npt.ArrayLike,
    baseline: float = APPROVE_ALL,
    by: By = "case",
    report_on: DataFrame | None = None,
) -> DataFrame:
    """Return a row per pair of unit costs: fn_cost, fp_cost, cutoff, cost, saving, saving_per_1000, approval_rate.

    curve: where the cut-off is chosen (validation); report_on: where its cost and its saving against `baseline` are read
    (test), the same curve when absent. fn_costs, fp_costs: shapes (f,) and (g,), money per case, or LGD and margin with
    ``by="loan"``. Only the corners of the hull are tried, so the grid costs the same on any length of curve. Raises
    ValueError for costs that are negative or both 0.
    """
    fn_cost, fp_cost = (axis.ravel() for axis in np.meshgrid(_units("fn", fn_costs), _units("fp", fp_costs), indexing="ij"))
    if ((fn_cost == 0) & (fp_cost == 0)).any():
        raise ValueError("a miss and a refusal both cost 0 in one cell of the grid; then every cut-off is as good as any other")
    missed, refused = mistakes(curve, by)
    corners = hull_rows(missed, refused)[::-1]  # of equally cheap corners argmin then takes the highest cut-off
    chosen = corners[np.argmin(np.outer(fn_cost, missed[corners]) + np.outer(fp_cost, refused[corners]), axis=1)]
    cutoff = curve["cutoff"].to_numpy()[chosen]
    reported = curve if report_on is None else report_on
    missed, refused = (missed, refused) if report_on is None else mistakes(reported, by)
    rows, there = rows_at(reported, cutoff), int(rows_at(reported, [checked_cutoff(baseline)])[0])
    cost = fn_cost * missed[rows] + fp_cost * refused[rows]
    saving = fn_cost * missed[there] + fp_cost * refused[there] - cost
    n, approved = _cases(reported), reported.iloc[rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        return DataFrame(
            {
                "fn_cost": fn_cost,
                "fp_cost": fp_cost,
                "cutoff": cutoff,
                "cost": cost,
                "saving": saving,
                "saving_per_1000": 1000 * np.divide(saving, n),
                "approval_rate": np.divide((approved["fn"] + approved["tn"]).to_numpy(), n),
            }
        )


def shifted_curve(curve: DataFrame, default_rate: float, adjust: bool = False) -> DataFrame:
    """Return the curve as it would be had the same number of cases a stated default rate, all else within a class equal.

    Every cell, count, amount or cash, of defaulters is weighed up and of good customers down, so cells are no longer whole
    but still add up. The cut-offs stay those of the model as it is; with `adjust` they are moved to the PDs the model would
    state once told the new rate (`adjusted_pd`), which changes no decision, only its number. Raises ValueError for a rate
    outside 0 to 1 or a sample of one class.
    """
    rate = _own_rate(curve)
    _check_rate("default_rate", default_rate)
    weights = {"tp": default_rate / rate, "fn": default_rate / rate}
    weights |= dict.fromkeys(("fp", "tn"), (1 - default_rate) / (1 - rate))
    cells = [column for column in curve.columns if column[:2] in contract.CELLS and column[2:] in ("", "_amount", "_cash")]
    shifted = curve.assign(**{column: curve[column] * weights[column[:2]] for column in cells})
    if not adjust:
        return shifted
    cutoffs = curve["cutoff"].to_numpy()
    adjusted = np.append(adjusted_pd(cutoffs[:-1], rate, default_rate), np.inf)
    return shifted.assign(cutoff=adjusted)


def adjusted_pd(pd: npt.ArrayLike, from_rate: float, to_rate: float) -> FloatArray:
    """Return calibrated PDs, shape (n,), as they read when the default rate is another one and nothing else has changed.

    Bayes' rule with a new prior: Elkan (2001), theorem 2; Saerens, Latinne and Decaestecker (2002). Order is kept. Raises
    ValueError for rates that are not strictly between 0 and 1.
    """
    _check_rate("from_rate", from_rate)
    _check_rate("to_rate", to_rate)
    scores = checked_pd(pd)
    bad, good = scores * (to_rate / from_rate), (1 - scores) * ((1 - to_rate) / (1 - from_rate))
    return np.divide(bad, bad + good)


def _own_rate(curve: DataFrame) -> float:
    n = _cases(curve)
    rate = float(curve["fn"].iloc[-1]) / n if n else float("nan")
    if not 0 < rate < 1:
        raise ValueError(f"the sample has a default rate of {rate}; another rate needs both defaulters and good customers")
    return rate


def _check_rate(name: str, rate: float) -> None:
    if not 0 < rate < 1:
        raise ValueError(f"{name} is {rate}; a default rate must lie strictly between 0 and 1")


def _units(name: str, costs: npt.ArrayLike) -> FloatArray:
    units = np.atleast_1d(np.asarray(costs, dtype=np.float64))
    wrong = units[~(np.isfinite(units) & (units >= 0))]
    if wrong.size:
        raise ValueError(f"{name}_costs hold {wrong[0]}; a cost must be a finite number of 0 or more")
    return units


def _cases(curve: DataFrame) -> int:
    """Cases of the sample: on its last row nobody is declined."""
    return round(float(curve["fn"].iloc[-1] + curve["tn"].iloc[-1]))
