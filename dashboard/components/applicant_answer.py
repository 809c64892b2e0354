"""The answer about one applicant, in sight beside the form: decision, place among all, reasons, warnings."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from dashboard import loading
from dashboard.applicant_answers import SIGNS, decided, position_title, reasons_in_words, waiting_for_one
from dashboard.casework import Case
from dashboard.charts.strip import strip_chart
from dashboard.components import page
from dashboard.labels import percent, plain
from pipeline import contract
from pipeline.project import ProjectConfig

if TYPE_CHECKING:
    from pipeline.registry.policies import Policy
    from pipeline.serving.live import LiveModel


def before_anybody(policy: "Policy", version: int, run_id: str) -> None:
    """What would decide, and where past applicants lie against it."""
    page.answer(waiting_for_one(policy, version))
    with page.or_say_why(), st.skeleton(height=215):
        rows = loading.optional_table(run_id, contract.ARTIFACT_HOLDOUT)
    if rows is None or rows.empty:
        return
    pds = rows[contract.HOLDOUT_PD].to_numpy(dtype=np.float64)
    pds = pds[np.isfinite(pds)]
    approved = float(np.mean(pds < policy.approve_below))
    title = f"{percent(approved, 0)} of {len(pds):,} past applicants would be approved"
    figure = strip_chart(pds, (policy.approve_below, policy.decline_above), title)
    st.plotly_chart(figure, key="strip", alt=f"{title}. A strip of their PDs with both cut-offs.")


def answer_of(case: Case, live: "LiveModel") -> None:
    """Draw the recorded answer of the model that decided."""
    policy, past = live.policy, live.background[contract.BACKGROUND_PD].to_numpy(dtype=np.float64)
    said = decided(case, policy)
    with st.container(key="answer"):
        st.markdown(f"### {SIGNS[case.decision.outcome]} {said.text}", anchors=False)
        st.markdown(f":gray[{said.detail}]")
    title = position_title(case)
    figure = strip_chart(past, (policy.approve_below, policy.decline_above), title, case.decision.pd)
    st.plotly_chart(figure, key="strip", alt=f"{title}, a PD of {percent(case.decision.pd)}; both cut-offs are marked.")
    _reasons(case, live.config)
    for warning in case.decision.warnings:
        st.warning(plain(warning), icon=":material/warning:")


def _reasons(case: Case, config: ProjectConfig) -> None:
    lines = reasons_in_words(case.decision.reasons, config)
    if lines:
        st.markdown("\n".join(f"{i}. {line}" for i, line in enumerate(lines, start=1)))
    elif case.decision.outcome != contract.APPROVE:
        st.markdown("No single factor lowers this PD: the model gives nobody a lower one.")
