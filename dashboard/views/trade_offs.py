"""Where do we set the cut-off, and what does each choice cost?"""

import pandas as pd
import streamlit as st

from dashboard import cut_answers, loading_desk, ranking, worth
from dashboard.answers import Answer
from dashboard.components import page
from dashboard.components.cost_inputs import pick_assumptions, pick_baseline
from dashboard.components.cutoff_explorer import explore
from dashboard.components.opening import opened
from dashboard.components.run_picker import pick_run
from dashboard.components.trade_off_parts import parts
from pipeline import contract
from pipeline.evaluation.policy_search import Clash

QUESTION = "Where do we set the cut-off, and what does each choice cost?"


def draw(project: str) -> None:
    found = opened(project)
    if found is None:
        return None
    candidates, release = found.candidates, loading_desk.read_release(project)
    top, names = st.container(), ranking.names_of(candidates)
    default = release.run_id if release.run_id in names else ranking.chosen(candidates)
    left, right = st.columns([3, 2])
    with left:
        run_id = pick_run(names, default, key="trade_off_run")
    run = candidates[candidates["run_id"] == run_id].iloc[0]
    with page.or_say_why():
        desk = worth.open_desk(run, names[run_id], project, release)
        if desk is None:
            _say_what_is_missing()
        else:
            with right:
                baseline = pick_baseline(desk)
            _draw_desk(desk, baseline, top, candidates)
    return page.freshness(found.runs, found.left_out)


def _say_what_is_missing() -> None:
    what = f"its project file or {contract.ARTIFACT_CURVE}"
    st.info(f"This run lacks {what}, so its cut-offs cannot be priced; choose another.")


def _draw_desk(desk: worth.Desk, baseline: str, top: "st.delta_generator.DeltaGenerator", candidates: pd.DataFrame) -> None:
    picture = st.container()
    with st.expander("Costs, limits, reviewers and volume", icon=":material/payments:"):
        given = pick_assumptions(desk, baseline)
    if given is None:
        return
    with top, st.skeleton(height=120):
        cuts = worth.price(desk, given)
        answer = _answer(cuts)
    with top:
        page.answer(answer)
    with picture:
        explore(cuts, answer.text)
    parts(cuts, candidates)


def _answer(cuts: worth.Cuts) -> Answer:
    if isinstance(cuts.best, Clash):
        return cut_answers.clash(cuts.best.limits)
    desk, given = cuts.desk, cuts.given
    here = worth.outcome(desk, given, cuts.first)
    kept = worth.saved(cuts, here)
    return cut_answers.cut(
        cut_answers.Cut(
            cuts.first, desk.n_valid, desk.n, cuts.flat, cuts.band, (kept.per_1000, kept.lo, kept.hi), kept.per_year,
            given.volume, given.baseline.name, desk.currency, cut_answers.said_limits(worth.plain_limits(given).stated),
            (here.approval_rate, here.recall),
        )
    )  # fmt: skip


page.header("Trade-offs", QUESTION)
draw(str(st.session_state["project"]))
