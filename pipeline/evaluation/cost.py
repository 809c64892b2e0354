"""What a cut-off costs: unit costs times the cells of the curve, for any cost assumption without touching the cases."""

import math
from dataclasses import dataclass, fields
from typing import ClassVar, Final

import numpy as np
import numpy.typing as npt
from pandas import DataFrame, Series

from pipeline import contract
from pipeline.evaluation.curve import confusion_at, rates
from pipeline.evaluation.inputs import FloatArray, IntArray, checked_money, checked_scores

_MISSING_MONEY: Final = {
    "_amount": "costs per unit of exposure need a loan amount; use costs per case",
    "_cash": "there is no realised cash; it is known only where the project names what loans returned",
}


def _check_costs(costs: "CaseCosts | LoanCosts") -> None:
    for field in fields(costs):
        value = getattr(costs, field.name)
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{field.name} is {value}; a cost must be a finite number of 0 or more")
    if sum(costs.unit_costs.values()) == 0:
        raise ValueError(f"{' and '.join(costs.unit_costs)} both cost 0; then every cut-off is as good as any other")


@dataclass(frozen=True)
class CaseCosts:
    """Money per case: a missed defaulter, a good customer refused, a case sent to a reviewer."""

    basis: ClassVar[str] = ""
    """What the names of the curve's columns end in that the unit costs multiply."""
    fn_cost: float
    fp_cost: float
    review_cost: float = 0.0

    def __post_init__(self) -> None:
        """Refuse costs that mean nothing."""
        _check_costs(self)

    @property
    def unit_costs(self) -> dict[str, float]:
        """Curve columns and the money each unit in them costs."""
        return {"fn": self.fn_cost, "fp": self.fp_cost}


@dataclass(frozen=True)
class LoanCosts:
    """Money per unit of exposure: a missed defaulter loses LGD, a good customer refused forgoes the margin."""

    basis: ClassVar[str] = "_amount"
    lgd: float
    margin: float

    def __post_init__(self) -> None:
        """Refuse costs that mean nothing."""
        _check_costs(self)

    @property
    def unit_costs(self) -> dict[str, float]:
        """Curve columns and the money each unit in them costs."""
        return {"fn_amount": self.lgd, "fp_amount": self.margin}


@dataclass(frozen=True)
class CashCosts:
    """Money as it really flowed: the cost of a policy is minus the cash that its approved loans returned net of principal.

    Nothing is assumed and nothing is forgone: declining everybody costs 0, and a negative cost is cash earned.
    """

    basis: ClassVar[str] = "_cash"

    @property
    def unit_costs(self) -> dict[str, float]:
        """Curve columns and the money each unit in them costs: only what is approved moves cash."""
        return {"fn_cash": -1.0, "tn_cash": -1.0}


Costs = CaseCosts | LoanCosts | CashCosts


@dataclass(frozen=True)
class Saving:
    """Money at one cut-off against the two policies that need no model; a positive saving is money kept."""

    cost: float
    approve_all: float
    decline_all: float

    @property
    def against_approve_all(self) -> float:
        """Money saved compared with lending to everybody."""
        return self.approve_all - self.cost

    @property
    def against_decline_all(self) -> float:
        """Money saved compared with lending to nobody."""
        return self.decline_all - self.cost


def cost_curve(curve: DataFrame, costs: Costs) -> FloatArray:
    """Return the money lost to wrong decisions at each row of the curve, shape (rows,).

    Missed defaulters plus good customers refused; rightly decided cases cost nothing. With `CashCosts` minus the cash of
    the approved loans. Raises ValueError when `LoanCosts` meets a curve without amounts, or `CashCosts` one without cash.
    """
    total = np.zeros(len(curve))
    for column, unit in costs.unit_costs.items():
        total += unit * cell_values(curve, column)
    return total


def cell_values(curve: DataFrame, column: str) -> FloatArray:
    """Return a cell column of the curve, shape (rows,); ValueError saying what is missing when it is not known."""
    cell = curve[column].to_numpy(dtype=np.float64) if column in curve else np.full(1, np.nan)
    if np.isnan(cell).any():
        raise ValueError(f"the curve has no {column}: {_MISSING_MONEY.get(column[2:], 'it is not a curve')}")
    return cell


def cheapest_cutoff(curve: DataFrame, costs: Costs) -> float:
    """Return the cut-off of least cost; of equally cheap ones the highest, which declines fewest. inf: decline nobody."""
    return float(curve["cutoff"].to_numpy()[_cheapest_row(cost_curve(curve, costs))])


def _cheapest_row(money: FloatArray) -> int:
    return int(money.size - 1 - np.argmin(money[::-1]))


def flat_region(curve: DataFrame, costs: Costs, within: float = 0.01) -> tuple[float, float]:
    """Return the lowest and highest cut-off around the cheapest whose cost stays within a share `within` of its cost.

    The region is unbroken: every distinct cut-off between the two ends qualifies. Inside it the choice is free of charge.
    With `CashCosts` the share is one of the most cash.
    """
    money = cost_curve(curve, costs)
    best = _cheapest_row(money)
    too_dear = np.flatnonzero(money > money[best] + within * abs(money[best]))
    below, above = too_dear[too_dear < best], too_dear[too_dear > best]
    cutoffs = curve["cutoff"].to_numpy()
    low = int(below[-1]) + 1 if below.size else 0
    high = int(above[0]) - 1 if above.size else money.size - 1
    return float(cutoffs[low]), float(cutoffs[high])


