"""Charts: a table in, a figure out, with the numbers of the table and nothing of its own."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.charts import calibration, curve, metrics, people
from dashboard.charts.style import CHALLENGER, CHAMPION, OTHER, wrapped
from pipeline import contract as c
from pipeline.evaluation.calibration import reliability_table
from pipeline.evaluation.curve import confusion_at, pr_points, roc_points, threshold_curve
from tests.dashboard.made_store import NASTY, scored

ROWS = scored(0.3, n=300)
CURVE = threshold_curve(ROWS["y"], ROWS["pd"])


def candidates() -> pd.DataFrame:
    names = ("test_recall", "test_f1")
    table = pd.DataFrame({"name": [NASTY, "b"], "is_leader": [True, False], "is_live": [False, False]})
    for name, values in zip(names, ([0.7, 0.6], [0.5, 0.45]), strict=True):
        table[name] = values
        table[f"{name}_lo"], table[f"{name}_hi"] = table[name] - 0.02, table[name] + 0.02
    return table


def texts(figure: go.Figure) -> str:
    return " ".join(str(a.text) for a in figure.layout.annotations)


@given(st.lists(st.integers(0, 5000), min_size=4, max_size=4).filter(lambda cells: sum(cells) > 0))
def test_a_thousand_people_are_always_a_thousand(cells: list[int]) -> None:
    shown = people.per_thousand(pd.Series(dict(zip(c.CELLS, cells, strict=True))))
    assert sum(shown.values()) == 1000
    assert all(abs(shown[k] - 1000 * n / sum(cells)) < 1 for k, n in zip(c.CELLS, cells, strict=True))


@given(st.floats(0, 1))
def test_the_dots_are_the_people_of_the_table_at_every_cutoff(cutoff: float) -> None:
    dots = people.thousand(CURVE, cutoff)
    counted = dots["cell"].value_counts().to_dict()
    expected = people.per_thousand(confusion_at(CURVE, cutoff))
    assert {k: counted.get(k, 0) for k in c.CELLS} == expected
    assert dots["pd"].is_monotonic_increasing
    declined = dots["cell"].isin(["tp", "fp"])
    assert declined.is_monotonic_increasing, "the declined stand on the right, where the PD is highest"


def test_dots_and_legend_say_how_many_of_each() -> None:
    figure = people.people_chart(people.thousand(CURVE, 0.2), "t")
    assert sum(len(trace.x) for trace in figure.data) == 1000
    assert len({trace.marker.color for trace in figure.data}) == 4
    assert {trace.marker.symbol for trace in figure.data} == {"circle", "x"}, "colour is not the only sign"


def test_the_run_on_an_equal_cost_line_costs_what_the_line_says() -> None:
    row = confusion_at(CURVE, 0.2)
    recall, f1 = row["tp"] / (row["tp"] + row["fn"]), 2 * row["tp"] / (2 * row["tp"] + row["fp"] + row["fn"])
    n, defaults = 2 * 300, row["tp"] + row["fn"]
    runs = pd.DataFrame({"test_recall": [recall, recall], "test_f1": [f1, f1]})
    lines = metrics.equal_cost_lines(runs, defaults / n, fn_cost=5, fp_cost=1, n_lines=2)
    exact = 1000 * (5 * row["fn"] + row["fp"]) / n
    assert sorted(lines["cost"].unique()) == pytest.approx([0.97 * exact, 1.03 * exact])
    cheaper = lines[lines["cost"] < exact]
    dearer = lines[lines["cost"] > exact]
    at = [np.interp(recall, line["recall"], line["f1"]) for line in (dearer, cheaper)]
    assert at[0] < f1 < at[1], "the run lies between the dearer and the cheaper line"


def test_blue_is_the_live_run_and_the_leader_only_where_nothing_else_is_live() -> None:
    def colors(live: list[bool]) -> dict[str, str]:
        drawn = metrics.f1_recall_chart(candidates().assign(name=["leads", "other"], is_live=live), "t").data
        return {name: trace.marker.color for trace in drawn for name in trace.text or ()}

    assert colors([False, False]) == colors([True, False]) == {"leads": CHAMPION, "other": OTHER}
    assert colors([False, True]) == {"leads": CHALLENGER, "other": CHAMPION}


def test_names_from_outside_are_text_in_charts() -> None:
    figure = metrics.f1_recall_chart(candidates(), "t")
    assert "<img" not in str(figure.to_json())
    table = pd.DataFrame({"column": ["<b>"], "group": ["<i>"], "n": [50], "value": [0.7], "lo": [0.6], "hi": [0.8]})
    assert "<b>" not in str(metrics.segment_chart(table, "ROC AUC", 0.7, "t").to_json()).replace("<br>", "")


def test_curves_and_calibration_show_the_tables_they_are_given() -> None:
    roc = curve.roc_chart(roc_points(CURVE, 50), 0.8, (0.2, 0.7))
    assert (roc.data[1].x[0], roc.data[1].y[-1]) == (0, 100)
    assert "the run's cut-off" in texts(roc)
    assert curve.pr_chart(pr_points(CURVE, 50), 0.2).data[0].y.max() <= 100
    table = reliability_table(ROWS["y"], ROWS["pd"], 10)
    figure = calibration.reliability_chart(table)
    assert figure.data[1].y == pytest.approx(100 * table["default_rate"])
    assert f"of {len(table)} groups" in figure.layout.title.text


def test_importance_shows_the_most_important_on_top() -> None:
    table = pd.DataFrame({"feature": [f"f{i}" for i in range(30)], "importance": np.arange(30) / 30})
    figure = metrics.importance_chart(table, "t")
    assert figure.layout.yaxis.ticktext == tuple(f"f{i}" for i in range(29, 14, -1)), "the first row stands on top"
    assert list(figure.layout.yaxis.range) == [14.5, -0.5]


def test_titles_break_so_that_a_phone_shows_them() -> None:
    assert max(len(line) for line in wrapped("word " * 40).split("<br>")) <= 46
