"""A policy of two cut-offs: approve below the first, decline from the second, a person looks at what lies between."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from pandas import DataFrame, Series

from pipeline import contract
from pipeline.evaluation.cost import Costs, cost_curve
from pipeline.evaluation.curve import confusion_at, rates


@dataclass(frozen=True)
class Review:
    """What reviewers cost and achieve; the shares are assumptions of the user, not measurements."""

    cost: float = 0.0
    """Money per case reviewed."""
    share_right: float = 1.0
    """Share of the reviewed defaulters that reviewers decline, and of the reviewed good customers that they approve."""
    applications_per_day: float | None = None
    """Stated volume; without it there are no reviews per day."""

    def __post_init__(self) -> None:
        """Refuse terms that mean nothing."""
        if not 0 <= self.cost < float("inf"):
            raise ValueError(f"review cost is {self.cost}; it must be a finite number of 0 or more")
        if not 0 <= self.share_right <= 1:
            raise ValueError(f"share_right is {self.share_right}; it must be a share between 0 and 1")
        if self.applications_per_day is not None and not 0 < self.applications_per_day < float("inf"):
            raise ValueError(f"applications_per_day is {self.applications_per_day}; it must be a finite number above 0")


NO_REVIEW: Final = Review()


@dataclass(frozen=True)
class PolicyOutcome:
    """What a policy does to the sample; reviewers decide as `Review` assumes, so people may come in fractions."""

    approve_below: float
    decline_from: float
    n: int
    approval_rate: float
    """Of all cases, those that reviewers approve included."""
    straight_approval_rate: float
    """Approved without a review."""
    review_rate: float
    reviews_per_day: float
    """At the stated volume; NaN when none is stated."""
    recall: float
    """Share of defaulters declined, by the model or by reviewers; NaN without defaulters."""
    approved_default_rate: float
    cost: float
    """Money on the sample, review fees included."""


def policy_outcome(
    curve: DataFrame, costs: Costs, approve_below: float, decline_from: float, review: Review = NO_REVIEW
) -> PolicyOutcome:
    """Return the rates and the money of a three-way policy; with both cut-offs equal, of a plain one.

    curve: as `threshold_curve` returns it, of one split. `CaseCosts.review_cost` is not read: `review` states the fee.
    Raises ValueError when the cut-offs are swapped or the curve lacks the money the costs need.
    """
    low, high = _ends(curve, approve_below, decline_from)
    final = _final(low, high, review.share_right)
    n = float(low[list(contract.CELLS)].sum())
    rated = rates(final.to_frame().T).iloc[0]
    reviewed = _approved(high) - _approved(low)
    review_rate = reviewed / n if n else float("nan")
    per_day = float("nan") if review.applications_per_day is None else review.applications_per_day * review_rate
    return PolicyOutcome(
        approve_below=approve_below,
        decline_from=decline_from,
        n=round(n),
        approval_rate=float(rated["approval_rate"]),
        straight_approval_rate=_approved(low) / n if n else float("nan"),
        review_rate=review_rate,
        reviews_per_day=per_day,
        recall=float(rated["recall"]),
        approved_default_rate=float(rated["approved_default_rate"]),
        cost=_money(final, costs) + review.cost * reviewed,
    )


def policy_table(
    curve: DataFrame, costs: Costs, approve_below: float, decline_from: float, review: Review = NO_REVIEW
) -> DataFrame:
    """Return the three decisions in people and money: decision, cases, share, defaults, default_rate, amount, cost.

    Approve carries the cost of its misses, decline of its refusals, review its fees and what reviewers get wrong; the costs
    add up to the policy's. Amount is NaN where unknown, default_rate where nobody is. Raises as `policy_outcome` does.
    """
    low, high = _ends(curve, approve_below, decline_from)
    cells = [cell for cell in low.index if cell[:2] in contract.CELLS]
    is_approved = np.array([cell[:2] in ("fn", "tn") for cell in cells])
    approve, decline = low[cells].where(is_approved, 0.0), high[cells].where(~is_approved, 0.0)
    between = _final(low, high, review.share_right)[cells] - approve - decline
    fees = review.cost * (_approved(high) - _approved(low))
    parts = {"approve": approve, "review": between, "decline": decline}
    rows = [_decided(name, part, _money(part, costs) + (fees if name == "review" else 0.0)) for name, part in parts.items()]
    table = DataFrame(rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        table["share"] = table["cases"] / table["cases"].sum()
        table["default_rate"] = table["defaults"] / table["cases"].where(table["cases"] > 0)
    return table[["decision", "cases", "share", "defaults", "default_rate", "amount", "cost"]]


def _decided(decision: str, cells: "Series[float]", cost: float) -> dict[str, str | float]:
    cases, defaults = float(cells[list(contract.CELLS)].sum()), float(cells["tp"] + cells["fn"])
    amount = float(cells[[f"{cell}_amount" for cell in contract.CELLS]].sum(skipna=False))
    return {"decision": decision, "cases": cases, "defaults": defaults, "amount": amount, "cost": cost}


def cell_weights(share_right: float) -> dict[str, float]:
    """How much of each final cell comes from the row at the lower cut-off, the rest from the row at the upper one.

    Reviewers who decline a share q of the defaulters between leave fn = q fn(low) + (1 - q) fn(high); tp alike. Of the good
    customers they decline 1 - q, so for fp and tn the weights change places. This makes every figure of a policy a sum of
    one part for each cut-off.
    """
    return {"tp": share_right, "fn": share_right, "fp": 1 - share_right, "tn": 1 - share_right}


def _final(low: "Series[float]", high: "Series[float]", share_right: float) -> "Series[float]":
    """The row of the curve once reviewers have decided."""
    weights = cell_weights(share_right)
    weight = Series({name: weights.get(str(name)[:2], 0.0) for name in low.index})
    return weight * low + (1 - weight) * high


def _ends(curve: DataFrame, approve_below: float, decline_from: float) -> tuple["Series[float]", "Series[float]"]:
    if approve_below > decline_from:
        raise ValueError(f"approve_below {approve_below} lies above decline_from {decline_from}; swap them")
    cells = curve.columns[[column[:2] in contract.CELLS for column in curve.columns]]
    low, high = (confusion_at(curve, cutoff)[cells].astype(np.float64) for cutoff in (approve_below, decline_from))
    return low, high


def _approved(row: "Series[float]") -> float:
    return float(row["fn"] + row["tn"])


def _money(cells: "Series[float]", costs: Costs) -> float:
    return float(cost_curve(cells.to_frame().T, costs)[0])
