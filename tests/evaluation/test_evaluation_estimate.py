import math

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from pipeline.evaluation.cost import CaseCosts, CashCosts, LoanCosts, case_losses
from pipeline.evaluation.curve import confusion_at, rates, threshold_curve
from pipeline.evaluation.estimate import CAVEAT, METRICS, estimate_performance, track_record
from pipeline.evaluation.metrics import score_metrics

COSTS = LoanCosts(lgd=0.5, margin=0.1)


def loans(n, seed):
    rng = np.random.default_rng(seed)
    return rng.beta(1.2, 5, n), rng.lognormal(9, 0.5, n)


def realised(y, pd, cutoff, costs=None, amount=None):
    row = rates(confusion_at(threshold_curve(y, pd, amount), cutoff).to_frame().T).iloc[0]
    found = score_metrics(y, pd, cutoff) | row.to_dict() | {"default_rate": float(np.mean(y))}
    if costs is not None:
        found["cost_per_1000"] = 1000 * case_losses(y, pd, cutoff, costs, amount).sum() / len(y)
    return found


def by_metric(table):
    return table.set_index("metric")


def test_four_applicants_by_hand():
    table = by_metric(estimate_performance([0.1, 0.2, 0.5, 0.8], 0.5, CaseCosts(fn_cost=5, fp_cost=1)))
    expected = {
        "tp": 1.3, "fp": 0.7, "fn": 0.3, "tn": 1.7, "default_rate": 0.4, "accuracy": 0.75, "precision": 0.65,
        "recall": 1.3 / 1.6, "f1": 2.6 / 3.6,
        "approved_default_rate": 0.15, "approval_rate": 0.5, "cost_per_1000": 250 * (5 * 0.3 + 0.7),
    }  # fmt: skip
    assert table["value"].drop("roc_auc").to_dict() == pytest.approx(expected)
    assert list(table.index) == [*METRICS, "cost_per_1000"]


def test_auc_is_scikit_learns_with_each_case_as_both_weighted_by_its_pd():
    pd = np.round(loans(2_000, 0)[0], 2)
    weighted = roc_auc_score(np.repeat([1, 0], pd.size), np.tile(pd, 2), sample_weight=np.concatenate([pd, 1 - pd]))
    assert by_metric(estimate_performance(pd, 0.3, draws=2)).loc["roc_auc", "value"] == pytest.approx(weighted)


def test_the_value_is_the_mean_over_all_possible_outcomes():
    pd, amount = np.array([0.1, 0.3, 0.6, 0.7]), np.array([1.0, 2.0, 3.0, 4.0])
    table = by_metric(estimate_performance(pd, 0.5, COSTS, amount))
    means = dict.fromkeys(["tp", "fp", "fn", "tn", "cost_per_1000"], 0.0)
    for code in range(16):
        y = np.array([code >> i & 1 for i in range(4)])
        chance, found = np.where(y, pd, 1 - pd).prod(), realised(y, pd, 0.5, COSTS, amount)
        means = {name: value + chance * found[name] for name, value in means.items()}
    assert table.loc[list(means), "value"].to_dict() == pytest.approx(means)


def test_intervals_of_counts_are_those_of_the_poisson_binomial():
    pd, _ = loans(3_000, 1)
    table = by_metric(estimate_performance(pd, 0.3, draws=2_000))
    declined = pd >= 0.3
    half = 1.96 * math.sqrt((pd * (1 - pd))[declined].sum())
    assert table.loc["tp", "hi"] - table.loc["tp", "lo"] == pytest.approx(2 * half, rel=0.06)
    assert table.loc["tp", "lo"] == pytest.approx(table.loc["tp", "value"] - half, abs=0.15 * half)


def test_where_outcomes_follow_the_pds_intervals_cover_what_came_true():
    estimates, outcomes = [], []
    for period in range(60):
        pd, amount = loans(1_500, period)
        y = (np.random.default_rng(1_000 + period).random(pd.size) < pd).astype(int)
        table = estimate_performance(pd, 0.25, COSTS, amount, seed=period)
        truth = realised(y, pd, 0.25, COSTS, amount)
        estimates.append(table.assign(period=period))
        outcomes.append(pandas.DataFrame({"period": period, "metric": table["metric"], "value": table["metric"].map(truth)}))
    record = track_record(pandas.concat(estimates), pandas.concat(outcomes)).set_index("metric")
    assert (record["n"] == 60).all()
    assert (record["inside"] >= 0.9).all()
    assert record.loc["roc_auc", "mean_error"] == pytest.approx(0, abs=0.003)
    assert record.loc["approval_rate", "mean_abs_error"] == pytest.approx(0, abs=1e-12)


