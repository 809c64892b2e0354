"""What the log holds of this decision, its link, and an analyst's override of a review."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st
from streamlit.errors import StreamlitPageNotFoundError

from dashboard.casework import Case
from dashboard.components.applicant_override import override
from dashboard.labels import NOT_KNOWN, code, moment, number, plain, short
from pipeline import contract

if TYPE_CHECKING:
    from pipeline.serving.live import LiveModel

DECISIONS = "views/decisions.py"


def record(case: Case, live: "LiveModel") -> None:
    """Draw the record, the link to it, and the override where a person may decide."""
    found = case.decision
    st.table(record_table(case), border="horizontal", hide_index=True, alt="The decision as recorded")
    try:
        label = "Open it among the decisions"
        st.page_link(DECISIONS, label=label, icon=":material/list_alt:", query_params={"decision": found.id})
    except StreamlitPageNotFoundError:
        st.markdown(f"Its id, to find it again: {code(found.id)}")
    if found.outcome == contract.REVIEW:
        override(found, live.config)


def record_table(case: Case) -> pd.DataFrame:
    """Return name and value of what was recorded."""
    found = case.decision
    latency = NOT_KNOWN if found.latency_ms is None else f"{number(found.latency_ms, 1)} ms"
    rows = {
        "Decision": found.id,
        "Decided at": moment(found.decided_at),
        "Application number": found.applicant_id or NOT_KNOWN,
        "Model": f"version {found.model_version}, sha256 {short(found.model_sha256, 12)}",
        "Policy": found.policy_id,
        "Run": found.run_id,
        "Source": found.source,
        "Time to decide": latency,
        "Number in the log": NOT_KNOWN if found.seq is None else str(found.seq),
    }
    return pd.DataFrame([(name, plain(value)) for name, value in rows.items()], columns=["", "Recorded"])
