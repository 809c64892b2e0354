"""What was refused and failed, what runs beside the champion, and whether store and model are as they should be right now."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import health_words, loading_watch
from dashboard.components.downloads import download

if TYPE_CHECKING:
    from pipeline.monitoring.health import Health
    from pipeline.monitoring.health_state import StoreState


def tables(found: "Health", project: str, names: Mapping[str, str]) -> None:
    """List what was refused by field and what failed by kind, each with a table to take along."""
    left, right = st.columns(2)
    with left:
        st.markdown("**Refused, by field**")
        if found.refused.empty:
            st.markdown(":green[:material/check:] No input was refused.")
        else:
            table = health_words.refused_table(found, names)
            shares = {name: st.column_config.NumberColumn(format="%.1f") for name in map(str, table) if name.endswith("(%)")}
            st.dataframe(table, hide_index=True, alt="Refused inputs by field", column_config=shares)
            download(table, f"{project}-refused.csv", "refused")
    with right:
        st.markdown("**Errors, by kind**")
        if found.errors.empty:
            st.markdown(":green[:material/check:] No request failed.")
        else:
            st.dataframe(health_words.errors_table(found), hide_index=True, alt="Errors by kind")


def beside(found: "Health", project: str) -> None:
    """Say how often the other model decides otherwise, and which share a canary decides."""
    st.markdown("**The model beside**")
    with st.skeleton(height=40):
        routing = loading_watch.routing(project)
    st.markdown(health_words.shadow(found, routing))


def checks(project: str, state: "StoreState") -> None:
    """List what was looked at, what is wrong first; the first look of a process waits for MLflow."""
    st.markdown("**Store and model, now**")
    with st.skeleton(height=120):
        found = (state.finding, *loading_watch.model_findings(project))
    for sign, text in health_words.checks(found):
        st.markdown(f"{sign} {text}")
    st.caption(health_words.store_facts(state))
