"""A swap set in words: whom a segment moves, and only what is known."""

import pandas as pd
import pytest

from dashboard.components.swap_words import said, title, worth_of
from pipeline.evaluation.cost import CaseCosts, CashCosts
from pipeline.evaluation.swap import swap_set
from tests.dashboard.made_store import scored

ROWS = scored(0.3, n=200)
OTHER = ROWS["pd"].where(ROWS["segment.EDUCATION"] != "1", ROWS["pd"].iloc[::-1].to_numpy())


def swapped(costs: CaseCosts | CashCosts) -> pd.DataFrame:
    """Two models that differ within segment 1 alone."""
    groups = ROWS[["segment.EDUCATION"]].set_axis(["EDUCATION"], axis=1)
    cash = ROWS["amount"].where(ROWS["y"] == 0, -ROWS["amount"]) if isinstance(costs, CashCosts) else None
    return swap_set(ROWS["y"], OTHER, 0.2, ROWS["pd"], 0.2, costs, cash=cash, groups=groups, n_boot=20)


def test_segments_in_which_nobody_moves_are_left_out_and_everybody_stays() -> None:
    table = said(swapped(CaseCosts(5, 1)), "EUR", len(ROWS))
    assert list(dict.fromkeys(table["Segment"])) == ["all", "1"]
    assert list(table["Who"][:3]) == ["newly approved", "newly refused", "net"]


def test_realised_cash_states_no_expected_loss_so_no_column_of_dashes_is_shown() -> None:
    columns = said(swapped(CashCosts()), "EUR", len(ROWS)).columns
    assert not any(name.startswith("Expected loss") for name in columns)
    assert any(name.startswith("Expected loss") for name in said(swapped(CaseCosts(5, 1)), "EUR", len(ROWS)).columns)


def test_equal_models_move_nobody_and_the_table_still_says_so() -> None:
    nobody = swap_set(ROWS["y"], ROWS["pd"], 0.2, ROWS["pd"], 0.2, CaseCosts(5, 1), n_boot=5)
    assert title(nobody[nobody["set"] != "net"]) == "Nobody changes sides"
    assert said(nobody, "EUR", len(ROWS))["People"].tolist() == ["0", "0", "0"]


@pytest.mark.parametrize(("saving", "lo", "hi", "words"), [
    (200.0, 100.0, 300.0, "saves 1,000 EUR [500, 1,500]"), (-200.0, -300.0, -100.0, "loses 1,000 EUR [500, 1,500]"),
    (200.0, float("nan"), float("nan"), "saves 1,000 EUR per"),
])  # fmt: skip
def test_what_a_change_is_worth_is_said_per_thousand_with_its_bounds(saving: float, lo: float, hi: float, words: str) -> None:
    net = pd.DataFrame([{"group": "", "set": "net", "saving": saving, "saving_lo": lo, "saving_hi": hi}])
    assert words in worth_of(net, "b", 200, "EUR")
