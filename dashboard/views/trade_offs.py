"""Where do we set the cut-off, and what does each choice cost?"""

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import answers, loading, ranking
from dashboard.components import page
from dashboard.components.cost_inputs import pick_costs
from dashboard.components.cutoff_explorer import Explored, explore, marks_of
from dashboard.components.run_picker import pick_run
from pipeline import contract
from pipeline.evaluation.cost import Costs, flat_region, saving_at
from pipeline.project import ProjectConfig

QUESTION = "Where do we set the cut-off, and what does each choice cost?"


def draw(project: str) -> None:
    with st.skeleton(height=400):
        runs = loading.read_runs(project)
    candidates, left_out = ranking.candidates(runs.table), ranking.left_out(runs.table)
    if candidates.empty:
        return page.empty_store(project) if runs.table.empty else page.no_complete_run(project, left_out)
    top, names = st.container(), ranking.names_of(candidates)
    release = loading.read_release(project)
    default = release.run_id if release.run_id in names else ranking.chosen(runs.table)
    run_id = pick_run(names, default, key="trade_off_run")
    run = candidates[candidates["run_id"] == run_id].iloc[0]
    curves = [loading.curve(run_id, split) for split in contract.SPLITS]
    config = loading.project_config(run_id, project)
    if config is None or any(curve is None or curve.empty for curve in curves):
        st.info(
            f"This run lacks its project file or {contract.ARTIFACT_CURVE}, so its cut-offs cannot be priced; choose another."
        )
        return page.freshness(runs, left_out)
    valid, test = (curve for curve in curves if curve is not None)
    live = release.policy.decline_above if release.policy and release.run_id == run_id else None
    _draw_run(run, valid, test, config, live, top)
    return page.freshness(runs, left_out)


def _draw_run(
    run: pd.Series, valid: pd.DataFrame, test: pd.DataFrame, config: ProjectConfig, live: float | None, top: DeltaGenerator
) -> None:
    picture = st.container()
    with st.expander("What mistakes cost", icon=":material/payments:"):
        costs = pick_costs(config.costs, config.project.currency, has_amounts=not valid["fn_amount"].isna().any())
    if costs is None:
        return
    own = float(run["cutoff"]) if live is None else live
    marks = marks_of(valid, costs, own, "the run's own" if live is None else "live")
    with top:
        page.answer(_answer(str(run["run_id"]), valid, test, costs, marks[0].cutoff, config.project.currency))
    with picture:
        explore(Explored(str(run["run_id"]), valid, test, costs, tuple(marks), own, config.project.currency))


def _answer(
    run_id: str, valid: pd.DataFrame, test: pd.DataFrame, costs: Costs, cheapest: float, currency: str
) -> answers.Answer:
    n_valid, n = (int(curve[list(contract.CELLS)].iloc[0].sum()) for curve in (valid, test))
    against_all = loading.difference(run_id, cheapest, None, float("inf"), costs)
    bounds = float("nan"), float("nan")
    if against_all is not None:
        row = against_all.loc[["cost"]].iloc[0]
        bounds = -float(row["hi"]) * 1000 / n, -float(row["lo"]) * 1000 / n
    saving = saving_at(test, costs, cheapest)
    return answers.cut(cheapest, n_valid, flat_region(valid, costs), saving, n, bounds, currency)


page.header("Trade-offs", QUESTION)
draw(str(st.session_state["project"]))
