"""Decisions that are not counted yet: how many, and the button that counts them."""

import streamlit as st

from dashboard import drift_book, loading_risk
from dashboard.labels import plain


def offer_counting(project: str) -> None:
    """Say how many decisions wait to be counted and count them on a press; nothing is drawn where none wait."""
    waiting = loading_risk.not_counted(project)
    said = st.session_state.pop("drift_counted", "")
    if said:
        st.warning(f"Not all could be counted: {plain(said)}", icon=":material/error:")
    if not waiting:
        return
    noun = "decision is" if waiting == 1 else "decisions are"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":orange[:material/pending:] {waiting:,} {noun} not counted yet, so what follows leaves them out.")
        pressed = st.button("Count them now", key="count_now", icon=":material/calculate:")
    if pressed:
        _count(project, waiting)


def _count(project: str, waiting: int) -> None:
    bar = st.progress(0.0, f"0 of {waiting:,} decisions counted")

    def tell(n: int) -> None:
        bar.progress(min(n / waiting, 1.0), f"{n:,} of {waiting:,} decisions counted")

    done = drift_book.count_now(project, tell)
    if isinstance(done, str):
        st.session_state["drift_counted"] = done
    st.rerun()
