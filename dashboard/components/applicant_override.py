"""An analyst decides a review: a reason from the project's list, a note, a typed name; a record of its own."""

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboard import loading_desk
from dashboard.applicant_answers import VERBS
from dashboard.casework import Case
from dashboard.labels import moment, plain
from pipeline import contract

if TYPE_CHECKING:
    from pipeline.serving.live import LiveModel
    from pipeline.serving.overrides import Override

FINAL: Final = (contract.APPROVE, contract.DECLINE)


def override(case: Case, live: "LiveModel") -> None:
    """Draw what was decided so far, and the form; writing happens only when it is sent."""
    from pipeline.serving.log_errors import LogError, in_plain_words
    from pipeline.serving.overrides import overrides_of

    try:
        with in_plain_words():
            made = overrides_of(loading_desk.store_engine(), case.decision.id)
    except LogError as error:
        st.error(plain(error), icon=":material/lock:")
        return
    place = st.container()
    with st.form("override", border=True):
        st.markdown("**A person decides this review**")
        outcome = st.radio(
            "Decision", FINAL, format_func=lambda o: VERBS[o], horizontal=True, key="override_outcome", index=None
        )
        reasons = live.config.underwriting.override_reasons
        reason = st.selectbox("Reason", reasons, index=None, key="override_reason", placeholder="choose")
        note = st.text_area("Note", key="override_note", max_chars=2000)
        name = st.text_input("Your name (typed, not verified)", key="override_name", max_chars=80)
        sent = st.form_submit_button("Record the override", key="send_override", type="primary", icon=":material/gavel:")
    with place:
        if sent:
            made = [*made, *_send(case, outcome or "", reason or "", note, name, reasons)]
        for one in made:
            st.success(said(one), icon=":material/gavel:")


def said(made: "Override") -> str:
    """Say what a person decided, when and why."""
    note = f", “{plain(made.note)}”" if made.note else ""
    return (
        f"{VERBS[made.outcome]}d by {plain(made.author)} on {moment(made.at)}: {plain(made.reason)}{note}. The model's own "
        "decision stays on record; this stands beside it and in the ledger."
    )


def _send(case: Case, outcome: str, reason: str, note: str, name: str, reasons: tuple[str, ...]) -> "list[Override]":
    """Record it; every refusal is a sentence."""
    from pipeline.serving.log_errors import LogError
    from pipeline.serving.overrides import OverrideError
    from pipeline.serving.overrides import override as write

    missing = [
        word for word, value in (("the decision", outcome), ("a reason", reason), ("your name", name.strip())) if not value
    ]
    if missing:
        st.error(f"Nothing was recorded: {' and '.join(missing)} must be given.", icon=":material/block:")
        return []
    try:
        found = write(
            loading_desk.store_engine(), case.decision.id, outcome=outcome, reason=reason, note=note, author=name,
            allowed_reasons=reasons,
        )  # fmt: skip
    except (OverrideError, LogError) as error:
        st.error(f"Nothing was recorded: {plain(error)}", icon=":material/block:")
        return []
    return [found]
