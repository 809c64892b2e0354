"""The cut-off slider and everything that moves with it; a fragment, so that nothing else is drawn again."""

import streamlit as st

from dashboard import loading_money, worth
from dashboard.charts.cost import CostPicture, cost_chart
from dashboard.charts.people import people_chart, per_thousand, said, thousand
from dashboard.components.confusion import confusion
from dashboard.components.cutoff_picker import pick_cutoff
from dashboard.components.download_page import download_page
from dashboard.components.propose_policy import propose_policy
from dashboard.cut_answers import in_words, said_baseline, said_break_even
from dashboard.labels import cutoff, money, short_money
from dashboard.worth import Cuts
from pipeline import contract
from pipeline.evaluation.cost import CashCosts, cost_curve, money_table
from pipeline.evaluation.curve import confusion_at, rates


@st.fragment
def explore(cuts: Cuts, answer: str) -> None:
    """Draw slider, story, cost curve, people and the four cells on test; then what can be done with this cut-off."""
    desk, given = cuts.desk, cuts.given
    chosen = pick_cutoff(cuts)
    row = confusion_at(desk.test, chosen)
    people, cells = per_thousand(row), money_table(row, given.costs)
    is_cash = isinstance(given.costs, CashCosts)
    story = in_words(people, cells, desk.n, desk.currency, is_cash=is_cash)
    st.markdown(story)
    left, right = st.columns(2, gap="medium")
    title = _finding(cuts, chosen)
    cost_figure = cost_chart(picture_of(cuts, chosen), title)
    left.plotly_chart(cost_figure, key="cost", alt=f"Cost and rates against the cut-off. {title}")
    ratio = said_break_even(cuts.break_even, desk.own, desk.own_name, given.costs)[1]
    left.caption(
        "Blue: validation, where cut-offs are chosen; grey: test, which only reports. Green band: cost within 1 % of the "
        f"least; blue bar: the cheapest in 95 % of resamples. {ratio}"
    )
    people_figure = people_chart(thousand(desk.test, chosen), said(people))
    right.plotly_chart(people_figure, key="people", alt=f"{said(people)}, at a cut-off of {cutoff(chosen)}")
    table = confusion(row, people, cells, desk.currency)
    came_back = " A cost below zero is money that came back." if is_cash else ""
    st.caption(
        f"Counted on {desk.n:,} test applicants. The named cut-offs were chosen on validation; test only reports them."
        f"{came_back}"
    )
    with st.container(horizontal=True):
        download_page(cuts, chosen, (answer, story), [cost_figure, people_figure], table)
    propose_policy(cuts, chosen, chosen, key="plain")


def picture_of(cuts: Cuts, chosen: float) -> CostPicture:
    """The two curves thinned for drawing, with what is marked on them; every point drawn is exact."""
    desk, given = cuts.desk, cuts.given
    curves = [loading_money.drawn_curve(desk.run_id, split, given.costs) for split in contract.SPLITS]
    tables = [
        rates(curve).assign(cost=cost_curve(curve, given.costs) * 1000 / n)
        for curve, n in zip(curves, (desk.n_valid, desk.n), strict=True)
        if curve is not None
    ]
    baseline = said_baseline(given.baseline.name), cuts.baseline_per_1000[contract.VALID]
    return CostPicture(tables[0], tables[1], cuts.flat, cuts.band, cuts.marks, baseline, chosen, desk.currency)


def _finding(cuts: Cuts, chosen: float) -> str:
    saved = worth.saved(cuts, worth.outcome(cuts.desk, cuts.given, chosen), with_interval=False)
    kept = "saves" if saved.per_1000 >= 0 else "loses"
    year = f" ({short_money(abs(saved.per_year))} a year)" if cuts.given.volume else ""
    return (
        f"{cutoff(chosen)} {kept} {money(abs(saved.per_1000), cuts.desk.currency)} per 1,000 on test{year} "
        f"against {said_baseline(cuts.given.baseline.name)}"
    )
