"""The Trade-offs charts draw their tables and nothing else: marks, bands, facing bars, heat map, three decisions."""

import itertools

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.charts.cost import CostPicture, Mark, cost_chart, merged
from dashboard.charts.policy import policy_chart
from dashboard.charts.sensitivity import cost_grid_chart
from dashboard.charts.style import spread
from dashboard.charts.swap import MOST_GROUPS, swap_chart
from pipeline.evaluation.cost import CaseCosts, cheapest_cutoff, cost_curve
from pipeline.evaluation.curve import rates, threshold_curve
from pipeline.evaluation.policy import Review, policy_table
from pipeline.evaluation.sensitivity import cost_grid
from pipeline.evaluation.swap import swap_set
from tests.dashboard.made_store import NASTY, scored

ROWS, OTHER = scored(0.3, n=300), scored(0.6, n=300)
CURVE, COSTS = threshold_curve(ROWS["y"], ROWS["pd"], ROWS["amount"]), CaseCosts(5, 1)
TABLE = rates(CURVE).assign(cost=cost_curve(CURVE, COSTS))


def texts(figure: go.Figure) -> str:
    return " ".join(str(a.text) for a in figure.layout.annotations)


def picture(*marks: Mark, band: tuple[float, float] | None = (0.15, 0.25)) -> CostPicture:
    return CostPicture(TABLE, TABLE, (0.1, 0.3), band, marks, ("approving everybody", 400.0), 0.2, "EUR")


def test_marks_on_one_cutoff_share_a_line_and_infinite_ones_have_none() -> None:
    marks = Mark("cheapest", 0.2, "#000"), Mark("own", 0.2, "#000"), Mark("nobody", np.inf, "#000")
    figure = cost_chart(picture(*marks), "Cheap <b>at</b> last")
    assert "cheapest = own" in texts(figure) and "nobody" not in texts(figure)
    assert figure.layout.title.text == "Cheap &lt;b&gt;at&lt;/b&gt; last"
    assert [m.name for m in merged(marks)] == ["cheapest = own"]


def test_one_picture_holds_cost_on_both_splits_the_four_rates_and_the_band() -> None:
    figure = cost_chart(picture(), "t")
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    assert sum(trace.yaxis == "y2" for trace in lines) == 4
    assert [name in texts(figure) for name in ("approved", "recall", "precision", "F1")] == [True] * 4
    blue = next(trace for trace in lines if "validation" in (trace.hovertemplate or ""))
    assert min(blue.y) == TABLE["cost"].min(), "the least cost is drawn as it is"
    assert any("95 % of resamples" in (trace.hovertemplate or "") for trace in figure.data)
    assert not any("resamples" in (t.hovertemplate or "") for t in cost_chart(picture(band=None), "t").data)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=5))
def test_labels_never_cover_each_other_and_keep_their_order(heights: list[float]) -> None:
    placed = spread(heights, 19, top=100)
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    assert all(placed[b] - placed[a] >= 19 - 1e-9 for a, b in itertools.pairwise(order))
    assert max(placed) <= 100


def test_facing_bars_show_everybody_first_and_the_groups_of_most_people() -> None:
    groups = pd.DataFrame({"g": [NASTY, *(str(i % 12) for i in range(len(ROWS) - 1))]})
    table = swap_set(ROWS["y"], OTHER["pd"], 0.2, ROWS["pd"], 0.2, COSTS, groups=groups, n_boot=20)
    figure = swap_chart(table[table["set"] != "net"], "t", "EUR")
    names = list(figure.layout.yaxis.categoryarray)
    assert names[-1] == "all" and len(names) <= MOST_GROUPS + 1
    out, into = figure.data
    assert max(out.x) <= 0 <= min(into.x)
    everybody = table[(table["group"] == "") & (table["set"] == "swap_in")].iloc[0]
    assert into.x[list(into.y).index("all")] == everybody["n"]


def test_groups_named_by_numbers_are_names_and_not_places_on_a_scale() -> None:
    groups = pd.DataFrame({"g": [str(1 + i % 3) for i in range(len(ROWS))]})
    table = swap_set(ROWS["y"], OTHER["pd"], 0.2, ROWS["pd"], 0.2, COSTS, groups=groups, n_boot=5)
    figure = swap_chart(table[table["set"] != "net"], "t", "EUR")
    assert figure.layout.yaxis.type == "category"
    assert set(figure.layout.yaxis.categoryarray) == {"all", "1", "2", "3"}


def test_inferred_swaps_are_hatched_and_group_names_are_literal() -> None:
    unseen = np.arange(len(ROWS)) % 3 == 0
    groups = pd.DataFrame({"g": [NASTY] * len(ROWS)})
    table = swap_set(
        ROWS["y"].where(~unseen), OTHER["pd"], 0.2, ROWS["pd"], 0.2, COSTS, groups=groups, previously_declined=unseen, n_boot=5
    )
    figure = swap_chart(table[table["set"] != "net"], "t", "EUR")
    assert {trace.marker.pattern.shape for trace in figure.data} == {"", "/"}
    assert "<img" not in str(figure.layout.yaxis.categoryarray)


def test_equal_models_draw_nobody() -> None:
    table = swap_set(ROWS["y"], ROWS["pd"], 0.2, ROWS["pd"], 0.2, COSTS, n_boot=5)
    assert len(swap_chart(table[table["set"] != "net"], "t", "EUR").data) == 0


def test_the_heat_map_holds_the_grid_and_frames_the_stated_costs() -> None:
    grid = cost_grid(CURVE, [2.5, 5, 10], [0.5, 1, 2])
    figure = cost_grid_chart(grid, ("refusal", "miss"), "t", "EUR", as_shares=False)
    (heat,) = figure.data
    for fn, row in zip((2.5, 5, 10), heat.z, strict=True):
        for fp, saving in zip((0.5, 1, 2), row, strict=True):
            cell = grid[(grid["fn_cost"] == fn) & (grid["fp_cost"] == fp)].iloc[0]
            assert saving == pytest.approx(cell["saving_per_1000"])
    assert heat.text[1][1].startswith(f"{100 * cheapest_cutoff(CURVE, COSTS):.1f} %")
    (frame,) = figure.layout.shapes
    assert (frame.x0, frame.x1, frame.y0, frame.y1) == (0.5, 1.5, 0.5, 1.5)


def test_the_three_decisions_add_up_to_everybody() -> None:
    figure = policy_chart(policy_table(CURVE, COSTS, 0.15, 0.4, Review(0.1, 0.9)), "t")
    assert sum(bar.x[0] for bar in figure.data) == pytest.approx(100)
