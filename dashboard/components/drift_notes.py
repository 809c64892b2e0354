"""Notes on the time axis: those that stand, a form to add one, and a way to take one back."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import drift_book
from dashboard.labels import moment, plain

if TYPE_CHECKING:
    from pipeline.monitoring.annotations import Annotation


def notes_tab(project: str, notes: "Sequence[Annotation]", usual: date) -> None:
    """Draw the notes and both forms; usual: the day offered first."""
    _said()
    if not notes:
        st.markdown("Nobody has put a note on the time axis yet. A campaign, a price change, a new form: write it down here.")
    for note in notes:
        st.markdown(f":material/flag: **{note.day}** {plain(note.text)} :gray[by {plain(note.author)}, {moment(note.at)}]")
    left, right = st.columns(2, gap="medium")
    with left:
        _add(project, usual)
    if notes:
        with right:
            _withdraw(project, notes)


def _add(project: str, usual: date) -> None:
    with st.form("add_note", border=True):
        st.markdown("**Put a note on the time axis**")
        day = st.date_input("Day", usual, key="note_day", format="YYYY-MM-DD")
        text = st.text_input("What happened", key="note_text", max_chars=200, placeholder="campaign started")
        author = st.text_input("Your name (typed, not verified)", key="note_author", max_chars=80)
        sent = st.form_submit_button("Add the note", key="send_note", icon=":material/flag:")
    if sent and isinstance(day, date):
        _finish(drift_book.add_note(project, day, text, author), "The note is on the axis.")


def _withdraw(project: str, notes: "Sequence[Annotation]") -> None:
    words = {note.id: f"{note.day} {note.text}" for note in notes}
    with st.form("withdraw_note", border=True):
        st.markdown("**Take a note back**")
        chosen = st.selectbox("Note", list(words), format_func=lambda n: words[n], key="note_gone", filter_mode=None)
        reason = st.text_input("Why", key="note_reason", max_chars=200)
        author = st.text_input("Your name (typed, not verified)", key="note_gone_author", max_chars=80)
        sent = st.form_submit_button("Take it back", key="send_gone", icon=":material/undo:")
    if sent:
        _finish(drift_book.take_back(project, str(chosen), author, reason), "The note is taken back; it stays in the store.")


def _finish(problem: str, done: str) -> None:
    """Say on the next run how it went, for the axis above must be drawn anew."""
    st.session_state["note_said"] = (problem, done)
    st.rerun(scope="app")


def _said() -> None:
    problem, done = st.session_state.pop("note_said", ("", ""))
    if problem:
        st.error(plain(problem), icon=":material/error:")
    elif done:
        st.success(done, icon=":material/check_circle:")
