"""The adverse-action letter of a decline or review, as text to read and to download."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.casework import Case
from dashboard.labels import plain
from pipeline import contract

if TYPE_CHECKING:
    from pipeline.serving.live import LiveModel


def letter(case: Case, live: "LiveModel") -> None:
    """Draw the letter, or say that an approval has none."""
    from dashboard import decision_store  # SQLAlchemy, which the form's first drawing must not wait for
    from pipeline.serving.letter import adverse_action_letter

    try:
        made = decision_store.overrides_of(case.decision.id) if case.decision.outcome == contract.REVIEW else ()
        if (made[-1].outcome if made else case.decision.outcome) == contract.APPROVE:
            st.markdown("An approval has no adverse-action letter.")
            return
        lender, today = live.config.underwriting.lender, datetime.now(UTC).date()
        last = made[-1] if made else None
        text = adverse_action_letter(case.decision, live.config, lender=lender, when=today, override=last)
    except ValueError as error:  # StoreError is one
        st.error(plain(error), icon=":material/block:")
        return
    st.download_button(
        "Letter (text)", text, f"letter-{case.decision.id}.txt", "text/plain", key="download_letter",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    with st.container(key="letter"):  # small enough that the letter's own lines fit
        st.code(text, language=None, wrap_lines=True)
