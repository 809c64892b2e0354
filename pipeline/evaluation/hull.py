"""Which cut-offs can be the cheapest at all, whatever the mistakes cost: the lower convex hull of misses and refusals.

Cost at a cut-off is c_fn x missed + c_fp x refused, a straight line through the (missed, refused) points of the curve, so
only corners of their lower hull (the ROC convex hull of Provost and Fawcett 2001, mirrored) are ever the cheapest. A curve
of a million rows has a few hundred.
"""

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from pandas import DataFrame

from pipeline.evaluation.cost import cell_values
from pipeline.evaluation.curve import check_one_split, rows_at
from pipeline.evaluation.inputs import FloatArray, IntArray

By = Literal["case", "loan"]
_SUFFIX: Final = {"case": "", "loan": "_amount"}
_WORTH_A_ROUND: Final = 0.95


@dataclass(frozen=True)
class BreakEven:
    """The ratios of the cost of a miss to the cost of a refusal at which a cut-off is the cheapest there is."""

    lo: float
    hi: float
    """Lowest and highest ratio; both NaN when no ratio makes this cut-off the cheapest. ``hi`` may be infinite."""
    nearest: float
    """The ratio at which it is the cheapest, or comes nearest to it: inside [lo, hi] where that exists."""
    excess: float
    """The share by which the cut-off costs more than the cheapest at `nearest`; 0 where a ratio exists."""

    @property
    def exists(self) -> bool:
        """True when at some ratio no other cut-off is cheaper."""
        return not math.isnan(self.lo)


def mistakes(curve: DataFrame, by: By = "case") -> tuple[FloatArray, FloatArray]:
    """Return missed and refused at each row, counted per case or in exposure, each of shape (rows,).

    Raises ValueError when exposure is asked for and unknown or negative, or the curve is of more than one split.
    """
    check_one_split(curve)
    missed, refused = (cell_values(curve, f"{cell}{_SUFFIX[by]}") for cell in ("fn", "fp"))
    if (np.diff(missed) < 0).any() or (np.diff(refused) > 0).any():
        raise ValueError("missed and refused do not run one way along the curve: is an amount negative, or the curve unsorted?")
    return missed, refused


def hull_rows(missed: npt.ArrayLike, refused: npt.ArrayLike) -> IntArray:
    """Return the rows that are cheapest at some ratio of the two unit costs, ascending; of equal ones the highest cut-off.

    missed: shape (rows,), ascending along the curve; refused: shape (rows,), descending, as `mistakes` returns them.
    Points are dropped together while a pass over them pays, the rest one by one: about linear in the rows.
    """
    x, y = np.asarray(missed, dtype=np.float64), np.asarray(refused, dtype=np.float64)
    # Of equal misses the highest cut-off refuses fewest.
    rows = np.flatnonzero(np.append(x[1:] > x[:-1], True))
    while rows.size > 2:
        dx, dy = np.diff(x[rows]), np.diff(y[rows])
        # A point on or above the line between its neighbours is in the hull of the others, whatever else is dropped.
        turns_up = np.concatenate([[True], dx[:-1] * dy[1:] > dx[1:] * dy[:-1], [True]])
        if turns_up.mean() > _WORTH_A_ROUND:
            return rows if turns_up.all() else _one_by_one(rows, x, y)
        rows = rows[turns_up]
    return rows


def _one_by_one(rows: IntArray, x: FloatArray, y: FloatArray) -> IntArray:
    """Andrew's monotone chain."""
    kept: list[int] = []
    xs, ys = x[rows].tolist(), y[rows].tolist()
    for i in range(rows.size):
        while len(kept) > 1 and _is_above(kept[-2], kept[-1], i, xs, ys):
            kept.pop()
        kept.append(i)
    return rows[kept]


def _is_above(before: int, here: int, after: int, x: list[float], y: list[float]) -> bool:
    return (x[here] - x[before]) * (y[after] - y[here]) <= (x[after] - x[here]) * (y[here] - y[before])


def break_even_ratio(curve: DataFrame, cutoff: float, by: By = "case") -> BreakEven:
    """Return the cost ratios FN:FP (by loan: LGD to margin) at which a given cut-off would be the cheapest.

    A cut-off strictly above the hull is the cheapest at no ratio: then the nearest is the ratio at which it exceeds the
    cheapest by the smallest share. Raises ValueError as `mistakes` and `rows_at` do.
    """
    missed, refused = mistakes(curve, by)
    here = int(rows_at(curve, [cutoff])[0])
    above, below = slice(here + 1, None), slice(here)
    lo = _ratios(refused[here] - refused[above], missed[above] - missed[here]).max(initial=0.0)
    hi = _ratios(refused[below] - refused[here], missed[here] - missed[below]).min(initial=math.inf)
    if lo <= hi and lo < math.inf:
        return BreakEven(float(lo), float(hi), _between(float(lo), float(hi)), 0.0)
    nearest, excess = _nearest(missed, refused, here)
    return BreakEven(math.nan, math.nan, nearest, excess)


def _ratios(refused: FloatArray, missed: FloatArray) -> FloatArray:
    """Refused per missed; infinite where nothing is missed for it. Rows that differ in nothing state no ratio."""
    differs = (refused > 0) | (missed > 0)
    with np.errstate(divide="ignore"):
        return np.divide(refused[differs], missed[differs])


def _between(lo: float, hi: float) -> float:
    if lo == 0 or math.isinf(hi):
        return lo if math.isinf(hi) else hi / 2
    return math.sqrt(lo * hi)


def _nearest(missed: FloatArray, refused: FloatArray, here: int) -> tuple[float, float]:
    """Between two neighbouring ratios of the hull the relative excess is monotone, so its least stands at one of them."""
    corners = hull_rows(missed, refused)
    ratios = np.divide(-np.diff(refused[corners]), np.diff(missed[corners]))
    ratios = ratios[ratios > 0]
    if not ratios.size:
        return math.nan, math.nan
    cheapest = _least(ratios, missed[corners], refused[corners])
    # With a free perfect cut-off nothing comes near by a share.
    with np.errstate(divide="ignore"):
        excess = (ratios * missed[here] + refused[here]) / cheapest - 1
    best = int(np.argmin(excess))
    return float(ratios[best]), float(excess[best])


def _least(ratios: FloatArray, missed: FloatArray, refused: FloatArray) -> FloatArray:
    return np.asarray((ratios[:, None] * missed + refused).min(axis=1), dtype=np.float64)
