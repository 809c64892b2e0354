"""Pictures of several runs: every run is told apart by letter and dash, and better is to the right."""

import pandas as pd
import plotly.graph_objects as go
import pytest

from dashboard.charts import calibration, comparison, lift, runs
from dashboard.comparing import cells_table, gains
from pipeline import contract as c
from pipeline.evaluation.calibration import reliability_table
from pipeline.evaluation.curve import pr_points, roc_points, threshold_curve
from pipeline.evaluation.lift import gains_table
from tests.dashboard.made_store import NASTY, scored

ROWS = scored(0.3, n=300)
CURVE = threshold_curve(ROWS["y"], ROWS["pd"])
LINES = comparison.lines_for([NASTY, "b", "c"], live=1)


def texts(figure: go.Figure) -> list[str]:
    return [str(a.text) for a in figure.layout.annotations]


def test_six_runs_differ_in_letter_colour_and_dash_and_the_live_one_is_blue() -> None:
    lines = comparison.lines_for(list("uvwxyz"), live=4)
    assert [line.letter for line in lines] == list("ABCDEF")
    assert len({line.color for line in lines}) == len({line.dash for line in lines}) == 6
    assert lines[4].color == comparison.CHAMPION and lines[0].color == comparison.CHALLENGER


@pytest.mark.parametrize(
    "figure",
    [
        comparison.roc_comparison(LINES, [roc_points(CURVE, 50)] * 3, [(0.2, 0.7)] * 3, "t"),
        comparison.pr_comparison(LINES, [pr_points(CURVE, 50)] * 3, [(0.7, 0.4)] * 3, "t"),
        lift.lift_chart(LINES, [gains_table(ROWS["y"], ROWS["pd"], 20)] * 3, "t"),
        calibration.calibration_comparison(LINES, [reliability_table(ROWS["y"], ROWS["pd"], 10)] * 3, "t"),
    ],
)
def test_each_curve_carries_its_letter_and_foreign_names_are_text(figure: go.Figure) -> None:
    assert {"A", "B", "C"} <= set(texts(figure))
    assert "<img" not in figure.to_json().replace("\\u003c", "<")


def test_matrices_of_each_run_add_up_to_a_thousand() -> None:
    table = cells_table(CURVE, 0.2)
    assert table["per_thousand"].sum() == pytest.approx(1000)
    assert table["n"].sum() == len(ROWS)
    figure = comparison.cells_chart(LINES, [table] * 3, "t")
    assert sum(float(bar.x[0]) for bar in figure.data) == pytest.approx(1000)


def test_better_is_to_the_right_for_metrics_and_for_money() -> None:
    paired = pd.DataFrame(
        {
            "run_id": ["r", "r"], "metric": ["f1", c.COST], "difference": [0.02, -500.0], "lo": [0.01, -900.0],
            "hi": [0.03, 100.0], "prob": [0.99, 0.9], "n": [2000, 2000],
        }
    )  # fmt: skip
    found = gains(paired, "EUR")
    assert found["gain"].tolist() == [0.02, 250.0], "500 less lost over 2,000 applicants is 250 saved per 1,000"
    assert found["lo"].tolist() == [0.01, -50.0] and found["hi"].tolist() == [0.03, 450.0]
    assert found["said"].tolist() == ["+0.020 [+0.010, +0.030]", "+250 [−50, +450]"]
    figure = comparison.difference_chart(found.assign(who="A x", letter="A", color="#000"), "t")
    symbols = [trace.marker.symbol[0] for trace in figure.data]
    assert symbols == ["circle", "circle-open"], "filled only where the interval leaves out zero"
    assert figure.layout.xaxis.range == (-figure.layout.xaxis.range[1], figure.layout.xaxis.range[1])


def test_parallel_coordinates_draw_what_differs_and_name_what_is_not_set() -> None:
    params = pd.DataFrame({"C": ["0.1", "10", None], "same": ["1", "1", "1"], "only_here": ["1", None, None]})
    assert runs.varying(params) == ["C"]
    figure = runs.parallel_chart(params, pd.Series([0.1, 0.2, 0.3]), "F1", "t", less_is_better=False)
    axis = figure.data[0].dimensions[0]
    assert axis.ticktext == ("–", "0.1", "10") and axis["values"] == (1, 2, 0)


def test_many_numbers_make_a_true_scale_with_gaps_below_it() -> None:
    params = pd.DataFrame({"rate": [*(str(i / 100) for i in range(1, 21)), None]})
    axis = runs.parallel_chart(params, pd.Series(range(21)), "F1", "t", less_is_better=True).data[0].dimensions[0]
    assert axis["values"][-1] < 0.01 and list(axis["values"][:2]) == [0.01, 0.02]


def test_the_best_so_far_never_gets_worse() -> None:
    start = pd.to_datetime(["2026-01-03", "2026-01-01", "2026-01-02"], utc=True)
    table = pd.DataFrame({"start": start, "name": "n", "value": [0.4, 0.3, 0.2], "lo": 0.1, "hi": 0.9, "rows": ["a", "a", "b"]})
    figure = runs.over_time_chart(table, "F1", "t", less_is_better=False)
    assert list(figure.data[0].y) == [0.3, 0.3, 0.4]
    assert len(set(figure.data[1].marker.symbol)) == 2, "other rows, other sign"


def test_the_longest_training_stands_on_top() -> None:
    table = pd.DataFrame({"name": ["a", NASTY], "seconds": [1.0, 9.0], "is_leader": [True, False]})
    figure = runs.seconds_chart(table, "t")
    assert list(figure.data[0].x) == [9.0, 1.0] and "<img" not in figure.layout.yaxis.ticktext[0]


def test_two_runs_whose_names_begin_alike_keep_a_bar_each() -> None:
    names = ["forest max_features=0.2 max_depth=8", "forest max_features=0.2 max_depth=9", "7", "7.0"]
    table = pd.DataFrame({"name": names, "seconds": [4.0, 3.0, 2.0, 1.0], "is_leader": [False] * 4})
    figure = runs.seconds_chart(table, "t")
    assert list(figure.data[0].y) == [0, 1, 2, 3] and figure.layout.yaxis.ticktext[2:] == ("7", "7.0")
