"""The frame: navigation, product picker, and one place where an unreachable store becomes a plain sentence.

`server.py` starts it.
"""

from pathlib import Path

import streamlit as st

from dashboard import loading
from dashboard.components import frame, page
from pipeline.registry.tracking_store import TrackingUnavailable

st.set_page_config(page_title="Riskdeck", page_icon=str(Path(__file__).with_name("icon.svg")), layout="wide")

chosen = st.navigation(
    {
        "": [st.Page("views/overview.py", title="Overview", icon=":material/home:", default=True)],
        "Product": [
            st.Page("views/experiments.py", title="Experiments", icon=":material/science:"),
            st.Page("views/trade_offs.py", title="Trade-offs", icon=":material/balance:", url_path="trade-offs"),
        ],
        "Underwriting": [
            st.Page("views/applicant.py", title="Applicant", icon=":material/person_search:"),
            st.Page("views/batch.py", title="Batch", icon=":material/table_view:"),
            st.Page("views/decisions.py", title="Decisions", icon=":material/receipt_long:"),
        ],
        "Risk": [
            st.Page("views/drift.py", title="Drift", icon=":material/waves:"),
            st.Page("views/performance.py", title="Performance", icon=":material/monitoring:"),
            st.Page("views/alerts.py", title="Alerts", icon=":material/notifications:"),
        ],
    }
)

frame.tighten()
try:
    with st.skeleton(height=500):
        names = loading.project_names()
    frame.pick_project(names)
    frame.foot(loading.store_name())
    chosen.run()
except TrackingUnavailable as error:
    page.unavailable(str(error))
