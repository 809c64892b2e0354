"""Is the live model healthy, and what is it worth?"""

import pandas as pd
import streamlit as st

from dashboard import answers, health_words, light_words, loading, loading_desk, overview_book, ranking
from dashboard.components import page, todo
from dashboard.components.freshness import say_stale
from dashboard.components.headline import headline, live_pair
from dashboard.components.lights import lights
from dashboard.components.money_now import money_now
from dashboard.components.tour import tour
from dashboard.labels import plain
from dashboard.worth import Worth, worth
from pipeline import contract

QUESTION = "Is the live model healthy, and what is it worth?"


def draw(project: str) -> None:
    with st.skeleton(height=400):
        runs = loading.read_runs(project)
    if runs.table.empty:
        return page.empty_store(project)
    say_stale(runs)
    release, candidates = loading_desk.read_release(project), ranking.candidates(runs.table)
    names = ranking.names_of(candidates)
    run_id = release.run_id if release.run_id in names else ranking.chosen(runs.table)
    left_out = ranking.left_out(runs.table)
    if not run_id:
        return page.no_complete_run(project, left_out)
    run = candidates[candidates["run_id"] == run_id].iloc[0]
    config = loading.project_config(run_id, project)
    value = worth(run, release, config)
    watch, labels = overview_book.watch(project, config), health_words.field_names(config)
    # What was released has passed its gate, as the ledger holds; asking MLflow again would let every visitor wait for it.
    gates = None if release.run_id == run_id else loading.optional_json(run_id, contract.ARTIFACT_GATES)
    waiting = todo.troubles(runs.table, release, gates)
    n_waiting = len(waiting) + len(todo.waiting_alerts(watch)) + watch.is_unwatched
    page.answer(_answer(run, plain(names[run_id]), release, value, n_waiting, project))
    checks = loading.optional_json(run_id, contract.ARTIFACT_CHECKS)
    lights(light_words.four_lights(run, release, value, checks, watch, labels))
    headline(run, value)
    live_pair(release)
    picture = st.container()
    todo.what_needs_somebody(waiting, watch, labels)
    if watch.as_of is not None:
        tour(project)
    _onwards(run_id)
    with picture:
        money_now(project, value.currency if value else "")
    return page.freshness(runs, left_out)


def _answer(
    run: pd.Series, name: str, release: loading_desk.Release, value: Worth | None, n_todo: int, project: str
) -> answers.Answer:
    if release.run_id != run["run_id"]:
        return answers.nothing_released(run, name, project)
    saved = (value.saved, value.lo, value.hi) if value else (float("nan"),) * 3
    return answers.live(run, name, saved, value.currency if value else "", n_todo)


def _onwards(run_id: str) -> None:
    with st.container(horizontal=True):
        st.page_link("views/experiments.py", label="Compare the runs", icon=":material/science:", query_params={"run": run_id})
        st.page_link("views/trade_offs.py", label="Set the cut-off", icon=":material/balance:", query_params={"run": run_id})


page.header("Overview", QUESTION)
draw(str(st.session_state["project"]))
