"""The sidebar: which product, and at its foot who, where and how fresh."""

from collections.abc import Sequence
from datetime import UTC, datetime

import streamlit as st

from dashboard.labels import moment, plain

ROOM = "<style>.stMainBlockContainer {padding: 3.5rem clamp(1rem, 3.5vw, 4rem) 3rem}</style>"
"""Less empty room around the page than Streamlit leaves, so that the first screen holds answer and picture."""
OWN_CSV = """<style>[data-testid="stElementToolbarButton"]:has(button[aria-label^="Download as CSV"]) {display: none}</style>"""
"""Streamlit's own CSV of a table keeps cells that a spreadsheet would run; ours, under each table, makes them inert."""


def pick_project(names: Sequence[str]) -> str:
    """Let the reader choose a product; the link carries it, and nonsense in a link falls back to the first."""
    help_text = "One lending product with its runs."
    return str(st.sidebar.selectbox("Product", list(names), key="project", bind="query-params", help=help_text))


def tighten() -> None:
    """Give the page the room that Streamlit leaves empty."""
    st.html(ROOM + OWN_CSV)


def foot(store: str) -> None:
    """Say who looks, at which store, and when this was drawn."""
    lines = (
        ":material/person: Not signed in",
        f":material/database: {plain(store)}",
        f":material/schedule: {moment(datetime.now(UTC))}",
    )
    with st.sidebar:
        st.divider()
        st.caption("  \n".join(lines))
