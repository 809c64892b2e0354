"""The demo's stories, each one press away from the page that tells it."""

from dataclasses import dataclass
from typing import Final

import streamlit as st

DEMO: Final = "simulated"


@dataclass(frozen=True)
class Stop:
    """One stop: what happened, the page with its choices, and what to look for there."""

    story: str
    page: str
    label: str
    icon: str
    choices: dict[str, str]


STOPS: Final = (
    Stop(
        "**From May 2025** a campaign brings younger applicants through partners. Inputs show it at once, and what it costs.",
        "views/drift.py", "See who came", ":material/waves:", {"drift_part": "Feature", "feature": "channel"},
    ),
    Stop(
        "**From July 2025** in a recession income protects less than it did. No input shows that: only outcomes do, once they "
        "are in.",
        "views/performance.py", "See what came true", ":material/monitoring:", {"metric": "Actual / expected"},
    ),
    Stop(
        "**From September 2025** a field upstream is renamed, and for 38 of 100 applicants the days since the last login are "
        "filled with 0. Nothing complains, but the model believes it.",
        "views/drift.py", "See the field", ":material/waves:", {"drift_part": "Feature", "feature": "days_since_last_login"},
    ),
    Stop(
        "**Today** somebody applies: score an example, see why, and what would change the answer.",
        "views/applicant.py", "Score somebody", ":material/person_search:", {},
    ),
)  # fmt: skip


def tour(project: str) -> None:
    """Offer the walk through the demo's stories; other products have their own."""
    if project != DEMO:
        return
    with st.expander("A tour of this demo: three things happened to it", icon=":material/tour:"):
        for stop in STOPS:
            with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
                st.markdown(stop.story, width="stretch")
                st.page_link(stop.page, label=stop.label, icon=stop.icon, query_params=stop.choices, width="content")
