"""What if the assumptions are off: other unit costs, or another default rate."""

import pandas as pd
import streamlit as st

from dashboard.charts.sensitivity import cost_grid_chart
from dashboard.components import printed
from dashboard.components.downloads import download
from dashboard.cut_answers import said_baseline
from dashboard.labels import cutoff, money, number, percent
from dashboard.onepage import Section
from dashboard.worth import Cuts
from pipeline.evaluation.cost import CashCosts, LoanCosts, cheapest_cutoff
from pipeline.evaluation.policy import policy_outcome
from pipeline.evaluation.sensitivity import cost_grid, shifted_curve
from pipeline.registry.assumptions import APPROVE_ALL

FACTORS = (0.5, 0.75, 1.0, 1.5, 2.0)


def sensitivity(cuts: Cuts) -> None:
    """Draw the heat map: each cell chooses on validation and reports on test."""
    desk, costs = cuts.desk, cuts.given.costs
    if isinstance(costs, CashCosts):
        st.info("Realised cash states no unit costs, so there is nothing to vary; count costs per case or per loan.")
        return
    is_loan = isinstance(costs, LoanCosts)
    fn, fp = costs.unit_costs.values()
    if fn == 0 or fp == 0:
        st.info("One of the two mistakes costs nothing, so it cannot be varied by a factor; give both a cost.")
        return
    base, note = cuts.given.baseline, ""
    if base.run_id:
        base, note = desk.baselines[APPROVE_ALL], " Another model's policy cannot be priced at every cell."
    grid = cost_grid(
        desk.valid, [f * fn for f in FACTORS], [f * fp for f in FACTORS], base.decline_from,
        "loan" if is_loan else "case", report_on=desk.test,
    )  # fmt: skip
    names = ("Margin", "LGD") if is_loan else (f"A refusal costs ({desk.currency})", f"A miss costs ({desk.currency})")
    found = grid["cutoff"]
    title = f"From half to twice the costs the best cut-off moves from {cutoff(found.min())} to {cutoff(found.max())}"
    figure = cost_grid_chart(grid, names, title, desk.currency, as_shares=is_loan)
    st.plotly_chart(figure, key="sensitivity", alt=f"Heat map. {title}")
    said = (
        f"Each cell: the best cut-off on validation, and what it saves per 1,000 test applications against "
        f"{said_baseline(base.name)}. Framed: your costs. Limits are not applied.{note}"
    )
    st.caption(said)
    download(grid, "sensitivity.csv", "sensitivity")
    printed.keep(Section("Were the costs other than stated", (said,), (figure,)))


def default_rate(cuts: Cuts) -> None:
    """Draw what the policy costs were more or fewer applicants to default."""
    desk, costs = cuts.desk, cuts.given.costs
    own = round(100 * desk.default_rate, 1)
    rate = st.number_input(
        "What if this share of applicants defaulted? (%)", 0.1, 99.9, own, step=0.5, format="%.1f", key="default_rate",
        bind="query-params",
        help="Everything else within defaulters and within good customers stays as measured (prior shift).",
    )  # fmt: skip
    if rate == own:
        st.markdown(f"{percent(desk.default_rate)} of the test applicants defaulted. Type another share to see what changes.")
        return
    valid, test = (shifted_curve(curve, rate / 100) for curve in (desk.valid, desk.test))
    moved = cheapest_cutoff(valid, costs)
    cases = {
        f"As measured, {cutoff(cuts.first)}": (desk.test, cuts.first),
        f"At {number(rate, 1)} %, {cutoff(cuts.first)} kept": (test, cuts.first),
        f"At {number(rate, 1)} %, cut-off moved to {cutoff(moved)}": (test, moved),
    }
    found = [policy_outcome(curve, costs, at, at) for curve, at in cases.values()]
    per_1000 = [1000 * outcome.cost / outcome.n for outcome in found]
    gain = per_1000[1] - per_1000[2]
    verb = "saves" if gain >= 0 else "would on test lose"
    st.markdown(
        f"**At a default rate of {number(rate, 1)} % instead of {percent(desk.default_rate)}** the cut-off of "
        f"{cutoff(cuts.first)} costs {money(per_1000[1], desk.currency)} per 1,000 applications instead of "
        f"{money(per_1000[0], desk.currency)}; moving it to {cutoff(moved)} {verb} {money(abs(gain), desk.currency)} of that."
    )
    table = pd.DataFrame(
        {
            "Case": list(cases),
            "Approved": [percent(o.approval_rate) for o in found],
            "Recall": [percent(o.recall) for o in found],
            "Default rate of the approved": [percent(o.approved_default_rate) for o in found],
            f"Cost per 1,000 ({desk.currency})": [money(cost) for cost in per_1000],
        }
    )
    st.table(table, border="horizontal", hide_index=True, alt="Outcomes on test at the stated default rate")
    st.caption(
        "Cut-offs are PDs as the model states them today; a model told of the new rate would state other ones. "
        "Limits are not applied to the moved cut-off."
    )
