import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from pipeline.evaluation.bootstrap import Scored, paired_difference
from pipeline.evaluation.comparison import leader_against_others, prob_best
from pipeline.evaluation.cost import CaseCosts, CashCosts


def three_models(n=800, seed=0):
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.5, 6.5, n)
    y = (rng.random(n) < pd).astype(int)
    near = np.clip(pd + rng.normal(0, 0.005, n), 0, 1)
    return y, {"good": Scored(pd, 0.2), "near": Scored(near, 0.2), "noise": Scored(rng.beta(1.5, 6.5, n), 0.2)}


def test_each_row_is_the_paired_difference_of_that_pair():
    y, models = three_models()
    table = leader_against_others(y, models, "good", n_boot=60, seed=5, costs=CaseCosts(5, 1))
    assert table["candidate"].unique().tolist() == ["near", "noise"]
    for name in ("near", "noise"):
        a, b = models["good"], models[name]
        pair = paired_difference(y, a.pd, a.cutoff, b.pd, b.cutoff, 60, 5, CaseCosts(5, 1)).set_index("metric")
        mine = table[table["candidate"] == name].set_index("metric")
        columns = {"leader": "a", "other": "b", "difference": "difference", "lo": "lo", "hi": "hi", "prob": "prob_a_better"}
        expected = pair.loc[["f1", "recall", "roc_auc", "cost"], list(columns.values())]
        assert_frame_equal(mine[list(columns)].set_axis(list(columns.values()), axis=1), expected)


def test_a_clear_lead_is_told_from_one_that_is_not():
    y, models = three_models()
    table = leader_against_others(y, models, "good", ["roc_auc"], n_boot=100).set_index("candidate")
    assert table["is_clear"].to_dict() == {"near": False, "noise": True}
    assert table.loc["noise", "prob"] == 1


def test_the_probabilities_of_being_best_add_up_and_know_the_direction():
    y, models = three_models()
    for metric in ("f1", "brier", "cost"):
        table = prob_best(y, models, metric, n_boot=100, costs=CaseCosts(5, 1)).set_index("candidate")
        assert table["prob_best"].sum() == pytest.approx(1)
        assert table.loc["noise", "prob_best"] == 0
        assert (table["lo"] <= table["hi"]).all()


def test_equal_models_share_the_probability():
    y, models = three_models(100)
    table = prob_best(y, {"one": models["good"], "two": models["good"]}, "f1", n_boot=20)
    assert table["prob_best"].tolist() == [0.5, 0.5]
    against = leader_against_others(y, {"one": models["good"], "two": models["good"]}, "one", n_boot=20)
    assert (against["prob"] == 0.5).all()
    assert not against["is_clear"].any()


def test_cash_is_compared_too():
    y, models = three_models(300)
    cash = np.where(y == 1, -5.0, 1.0)
    row = leader_against_others(y, models, "good", [], n_boot=20, costs=CashCosts(), cash=cash).iloc[1]
    earned = [cash[model.pd < 0.2].sum() for model in (models["good"], models["noise"])]
    assert (row["leader"], row["other"]) == pytest.approx((-earned[0], -earned[1]))


def test_not_computable_stays_unknown_and_a_lone_leader_has_no_others():
    y, models = three_models(50)
    table = prob_best(np.zeros(50, dtype=int), models, "roc_auc", n_boot=10)
    assert table["prob_best"].isna().all()
    alone = leader_against_others(y, {"good": models["good"]}, "good", n_boot=5)
    assert alone.empty
    assert "is_clear" in alone


def test_names_that_are_not_there_are_refused():
    y, models = three_models(50)
    with pytest.raises(ValueError, match="'best' is no candidate; there are good, near, noise"):
        leader_against_others(y, models, "best")
    with pytest.raises(ValueError, match="'f2' is no metric"):
        prob_best(y, models, "f2")
    with pytest.raises(ValueError, match="'cost' is no metric"):
        prob_best(y, models, "cost")
    with pytest.raises(ValueError, match="is no candidate"):
        prob_best(y, {}, "f1")
