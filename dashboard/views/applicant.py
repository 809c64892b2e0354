"""How risky is this applicant, why, and what would change the answer?"""

import streamlit as st

from dashboard import loading, loading_desk
from dashboard.casework import decided_by
from dashboard.components import applicant_case as desk
from dashboard.components import applicant_states as states
from dashboard.components import page
from dashboard.components.applicant_answer import answer_of, before_anybody
from dashboard.components.applicant_form import applicant_form
from dashboard.components.applicant_parts import parts
from dashboard.labels import plain

QUESTION = "How risky is this applicant, why, and what would change the answer?"


def draw(project: str) -> None:
    with st.skeleton(height=500):
        release = loading_desk.read_release(project)
        config = loading.project_config(release.run_id, project)
    if release.problem:
        return states.broken_store(release.problem)
    if release.live is None or release.policy is None or config is None:
        return page.nothing_live(project, len(release.waiting))
    loading_desk.warm_desk(project)
    desk.fill_wanted(config)
    sheet, run_id, below = desk.sheet_of(project), release.run_id, release.policy.approve_below
    left, right = states.two_sides()
    with left:
        beside = applicant_form(
            config, sheet.faults, lambda: desk.score_pressed(config),
            lambda name: desk.example_pressed(config, run_id, below, name),
        )  # fmt: skip
    with right:
        if sheet.trouble:
            st.warning(plain(sheet.trouble), icon=":material/cloud_off:")
        if sheet.faults:
            states.faulty_fields(sheet.faults)
        elif sheet.waiting is None and sheet.case is None:
            before_anybody(release.policy, release.live.model_version, run_id)
        else:
            with states.or_say_why(project):
                _answer(project, sheet)
    with beside:
        states.in_short(sheet.faults, sheet.case)
    return None


def _answer(project: str, sheet: desk.Sheet) -> None:
    with st.skeleton(height=400):
        desk.decide_waiting(project, sheet)
    case, pair = sheet.case, loading_desk.desk(project).pair()
    if case is None:
        return None
    live = decided_by(pair, case.decision)
    if live is None:
        return states.moved_on(case.decision.model_version)
    answer_of(case, live)
    return parts(case, live, pair)


page.header("Applicant", QUESTION)
draw(str(st.session_state["project"]))
