"""The cut-off slider and everything that moves with it; a fragment, so that nothing else is drawn again."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from dashboard.answers import in_words
from dashboard.charts.cost import Mark, cost_chart
from dashboard.charts.people import people_chart, per_thousand, said, thousand
from dashboard.charts.style import CHAMPION, OTHER
from dashboard.components.confusion import confusion
from dashboard.labels import TERMS, cutoff, money, percent
from pipeline import contract
from pipeline.evaluation.cost import Costs, best_f1_cutoff, cheapest_cutoff, cost_curve, elkan_cutoff, flat_region, money_table
from pipeline.evaluation.curve import confusion_at

KEY = "cutoff"


@dataclass(frozen=True)
class Explored:
    """What the explorer needs: both curves of a run, the costs, the marks, and where to start."""

    run_id: str
    valid: pd.DataFrame
    test: pd.DataFrame
    costs: Costs
    marks: tuple[Mark, ...]
    start: float
    currency: str


def marks_of(valid: pd.DataFrame, costs: Costs, own: float, own_name: str) -> list[Mark]:
    """The four named cut-offs, the cheapest first; all but Elkan's and the live one come from validation."""
    return [
        Mark("cheapest", cheapest_cutoff(valid, costs), CHAMPION),
        Mark("best F1", best_f1_cutoff(valid), OTHER),
        Mark("Elkan's", elkan_cutoff(costs), OTHER),
        Mark(own_name, own, OTHER),
    ]


@st.fragment
def explore(explored: Explored) -> None:
    """Draw slider, story, cost curve, people and the four cells on test."""
    chosen = _pick_cutoff(explored)
    row = confusion_at(explored.test, chosen)
    n, people = int(sum(row[cell] for cell in contract.CELLS)), per_thousand(row)
    cells = money_table(row, explored.costs)
    st.markdown(in_words(people, cells, n, explored.currency))
    left, right = st.columns(2, gap="medium")
    with left:
        _cost_picture(explored, chosen, n)
    with right:
        chart = people_chart(thousand(explored.test, chosen), said(people))
        st.plotly_chart(chart, key="people", alt=f"{said(people)}, at a cut-off of {cutoff(chosen)}")
    confusion(row, people, cells, explored.currency)
    st.caption(f"Counted on {n:,} test applicants. The named cut-offs were chosen on validation; test only reports them.")


def _pick_cutoff(explored: Explored) -> float:
    """Slider in per cent, in the link; a value that stands for a named cut-off means exactly that one."""
    named = {_shown(mark.cutoff): mark.cutoff for mark in reversed(explored.marks)}
    _seed(explored)
    value = st.slider(
        "Decline from this PD (%)",
        0.0,
        100.0,
        step=0.1,
        format="%.1f %%",
        key=KEY,
        bind="query-params",
        help=TERMS["cutoff"].help,
    )
    with st.container(horizontal=True, gap="small"):
        for mark in explored.marks:
            st.button(
                f"{mark.name} {percent(mark.cutoff)}",
                key=f"to_{mark.name}",
                on_click=_move,
                args=(mark.cutoff,),
                type="tertiary",
            )
    return named.get(float(value), float(value) / 100)


def _seed(explored: Explored) -> None:
    """Start at the run's cut-off, unless the link names a usable one; another run starts anew."""
    is_other_run = st.session_state.get("cutoff_of") not in (None, explored.run_id)
    st.session_state["cutoff_of"] = explored.run_id
    if is_other_run or (KEY not in st.session_state and not _is_usable(st.query_params.get(KEY))):
        _move(explored.start)


def _is_usable(text: str | None) -> bool:
    try:
        return text is not None and 0 <= float(text) <= 100
    except ValueError:
        return False


def _move(to: float) -> None:
    st.session_state[KEY] = _shown(to)


def _shown(value: float) -> float:
    return round(100 * min(value, 1.0), 1)


def _cost_picture(explored: Explored, chosen: float, n: int) -> None:
    costs = cost_curve(explored.test, explored.costs) * 1000 / n
    points = pd.DataFrame({"cutoff": explored.test["cutoff"], "cost": costs})
    everybody, here = float(costs[-1]), float(points["cost"].iloc[_row_of(points["cutoff"], chosen)])
    kept = "saves" if here <= everybody else "loses"
    words = f"{cutoff(chosen)} {kept} {money(abs(everybody - here), explored.currency)} per 1,000 against approving everybody"
    flat = flat_region(explored.valid, explored.costs)
    st.plotly_chart(
        cost_chart(points, flat, explored.marks, chosen, explored.currency, words),
        key="cost",
        alt=f"Cost on test against the cut-off. {words}",
    )


def _row_of(cutoffs: "pd.Series[float]", chosen: float) -> int:
    return min(int(cutoffs.searchsorted(chosen)), len(cutoffs) - 1)
