import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.lift import gains_table

CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10)), min_size=1, max_size=80)


def test_ten_cases_in_two_halves_by_hand():
    table = gains_table([0, 0, 0, 0, 1, 0, 1, 1, 0, 1], np.arange(10) / 10, n_bins=2)
    assert table["defaults"].tolist() == [3, 1]
    assert table["default_rate"].tolist() == [0.6, 0.2]
    assert table["lift"].tolist() == pytest.approx([1.5, 0.5])
    assert table["captured"].tolist() == [0.75, 1.0]
    assert table["cumulative_lift"].tolist() == pytest.approx([1.5, 1.0])
    assert table["min_pd"].tolist() == [0.5, 0.0]
    assert table["mean_pd"].tolist() == pytest.approx([0.7, 0.2])


@given(CASES, st.integers(1, 12), st.randoms())
def test_slices_partition_the_cases_whatever_their_order(cases, n_bins, shuffler):
    def table(rows):
        return gains_table([r[0] for r in rows], np.array([r[1] for r in rows]) / 10, n_bins)

    first = table(cases)
    shuffled = list(cases)
    shuffler.shuffle(shuffled)
    np.testing.assert_allclose(first.to_numpy(), table(shuffled).to_numpy())
    assert first["n"].sum() == len(cases)
    assert first["defaults"].sum() == pytest.approx(sum(c[0] for c in cases))
    assert first["n"].max() - first["n"].min() <= 1
    assert (first["n"] * first["mean_pd"]).sum() == pytest.approx(sum(c[1] for c in cases) / 10)


def test_a_constant_score_lifts_nothing():
    table = gains_table([1, 0, 0, 0] * 5, [0.25] * 20)
    assert table["lift"].tolist() == pytest.approx([1.0] * 10)
    assert table["captured"].tolist() == pytest.approx(np.linspace(0.1, 1, 10))


def test_without_defaulters_nothing_is_captured_and_nothing_invented():
    table = gains_table([0, 0, 0], [0.1, 0.2, 0.3], 3)
    assert table["default_rate"].tolist() == [0, 0, 0]
    assert table[["lift", "captured", "cumulative_lift"]].isna().all(axis=None)


def test_an_empty_sample_gives_an_empty_table():
    assert gains_table([], []).empty
