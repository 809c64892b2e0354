"""The adverse-action letter of a decline or review, as text to read and to download."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.casework import Case
from dashboard.labels import plain
from pipeline import contract
from pipeline.project import ProjectConfig
from pipeline.serving.records import Decision

if TYPE_CHECKING:
    from pipeline.serving.live import LiveModel
    from pipeline.serving.overrides import Override


def letter(case: Case, live: "LiveModel") -> None:
    """Draw the letter, or say that an approval has none."""
    from dashboard import decision_store  # SQLAlchemy, which the form's first drawing must not wait for

    try:
        made = decision_store.overrides_of(case.decision.id) if case.decision.outcome == contract.REVIEW else ()
        if (made[-1].outcome if made else case.decision.outcome) == contract.APPROVE:
            st.markdown("An approval has no adverse-action letter.")
            return
        text = letter_text(case.decision, live.config, made[-1] if made else None)
    except ValueError as error:  # StoreError is one
        st.error(plain(error), icon=":material/block:")
        return
    st.download_button(
        "Letter (text)", text, f"letter-{case.decision.id}.txt", "text/plain", key="download_letter",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip
    with st.container(key="letter"):  # small enough that the letter's own lines fit
        st.code(text, language=None, wrap_lines=True)


def letter_text(decision: Decision, config: ProjectConfig, override: "Override | None") -> str:
    """Return the letter of a decision as of today; override: what a person last decided about it. Raises ValueError."""
    from pipeline.serving.letter import adverse_action_letter

    return adverse_action_letter(
        decision, config, lender=config.underwriting.lender, when=datetime.now(UTC).date(), override=override
    )
