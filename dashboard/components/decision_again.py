"""The button that scores a recorded decision once more, and what came out."""

import streamlit as st

from dashboard import decision_store
from dashboard.components.decision_search import PARAM
from dashboard.labels import plain
from pipeline.serving.records import Decision


def show_again(decision: Decision) -> None:
    """Score it again on request with the recorded version, and say what came out."""
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Show it again", key="again", icon=":material/replay:", type="primary")
        st.caption(f"Scores the recorded inputs with version {decision.model_version} and compares every digit.")
        st.button("Back to the search", key="back", on_click=close, icon=":material/arrow_back:", type="tertiary")
    if not pressed:
        return
    with st.spinner("Loading the recorded version and scoring"):
        found = decision_store.show_again(decision)
    if found.problem:
        st.warning(f"It cannot be shown again: {plain(found.problem)}", icon=":material/cloud_off:")
    elif found.differences:
        st.error("Not identical:\n\n" + "\n".join(f"- {plain(line)}" for line in found.differences), icon=":material/error:")
    else:
        same = "PD, grade, decision and reasons are identical to the last bit"
        st.success(f"Shown again: {same} (PD {plain(repr(decision.pd))}).", icon=":material/verified:")
    for note in found.notes:
        st.caption(plain(note))


def close() -> None:
    """Go back from one decision to the search."""
    st.query_params.pop(PARAM, None)
