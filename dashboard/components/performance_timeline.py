"""One metric over time: realised, estimated, and the boundary between the two."""

import math
from datetime import date

import streamlit as st

from dashboard.charts.performance import Axis, timeline_chart
from dashboard.labels import label_of, number
from dashboard.performance_tables import PICKED, Lines, lines_of
from dashboard.performance_words import matrix_words, name_of, timeline_title
from pipeline import contract
from pipeline.evaluation.estimate import CAVEAT
from pipeline.monitoring.performance_assessed import Assessed
from pipeline.monitoring.performance_metrics import ACTUAL_TO_EXPECTED

AS_OF = "as_of"
METRIC = "metric"
_LEVEL = {ACTUAL_TO_EXPECTED: "as many as expected", contract.COST: "promised at approval"}
_HELP = {ACTUAL_TO_EXPECTED: "Defaults that came, over those that the PDs expected; 1 is as expected."}


def pick_day(newest: date) -> date:
    """Return as of which day everything is told; the link holds it when it is not the newest."""
    found = st.date_input(
        "As known on", newest, key=AS_OF, bind="query-params", format="YYYY-MM-DD", min_value=date(2000, 1, 1),
        max_value=newest, help="Nothing that became known later is used.",
    )  # fmt: skip
    return found if isinstance(found, date) else newest


def pick_metric(*, can_know_declined: bool) -> str:
    """Return the metric that the time line shows; by default recall, or AUC where recall can never be realised."""
    default = "Recall" if can_know_declined else "AUC"
    name = st.segmented_control("Metric", list(PICKED), default=default, required=True, key=METRIC, bind="query-params")
    return PICKED[str(name)]


def timeline(found: Assessed, metric: str) -> None:
    """Draw the time line of a metric and say how to read it."""
    lines = lines_of(found, metric)
    title = timeline_title(lines)
    if lines.realised.empty and lines.ahead.empty:
        why = lines.note.removeprefix("not computable: ") or "too few outcomes are known"
        name = name_of(metric)
        st.info(f"{name[:1].upper()}{name[1:]} cannot be computed for any vintage: {why}.", icon=":material/help:")
        return
    figure = timeline_chart(lines.realised, lines.past, lines.ahead, _axis(lines, found.book.config.project.currency), title)
    st.plotly_chart(figure, key="timeline", alt=_in_words(lines, title))
    said = (
        "Solid: realised, with its 95 % interval. Dashed grey: what PDs alone had expected of the same loans. Hatched: what "
        f"they expect of loans not matured. Dotted: {_LEVEL.get(metric, 'on test at release')}. "
        f"{_HELP.get(metric) or label_of(metric).help}"
    )
    if lines.note and lines.realised.empty:
        said = f"{lines.note.capitalize()}. {said}"
    st.caption(said)
    if expected := matrix_words(found):
        st.caption(expected)
    with st.expander("What an estimate can and cannot show", icon=":material/visibility_off:"):
        st.markdown(CAVEAT)
        st.markdown(
            "PDs are first put right by what the run's test rows showed; how sure that is stands in the interval too. Vintages "
            "of the months on which the run was tested have no past estimate: it would rest on their own outcomes."
        )


def _axis(lines: Lines, currency: str) -> Axis:
    level = None if math.isnan(lines.level) else lines.level
    if lines.metric == ACTUAL_TO_EXPECTED:
        return Axis("Defaults, actual / expected", ".2f", ".2f", level, "expected")
    if lines.metric == contract.COST:
        return Axis(f"Cost of mistakes, {currency} per 1,000", ",.0f", "~s", level, "promised")
    name = name_of(lines.metric)
    return Axis(name[:1].upper() + name[1:], ".3f", ".2f", level, "on test")


def _in_words(lines: Lines, title: str) -> str:
    decimals = 0 if lines.metric == contract.COST else 3
    parts = [
        f"{vintage:%Y-%m} {number(value, decimals)}{word}"
        for rows, word in ((lines.realised, ""), (lines.ahead, " (estimated)"))
        for vintage, value in zip(rows["vintage"], rows["value"], strict=True)
    ]
    return f"{title}. By month of decision: {', '.join(parts)}"
