"""Which run should we ship, and is it really better?"""

import pandas as pd
import streamlit as st

from dashboard import answers, loading, ranking
from dashboard.charts.metrics import equal_cost_lines, f1_recall_chart
from dashboard.components import page
from dashboard.components.leaderboard import leaderboard
from dashboard.components.outside import failed_runs, foreign_runs
from dashboard.components.run_detail import run_detail
from dashboard.components.run_picker import pick_run
from dashboard.labels import label_of, plain
from dashboard.worth import project_costs

QUESTION = "Which run should we ship, and is it really better?"


def draw(project: str) -> None:
    with st.skeleton(height=400):
        runs = loading.read_runs(project)
    candidates, left_out = ranking.candidates(runs.table), ranking.left_out(runs.table)
    if runs.table.empty:
        return page.empty_store(project)
    if candidates.empty:
        page.no_complete_run(project, left_out)
        return foreign_runs(runs.table, project)
    top = st.container()
    live = loading.read_release(project)
    bakeoff, family, by = _filters(runs.table, candidates, project)
    field = _field(candidates, bakeoff, family, by, live.run_id)
    if field.candidates.empty:
        st.info("No complete candidate matches these filters; choose another bake-off or family.")
        return None
    names = ranking.names_of(field.candidates)
    with top:
        page.answer(_answer(field, names, by, project, live.run_id))
    if field.is_comparable:
        _compare(field, names, by, live.run_id, project)
    best = ranking.leader(field, by)
    assert best is not None
    st.markdown("#### One run in depth", anchors=False)
    run_id = pick_run(names, str(best["run_id"]), key="run_in_depth")
    run_detail(field.candidates[field.candidates["run_id"] == run_id].iloc[0])
    st.page_link("views/trade_offs.py", label="Set its cut-off", icon=":material/balance:", query_params={"run": run_id})
    failed_runs(ranking.failures(runs.table, [bakeoff] if bakeoff != ranking.ALL else []))
    foreign_runs(runs.table, project)
    return page.freshness(runs, left_out)


def _filters(table: pd.DataFrame, candidates: pd.DataFrame, project: str) -> tuple[str, str, str]:
    config = loading.project_config(str(candidates["run_id"].iloc[0]), project)
    options = ranking.rankable(candidates)
    first = options.index(config.cutoff.choose_by) if config and config.cutoff.choose_by in options else 0
    left, middle, right = st.columns(3)
    bakeoff = left.selectbox("Bake-off", [*ranking.bakeoffs(table), ranking.ALL], key="bakeoff", bind="query-params")
    families = [ranking.ALL, *sorted(set(candidates["family"]) - {""})]
    family = middle.selectbox("Family", families, key="family", bind="query-params")
    by = right.selectbox(
        "Ranked on validation by", options, index=first, format_func=lambda m: label_of(m).text, key="by", bind="query-params",
        help=" ".join(f"**{label_of(m).text}**: {label_of(m).help}" for m in options),
    )  # fmt: skip
    return str(bakeoff), str(family), str(by)


def _field(candidates: pd.DataFrame, bakeoff: str, family: str, by: str, champion: str) -> ranking.Field:
    kept = candidates
    if bakeoff != ranking.ALL:
        kept = kept[(kept["bakeoff"] == bakeoff) | (kept["run_id"] == champion)]
    if family != ranking.ALL:
        kept = kept[(kept["family"] == family) | (kept["run_id"] == champion)]
    return ranking.ranked(kept, by, champion)


def _answer(field: ranking.Field, names: dict[str, str], by: str, project: str, champion: str) -> answers.Answer:
    if not field.is_comparable:
        return answers.no_ranking(field)
    ordered = ranking.ranked(field.candidates, by).candidates
    best = ordered.iloc[0]
    config = loading.project_config(str(best["run_id"]), project)
    rival = ranking.rival(ordered, champion)
    gap = None
    if rival is not None and config is not None:
        costs = project_costs(config)
        gap = loading.difference(best["run_id"], float(best["cutoff"]), rival["run_id"], float(rival["cutoff"]), costs)
    said = plain(names[rival["run_id"]]) if rival is not None else ""
    currency = config.project.currency if config else ""
    return answers.ship(
        best, plain(names[best["run_id"]]), said, gap, by, len(ordered), currency, plain(names.get(champion, ""))
    )


def _compare(field: ranking.Field, names: dict[str, str], by: str, champion: str, project: str) -> None:
    left, right = st.columns([5, 3], gap="medium")
    with left:
        leaderboard(field.candidates, names, by, champion)
        st.caption(
            "Ordered on validation; test columns report and choose nothing. Tick a row to open that run below."
            + (" ★ is live." if champion else "")
        )
    best = ranking.leader(field, by)
    assert best is not None
    is_baseline = (field.candidates["family"] == "prior") & (field.candidates["run_id"] != best["run_id"])
    shown = field.candidates[~is_baseline].assign(name=field.candidates["run_id"].map(names))
    shown["is_leader"] = shown["run_id"] == best["run_id"]
    config, rate = loading.project_config(best["run_id"], project), best["test_defaults"] / best["test_n"]
    lines = equal_cost_lines(shown, rate, config.costs.fn_cost, config.costs.fp_cost) if config else None
    n_tied = int(((shown["test_f1_hi"] >= best["test_f1_lo"]) & ~shown["is_leader"]).sum())
    title = (
        f"{n_tied} of {len(shown) - 1} others overlap the leader's F1 interval" if len(shown) > 1 else "One candidate so far"
    )
    chart = f1_recall_chart(shown, title, lines, config.project.currency if config else "")
    right.plotly_chart(chart, key="f1_recall", alt=f"F1 against recall on test with 95 % intervals. {title}")
    missing = " The prior-only baseline is left out." if is_baseline.any() else ""
    right.caption(
        f"Crosses are 95 % intervals. Along a dotted line 1,000 applications cost the same, at costs per case.{missing}"
    )


page.header("Experiments", QUESTION)
draw(str(st.session_state["project"]))
