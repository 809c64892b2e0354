"""The rule that needs no cut-off: each loan has its own, because each loan has its own margin and its own loss."""

import numpy as np
import numpy.typing as npt
from pandas import Series

from pipeline import contract
from pipeline.evaluation.cost import Costs, cost_curve
from pipeline.evaluation.inputs import BoolArray, FloatArray, checked_money, checked_outcomes, checked_pd


def break_even_pd(margin: npt.ArrayLike, lgd: npt.ArrayLike) -> FloatArray:
    """Return m / (m + LGD), the PD at which a loan earns what it is expected to lose, shape (n,) or () for two numbers.

    margin, lgd: per unit of exposure, 0 or more, one number or shape (n,). (1 - PD) m = PD LGD solved for PD; the same as
    `elkan_cutoff` of `LoanCosts`. NaN where both are 0. Raises ValueError for one that is negative, missing or infinite.
    """
    margins, losses = np.asarray(margin, dtype=np.float64), np.asarray(lgd, dtype=np.float64)
    for name, values in (("margin", margins), ("lgd", losses)):
        wrong = values[~(np.isfinite(values) & (values >= 0))]
        if wrong.size:
            raise ValueError(f"{name} holds {wrong[0]}; a share of exposure must be a finite number of 0 or more")
    with np.errstate(invalid="ignore"):
        return np.asarray(margins / (margins + losses), dtype=np.float64)


def approved_per_loan(pd: npt.ArrayLike, margin: npt.ArrayLike, lgd: npt.ArrayLike) -> BoolArray:
    """Return whether each loan is approved, shape (n,): PD < m / (m + LGD). A loan without margin or loss is declined."""
    return np.asarray(checked_pd(pd) < break_even_pd(margin, lgd), dtype=np.bool_)


def decided_row(
    y: npt.ArrayLike, approved: npt.ArrayLike, amount: npt.ArrayLike | None = None, cash: npt.ArrayLike | None = None
) -> "Series[float]":
    """Return the cells of any decisions as a row of the curve would hold them; its ``cutoff`` is NaN, for there is none.

    y: shape (n,), 0 or 1; approved: shape (n,), whether each case is approved; amount, cash: shape (n,) or None, which
    leaves NaN. `money_table`, `rates` and `cost_of` read it. Raises ValueError when shapes differ.
    """
    outcomes, said_yes = checked_outcomes(y), np.asarray(approved)
    if said_yes.shape != outcomes.shape or said_yes.dtype != np.bool_:
        raise ValueError(
            f"approved has shape {said_yes.shape} and type {said_yes.dtype}; it must hold true or false for each of the "
            f"{outcomes.size} cases"
        )
    is_bad = outcomes == 1
    masks = (is_bad & ~said_yes, ~is_bad & ~said_yes, is_bad & said_yes, ~is_bad & said_yes)
    row = {"cutoff": float("nan")}
    for name, money in (("", np.ones(outcomes.size)), ("_amount", amount), ("_cash", cash)):
        sums = [float("nan")] * 4 if money is None else _sums(name.strip("_"), money, masks)
        row |= {f"{cell}{name}": total for cell, total in zip(contract.CELLS, sums, strict=True)}
    return Series(row)


def _sums(name: str, money: npt.ArrayLike, masks: tuple[BoolArray, ...]) -> list[float]:
    per_case = checked_money(name, money, masks[0].size)
    return [float(per_case[mask].sum()) for mask in masks]


def cost_of(row: "Series[float]", costs: Costs) -> float:
    """Return the cost of one row, of the curve or of `decided_row`; ValueError when it lacks the money."""
    return float(cost_curve(row.to_frame().T, costs)[0])
