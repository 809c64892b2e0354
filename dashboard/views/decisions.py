"""What did we decide, with which model, and can we show it again?"""

import streamlit as st

from dashboard import decision_book, decision_store, loading, loading_desk
from dashboard.components import page
from dashboard.components.decision_again import close
from dashboard.components.decision_record import show_record
from dashboard.components.decision_search import PAGE_ROWS, PARAM, before, list_decisions, pick_query
from dashboard.labels import code, plain, short
from pipeline.store.address import StoreError

QUESTION = "What did we decide, with which model, and can we show it again?"


def draw(project: str) -> None:
    wanted = st.query_params.get(PARAM, "")
    if wanted:
        _draw_one(project, wanted)
    else:
        _draw_search(project)


def _draw_one(project: str, decision_id: str) -> None:
    decision = decision_store.decision(decision_id)
    if decision is None:
        text = f"The link names decision {code(short(decision_id, 60))}, which is not in this log."
        st.markdown(f"### :material/link_off: {text}", anchors=False)
        st.button("Search all decisions", key="back", on_click=close)
        return
    if decision.project != project:
        st.caption(f":material/info: This decision belongs to {plain(decision.project)}.")
    config = loading.project_config(decision.run_id, decision.project)
    show_record(decision, decision_store.overrides_of(decision_id), config)


def _draw_search(project: str) -> None:
    top, versions = st.container(), decision_store.versions_seen(project)
    release = loading_desk.read_release(project) if not versions else None
    if release is not None and release.live is None and not release.problem:
        return page.nothing_live(project, len(release.waiting))
    if not versions:
        return page.state(
            "No decision is recorded yet.",
            "Every applicant scored by the form, a file or HTTP is recorded here, and can be shown again a year later.",
            f"python -m pipeline serve {project}",
        )
    query = pick_query(versions)
    counts = decision_store.count_by_outcome(project, query)
    with top:
        page.answer(decision_book.found(counts, query, decision_store.COUNTED))
    if counts:
        table = decision_store.find(project, query, PAGE_ROWS, before())
        list_decisions(table, project, query, sum(counts.values()))
    return None


page.header("Decisions", QUESTION)
try:
    draw(str(st.session_state["project"]))
except StoreError as error:
    page.unavailable(str(error))
