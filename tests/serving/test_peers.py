"""Peers are real past applicants near the score; a rate is given only where there are enough of them."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.serving.peers import FEWEST, NEAREST, REACH, peers, position


def holdout(pds: list[float], y: list[float | None]) -> pd.DataFrame:
    return pd.DataFrame({"split": "test", "pd": pds, "y": pd.array(y, dtype="Float64").to_numpy("float64", na_value=np.nan)})


def test_the_rate_is_of_those_rows_and_the_interval_is_wilsons() -> None:
    found = peers(holdout([0.2] * 50 + [0.9] * 50, [1.0] * 10 + [0.0] * 40 + [1.0] * 50), 0.2)
    assert (found.n, found.defaults, found.rate, found.from_pd, found.to_pd) == (50, 10, 0.2, 0.2, 0.2)
    assert (found.lo, found.hi) == pytest.approx((0.11244, 0.33037), abs=1e-5)  # 10 of 50, as tables of Wilson's interval give
    assert found.sentence == "Of 50 past applicants with such a score 20 % defaulted [11, 33]."


def test_rows_without_an_outcome_or_a_pd_are_left_out() -> None:
    found = peers(holdout([0.2] * 50 + [math.nan], [1.0] * 10 + [0.0] * 25 + [None] * 15 + [1.0]), 0.2)
    assert (found.n, found.defaults) == (35, 10)


def test_fewer_than_thirty_are_too_few_to_give_a_rate() -> None:
    few = peers(holdout([0.2] * (FEWEST - 1), [0.0] * (FEWEST - 1)), 0.2)
    assert few.is_too_few
    assert (few.n, math.isnan(few.rate), math.isnan(few.lo)) == (29, True, True)
    assert few.sentence == "Only 29 past applicants had such a score: too few to say how many of them defaulted."
    assert not peers(holdout([0.2] * FEWEST, [0.0] * FEWEST), 0.2).is_too_few


def test_nobody_near_is_no_rows_at_all() -> None:
    nobody = peers(holdout([0.9] * 100, [1.0] * 100), 0.1)
    assert (nobody.n, nobody.is_too_few, math.isnan(nobody.from_pd)) == (0, True, True)
    assert peers(holdout([], []), 0.1).n == 0


def test_equal_scores_are_taken_together() -> None:
    """As a constant model gives them: no order of the rows decides who is a peer."""
    assert peers(holdout([0.2] * 1000, [0.0] * 1000), 0.2).n == 1000


@pytest.mark.parametrize("nonsense", [-0.1, 1.1, math.nan])
def test_what_is_no_pd_is_refused(nonsense: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        peers(holdout([0.2], [0.0]), nonsense)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=900), st.floats(0, 1), st.randoms())
def test_peers_are_the_nearest_and_never_further_than_the_reach(pds: list[float], pd_value: float, chance: object) -> None:
    y = [float(i % 3 == 0) for i in range(len(pds))]
    found = peers(holdout(pds, y), pd_value)

    def logit(p: float) -> float:
        p = min(max(p, 1e-6), 1 - 1e-6)
        return math.log(p / (1 - p))

    gaps = sorted(abs(logit(p) - logit(pd_value)) for p in pds)
    within = sum(gap <= REACH + 1e-12 for gap in gaps)
    assert min(within, NEAREST) <= found.n + 1e-9
    assert found.n <= within
    if found.n:
        assert abs(logit(found.from_pd) - logit(pd_value)) <= REACH + 1e-9
        assert abs(logit(found.to_pd) - logit(pd_value)) <= REACH + 1e-9
        assert 0 <= found.defaults <= found.n
    if not found.is_too_few:
        assert found.lo <= found.rate <= found.hi


def test_the_position_is_the_share_with_a_lower_pd() -> None:
    background = pd.DataFrame({"pd": [0.1, 0.2, 0.2, 0.4]})
    assert [position(background, p) for p in (0.05, 0.2, 0.3, 0.9)] == [0.0, 0.25, 0.75, 1.0]
    assert math.isnan(position(background.head(0), 0.2))
