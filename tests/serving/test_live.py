"""What may decide is what was approved, to the byte; anything else runs nothing and says so."""

from pipeline.serving.desk import Desk, Pair
from tests.serving.conftest import LiveHome


def test_the_desk_loads_what_the_ledger_names(desk: Desk, live_home: LiveHome) -> None:
    pair = desk.pair()
    assert (pair.champion.version, pair.champion.run_id) == (1, live_home.champion_run)
    assert pair.challenger is None


def test_a_shadow_is_loaded_beside_it(live_pair: Pair) -> None:
    assert live_pair.challenger is not None, live_pair.problem
    assert live_pair.challenger.version == 2
