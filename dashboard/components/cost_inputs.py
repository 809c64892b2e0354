"""What mistakes cost: the project's assumptions, changeable by the reader, carried by the link."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard.labels import label_of
from pipeline.evaluation.cost import CaseCosts, Costs, LoanCosts
from pipeline.project import Costs as ProjectCosts

PER_CASE, PER_LOAN = "per case", "per loan amount"


def pick_costs(assumed: ProjectCosts, currency: str, *, has_amounts: bool) -> Costs | None:
    """Let the reader set the cost model and its unit costs; None, with a sentence, when both costs are zero."""
    options = [PER_CASE, PER_LOAN] if has_amounts else [PER_CASE]
    default = PER_LOAN if has_amounts and assumed.model == "per_loan" else PER_CASE
    model = st.segmented_control("Costs are counted", options, default=default, key="costs", bind="query-params", required=True)
    if not has_amounts:
        st.caption("Only per case: this project names no amount column.")
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


def _number(place: DeltaGenerator, value: float, key: str, label: str, top: float) -> float:
    return float(
        place.number_input(label, 0.0, top, float(value), format="%.10g", key=key, bind="query-params", help=label_of(key).help)
    )


def _matters(costs: list[float]) -> bool:
    if sum(costs) > 0:
        return True
    st.warning("When neither mistake costs anything, every cut-off is as good as any other; give at least one a cost.")
    return False
