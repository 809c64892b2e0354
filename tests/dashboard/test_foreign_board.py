"""Runs that other scripts made: ranked by what they logged, with what nobody knows about them said."""

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import foreign
from pipeline import contract as c
from pipeline.registry.runs import RUN_COLUMNS
from tests.dashboard.made_store import NASTY, client_of, experiment, log_failed
from tests.dashboard.test_experiments_page import opened
from tests.dashboard.test_pages import words


def runs_with(**metrics: list[float | None]) -> pd.DataFrame:
    n = len(next(iter(metrics.values())))
    table = pd.DataFrame(index=range(n), columns=list(RUN_COLUMNS))
    numbers = [f"{prefix}{metric}" for prefix in ("valid_", "test_", "") for metric in c.METRICS]
    table = table.astype(dict.fromkeys(numbers, "float64")).copy().assign(**metrics)
    return table.assign(name=[f"r{i}" for i in range(n)], start=pd.Timestamp("2026-01-01", tz="UTC"), status="FINISHED")


def test_what_most_runs_have_ranks_first_and_test_last_among_equals() -> None:
    table = runs_with(test_f1=[0.5, 0.6], valid_f1=[0.5, 0.4], recall=[0.1, None], f1=[0.2, 0.3])
    assert foreign.rankable(table) == ["valid_f1", "f1", "test_f1", "recall"]


def test_the_best_stands_first_equals_share_a_place_and_the_unknown_has_none() -> None:
    table = foreign.ranked(runs_with(test_f1=[0.5, None, 0.7, 0.5]), "test_f1")
    assert table["name"].tolist() == ["r2", "r0", "r3", "r1"]
    assert table["place"].tolist()[:3] == [1, 2, 2] and pd.isna(table["place"].iloc[3])
    assert foreign.table(table, "test_f1").columns.tolist() == ["#", "Run", "Started", "Status", "F1 · test"]


def test_of_a_loss_the_smallest_is_first() -> None:
    assert foreign.ranked(runs_with(brier=[0.2, 0.1]), "brier")["name"].tolist() == ["r1", "r0"]


@pytest.fixture
def others(migrated_home: Path) -> AppTest:
    client = client_of(migrated_home)
    eid = experiment(client, migrated_home)
    for name, f1, recall in (("weak", 0.4, 0.9), (NASTY, 0.6, 0.5), ("middling", 0.5, None)):
        run_id = client.create_run(eid, run_name=name).info.run_id
        client.log_metric(run_id, "f1_score_test", f1)
        client.log_metric(run_id, "auc_train", 0.99)
        if recall is not None:
            client.log_metric(run_id, "test_recall", recall)
        client.set_terminated(run_id)
    log_failed(client, eid, "", "MemoryError")
    return opened()


def test_an_experiment_of_other_scripts_has_a_board_in_the_order_of_a_metric_of_theirs(others: AppTest) -> None:
    board = others.dataframe[0].value
    assert board["Run"].tolist() == [NASTY, "middling", "weak"]
    assert board["#"].tolist() == [1, 2, 3]
    said = words(others)
    assert "is first by F1 · test: 0.600 of 3 runs that have it. Nothing says whether it is really better" in said
    assert "pipeline.log_evaluation(y_test, pd_test" in said and "paired difference" in said
    assert "1 failed" in said, "what is not ranked is said too"
    others.selectbox(key="foreign_by").set_value("test_recall").run()
    assert others.dataframe[0].value["Run"].tolist() == ["weak", NASTY, "middling"]
    assert "weak is first by Recall · test: 0.900 of 2 runs that have it" in words(others)


def test_a_training_metric_ranks_nothing(others: AppTest) -> None:
    assert others.selectbox(key="foreign_by").options == ["F1 · test", "Recall · test"]


def test_runs_without_any_metric_of_ours_say_how_to_name_one(migrated_home: Path) -> None:
    client = client_of(migrated_home)
    run_id = client.create_run(experiment(client, migrated_home), run_name="x").info.run_id
    client.log_metric(run_id, "training_loss", 0.1)
    client.set_terminated(run_id)
    said = words(opened())
    assert "no metric that could be matched" in said and "test_f1" in said
    assert "pipeline.log_evaluation" in said
