"""The Trade-offs page in sentences: where to cut, what clashes, what a cut-off does to people. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from dashboard.answers import Answer
from dashboard.labels import cutoff as said_cutoff
from dashboard.labels import label_of, money, number, percent, short_money
from pipeline.evaluation.cost import CashCosts, Costs, LoanCosts
from pipeline.evaluation.hull import BreakEven
from pipeline.evaluation.policy_search import Missed
from pipeline.registry.assumptions import APPROVE_ALL


@dataclass(frozen=True)
class Cut:
    """What the Trade-offs page found: the cheapest cut-off on validation and what it saves on test.

    flat: cut-offs between which the cost on validation changes by less than 1 %; band: where the cheapest lies in 95 % of
    resamples; saved: per 1,000 test applications with its bounds (NaN where not known); per_year: NaN without a volume.
    """

    chosen: float
    n_valid: int
    n: int
    flat: tuple[float, float]
    band: tuple[float, float] | None
    saved: tuple[float, float, float]
    per_year: float
    volume: int | None
    baseline: str
    currency: str
    limits: str = ""
    on_test: tuple[float, float] = (math.nan, math.nan)
    """Approval rate and recall on test, told where limits were kept on validation."""


def cut(found: Cut) -> Answer:
    """Say where to cut, what it saves against the stated baseline, and how freely one may move it."""
    within = f" within your limits ({found.limits})" if found.limits else ""
    if found.chosen == math.inf:
        text = f"Approve everybody: at these costs no cut-off pays on {found.n_valid:,} validation applicants{within}."
        return Answer(text, "Raise the cost of a missed defaulter below to see when one would.", is_firm=False)
    kept, lo, hi = found.saved
    on_validation = f"Cheapest on {found.n_valid:,} validation applicants{within}{_freedom(found)}"
    if lo == hi == 0:
        same = f"the cheapest cut-off, a PD of {percent(found.chosen)}, decides as {said_baseline(found.baseline)}"
        return Answer(f"Nothing to change: {same} on all {found.n:,} test applicants.", on_validation)
    verb, ends = ("saves", (lo, hi)) if kept >= 0 else ("loses", (-hi, -lo))
    interval = f" [{money(ends[0])}, {money(ends[1])}]" if math.isfinite(lo) else ""
    start = "Decline from a PD of" if kept >= 0 else "No gain from the cheapest cut-off, a PD of"
    text = (
        f"{start} {percent(found.chosen)}: per 1,000 applications it {verb} "
        f"{money(abs(kept), found.currency)}{interval} against {said_baseline(found.baseline)}, on {found.n:,} test applicants."
    )
    chance = " The interval includes zero: it may be chance." if lo <= 0 <= hi else ""
    return Answer(text, f"{_per_year(found)}{chance} {on_validation}".strip(), lo > 0)


def _per_year(found: Cut) -> str:
    if not found.volume or not math.isfinite(found.per_year):
        return ""
    what = "About" if found.per_year >= 0 else "A loss of about"
    return f"{what} {short_money(abs(found.per_year), found.currency)} a year at {found.volume:,} applications."


def _freedom(found: Cut) -> str:
    band = ""
    if found.band is not None and math.isfinite(found.band[0]):
        which = "without them the cheapest" if found.limits else "it"
        band = f"; in 95 % of resamples {which} lies between {percent(found.band[0])} and {said_cutoff(found.band[1])}"
    if found.limits:
        return f"{band}. On test it approves {percent(found.on_test[0])} and catches {percent(found.on_test[1])} of defaulters."
    high = "any higher cut-off" if found.flat[1] == math.inf else percent(found.flat[1])
    return f"{band}. From {percent(found.flat[0])} to {high} the cost changes by less than 1 %: choose there by other reasons."


def said_baseline(name: str) -> str:
    """Name a baseline in a sentence."""
    return "approving everybody" if name == APPROVE_ALL else name


LIMITS: Final[Mapping[str, tuple[str, bool]]] = {
    "approval_rate": ("an approval rate of at least", True),
    "recall": ("a recall of at least", True),
    "reviews_per_day": ("reviews a day of at most", False),
}
"""How each limit is said, and whether more of it is wanted."""


def said_limits(stated: Mapping[str, float]) -> str:
    """Name limits in a sentence: "an approval rate of at least 80.0 %, a recall of at least 60.0 %"."""
    return ", ".join(f"{LIMITS[name][0]} {_limit(name, value)}" for name, value in stated.items())


def clash(limits: Sequence[Missed]) -> Answer:
    """Say which limits cannot be kept together and what is attainable while the others are kept."""
    wanted = " and ".join(f"{LIMITS[m.name][0]} {_limit(m.name, m.wanted)}" for m in limits)
    if len(limits) == 1:
        found = limits[0]
        best = _attainable(found)
        return Answer(f"No policy keeps {wanted}.", f"{best[0].upper()}{best[1:]}. Loosen it below.", is_firm=False)
    each = "; ".join(f"keeping the {_others(limits, m)}, {_attainable(m)}" for m in limits)
    text = f"These limits clash: no policy keeps {wanted} together on validation."
    return Answer(text, f"{each[0].upper()}{each[1:]}. Loosen one below, or choose a model that ranks better.", is_firm=False)


def _others(limits: Sequence[Missed], but: Missed) -> str:
    return " and the ".join(label_of(m.name).text.lower() for m in limits if m is not but)


def _attainable(missed: Missed) -> str:
    name = label_of(missed.name).text.lower()
    value = _limit(missed.name, missed.attainable)
    return f"the {name} reaches {value} at most" if LIMITS[missed.name][1] else f"at least {value} {name} are needed"


def _limit(name: str, value: float) -> str:
    return number(value, 0) if name == "reviews_per_day" else percent(value)


def in_words(people: Mapping[str, int], costs: pd.DataFrame, n: int, currency: str, *, is_cash: bool = False) -> str:
    """Tell a cut-off as a story. people: cells of 1,000 applicants; costs: `money_table` of the same row, over n rows.

    With realised cash (`is_cash`) the money is what approved loans really lost and returned; nothing is forgone.
    """
    lost = {cell: money(abs(float(cost)) * 1000 / n, currency) for cell, cost in zip(costs["cell"], costs["cost"], strict=True)}
    approved = f"Of 1,000 applicants **{people['fn'] + people['tn']}** are approved; **{people['fn']}** of them"
    if is_cash:
        return (
            f"{approved} defaulted and lost **{lost['fn']}**; the others returned **{lost['tn']}** beyond what was lent. "
            f"**{people['fp']}** good customers are turned away, **{people['tp']}** defaulters are caught."
        )
    return (
        f"{approved} will default and cost "
        f"about **{lost['fn']}**. **{people['fp']}** good customers are turned away and cost about **{lost['fp']}** in margin. "
        f"**{people['tp']}** defaulters are caught."
    )


def said_costs(costs: Costs, currency: str) -> dict[str, str]:
    """Name each unit cost and say its value."""
    if isinstance(costs, CashCosts):
        return {"Costs": "realised cash of the approved loans, net of principal"}
    if isinstance(costs, LoanCosts):
        return {"LGD": percent(costs.lgd), "Margin": percent(costs.margin)}
    amounts = {"fn_cost": costs.fn_cost, "fp_cost": costs.fp_cost}
    return {label_of(name).text: money(amount, currency) for name, amount in amounts.items()}


def said_break_even(found: BreakEven, cutoff_: float, name: str, costs: Costs) -> tuple[str, str]:
    """Say at which ratio of a miss to a refusal a cut-off would be the cheapest: the ratio, and a sentence."""
    units = "LGD to margin" if isinstance(costs, LoanCosts) else "miss to refusal"
    stated = ""
    if not isinstance(costs, CashCosts):
        fn, fp = costs.unit_costs.values()
        stated = f"; you state {number(fn / fp, 1)}" if fp else "; you state that a refusal costs nothing"
    which = f"{said_cutoff(cutoff_)} ({name})"
    if not found.exists:
        near = number(found.nearest, 1)
        return f"none; nearest {near}", f"No ratio {units} makes {which} the cheapest; it comes nearest at {near}{stated}."
    hi = "any higher" if math.isinf(found.hi) else number(found.hi, 1)
    ratio = number(found.lo, 1) if number(found.lo, 1) == hi else f"{number(found.lo, 1)} to {hi}"
    return f"{ratio} : 1", f"{which} is the cheapest on validation where the ratio {units} is {ratio}{stated}."
