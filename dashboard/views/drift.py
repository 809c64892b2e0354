"""Has the world moved, where, since when, and does it matter in money?"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import drift_book, loading_risk
from dashboard.components import evidently_panel, page
from dashboard.components.downloads import download
from dashboard.components.drift_behind import offer_counting
from dashboard.components.drift_controls import pick_asked, pick_granularity
from dashboard.components.drift_decisions import decisions_tab, reasons_tab
from dashboard.components.drift_feature import feature_detail, pick_feature
from dashboard.components.drift_heat import OPENS, PART, heat
from dashboard.components.drift_notes import notes_tab
from dashboard.labels import plain
from pipeline.monitoring.baseline import BaselineError
from pipeline.monitoring.drift_words import label_of
from pipeline.store.address import StoreError

if TYPE_CHECKING:
    from pipeline.monitoring.drift import Drift

QUESTION = "Has the world moved, where, since when, and does it matter in money?"


def draw(project: str) -> None:
    span = loading_risk.profile_span(project)
    top, picture = st.container(), st.container()
    with top:
        offer_counting(project)
    if span is None:
        return _nothing_counted(project)
    config = loading_risk.baseline(project, loading_risk.profile_versions(project)[-1]).config
    groups = drift_book.segments(project, *span)
    left, right = st.columns(2, vertical_alignment="bottom")
    with left:
        granularity = pick_granularity(config.monitoring.granularity)
    with st.expander("Window, reference, group and features", icon=":material/tune:"):
        asked = pick_asked(granularity, span, groups, config, lambda group: drift_book.segment_words(group, config))
    drift = loading_risk.drift(project, asked)
    if drift is None:
        return _nobody(top)
    notes = drift_book.notes(project)
    with top:
        page.answer(drift_book.answer(drift))
        _limits(drift)
    with picture:
        heat(drift, drift_book.marks(project, notes, asked.first, asked.last))
    with right:
        feature = pick_feature({name: label_of(config, name) for name in drift_book.ordered(drift)})
    return _tabs(project, drift, feature, lambda: notes_tab(project, notes, asked.last))


def _tabs(project: str, drift: "Drift", feature: str, notes: Callable[[], None]) -> None:
    drawn: Mapping[str, Callable[[], None]] = {
        OPENS: lambda: feature_detail(drift, project, feature),
        "PD and decisions": lambda: decisions_tab(drift),
        "Reasons": lambda: reasons_tab(drift),
        "Notes": notes,
        "Evidently": lambda: evidently_panel.show(project, _first_to_report(drift), drift.asked.last),
        "Table": lambda: _table(project, drift),
    }
    for tab, show in zip(st.tabs(list(drawn), key=PART, bind="query-params"), drawn.values(), strict=True):
        if tab.open:
            with tab:
                show()


def _first_to_report(drift: "Drift") -> date:
    """A window that somebody chose is reported as chosen; otherwise what came before the shift would water it down."""
    return drift.asked.first if st.query_params.get("from") else drift.since.date()


def _table(project: str, drift: "Drift") -> None:
    table = drift_book.judged_table(drift)
    st.dataframe(table, hide_index=True, alt="Every period and feature as judged")
    download(table, f"{project}-drift.csv", "drift")


def _limits(drift: "Drift") -> None:
    if drift.asked.segment and drift.asked.against is None:
        st.caption(f":material/info: {drift_book.OTHER_GROUP}")
    for problem in drift.problems:
        st.warning(plain(f"Left out: {problem}"), icon=":material/error:")


def _nobody(top: "st.delta_generator.DeltaGenerator") -> None:
    with top:
        st.markdown("### :material/inbox: Nobody was decided in this window.", anchors=False)
        st.markdown("Widen the dates or choose another group.")


def _nothing_counted(project: str) -> None:
    page.state(
        "No decision is counted yet, so nothing can have moved.",
        "Decisions are counted by day in the bins that the model was developed on; then every window is a sum.",
        f"python -m pipeline monitor {project}",
    )


page.header("Drift", QUESTION)
try:
    draw(str(st.session_state["project"]))
except (StoreError, BaselineError) as error:
    page.unavailable(str(error))