def elkan_cutoff(costs: Costs) -> float:
    """Return the cut-off that is cheapest for calibrated PDs: c_fp / (c_fp + c_fn), or margin / (margin + LGD).

    Elkan (2001), with rightly decided cases costing nothing. At 5:1 it is 1/6, not 1/5. NaN for `CashCosts`, which state
    no unit costs.
    """
    if isinstance(costs, CashCosts):
        return float("nan")
    fn_cost, fp_cost = costs.unit_costs.values()
    return fp_cost / (fp_cost + fn_cost)


def best_f1_cutoff(curve: DataFrame) -> float:
    """Return the cut-off of highest F1, of equal ones the highest cut-off; NaN when the sample has no defaulter."""
    f1 = rates(curve)["f1"].to_numpy()
    if np.isnan(f1).any():
        return float("nan")
    return float(curve["cutoff"].to_numpy()[_cheapest_row(-f1)])


def money_table(curve_row: "Series[float]", costs: Costs) -> DataFrame:
    """Return the four cells of one row of the curve: cell, cases, amount, cost; amount is NaN where unknown.

    curve_row: as `confusion_at` returns it. Cost sums to the row's value on the cost curve.
    """
    units = {column[:2]: unit for column, unit in costs.unit_costs.items()}
    rows = [
        {
            "cell": cell,
            "cases": round(curve_row[cell]),
            "amount": float(curve_row[f"{cell}_amount"]),
            "cost": units[cell] * float(curve_row[f"{cell}{costs.basis}"]) if cell in units else 0.0,
        }
        for cell in contract.CELLS
    ]
    return DataFrame(rows)


def saving_at(curve: DataFrame, costs: Costs, cutoff: float) -> Saving:
    """Return the cost at any cut-off beside the cost of approving all (the last row) and of declining all (the first)."""
    money = cost_curve(curve.iloc[[0, -1]], costs)
    here = cost_curve(confusion_at(curve, cutoff).to_frame().T, costs)
    return Saving(cost=float(here[0]), approve_all=float(money[1]), decline_all=float(money[0]))


def review_band_cost(curve: DataFrame, costs: CaseCosts, approve_below: float, decline_from: float) -> float:
    """Return the cost of two cut-offs with review between: misses below, refusals above, a fee for each case between.

    Reviewers are taken to decide rightly, so this is the least the band can cost. ValueError when the cut-offs are swapped.
    """
    if approve_below > decline_from:
        raise ValueError(f"approve_below {approve_below} lies above decline_from {decline_from}; swap them")
    low, high = confusion_at(curve, approve_below), confusion_at(curve, decline_from)
    reviewed = (low["tp"] + low["fp"]) - (high["tp"] + high["fp"])
    return float(costs.fn_cost * low["fn"] + costs.fp_cost * high["fp"] + costs.review_cost * reviewed)


def case_losses(
    y: npt.ArrayLike,
    pd: npt.ArrayLike,
    cutoff: float,
    costs: Costs,
    amount: npt.ArrayLike | None = None,
    cash: npt.ArrayLike | None = None,
) -> FloatArray:
    """Return the money each case loses at a cut-off, shape (n,): 0 where the decision was right.

    With `CashCosts`: minus the cash of each approved loan. Sums to the cost curve at that cut-off. Raises ValueError when
    `LoanCosts` comes without amounts or `CashCosts` without cash.
    """
    outcomes, scores = checked_scores(y, pd)
    if_approved, if_declined = losses_by_decision(outcomes, costs, amount, cash)
    return np.where(scores >= cutoff, if_declined, if_approved)


def losses_by_decision(
    y: IntArray | FloatArray, costs: Costs, amount: npt.ArrayLike | None = None, cash: npt.ArrayLike | None = None
) -> tuple[FloatArray, FloatArray]:
    """Return what each case loses when it is approved and when it is declined, each of shape (n,).

    y: shape (n,), outcomes, or probabilities of default where the outcome is not known: then the losses are expected ones.
    Raises ValueError as `case_losses` does.
    """
    if isinstance(costs, CashCosts):
        if cash is None:
            raise ValueError("realised cash needs what each loan returned; give cash or use costs per case")
        return -checked_money("cash", cash, y.size), np.zeros(y.size)
    fn_cost, fp_cost = costs.unit_costs.values()
    return y * fn_cost * _exposure(costs, amount, y.size), (1 - y) * fp_cost * _exposure(costs, amount, y.size)


def _exposure(costs: Costs, amount: npt.ArrayLike | None, n: int) -> FloatArray:
    if isinstance(costs, CaseCosts):
        return np.ones(n)
    if amount is None:
        raise ValueError("costs per unit of exposure need the amount of each loan; give amount or use costs per case")
    return checked_money("amount", amount, n)


def cash_curve(curve: DataFrame) -> FloatArray:
    """Return the realised cash of the loans approved at each cut-off, shape (rows,); ValueError without cash columns."""
    return -cost_curve(curve, CashCosts())
