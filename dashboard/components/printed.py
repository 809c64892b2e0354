"""What of a page goes onto its one page to print beside the answer: the parts that are open when it is asked for.

A file is made outside the script, and a part is drawn in a fragment of its own; what both know is this one box per session.
"""

import streamlit as st

from dashboard.onepage import Section

_KEY = "printed_parts"


def box() -> dict[str, Section]:
    """Return the sections of the open parts by title; it is always the same box within a session, empty at first."""
    found: dict[str, Section] = st.session_state.setdefault(_KEY, {})
    return found


def keep(section: Section) -> None:
    """Have a section printed from now on, in place of an older one of its title."""
    box()[section.title] = section


def clear() -> None:
    """Print no part; whichever is drawn now says so itself."""
    box().clear()
