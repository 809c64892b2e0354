"""What if: change inputs and see the answer move beside the first one; the PD over any one input. Nothing is recorded."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import streamlit as st

from dashboard.applicant_answers import SIGNS, VERBS, said_value
from dashboard.application import as_field
from dashboard.casework import Case
from dashboard.charts.pd_curve import pd_curve_chart
from dashboard.components.applicant_fields import field
from dashboard.components.downloads import download
from dashboard.labels import percent, plain
from pipeline.project import ProjectConfig
from pipeline.serving.records import Value

if TYPE_CHECKING:
    from pipeline.serving.live import LiveModel
    from pipeline.serving.what_if import Answer, Comparison

MOST_CHANGES = 6


def what_if(case: Case, live: "LiveModel") -> None:
    """Draw the inputs that may be changed, the two answers, and the curve."""
    names = {f.name: f.label for f in live.config.features}
    start = [f.name for f in live.config.features if f.actionable][:2] or list(names)[:1]
    changed = st.multiselect(
        "Change", list(names), default=start, format_func=lambda name: names[name], key="what_if", bind="query-params",
        max_selections=MOST_CHANGES, placeholder="choose inputs",
    )  # fmt: skip
    given = _changes(case, live.config, changed)
    inputs, faults = live.rules.check({**case.decision.inputs, **given}, from_text=True)
    for fault in faults:
        st.error(plain(fault.message), icon=":material/error:")
    if not faults:
        from pipeline.serving.what_if import compare

        _two_answers(compare(live, case.decision.inputs, inputs), live.config)
    _curve(case, live, names)


def _changes(case: Case, config: ProjectConfig, names: list[str]) -> Mapping[str, object]:
    """Draw a field for each input, starting at what was scored, and return what they hold."""
    found: dict[str, object] = {}
    for first in range(0, len(names), 2):
        for place, name in zip(st.columns(2, gap="small"), names[first : first + 2], strict=False):
            feature, key = config.feature(name), f"what_if.{case.decision.id}.{name}"
            if key not in st.session_state:
                st.session_state[key] = as_field(feature, case.decision.inputs[name])
            with place:
                found[name] = field(feature, key)
    return found


def _two_answers(both: "Comparison", config: ProjectConfig) -> None:
    left, right = st.columns(2, gap="small")
    with left.container(border=True, height="stretch"):
        _one("As asked", ":gray-badge[recorded]", both.first)
    with right.container(border=True, height="stretch"):
        _one("What if", ":orange-badge[not recorded]", both.changed)
        if both.changes:
            named = {f.name: f for f in config.features}
            st.caption("; ".join(
                f"{plain(c.label)} {said_value(named[c.feature], c.before)} → {said_value(named[c.feature], c.after)}"
                for c in both.changes
            ))  # fmt: skip
        else:
            st.caption("Nothing is changed yet.")


def _one(title: str, badge: str, answer: "Answer") -> None:
    st.markdown(f"{title} {badge}")
    st.markdown(f"**{SIGNS[answer.outcome]} {VERBS[answer.outcome]}: PD {percent(answer.pd)}, grade {plain(answer.grade)}**")


def _curve(case: Case, live: "LiveModel", names: Mapping[str, str]) -> None:
    from pipeline.serving.what_if import pd_curve

    first = case.decision.reasons[0].feature if case.decision.reasons else ""
    options = sorted(names, key=lambda name: name != first)
    over = str(st.selectbox("PD over", options, format_func=lambda name: names[name], key="curve", bind="query-params"))
    feature = live.config.feature(over)
    inputs: Mapping[str, Value] = case.decision.inputs
    table = pd_curve(live, inputs, over)
    ends = [percent(float(pick(table["pd"]))) for pick in (min, max)]
    title = f"From {ends[0]} to {ends[1]} over {feature.label}, all else as asked"
    unit = f"{feature.label} ({feature.unit})" if feature.unit else feature.label
    cutoffs = live.policy.approve_below, live.policy.decline_above
    figure = pd_curve_chart(table, cutoffs, title, unit, is_number=feature.kind == "number")
    st.plotly_chart(figure, key="pd_curve", alt=f"PD over {feature.label}. {title}.")
    st.caption(
        "What the model would say of each value, not what would become of an applicant who changes it. Grey bars: the share "
        "of past applicants with about that value; where they are few, the curve is a guess."
    )
    download(table.drop(columns="value"), "pd_curve.csv", "pd_curve")
