"""The leaderboard: places by validation, any order and columns, foreign runs without a place, files that are inert."""

import csv
import io

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard import board as boards
from dashboard import ranking
from dashboard.board import Board
from dashboard.components.leaderboard import whole_table
from dashboard.download import as_csv, inert
from pipeline import contract as c
from pipeline.registry.runs import COMPLETE, FOREIGN, RUN_COLUMNS
from tests.dashboard.made_store import NASTY


def row(run_id: str, **more: object) -> dict[str, object]:
    base = {"state": COMPLETE, "kind": c.KIND_CANDIDATE, "bakeoff": "b1", "test_sha256": "a" * 64, "name": run_id}
    return {"run_id": run_id, "start": pd.Timestamp("2026-03-03", tz="UTC"), "family": "x", "params": "{}", **base, **more}


def frame(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(RUN_COLUMNS)).fillna({"candidate": ""})


def board(*rows: dict[str, object], by: str = "f1", live: str = "") -> Board:
    table = frame(*rows)
    field = ranking.field_of(table, by, table[table["run_id"] == live])
    return Board(field, ranking.names_of(table), by, live)


THREE = (
    row("a", valid_f1=0.4, test_f1=0.9, test_f1_lo=0.8, test_f1_hi=1.0),
    row("b", valid_f1=0.6, test_f1=0.1),
    row("z", state=FOREIGN, kind="", test_sha256="", name=NASTY, test_f1=0.95, f1=0.7),
)


def ids(of: Board, order: str, *, is_reversed: bool = False) -> list[str]:
    return boards.ordered(of, order, is_reversed=is_reversed)["run_id"].tolist()


def test_places_are_by_validation_whatever_the_order_and_test_has_no_say() -> None:
    of = board(*THREE)
    assert ids(of, boards.PLACE) == ["b", "a", "z"]
    assert ids(of, "f1") == ["z", "a", "b"]
    by_test = boards.table(boards.ordered(of, "f1", is_reversed=False), of, ["f1"])
    assert by_test["place"].astype(object).where(by_test["place"].notna(), None).tolist() == [None, 2, 1]
    assert by_test["f1_interval"].tolist() == ["", "[0.800, 1.000]", ""]


def test_a_foreign_run_shows_apart_what_does_not_say_its_rows() -> None:
    of = board(*THREE)
    shown = boards.table(boards.ordered(of, boards.PLACE, is_reversed=False), of, ["f1"])
    assert shown["f1"].tolist() == [0.1, 0.9, 0.95]
    assert shown["f1_unsplit"].tolist()[-1] == 0.7
    assert shown["candidate"].tolist()[-1] == NASTY, "as it is; a cell is no markdown"
    wider = boards.table(boards.ordered(of, boards.PLACE, is_reversed=False), of, ["f1", "roc_auc", c.CUTOFF])
    assert list(wider.columns)[-1] == "f1_unsplit", "behind what runs of ours have"


@pytest.mark.parametrize("order", boards.ORDERS)
def test_every_order_shows_every_run_and_turned_round_keeps_unknown_values_last(order: str) -> None:
    of = board(*THREE)
    assert sorted(ids(of, order)) == sorted(ids(of, order, is_reversed=True)) == ["a", "b", "z"]
    if order == "f1":
        assert ids(of, order, is_reversed=True) == ["b", "a", "z"]


def test_less_is_better_comes_first_where_less_is_better() -> None:
    of = board(row("a", valid_brier=0.2, test_brier=0.1), row("b", valid_brier=0.1, test_brier=0.3), by="brier")
    assert ids(of, boards.PLACE) == ["b", "a"]
    assert ids(of, "brier") == ["a", "b"]


def test_runs_tested_on_different_rows_have_no_place_and_stand_newest_first() -> None:
    of = board(row("a", valid_f1=0.9), row("b", valid_f1=0.1, test_sha256="f" * 64, start=pd.Timestamp("2026-04-01", tz="UTC")))
    assert ids(of, boards.PLACE) == ["b", "a"]
    shown = boards.table(boards.ordered(of, boards.PLACE, is_reversed=False), of, ["test_sha256"])
    assert shown["place"].isna().all()
    assert shown["test_sha256"].tolist() == ["ffffffff", "aaaaaaaa"]


def test_a_live_model_tested_on_other_rows_stands_on_the_board_without_spoiling_the_ranking() -> None:
    table = frame(row("live", valid_f1=0.9, test_sha256="f" * 64), row("a", valid_f1=0.4), row("b", valid_f1=0.6))
    field = ranking.field_of(table[table["run_id"] != "live"], "f1", table[table["run_id"] == "live"])
    assert field.is_comparable
    assert field.candidates["run_id"].tolist() == ["b", "a"]
    assert field.unranked["run_id"].tolist() == ["live"]


def test_the_file_holds_every_column_and_parameter_of_every_run() -> None:
    of = board(row("a", valid_f1=0.4, params='{"depth": "=1+1"}'), row("b", valid_f1=0.6))
    whole = whole_table(boards.ordered(of, boards.PLACE, is_reversed=False), of)
    assert whole["param.depth"].tolist()[1] == "=1+1"
    read = list(csv.DictReader(io.StringIO(as_csv(whole))))
    assert read[1]["param.depth"] == "'=1+1"
    assert {"valid_f1", "recall", "test_sha256", "run_id"} <= set(read[0])


@pytest.mark.parametrize("cell", ["=HYPERLINK(1)", "+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", " =1", "＝1", "\r=1"])
def test_a_cell_that_a_spreadsheet_would_run_is_led_by_an_apostrophe(cell: str) -> None:
    assert inert(cell) == f"'{cell}"


@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_no_text_of_a_file_starts_a_formula_and_numbers_stay_numbers(text: str, value: float) -> None:
    assert str(inert(text))[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert inert(value) == value


def test_names_of_columns_are_inert_too() -> None:
    assert as_csv(pd.DataFrame({"=1": [-2.5]})) == "'=1\n-2.5\n"
