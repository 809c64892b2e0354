import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import auc, confusion_matrix, precision_recall_curve, roc_curve

from pipeline import contract
from pipeline.evaluation.curve import confusion_at, pr_points, rates, roc_points, rows_at, threshold_curve
from pipeline.evaluation.metrics import score_metrics

CASES = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(0, 1_000)), min_size=1, max_size=60)


def sample(n, seed, decimals=15):
    rng = np.random.default_rng(seed)
    pd = rng.beta(1.5, 6.5, n).round(decimals)
    return (rng.random(n) < pd).astype(int), pd, rng.lognormal(9, 0.5, n).round(2)


def unpacked(cases):
    y, pd, amount = (np.array(column) for column in zip(*cases, strict=True))
    return y, pd / 20, amount.astype(float)


def test_three_loans_by_hand():
    curve = threshold_curve([0, 1, 1], [0.1, 0.3, 0.3], amount=[100, 20, 5], cash=[8, -6, -1])
    assert curve["cutoff"].tolist() == [0.1, 0.3, math.inf]
    assert curve[list(contract.CELLS)].to_numpy().tolist() == [[2, 1, 0, 0], [2, 0, 0, 1], [0, 0, 2, 1]]
    assert curve["tp_amount"].tolist() == [25, 25, 0]
    assert curve["fp_amount"].tolist() == [100, 0, 0]
    assert curve["fn_cash"].tolist() == [0, 0, -7]
    assert curve["tn_cash"].tolist() == [0, 8, 8]


def test_the_columns_are_the_contracts_and_counts_are_whole():
    y, pd, amount = sample(50, 0)
    curve = threshold_curve(y, pd, amount)
    assert ["split", *curve.columns] == list(contract.CURVE_COLUMNS)
    assert {str(curve[cell].dtype) for cell in contract.CELLS} == {"int64"}
    assert {str(curve[f"{cell}_amount"].dtype) for cell in contract.CELLS} == {"float64"}


@pytest.mark.parametrize("amount", [None, [np.nan, np.nan]])
def test_without_amounts_their_columns_stand_and_are_nan(amount):
    curve = threshold_curve([0, 1], [0.1, 0.2], amount)
    assert curve[[f"{cell}_amount" for cell in contract.CELLS]].isna().all(axis=None)
    assert "fn_cash" not in curve


def test_an_amount_missing_in_places_is_refused():
    with pytest.raises(ValueError, match="amount is missing or infinite for 1 of 2 cases"):
        threshold_curve([0, 1], [0.1, 0.2], [100, np.nan])
    with pytest.raises(ValueError, match="cash has shape"):
        threshold_curve([0, 1], [0.1, 0.2], None, [1.0])


@given(CASES)
def test_cells_add_up_at_every_cutoff(cases):
    y, pd, amount = unpacked(cases)
    curve = threshold_curve(y, pd, amount, cash=-amount)
    assert (curve["tp"] + curve["fn"] == y.sum()).all()
    assert (curve["fp"] + curve["tn"] == (1 - y).sum()).all()
    assert (curve[[f"{cell}_amount" for cell in contract.CELLS]].sum(axis=1) == amount.sum()).all()
    assert (curve[[f"{cell}_cash" for cell in contract.CELLS]].sum(axis=1) == -amount.sum()).all()
    assert (np.diff(curve["cutoff"]) > 0).all()


@given(CASES, st.floats(-0.1, 1.2))
def test_any_cutoff_reads_what_scikit_learn_counts(cases, cutoff):
    y, pd, amount = unpacked(cases)
    row = confusion_at(threshold_curve(y, pd, amount), cutoff)
    declined = pd >= cutoff
    tn, fp, fn, tp = confusion_matrix(y, declined.astype(int), labels=[0, 1]).ravel()
    assert [row[cell] for cell in contract.CELLS] == [tp, fp, fn, tn]
    assert row["fn_amount"] == amount[(y == 1) & ~declined].sum()


