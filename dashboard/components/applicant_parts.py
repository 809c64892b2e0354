"""Behind the answer, in tabs: why, what if, counter-offer, challenger, letter, record. Only the open one runs."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.applicant_answers import waterfall_rows, waterfall_title
from dashboard.casework import Case
from dashboard.charts.waterfall import waterfall_chart
from dashboard.components.applicant_challenger import challenger
from dashboard.components.applicant_letter import letter
from dashboard.components.applicant_offer import offer
from dashboard.components.applicant_record import record
from dashboard.components.applicant_what_if import what_if
from dashboard.components.downloads import download
from dashboard.labels import percent

if TYPE_CHECKING:
    from pipeline.serving.desk import Pair
    from pipeline.serving.live import LiveModel


@st.fragment
def parts(case: Case, live: "LiveModel", pair: "Pair") -> None:
    """Draw the tabs for the model that decided; which one is open stands in the link."""
    drawn: Mapping[str, Callable[[], None]] = {
        "Why": lambda: _why(case, live),
        "What if": lambda: what_if(case, live),
        "Counter-offer": lambda: offer(case, live),
        "Challenger": lambda: challenger(case, pair),
        "Letter": lambda: letter(case, live),
        "Record": lambda: record(case, live),
    }
    for tab, draw in zip(st.tabs(list(drawn), key="case", bind="query-params"), drawn.values(), strict=True):
        if tab.open:
            with tab:
                draw()


def _why(case: Case, live: "LiveModel") -> None:
    rows = waterfall_rows(case, live.config)
    title = waterfall_title(rows)
    figure = waterfall_chart(rows, case.start, (live.policy.approve_below, live.policy.decline_above), title)
    st.plotly_chart(figure, key="waterfall", alt=f"Waterfall of contributions to the PD. {title}.")
    note = f" {case.group_note}" if case.group_note else ""
    st.caption(
        f"From the {case.group_size:,} past applicants who just passed to this one, at {percent(case.decision.pd)}: ▲ raises, "
        f"▼ lowers. Equal steps are equal changes of the odds; dotted lines are the cut-offs.{note}"
    )
    download(case.waterfall, "why.csv", "why")
