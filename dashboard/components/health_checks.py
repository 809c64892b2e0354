"""What runs beside the champion, and whether store and model are as they should be right now."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import health_words, loading_risk

if TYPE_CHECKING:
    from pipeline.monitoring.health import Health
    from pipeline.monitoring.health_state import StoreState


def beside(found: "Health", project: str) -> None:
    """Say how often the other model decides otherwise, and which share a canary decides."""
    st.markdown("**The model beside**")
    with st.skeleton(height=40):
        routing = loading_risk.routing(project)
    st.markdown(health_words.shadow(found, routing))


def checks(project: str, state: "StoreState") -> None:
    """List what was looked at, what is wrong first; the first look of a process waits for MLflow."""
    st.markdown("**Store and model, now**")
    with st.skeleton(height=120):
        found = (state.finding, *loading_risk.model_findings(project))
    for sign, text in health_words.checks(found):
        st.markdown(f"{sign} {text}")
    st.caption(health_words.store_facts(state))