def test_unreadable_cutoffs_and_curves_are_refused():
    curve = threshold_curve([0, 1], [0.1, 0.2])
    with pytest.raises(ValueError, match="cutoff is NaN"):
        confusion_at(curve, math.nan)
    with pytest.raises(ValueError, match="empty"):
        confusion_at(curve.iloc[:0], 0.1)
    with pytest.raises(ValueError, match="more than one split"):
        confusion_at(curve.assign(split=["test", "test", "valid"]), 0.1)


def test_many_cutoffs_are_read_at_once_as_one_by_one():
    curve, cutoffs = threshold_curve(*sample(300, 6, decimals=2)), np.linspace(-0.1, 1.1, 50)
    for row, cutoff in zip(rows_at(curve, cutoffs), cutoffs, strict=True):
        assert curve.iloc[row].equals(confusion_at(curve, cutoff))


def test_a_stored_curve_with_its_split_column_is_read_the_same():
    curve = threshold_curve([0, 1], [0.1, 0.2])
    assert confusion_at(curve.assign(split="test"), 0.15)["tp"] == 1


def test_rates_agree_with_the_metrics_at_each_cutoff():
    y, pd, _ = sample(400, 3, decimals=2)
    rated = rates(threshold_curve(y, pd))
    for _, row in rated.iloc[:-1].iterrows():
        metrics = score_metrics(y, pd, row["cutoff"])
        assert [row[name] for name in ("recall", "precision", "f1")] == pytest.approx(
            [metrics[name] for name in ("recall", "precision", "f1")]
        )
        assert row["approval_rate"] == pytest.approx((pd < row["cutoff"]).mean())
    last = rated.iloc[-1]
    assert math.isnan(last["precision"])
    assert last["approved_default_rate"] == pytest.approx(y.mean())
    assert math.isnan(rated.iloc[0]["approved_default_rate"])


def test_a_sample_of_one_class_has_no_recall():
    assert rates(threshold_curve([0, 0], [0.1, 0.2]))[["recall", "f1"]].isna().all(axis=None)


def test_unthinned_points_are_scikit_learns_curves():
    y, pd, _ = sample(300, 4, decimals=2)
    curve = threshold_curve(y, pd)
    fpr, tpr, _ = roc_curve(y, pd, drop_intermediate=False)
    roc = roc_points(curve, 1_000)
    np.testing.assert_allclose(roc[["false_positive_rate", "recall"]], np.column_stack([fpr, tpr]), atol=1e-12)
    precision, recall, _ = precision_recall_curve(y, pd)
    points = pr_points(curve, 1_000)
    np.testing.assert_allclose(points["recall"], recall[:-1][::-1], atol=1e-12)
    np.testing.assert_allclose(points["precision"], precision[:-1][::-1], atol=1e-12)


@pytest.mark.parametrize("k", [4, 50, 301])
def test_thinned_points_keep_ends_and_shape(k):
    y, pd, _ = sample(20_000, 5)
    curve = threshold_curve(y, pd)
    full, thin = roc_points(curve, 10**6), roc_points(curve, k)
    assert len(thin) <= k
    assert thin.iloc[[0, -1]].to_numpy().tolist() == full.iloc[[0, -1]].to_numpy().tolist()
    area = auc(full["false_positive_rate"], full["recall"])
    assert auc(thin["false_positive_rate"], thin["recall"]) == pytest.approx(area, abs=2 / k)
    assert len(pr_points(curve, k)) <= k
    if k > 4:
        assert pr_points(curve, k)["precision"].max() == pr_points(curve, 10**6)["precision"].max()


def test_fewer_points_than_a_shape_needs_are_refused():
    with pytest.raises(ValueError, match="at least 4"):
        roc_points(threshold_curve([0, 1], [0.1, 0.2]), 3)


def test_an_empty_sample_has_the_one_row_where_nobody_is_declined():
    curve = threshold_curve([], [])
    assert curve["cutoff"].tolist() == [math.inf]
    assert curve[list(contract.CELLS)].sum(axis=None) == 0
