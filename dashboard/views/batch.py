"""Score this file, and tell me which rows are wrong."""

import streamlit as st

from dashboard import batch_jobs as jobs
from dashboard import loading, loading_desk
from dashboard.batch_answers import before_any_file
from dashboard.components import page
from dashboard.components.applicant_states import broken_store
from dashboard.components.batch_answer import batch_answer
from dashboard.components.batch_findings import batch_findings
from dashboard.components.batch_result import batch_files, batch_result
from dashboard.components.batch_upload import needed_columns, upload
from pipeline.project import ProjectConfig

QUESTION = "Which rows of this file are wrong, and what do we decide on the others?"


def draw(project: str) -> None:
    with st.skeleton(height=400):
        release = loading_desk.read_release(project)
        config = loading.project_config(release.run_id, project)
    if release.problem:
        return broken_store(release.problem)
    if release.live is None or release.policy is None or config is None:
        return page.nothing_live(project, len(release.waiting))
    loading_desk.warm_desk(project)
    top = st.container()
    given = upload()
    if given is None:
        with top:
            page.answer(before_any_file(release, project, int(st.get_option("server.maxUploadSize"))))
        return needed_columns(config)
    with top:
        job = loading_desk.batch_job(project, given.name, given.getvalue())
        batch_answer(job, config)
        _files(job.state)
    return _details(job.state, config, release)


def _files(state: jobs.State) -> None:
    if state.step == jobs.DONE and state.result is not None:
        batch_files(state.result)


def _details(state: jobs.State, config: ProjectConfig, release: loading_desk.Release) -> None:
    if state.step == jobs.DONE and state.result is not None:
        batch_result(state.result, release)
    if state.findings is not None:
        batch_findings(state.findings, config, with_preview=state.step != jobs.DONE)


page.header("Batch", QUESTION)
draw(str(st.session_state["project"]))
