"""Two models: who changes sides when this one takes over from another, and what that is worth."""

import pandas as pd
import streamlit as st

from dashboard import loading, loading_money, ranking
from dashboard.charts.swap import EVERYBODY, swap_chart
from dashboard.components import printed, swap_words
from dashboard.components.downloads import download
from dashboard.components.run_picker import pick_run
from dashboard.field_words import feature_label, in_words
from dashboard.labels import cutoff, label_of, plain
from dashboard.onepage import Section
from dashboard.worth import Cuts
from pipeline import contract
from pipeline.evaluation.cost import cheapest_cutoff
from pipeline.evaluation.curve import confusion_at, rates
from pipeline.evaluation.swap import NET

OWN, SAME = "each at its own best cut-off", "at the same approval rate"


def swap_sides(cuts: Cuts, candidates: pd.DataFrame) -> None:
    """Draw rival, comparison and segment pickers, the facing bars, and the numbers behind them."""
    desk = cuts.desk
    names = ranking.names_of(candidates)
    others = candidates[(candidates["test_sha256"] == desk.run["test_sha256"]) & (candidates["run_id"] != desk.run_id)]
    others = others.sort_values(contract.metric_key(contract.VALID, contract.COST), kind="stable")
    if others.empty:
        st.info("No other complete candidate was tested on the same applicants, so nobody can be said to change sides.")
        return
    left, middle, right = st.columns(3)
    ids = sorted(others["run_id"], key=lambda run_id: run_id != desk.live_run)
    with left:
        rival = pick_run({run_id: names[run_id] for run_id in ids}, ids[0], "rival", "Taking over from", param="rival")
    how = str(middle.selectbox("Compared", [OWN, SAME], key="match", bind="query-params"))
    found = _cutoffs(cuts, rival, how)
    with st.spinner("Resampling"):
        table = None if found is None else loading_money.swaps(rival, found[0], desk.run_id, found[1], cuts.given.costs)
    if table is None or found is None:
        st.info("The scored rows of one run, or their money, are missing, so people cannot be followed from one to the other.")
        return
    columns = [column for column in dict.fromkeys(table["column"]) if column]
    by = ""
    if columns:
        by = right.selectbox(
            "By", columns, format_func=lambda c: feature_label(desk.config, c), key="swap_by", bind="query-params"
        )
    _draw(cuts, table[table["column"].isin(["", by])], plain(names[rival]), found, how)


def _cutoffs(cuts: Cuts, rival: str, how: str) -> tuple[float, float] | None:
    """The rival's cut-off and this run's. Best ones come from validation; holding an approval rate looks at no outcome."""
    valid, test = (loading.curve(rival, split) for split in contract.SPLITS)
    if valid is None or test is None:
        return None
    today = cheapest_cutoff(valid, cuts.given.costs)
    if how == OWN:
        return today, cheapest_cutoff(cuts.desk.valid, cuts.given.costs)
    held = float(rates(confusion_at(test, today).to_frame().T).iloc[0]["approval_rate"])
    new = loading_money.same_approval(cuts.desk.run_id, held)
    return None if new is None else (today, new)


def _draw(cuts: Cuts, table: pd.DataFrame, rival: str, found: tuple[float, float], how: str) -> None:
    desk, swaps = cuts.desk, table[table["set"] != NET]
    sentence = swap_words.worth_of(table, rival, desk.n, desk.currency) + (
        f", {how}: {cutoff(found[0])} there, {cutoff(found[1])} here."
    )
    st.markdown(sentence)
    title = swap_words.title(swaps)
    figure = swap_chart(in_words(desk.config, swaps), title, desk.currency)
    st.plotly_chart(figure, key="swap", alt=f"Swap set as facing bars. {title}")
    is_known = "" if table["inferred"].any() else " Every outcome here is known, so none is inferred."
    st.caption(f"{label_of('swap_set').help} Bars name people and their default rate; inferred ones are hatched.{is_known}")
    said = swap_words.said(in_words(desk.config, table), desk.currency, desk.n)
    st.dataframe(said, hide_index=True, alt="The swap set in people, default rate and money")
    download(table, "swap_set.csv", "swap")
    printed.keep(
        Section("Two models: who changes sides", (sentence + is_known,), (figure,), (said[said["Segment"] == EVERYBODY],))
    )
