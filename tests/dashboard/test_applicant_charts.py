"""The pictures of one applicant: what is drawn is what the numbers say, whatever the numbers."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from dashboard.charts.pd_curve import pd_curve_chart
from dashboard.charts.strip import end_of_strip, strip_chart
from dashboard.charts.style import APPROVE, DECLINE, REVIEW
from dashboard.charts.waterfall import waterfall_chart

SHARES = some.floats(0, 1)


@settings(deadline=None, max_examples=40)
@given(some.lists(SHARES, min_size=1, max_size=50), SHARES, SHARES, SHARES)
def test_the_strip_holds_every_applicant_once_and_every_mark(pds: list[float], a: float, b: float, own: float) -> None:
    cutoffs = min(a, b), max(a, b)
    figure = strip_chart(np.array(pds), cutoffs, "t", own)
    assert sum(int(np.sum(bar.y)) for bar in figure.data if bar.type == "bar") == len(pds)
    last = figure.layout.xaxis.range[1]
    assert 100 * max(own, cutoffs[1]) <= last + 1e-9 or last == 100


def test_the_strip_colours_each_bar_by_its_decision() -> None:
    figure = strip_chart(np.linspace(0, 1, 1001), (0.2, 0.6), "t")
    zones = {bar.marker.color: bar.x for bar in figure.data if bar.type == "bar"}
    assert max(zones[APPROVE]) < 20 <= min(zones[REVIEW]) and max(zones[REVIEW]) < 60 <= min(zones[DECLINE])


def test_equal_cutoffs_are_one_mark() -> None:
    texts = [a.text for a in strip_chart(np.array([0.1, 0.3]), (0.2, 0.2), "t").layout.annotations]
    assert texts == ["approve below, decline from 20.0 %"]


def test_the_strip_ends_past_everything_marked_and_never_past_one() -> None:
    assert end_of_strip(np.array([0.01] * 100), [0.9]) == pytest.approx(0.954)
    assert end_of_strip(np.array([1.0]), [1.0]) == 1.0
    assert end_of_strip(np.array([]), [0.0]) == 0.01


def waterfall(contributions: list[float]) -> pd.DataFrame:
    labels = [f"<b>factor</b> {i}" for i in range(len(contributions))]
    return pd.DataFrame({"label": labels, "contribution": contributions, "said": "1, just passing 2"})


@settings(deadline=None, max_examples=40)
@given(some.lists(some.floats(-3, 3), min_size=1, max_size=9), some.floats(-4, 2))
def test_the_waterfall_ends_where_the_contributions_lead(contributions: list[float], start: float) -> None:
    figure = waterfall_chart(waterfall(contributions), start, (0.15, 0.25), "t")
    ends = [trace.x[0] for trace in figure.data if trace.type == "scatter"]
    assert ends[0] == start and ends[1] == pytest.approx(start + math.fsum(contributions), abs=1e-9)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    at = start
    for bar, contribution in zip(bars, contributions, strict=True):
        assert bar.base[0] == pytest.approx(at, abs=1e-9)
        assert bar.marker.color == (DECLINE if contribution > 0 else APPROVE)
        at += contribution


def test_two_factors_of_one_name_stay_two_bars_and_names_are_literal() -> None:
    table = waterfall([0.5, -0.2]).assign(label="<i>same</i>")
    figure = waterfall_chart(table, 0.0, (0.15, 0.25), "t")
    ticks = figure.layout.yaxis
    assert len(set(ticks.tickvals)) == 4 and ticks.ticktext[1] == ticks.ticktext[2] == "&lt;i&gt;same&lt;/i&gt;"


def curve(values: list[object]) -> pd.DataFrame:
    n = len(values)
    return pd.DataFrame(
        {
            "value": values, "label": [f"<b>{v}</b>" for v in values], "pd": np.linspace(0.1, 0.3, n),
            "density": 1 / n, "is_current": [i == 1 for i in range(n)],
        }
    )  # fmt: skip


def test_the_curve_over_numbers_is_a_line_with_bars_as_wide_as_a_step() -> None:
    figure = pd_curve_chart(curve([0.0, 1.0, 1.4, 2.0, 3.0, 4.0]), (0.15, 0.25), "t", "x", is_number=True)
    line, bars, ring = figure.data
    assert line.mode == "lines" and list(line.y) == pytest.approx(list(np.linspace(10, 30, 6)))
    assert bars.width == pytest.approx(0.95), "the applicant's own value between two steps makes no slivers"
    assert list(ring.x) == [1.0]


def test_the_curve_over_choices_is_dots_in_their_order_with_literal_names() -> None:
    figure = pd_curve_chart(curve(["b", "a", None]), (0.2, 0.2), "t", "x", is_number=False)
    assert figure.data[0].mode == "markers"
    assert list(figure.layout.xaxis.categoryarray) == [
        "&lt;b&gt;b&lt;/b&gt;",
        "&lt;b&gt;a&lt;/b&gt;",
        "&lt;b&gt;None&lt;/b&gt;",
    ]
    assert [a.text for a in figure.layout.annotations] == ["approve below, decline from 20.0 %"]
