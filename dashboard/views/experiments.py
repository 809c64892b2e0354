"""Which run should we ship, and is it really better?"""

import pandas as pd
import streamlit as st

from dashboard import answers, loading, loading_desk, loading_money, ranking
from dashboard.board import Board
from dashboard.components import page
from dashboard.components.board_page import Meeting, download_board
from dashboard.components.compare import compare
from dashboard.components.foreign_board import foreign_board
from dashboard.components.leaderboard import leaderboard
from dashboard.components.opening import opened
from dashboard.components.outside import failed_runs, foreign_runs
from dashboard.components.pick_filters import pick_experiments, pick_filters, say_how_many
from dashboard.components.pictures import pictures
from dashboard.components.run_detail import run_detail
from dashboard.components.run_picker import pick_run
from dashboard.components.why_not import why_not
from dashboard.filters import ALL, Filters, matching, said, whole_history
from dashboard.labels import plain
from dashboard.worth import project_costs
from pipeline.project import ProjectConfig
from pipeline.registry.runs import FOREIGN

QUESTION = "Which run should we ship, and is it really better?"
MOST_LISTED = 200
"""A longer list is no choice; any other run opens by its link, or when filters bring it up."""


def draw(project: str) -> None:
    found = opened(project, otherwise=_without_candidates)
    if found is None:
        return None
    runs, top, live = found.runs, st.container(), loading_desk.read_release(project)
    config = loading.project_config(live.run_id or str(found.candidates["run_id"].iloc[0]), project)
    places = st.columns(4 if len(loading.project_names()) > 1 else 3)
    table = loading.with_experiments(runs.table, pick_experiments(project, places[-1]))
    filters, by = pick_filters(table, config.cutoff.choose_by if config else "", places[:3])
    field = ranking.field_of(matching(table, filters), by, table[table["run_id"] == live.run_id])
    say_how_many(len(field.board), filters, table)
    names = ranking.names_of(table, set(field.board.get("run_id", ())))
    board = Board(field, names, by, live.run_id, config.project.currency if config else "")
    if field.board.empty:
        st.info("No run matches these filters; clear them or choose another bake-off.", icon=":material/filter_alt_off:")
        return page.freshness(runs, found.left_out)
    answer = None
    with top, page.or_say_why():
        answer = _answer(board, filters, config)
        page.answer(answer)
    _side_by_side(board, table, project, filters, config)
    others = st.container()
    if answer is not None:
        download_board(Meeting(board, answer, config, project, said(filters), runs.as_of))
    _in_depth(board, live.run_id)
    failed_runs(ranking.failures(runs.table, [filters.bakeoff] if filters.bakeoff != ALL else []))
    foreign_runs(table, project)
    page.freshness(runs, found.left_out)
    # Row by row takes seconds on a large test split, once; nothing else on the page waits for it.
    with others, page.or_say_why():
        why_not(board, config)
    return None


def _without_candidates(runs: pd.DataFrame, left_out: str) -> None:
    if (runs["state"] == FOREIGN).any():
        foreign_board(runs, left_out)
        failed_runs(ranking.failures(runs))
    else:
        page.no_complete_run(str(st.session_state["project"]), left_out)


def _answer(board: Board, filters: Filters, config: ProjectConfig | None) -> answers.Answer:
    field, by = board.field, board.by
    if not field.is_comparable:
        return answers.no_ranking(field)
    ordered = ranking.ranked(field.candidates, by).candidates
    if ordered.empty:
        return answers.nothing_to_rank(len(field.unranked))
    best, rival, gap = ordered.iloc[0], ranking.rival(ordered, board.champion), None
    if rival is not None and config is not None:
        costs = project_costs(config)
        gap = loading_money.difference(best["run_id"], float(best["cutoff"]), rival["run_id"], float(rival["cutoff"]), costs)
    said = plain(board.names[rival["run_id"]]) if rival is not None else ""
    champion = plain(board.names.get(board.champion, ""))
    found = answers.ship(best, plain(board.names[best["run_id"]]), said, gap, by, len(ordered), board.currency, champion)
    return answers.limited(found, filters.n_narrowing, field.unranked[field.unranked["run_id"] == board.champion])


@st.fragment
def _side_by_side(board: Board, table: pd.DataFrame, project: str, filters: Filters, config: ProjectConfig | None) -> None:
    left, right = st.columns([5, 3], gap="medium")
    with left:
        leaderboard(board)
        st.caption(
            "Places are by validation; test columns report and choose nothing. Tick two to six rows to compare them."
            + (" ★ is live." if board.champion else "")
        )
    with right:
        pictures(board, ranking.candidates(matching(table, whole_history(filters))), config)
    compare(board, table, board.names, project)


@st.fragment
def _in_depth(board: Board, champion: str) -> None:
    complete = ranking.candidates(board.field.board)
    best = ranking.leader(board.field, board.by)
    if complete.empty:
        return
    default = str(best["run_id"] if best is not None else complete["run_id"].iloc[0])
    st.markdown("#### One run in depth", anchors=False)
    linked = complete["run_id"][complete["run_id"].isin(st.query_params.get_all("run"))]
    listed = [*complete["run_id"].head(MOST_LISTED), default, *linked]
    run_id = pick_run({r: board.names[r] for r in dict.fromkeys(listed)}, default, key="run_in_depth")
    run_detail(complete[complete["run_id"] == run_id].iloc[0], champion)
    st.page_link("views/trade_offs.py", label="Set its cut-off", icon=":material/balance:", query_params={"run": run_id})


page.header("Experiments", QUESTION)
draw(str(st.session_state["project"]))
