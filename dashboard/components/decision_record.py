"""One decision as it was recorded: reasons, inputs, record, shadow, and the button that shows it again."""

from typing import TYPE_CHECKING

import streamlit as st

from dashboard import decision_book
from dashboard.components import page
from dashboard.components.applicant_letter import letter_text
from dashboard.components.applicant_override import override
from dashboard.components.decision_again import show_again
from dashboard.decision_book import OUTCOME_WORDS
from dashboard.labels import moment, percent, plain
from pipeline import contract
from pipeline.project import ProjectConfig
from pipeline.serving.records import Decision

if TYPE_CHECKING:
    from pipeline.serving.overrides import Override


def show_record(decision: Decision, overrides: "tuple[Override, ...]", config: ProjectConfig | None) -> None:
    """Draw one decision; config: the project as the deciding version's run had it, for the words of its fields."""
    page.answer(decision_book.headline(decision, overrides))
    show_again(decision)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _reasons(decision, config)
        _shadow(decision)
        if decision.outcome == contract.REVIEW and config is not None:
            overrides = override(decision, config)
        else:
            _overrides(overrides)
    with right:
        st.markdown("**What the applicant stated**")
        st.dataframe(decision_book.inputs_table(decision, config), hide_index=True, height="content", alt="Inputs as recorded")
    with st.expander("The whole record", icon=":material/receipt_long:"):
        st.dataframe(decision_book.record_table(decision), hide_index=True, height="content", alt="Record of the decision")
    _take_away(decision, overrides, config)


def _reasons(decision: Decision, config: ProjectConfig | None) -> None:
    if decision.outcome == contract.APPROVE:
        st.markdown("An approval needs no reasons.")
    elif not decision.reasons:
        st.markdown("No reasons were recorded: it was scored without them.")
    else:
        st.markdown("**Principal reasons, the weightiest first**")
        table = decision_book.reasons_table(decision, config)
        st.table(table.set_index("Reason"))
        st.caption(
            "Just passing: what applicants at or just above the cut-off have, the median or the commonest. PD then: the PD "
            "with that one thing instead, scored again when the decision was made."
        )
    for warning in decision.warnings:
        st.warning(plain(warning), icon=":material/warning:")


def _shadow(decision: Decision) -> None:
    shadow = decision.shadow
    if shadow is None:
        return
    agrees = "agrees" if shadow.outcome == decision.outcome else "would have decided otherwise"
    st.markdown(
        f"The {plain(shadow.role)}, version {shadow.model_version}, {agrees}: {OUTCOME_WORDS[shadow.outcome]}, "
        f"PD {percent(shadow.pd)}."
    )


def _overrides(overrides: "tuple[Override, ...]") -> None:
    for one in overrides:
        note = f" “{plain(one.note)}”" if one.note else ""
        st.markdown(
            f":material/person_edit: {moment(one.at)}: {plain(one.author)} {OUTCOME_WORDS[one.outcome]} it, "
            f"because: {plain(one.reason)}.{note}"
        )


def _take_away(decision: Decision, overrides: "tuple[Override, ...]", config: ProjectConfig | None) -> None:
    with st.container(horizontal=True):
        st.download_button(
            "Record (JSON)", decision_book.as_json(decision, overrides), f"decision-{decision.id}.json", "application/json",
            key="download_record", icon=":material/download:", on_click="ignore",
        )  # fmt: skip
        last = overrides[-1] if overrides else None
        if (last or decision).outcome != contract.APPROVE and config is not None:
            st.download_button(
                "Letter (text)", lambda: letter_text(decision, config, last), f"letter-{decision.id}.txt", "text/plain",
                key="download_letter", icon=":material/mail:", on_click="ignore",
            )  # fmt: skip
