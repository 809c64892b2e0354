"""Behind the cut-off, in tabs: review band, two models, sensitivity, default rate, measures. Only the open one runs."""

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from dashboard.components import printed
from dashboard.components.measures import measures
from dashboard.components.review_band import review_band
from dashboard.components.swap_sides import swap_sides
from dashboard.components.what_if import default_rate, sensitivity
from dashboard.worth import Cuts


@st.fragment
def parts(cuts: Cuts, candidates: pd.DataFrame) -> None:
    """Draw the tabs; which one is open stands in the link."""
    drawn: Mapping[str, Callable[[], None]] = {
        "Review band": lambda: review_band(cuts),
        "Two models": lambda: swap_sides(cuts, candidates),
        "Sensitivity": lambda: sensitivity(cuts),
        "Default rate": lambda: default_rate(cuts),
        "Measures": lambda: measures(cuts),
    }
    printed.clear()
    for tab, draw in zip(st.tabs(list(drawn), key="part", bind="query-params"), drawn.values(), strict=True):
        if tab.open:
            with tab:
                draw()
