import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pipeline import contract
from pipeline.evaluation.bootstrap import bootstrap_metrics, paired_difference, resample_counts
from pipeline.evaluation.cost import CaseCosts, LoanCosts, case_losses
from pipeline.evaluation.metrics import score_metrics


def sample(n, seed, decimals=15):
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.5, 6.5, n).round(decimals)
    return (rng.random(n) < pd).astype(int), pd


def test_resamples_are_stratified_seeded_and_complete():
    y, _ = sample(400, 0)
    counts = np.concatenate(list(resample_counts(y, 1_500, seed=7)))
    assert counts.shape == (1_500, 400)
    assert (counts[:, y == 1].sum(axis=1) == y.sum()).all()
    assert (counts[:, y == 0].sum(axis=1) == (1 - y).sum()).all()
    assert (counts == np.concatenate(list(resample_counts(y, 1_500, seed=7)))).all()
    assert (counts != np.concatenate(list(resample_counts(y, 1_500, seed=8)))).any()
    assert counts.mean(axis=0) == pytest.approx(np.ones(400), abs=0.2)


@pytest.mark.parametrize("decimals", [2, 15])
def test_weighted_sums_give_what_the_metrics_give_on_the_repeated_rows(decimals):
    y, pd = sample(300, 1, decimals)
    drawn = np.concatenate(list(resample_counts(y, 40, seed=3))).astype(int)
    table = bootstrap_metrics(y, pd, 0.2, n_boot=40, seed=3).set_index("metric")
    repeated = [score_metrics(np.repeat(y, w), np.repeat(pd, w), 0.2) for w in drawn]
    for name in contract.METRICS:
        if name != "ece":  # its bins stay those of the sample
            expected = np.quantile([metrics[name] for metrics in repeated], [0.025, 0.975])
            assert table.loc[name, ["lo", "hi"]].tolist() == pytest.approx(expected, abs=1e-12), name
    aucs = [roc_auc_score(np.repeat(y, w), np.repeat(pd, w)) for w in drawn]
    assert table.loc["roc_auc", "lo"] == pytest.approx(np.quantile(aucs, 0.025), abs=1e-12)


def test_each_metric_of_the_contract_has_its_value_and_bounds():
    y, pd = sample(500, 2)
    table = bootstrap_metrics(y, pd, 0.2, n_boot=50, seed=0)
    assert table["metric"].tolist() == list(contract.METRICS)
    assert dict(zip(table["metric"], table["value"], strict=True)) == score_metrics(y, pd, 0.2)
    assert (table["lo"] < table["hi"]).all()


def test_intervals_cover_the_truth_about_nineteen_times_in_twenty():
    # Three grades, 100 defaulters and 300 good: recall at .3 is .7, AUC by hand from the two distributions.
    grades, bad, good = np.array([0.1, 0.3, 0.6]), np.array([0.3, 0.4, 0.3]), np.array([0.6, 0.3, 0.1])
    truth = {"recall": 0.7, "roc_auc": bad @ (np.cumsum(good) - good / 2)}
    y = np.repeat([1, 0], [100, 300])
    rng, hits = np.random.default_rng(0), dict.fromkeys(truth, 0)
    for seed in range(300):
        pd = np.concatenate([rng.choice(grades, 100, p=bad), rng.choice(grades, 300, p=good)])
        table = bootstrap_metrics(y, pd, 0.3, n_boot=200, seed=seed).set_index("metric")
        for name, value in truth.items():
            hits[name] += table.loc[name, "lo"] <= value <= table.loc[name, "hi"]
    for name, hit in hits.items():
        assert 0.91 <= hit / 300 <= 0.985, name


def test_equal_models_have_no_difference():
    y, pd = sample(300, 4)
    table = paired_difference(y, pd, 0.2, pd, 0.2, n_boot=50, costs=CaseCosts(5, 1))
    assert table["metric"].tolist() == [*contract.METRICS, "cost"]
    assert (table[["difference", "lo", "hi"]] == 0).all(axis=None)
    assert (table["prob_a_better"] == 0.5).all()


def test_a_better_model_is_better_in_the_direction_of_each_metric():
    y, pd = sample(2_000, 5)
    noise = np.random.default_rng(1).beta(1.5, 6.5, y.size)
    table = paired_difference(y, pd, 0.2, noise, 0.2, n_boot=100, seed=1, costs=CaseCosts(5, 1)).set_index("metric")
    assert (table.loc[["f1", "roc_auc", "brier", "log_loss", "cost"], "prob_a_better"] == 1).all()
    assert (table.loc[["f1", "roc_auc"], "lo"] > 0).all()
    assert (table.loc[["brier", "log_loss", "cost"], "hi"] < 0).all()


def test_pairing_is_tighter_than_two_separate_intervals():
    y, pd = sample(1_000, 6)
    near = np.clip(pd + np.random.default_rng(2).normal(0, 0.01, y.size), 0, 1)
    paired = paired_difference(y, pd, 0.2, near, 0.2, n_boot=200, seed=0).set_index("metric").loc["roc_auc"]
    alone = bootstrap_metrics(y, pd, 0.2, n_boot=200, seed=0).set_index("metric").loc["roc_auc"]
    assert paired["hi"] - paired["lo"] < (alone["hi"] - alone["lo"]) / 3


def test_swapping_the_models_turns_the_table_round():
    y, pd = sample(400, 7)
    forth = paired_difference(y, pd, 0.2, pd**1.2, 0.1, n_boot=60, seed=3)
    back = paired_difference(y, pd**1.2, 0.1, pd, 0.2, n_boot=60, seed=3)
    np.testing.assert_allclose(forth["difference"], -back["difference"])
    np.testing.assert_allclose(forth["lo"], -back["hi"], atol=1e-12)
    np.testing.assert_allclose(forth["prob_a_better"], 1 - back["prob_a_better"])


def test_the_cost_of_each_side_is_the_money_its_cases_lose():
    y, pd = sample(200, 8)
    amount = np.linspace(100, 900, 200)
    costs = LoanCosts(0.6, 0.1)
    row = paired_difference(y, pd, 0.2, pd, 0.3, 20, 0, costs, amount).set_index("metric").loc["cost"]
    assert row["a"] == pytest.approx(case_losses(y, pd, 0.2, costs, amount).sum())
    assert row["difference"] == pytest.approx(row["a"] - row["b"])
    with pytest.raises(ValueError, match="need the amount of each loan"):
        paired_difference(y, pd, 0.2, pd, 0.3, costs=costs)


def test_one_class_leaves_ranks_without_bounds_and_the_rest_with():
    table = bootstrap_metrics(np.zeros(40, int), np.linspace(0, 0.4, 40), 0.2, n_boot=20).set_index("metric")
    assert table.loc[["roc_auc", "recall", "f1"]].isna().all(axis=None)
    assert table.loc[["accuracy", "brier", "ece"]].notna().all(axis=None)


def test_an_empty_sample_or_no_resamples_give_no_bounds():
    assert bootstrap_metrics([], [], 0.2, n_boot=10)[["value", "lo", "hi"]].isna().all(axis=None)
    assert bootstrap_metrics([0, 1], [0.1, 0.2], 0.2, n_boot=0)[["lo", "hi"]].isna().all(axis=None)
    assert paired_difference([0, 1], [0.1, 0.2], 0.2, [0.1, 0.2], 0.2, n_boot=0)["prob_a_better"].isna().all()
