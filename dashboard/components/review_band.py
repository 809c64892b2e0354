"""Approve, review, decline: the cheapest pair of cut-offs on validation within the limits, and what it does on test."""

import streamlit as st

from dashboard import cut_answers, worth
from dashboard.charts.policy import policy_chart
from dashboard.components.propose_policy import propose_policy
from dashboard.labels import cutoff, money, number, percent
from dashboard.worth import Cuts
from pipeline import contract
from pipeline.evaluation.policy import PolicyOutcome, policy_table
from pipeline.evaluation.policy_search import Clash

MANY = 0.5
"""A larger share of reviews is hardly what a lender has people for."""


def review_band(cuts: Cuts) -> None:
    """Draw the best three-way policy, or which limits clash."""
    found = worth.best(cuts.desk, cuts.given, with_review=True)
    if isinstance(found, Clash):
        answer = cut_answers.clash(found.limits)
        st.markdown(f"**{answer.text}** {answer.detail}")
        return
    test = worth.outcome_of(cuts, found.approve_below, found.decline_from, contract.TEST)
    st.markdown(_sentence(cuts, found, test))
    st.caption(
        f"Reviewers are assumed to get {percent(cuts.given.review.share_right, 0)} right at "
        f"{money(cuts.given.review.cost, cuts.desk.currency)} a case; nobody has measured it. A day is a calendar day."
    )
    if found.approve_below == found.decline_from:
        return
    if test.review_rate > MANY and cuts.given.limits.reviews_per_day is None:
        st.caption(
            ":material/info: Most applicants are reviewed, for reviewers are assumed to be cheap and right more often than the "
            "model. State how many a day people can look at: Costs, limits, reviewers and volume."
        )
    table = policy_table(cuts.desk.test, cuts.given.costs, found.approve_below, found.decline_from, cuts.given.review)
    per_1000 = [round(1000 * share) for share in table["share"]]
    title = f"Of 1,000 applicants {per_1000[0]} are approved, {per_1000[1]} reviewed and {per_1000[2]} declined"
    st.plotly_chart(policy_chart(table, title), key="policy", alt=title)
    scale = 1000 / test.n
    shown = table.assign(
        decision=table["decision"].str.capitalize(),
        cases=[number(float(n), 0) for n in table["cases"]],
        share=[percent(float(share)) for share in table["share"]],
        default_rate=[percent(float(rate)) for rate in table["default_rate"]],
        cost=[money(scale * float(cost)) for cost in table["cost"]],
    )[["decision", "cases", "share", "default_rate", "cost"]]
    shown.columns = ["Decision", "Test applicants", "Share", "Default rate", f"Cost per 1,000 ({cuts.desk.currency})"]
    st.table(shown, border="horizontal", hide_index=True, alt="The three decisions in people and money on test")
    propose_policy(cuts, found.approve_below, found.decline_from, key="band")


def _sentence(cuts: Cuts, found: PolicyOutcome, test: PolicyOutcome) -> str:
    if found.approve_below == found.decline_from:
        return (
            f"**A review band pays nothing here:** at these terms the cheapest policy on validation reviews nobody and "
            f"declines from {cutoff(found.decline_from)}."
        )
    plain = worth.outcome(cuts.desk, cuts.given, cuts.first)
    gain = 1000 * (plain.cost - test.cost) / test.n
    word = "less" if gain >= 0 else "more"
    per_day = f" ({number(test.reviews_per_day, 0)} a day)" if cuts.given.volume else ""
    limits = cut_answers.said_limits(cuts.given.limits.stated)
    return (
        f"**Approve below {cutoff(found.approve_below)}, decline from {cutoff(found.decline_from)}, review between:** on test "
        f"it costs {money(abs(gain), cuts.desk.currency)} {word} per 1,000 than the single cut-off of {cutoff(cuts.first)}, "
        f"with {percent(test.review_rate)} reviewed{per_day}. Cheapest on validation{f' within {limits}' if limits else ''}."
    )