def test_concept_drift_is_invisible_and_said_to_be():
    pd, _ = loans(20_000, 3)
    y = np.random.default_rng(4).random(pd.size) < np.minimum(1, pd * 1.5)
    row = by_metric(estimate_performance(pd, 0.25)).loc["default_rate"]
    assert y.mean() > row["hi"]
    assert "concept drift" in CAVEAT


def test_a_known_calibration_error_widens_the_interval_and_moves_no_value():
    pd, _ = loans(5_000, 5)
    plain, wide = (by_metric(estimate_performance(pd, 0.25, logit_error=sd)) for sd in (0.0, 0.2))
    assert (plain["value"] == wide["value"]).all()
    width = (wide["hi"] - wide["lo"]) / (plain["hi"] - plain["lo"]).replace(0, np.nan)
    assert width["default_rate"] > 3
    assert (width[["tp", "fn", "precision", "f1"]] > 1.5).all()


def test_the_same_seed_gives_the_same_interval_and_another_one_nearly_so():
    pd, _ = loans(1_000, 6)
    one, same, other = (estimate_performance(pd, 0.3, seed=seed) for seed in (1, 1, 2))
    pandas.testing.assert_frame_equal(one, same)
    assert not one["lo"].equals(other["lo"])
    np.testing.assert_allclose(one["lo"], other["lo"], rtol=0.1)


pds = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.25, 1.0])), max_size=40)


@settings(deadline=None, max_examples=60)
@given(pds, st.floats(0, 1.1))
def test_cells_add_up_and_every_value_lies_within_its_bounds(pd, cutoff):
    table = by_metric(estimate_performance(pd, cutoff, draws=50))
    cells = table.loc[["tp", "fp", "fn", "tn"], "value"]
    assert cells.sum() == pytest.approx(len(pd), abs=1e-9)
    assert (cells >= -1e-9).all()
    shares = table.loc[[name for name in METRICS if len(name) > 2], ["value", "lo", "hi"]]
    known = shares.to_numpy()[~np.isnan(shares.to_numpy())]
    assert (known > -1e-5).all()
    assert (known < 1 + 1e-5).all()
    assert not (table["lo"] > table["hi"]).any()


def test_what_is_not_defined_is_nan():
    empty = by_metric(estimate_performance([], 0.5))
    assert empty.loc["default_rate":, ["value", "lo", "hi"]].isna().all(axis=None)
    assert (empty.loc[["tp", "fp", "fn", "tn"], "value"] == 0).all()
    nobody = by_metric(estimate_performance([0.1, 0.2], math.inf))
    assert math.isnan(nobody.loc["precision", "value"])
    assert nobody.loc["recall", "value"] == 0
    surely_good = by_metric(estimate_performance([0.0, 0.0], 0.5))
    assert surely_good.loc[["recall", "f1", "roc_auc"], "value"].isna().all()


def test_input_that_cannot_be_meant_is_refused():
    with pytest.raises(ValueError, match="pd is missing for 1 of 2"):
        estimate_performance([0.1, None], 0.5)
    with pytest.raises(ValueError, match="cutoff is NaN"):
        estimate_performance([0.1], math.nan)
    with pytest.raises(ValueError, match="need the amount"):
        estimate_performance([0.1], 0.5, COSTS)
    with pytest.raises(ValueError, match="realised cash"):
        estimate_performance([0.1], 0.5, CashCosts())


def test_a_track_record_by_hand():
    estimates = pandas.DataFrame(
        {
            "period": [1, 2, 3, 4],
            "metric": "f1",
            "value": [0.5, 0.6, 0.7, 0.8],
            "lo": [0.4, 0.5, 0.6, 0.7],
            "hi": [0.6, 0.7, 0.8, 0.9],
        }
    )
    truth = pandas.DataFrame({"period": [1, 2, 3, 9], "metric": "f1", "value": [0.4, 0.9, np.nan, 0.1]})
    row = track_record(estimates, truth).iloc[0]
    assert (row["metric"], row["n"], row["inside"]) == ("f1", 2, 0.5)
    assert row["mean_error"] == pytest.approx(-0.1)
    assert row["mean_abs_error"] == pytest.approx(0.2)
    assert track_record(estimates, truth.iloc[:0]).empty
    with pytest.raises(ValueError, match=r"estimates hold \{'period': 1, 'metric': 'f1'\} more than once"):
        track_record(pandas.concat([estimates, estimates]), truth)
