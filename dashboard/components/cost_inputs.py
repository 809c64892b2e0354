"""What is assumed: costs, reviewers, limits, volume and baseline; the project's values, changeable, carried by the link."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.labels import label_of
from dashboard.worth import DAYS_PER_YEAR, Assumptions, Desk
from pipeline.evaluation.cost import CaseCosts, CashCosts, Costs, LoanCosts
from pipeline.evaluation.policy import Review
from pipeline.evaluation.policy_search import Limits

PER_CASE, PER_LOAN, CASH = "per case", "per loan amount", "realised cash"


def pick_baseline(desk: Desk) -> str:
    """Let the reader choose what savings are measured against."""
    help_text = label_of("baseline").help
    options = list(desk.baselines)
    return str(st.selectbox("Saving against", options, key="baseline", bind="query-params", help=help_text))


def pick_assumptions(desk: Desk, baseline: str) -> Assumptions | None:
    """Let the reader set every assumption; None, with a sentence, when neither mistake costs anything."""
    costs = _costs(desk)
    assumed = desk.config.costs
    first, second, third = st.columns(3)
    fee = _number(first, assumed.review_cost, "review_cost", f"A review costs ({desk.currency})", top=1e6)
    right = _number(second, 100 * assumed.review_share_right, "share_right", "Reviewers get right (%)", top=100.0)
    volume = _optional(third, assumed.applications_per_year, "volume", "Applications a year", top=1e9)
    approval = _optional(first, None, "min_approval", "Approve at least (%)", top=100.0, of="approval_rate")
    recall = _optional(second, None, "min_recall", "Catch at least (recall, %)", top=100.0, of="recall")
    capacity = _optional(third, assumed.review_capacity_per_day, "capacity", "Reviews a day at most", 1e6, of="reviews_per_day")
    if costs is None:
        return None
    if capacity is not None and not volume:
        st.caption("Reviews a day need the applications a year; without them the capacity is not kept.")
    review = Review(fee, right / 100, volume / DAYS_PER_YEAR if volume else None)
    limits = Limits(_share(approval), _share(recall), capacity if volume else None)
    return Assumptions(costs, review, limits, round(volume) if volume else None, desk.baselines[baseline])


def _costs(desk: Desk) -> Costs | None:
    assumed, currency = desk.config.costs, desk.currency
    known = {PER_CASE: True, PER_LOAN: desk.has("fn_amount"), CASH: desk.has("fn_cash")}
    options = [name for name, is_known in known.items() if is_known]
    default = PER_LOAN if assumed.model == "per_loan" and known[PER_LOAN] else PER_CASE
    model = st.segmented_control("Costs are counted", options, default=default, key="costs", bind="query-params", required=True)
    if len(options) < len(known):
        _say_missing([name for name, is_known in known.items() if not is_known])
    if model == CASH:
        st.caption("What each approved loan really returned, net of principal; nothing is assumed and nothing is forgone.")
        return CashCosts()
    left, right = st.columns(2)
    if model == PER_LOAN:
        lgd = 100 * assumed.lgd, "lgd", "LGD (% of the amount)"
        margin = 100 * assumed.margin, "margin", "Margin (% of the amount)"
        shares = [_number(place, *field, top=100.0) for place, field in ((left, lgd), (right, margin))]
        return LoanCosts(shares[0] / 100, shares[1] / 100) if _matters(shares) else None
    miss = assumed.fn_cost, "fn_cost", f"A missed defaulter costs ({currency})"
    refusal = assumed.fp_cost, "fp_cost", f"A good customer refused costs ({currency})"
    amounts = [_number(place, *field, top=1e9) for place, field in ((left, miss), (right, refusal))]
    return CaseCosts(amounts[0], amounts[1]) if _matters(amounts) else None


def _say_missing(names: list[str]) -> None:
    why = {PER_LOAN: "the project names no amount column", CASH: "the project names no cash columns"}
    st.caption("Not offered: " + "; ".join(f"{name} ({why[name]})" for name in names) + ".")


def _number(place: DeltaGenerator, value: float, key: str, label: str, top: float) -> float:
    return float(
        place.number_input(label, 0.0, top, float(value), format="%.10g", key=key, bind="query-params", help=label_of(key).help)
    )


def _optional(place: DeltaGenerator, value: float | None, key: str, label: str, top: float, of: str = "") -> float | None:
    first, help_text = None if value is None else float(value), label_of(of or key).help
    found = place.number_input(
        label, 0.0, top, first, format="%.10g", key=key, bind="query-params", help=help_text, placeholder="no limit"
    )
    return None if found is None else float(found)


def _share(percentage: float | None) -> float | None:
    return None if percentage is None else percentage / 100


def _matters(costs: list[float]) -> bool:
    if sum(costs) > 0:
        return True
    st.warning("When neither mistake costs anything, every cut-off is as good as any other; give at least one a cost.")
    return False
