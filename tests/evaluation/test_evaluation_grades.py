import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from pipeline.evaluation.grades import GREEN, RED, TOO_FEW, YELLOW, binomial_tails, grade_table


def test_two_grades_by_hand():
    y = [0] * 98 + [1] * 2 + [0] * 40 + [1] * 10
    table = grade_table(["A"] * 100 + ["B"] * 50, y, [0.02] * 100 + [0.1] * 50).set_index("grade")
    assert table["n"].tolist() == [100, 50]
    assert table["defaults"].tolist() == [2, 10]
    assert table["expected"].tolist() == pytest.approx([2, 5])
    assert table["default_rate"].tolist() == pytest.approx([0.02, 0.2])
    assert table["light"].tolist() == [GREEN, YELLOW]
    assert table.loc["A", "lo"] < 0.02 < table.loc["A", "hi"]


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 400), st.integers(0, 400), st.floats(0.001, 0.999))
def test_tails_are_scipys_exact_binomial_test(n, k, chance):
    k = min(k, n)
    more, fewer = binomial_tails([k], [n], [chance])
    assert more[0] == pytest.approx(binomtest(k, n, chance, alternative="greater").pvalue, rel=1e-9, abs=1e-12)
    assert fewer[0] == pytest.approx(binomtest(k, n, chance, alternative="less").pvalue, rel=1e-9, abs=1e-12)


def test_certain_pds_have_certain_tails():
    more, fewer = binomial_tails([0, 1, 10, 9, 0], [10, 10, 10, 10, 0], [0.0, 0.0, 1.0, 1.0, 0.3])
    assert more.tolist() == pytest.approx([1, 0, 1, 1, math.nan], nan_ok=True)
    assert fewer.tolist() == pytest.approx([1, 1, 1, 0, math.nan], nan_ok=True)


def test_right_pds_are_green_and_pds_far_too_low_are_red():
    rng = np.random.default_rng(0)
    pd = rng.beta(2, 8, 20_000)
    grade = np.asarray(list("ABCDE"))[np.digitize(pd, [0.1, 0.15, 0.25, 0.4])]
    right = grade_table(grade, rng.random(pd.size) < pd, pd)
    assert (right["light"] == GREEN).sum() >= 4
    assert RED not in set(right["light"])
    worse = grade_table(grade, rng.random(pd.size) < np.minimum(1, 1.3 * pd), pd)
    assert (worse["light"] == RED).all()
    better = grade_table(grade, rng.random(pd.size) < 0.7 * pd, pd)
    assert (better["light"] == GREEN).all()
    assert (better["p_fewer"] < 0.01).all()


def test_lights_of_right_pds_turn_as_often_as_their_levels_say():
    rng = np.random.default_rng(1)
    y = (rng.random((400, 1_000)) < 0.1).astype(int)
    lights = [grade_table(["A"] * 1_000, row, np.full(1_000, 0.1)).loc[0, "light"] for row in y]
    assert np.mean([light != GREEN for light in lights]) <= 0.06
    assert np.mean([light == RED for light in lights]) <= 0.02


def test_few_loans_have_no_light_and_a_grade_without_loans_is_still_shown():
    table = grade_table(["A"] * 29 + ["B"] * 30, [0] * 59, [0.1] * 59, order=["A", "B", "C"]).set_index("grade")
    assert table["light"].tolist() == [TOO_FEW, GREEN, TOO_FEW]
    assert table.loc["C", ["n", "defaults", "expected"]].tolist() == [0, 0, 0]
    assert table.loc["C", ["mean_pd", "default_rate", "lo", "hi", "p_more"]].isna().all()
    assert grade_table([], [], []).empty


def test_grades_that_cannot_be_meant_are_refused():
    with pytest.raises(ValueError, match="grade 'X' is none of A, B"):
        grade_table(["X"], [0], [0.1], order=["A", "B"])
    with pytest.raises(ValueError, match="there are 2 grades and 1 outcomes"):
        grade_table(["A", "B"], [0], [0.1])
    with pytest.raises(ValueError, match="y holds 1 values other than 0 and 1"):
        grade_table(["A"], [2], [0.1])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 1), st.floats(0, 1)), min_size=1, max_size=60))
def test_grades_part_the_loans(loans):
    table = grade_table(*(list(column) for column in zip(*loans, strict=True)))
    assert table["n"].sum() == len(loans)
    assert table["defaults"].sum() == sum(y for _, y, _ in loans)
    assert table["expected"].sum() == pytest.approx(sum(pd for _, _, pd in loans))
    assert table["p_more"].between(0, 1).all()
