"""The advice with its evidence: do nothing, recalibrate, or retrain."""

import streamlit as st

from dashboard.labels import plain
from dashboard.performance_words import months
from pipeline.evaluation.advice import NOTHING, RECALIBRATE, RETRAIN
from pipeline.monitoring.performance_advice import Advised

ICONS = {NOTHING: ":material/check_circle:", RECALIBRATE: ":material/tune:", RETRAIN: ":material/model_training:"}
NEXT = {
    NOTHING: "",
    RECALIBRATE: "The order of applicants stays; a retrained model is calibrated anew, and this command tries that:",
    RETRAIN: "This command trains on all that has matured and proposes a challenger; nothing goes live by itself:",
}


def advice(advised: Advised, project: str) -> None:
    """Draw the advice, what it rests on, and what comes next."""
    said = advised.advice
    st.markdown(f"#### {ICONS[said.action]} {plain(said.headline)}", anchors=False)
    for sentence in said.evidence:
        st.markdown(f"- {plain(sentence)}")
    if advised.n:
        st.caption(
            f"Rests on {advised.n:,} matured loans that version {advised.version} decided {months(advised.vintages)}. Inputs "
            "may drift while a model stays right, so drift alone is no reason to act."
        )
    if NEXT[said.action]:
        st.markdown(NEXT[said.action])
        st.code(f"python -m pipeline retrain {project} --if-needed", language="bash")
