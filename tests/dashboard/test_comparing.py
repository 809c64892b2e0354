"""Side by side: the paired numbers are those of the statistics room, and what differs is told from what is equal."""

from types import SimpleNamespace

import pandas as pd
import pytest

from dashboard import comparing, loading, ranking
from dashboard.charts.comparison import lines_for
from dashboard.components.lineage import project_diff
from pipeline import contract as c
from pipeline.evaluation.bootstrap import paired_difference
from pipeline.evaluation.cost import CaseCosts
from tests.dashboard.made_store import PROJECT, Store

COSTS = CaseCosts(75_000, 15_000)


@pytest.fixture
def runs(filled_home: Store) -> pd.DataFrame:
    table = loading.read_runs(PROJECT).table
    return (
        table.set_index("run_id", drop=False)
        .loc[[filled_home.best, filled_home.close, filled_home.foreign]]
        .reset_index(drop=True)
    )


def test_the_differences_are_those_of_the_paired_bootstrap_on_the_shared_rows(runs: pd.DataFrame, filled_home: Store) -> None:
    table = comparing.paired_table(runs, filled_home.best, COSTS, also="brier")
    assert set(table["run_id"]) == {filled_home.close}, "a foreign run has no scored rows and is left out"
    assert table["metric"].tolist() == ["f1", "recall", "roc_auc", c.COST, "brier"]
    a, b = (loading.holdout(r, c.TEST) for r in (filled_home.close, filled_home.best))
    assert a is not None and b is not None
    own = paired_difference(a["y"], a["pd"], 0.1667, b["pd"], 0.1667, costs=COSTS).set_index("metric")
    for row in table.to_dict("records"):
        expected = own.loc["cost" if row["metric"] == c.COST else row["metric"]]
        assert (row["difference"], row["lo"], row["hi"]) == pytest.approx(tuple(expected[["difference", "lo", "hi"]]))
        assert row["prob"] == pytest.approx(expected["prob_a_better"])


def test_without_costs_money_is_left_out_and_nothing_is_invented(runs: pd.DataFrame, filled_home: Store) -> None:
    assert comparing.paired_table(runs, filled_home.best, None)["metric"].tolist() == ["f1", "recall", "roc_auc"]
    assert comparing.paired_table(runs, filled_home.foreign, COSTS).empty


def test_rows_that_are_not_named_are_not_the_same_rows(runs: pd.DataFrame) -> None:
    side = comparing.Side(runs, lines_for(["a", "b", "c"], None), PROJECT, "")
    assert comparing.hashes_of(runs) == {"a" * 64: [0, 1], "": [2]}
    assert not side.is_comparable
    assert comparing.Side(runs.iloc[:2], side.lines[:2], PROJECT, "").is_comparable


def test_what_differs_is_told_from_what_is_equal(runs: pd.DataFrame) -> None:
    table = comparing.parameters_table(runs, ["A", "B", "C"]).set_index("Parameter")
    assert table.loc["learning_rate"].tolist() == ["0.05", "0.05", "–", True]
    data = comparing.data_table(runs.iloc[:2], ["A", "B"]).set_index("What")
    assert not data.loc["Data (sha256)", "Differs"] and data.loc["Data (sha256)", "A"] == "c" * 12


def test_a_project_file_is_told_by_what_changed_in_it() -> None:
    assert project_diff("a = 1\nb = 2", "a = 1\nb = 2") == ""
    changed = project_diff("a = 1\nb = 2", "a = 1\nb = 3").splitlines()
    assert changed[:2] == ["--- live model", "+++ this run"] and changed[-2:] == ["-b = 2", "+b = 3"]


def test_a_renamed_run_carries_its_new_name() -> None:
    table = pd.DataFrame({"run_id": ["a"], "name": ["new"], "candidate": ["old"]})
    assert ranking.names_of(table, ["a"]) == {"a": "new"}


def test_the_address_in_mlflow_holds_no_password_and_a_file_has_none(
    filled_home: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    loading.read_runs(PROJECT)
    assert loading.mlflow_page(filled_home.best) == ""
    index = loading.run_store().index
    monkeypatch.setattr(loading, "run_store", lambda: SimpleNamespace(index=index))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://user:secret@mlflow.example:8443/base/")
    assert loading.mlflow_page(filled_home.best) == f"https://mlflow.example:8443/base/#/experiments/1/runs/{filled_home.best}"
