"""An analyst decides a review: a reason from the project's list, a note, a typed name; a record of its own."""

from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboard import loading_desk
from dashboard.applicant_answers import VERBS
from dashboard.labels import moment, plain
from pipeline import contract
from pipeline.project import ProjectConfig
from pipeline.serving.records import Decision

if TYPE_CHECKING:
    from pipeline.serving.overrides import Override

FINAL: Final = (contract.APPROVE, contract.DECLINE)


def override(decision: Decision, config: ProjectConfig) -> "tuple[Override, ...]":
    """Draw what was decided so far about a review, and the form; writing happens only when it is sent. Returns all that stands.

    config: the project as the run of the deciding version logged it; its list of reasons is the one to choose from.
    """
    from pipeline.serving.log_errors import LogError, in_plain_words
    from pipeline.serving.overrides import overrides_of

    try:
        with in_plain_words():
            made = overrides_of(loading_desk.store_engine(), decision.id)
    except LogError as error:
        st.error(plain(error), icon=":material/lock:")
        return ()
    place, own = st.container(), decision.id  # of this decision alone: a note written about one person stays with that person
    with st.form(f"override.{own}", border=True):
        st.markdown("**A person decides this review**")
        outcome = st.radio(
            "Decision", FINAL, format_func=lambda o: VERBS[o], horizontal=True, key=f"override_outcome.{own}", index=None
        )
        reasons = config.underwriting.override_reasons
        reason = st.selectbox("Reason", reasons, index=None, key=f"override_reason.{own}", placeholder="choose")
        note = st.text_area("Note", key=f"override_note.{own}", max_chars=2000)
        name = st.text_input("Your name (typed, not verified)", key=f"override_name.{own}", max_chars=80)
        sent = st.form_submit_button("Record the override", key=f"send_override.{own}", type="primary", icon=":material/gavel:")
    with place:
        if sent:
            made = [*made, *_send(decision, outcome or "", reason or "", note, name, reasons)]
        for one in made:
            st.success(said(one), icon=":material/gavel:")
    return tuple(made)


def said(made: "Override") -> str:
    """Say what a person decided, when and why."""
    note = f", “{plain(made.note)}”" if made.note else ""
    return (
        f"{VERBS[made.outcome]}d by {plain(made.author)} on {moment(made.at)}: {plain(made.reason)}{note}. The model's own "
        "decision stays on record; this stands beside it and in the ledger."
    )


def _send(decision: Decision, outcome: str, reason: str, note: str, name: str, reasons: tuple[str, ...]) -> "list[Override]":
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
            loading_desk.store_engine(), decision.id, outcome=outcome, reason=reason, note=note, author=name,
            allowed_reasons=reasons,
        )  # fmt: skip
    except (OverrideError, LogError) as error:
        st.error(f"Nothing was recorded: {plain(error)}", icon=":material/block:")
        return []
    return [found]
