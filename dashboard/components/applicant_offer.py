"""Counter-offer: the smallest change of one or two inputs that would be approved, or that there is none."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.applicant_answers import said_value
from dashboard.casework import Case
from dashboard.labels import percent, plain
from pipeline import contract
from pipeline.project import ProjectConfig

if TYPE_CHECKING:
    from pipeline.serving.counter_offer import CounterOffer
    from pipeline.serving.live import LiveModel


def offer(case: Case, live: "LiveModel") -> None:
    """Search, and draw a sentence and a table."""
    if case.decision.outcome == contract.APPROVE:
        st.markdown("This application is approved as it stands; there is nothing to offer instead.")
        return
    from pipeline.serving.counter_offer import counter_offer

    with st.spinner("Searching"):
        found = counter_offer(live, case.decision.inputs)
    actionable = [plain(f.label) for f in live.config.features if f.actionable]
    if found is None:
        st.markdown(f"**None within the allowed ranges:** {_searched(actionable)}")
        return
    st.markdown(sentence(found, live.config))
    st.table(table(found, live.config), border="horizontal", hide_index=True, alt="The smallest change that would be approved")
    st.caption(
        f"Scored as it stands with version {live.version}: the PD falls from {percent(found.pd_before)} to "
        f"{percent(found.pd_after)}, below {percent(live.policy.approve_below)}. Searched over {', '.join(actionable)}, one "
        "and two at a time, within the project's ranges and what training has seen. Not recorded and no promise: an "
        "application that really changes is scored anew."
    )


def _searched(actionable: list[str]) -> str:
    if not actionable:
        return "the project names no input that an applicant can act on."
    many = f"one or two of {', '.join(actionable)}" if len(actionable) > 1 else actionable[0]
    return f"no change of {many} reaches approval."


def sentence(found: "CounterOffer", config: ProjectConfig) -> str:
    """Say the offer in one sentence."""
    named = {f.name: f for f in config.features}
    said = [
        f"{plain(c.label)} {said_value(named[c.feature], c.after)} instead of {said_value(named[c.feature], c.before)}"
        for c in found.changes
    ]
    return f"**Would be approved with {' and '.join(said)}.**"


def table(found: "CounterOffer", config: ProjectConfig) -> pd.DataFrame:
    """Return input, as asked, and offered."""
    named = {f.name: f for f in config.features}
    rows = [
        (plain(c.label), said_value(named[c.feature], c.before), said_value(named[c.feature], c.after)) for c in found.changes
    ]
    return pd.DataFrame([*rows, ("PD", percent(found.pd_before), percent(found.pd_after))], columns=["", "As asked", "Offered"])
