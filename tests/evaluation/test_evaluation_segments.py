import numpy as np
import pandas
import pytest

from pipeline import contract
from pipeline.evaluation.metrics import score_metrics
from pipeline.evaluation.segments import metrics_by_segment


@pytest.fixture
def scored():
    rng = np.random.default_rng(0)
    pd = rng.random(200)
    groups = pandas.DataFrame({"channel": ["web"] * 120 + ["branch"] * 60 + ["agent"] * 20, "region": ["n", "s"] * 100})
    return groups, (rng.random(200) < pd).astype(int), pd


def test_each_group_has_the_metrics_of_its_own_rows(scored):
    groups, y, pd = scored
    table = metrics_by_segment(groups, y, pd, 0.4, n_boot=20)
    assert ["split", *table.columns] == list(contract.SEGMENT_COLUMNS)
    rows = (groups["channel"] == "web").to_numpy()
    web = table[(table["column"] == "channel") & (table["group"] == "web")].set_index("metric")
    assert web["value"].to_dict() == score_metrics(y[rows], pd[rows], 0.4)
    assert (web["n"] == 120).all()
    assert (web["defaults"] == y[rows].sum()).all()
    assert (web["lo"] <= web["hi"]).all()


def test_small_groups_state_their_n_and_withhold_their_values(scored):
    table = metrics_by_segment(*scored, cutoff=0.4, n_boot=20, min_n=30)
    agent = table[table["group"] == "agent"]
    assert (agent["n"] == 20).all()
    assert agent[["value", "lo", "hi"]].isna().all(axis=None)
    assert len(agent) == len(contract.METRICS)


def test_groups_partition_the_rows_of_each_column(scored):
    table = metrics_by_segment(*scored, cutoff=0.4, n_boot=0).drop_duplicates(["column", "group"])
    assert table.groupby("column")["n"].sum().to_dict() == {"channel": 200, "region": 200}


def test_missing_labels_are_a_group_of_their_own(scored):
    groups, y, pd = scored
    holed = groups.assign(region=groups["region"].where(groups["region"] == "n"), age=pandas.cut(pd, [0, 0.5]))
    table = metrics_by_segment(holed, y, pd, 0.4, n_boot=0)
    assert set(table.loc[table["column"] == "region", "group"]) == {"n", contract.BIN_MISSING}
    assert set(table.loc[table["column"] == "age", "group"]) == {"(0.0, 0.5]", contract.BIN_MISSING}


def test_a_group_of_one_class_keeps_what_can_be_computed(scored):
    groups, y, pd = scored
    y = np.where(groups["channel"] == "branch", 0, y)
    table = metrics_by_segment(groups, y, pd, 0.4, n_boot=10)
    branch = table[table["group"] == "branch"].set_index("metric")
    assert np.isnan(branch.loc["roc_auc", "value"])
    assert branch.loc["brier", "value"] > 0


def test_no_segment_columns_give_an_empty_table_and_unequal_rows_are_refused(scored):
    groups, y, pd = scored
    assert metrics_by_segment(groups[[]], y, pd, 0.4).empty
    with pytest.raises(ValueError, match="groups has 10 rows and y 200"):
        metrics_by_segment(groups.head(10), y, pd, 0.4)
