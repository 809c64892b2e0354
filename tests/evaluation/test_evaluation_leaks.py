import numpy as np
import pandas
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.evaluation.leaks import single_feature_auc


def aucs(frame, y, kinds):
    table = single_feature_auc(pandas.DataFrame(frame), y, kinds)
    assert table["auc"].is_monotonic_decreasing or table["auc"].isna().any()
    return table.set_index("column")["auc"].to_dict()


@pytest.fixture
def y():
    return (np.random.default_rng(0).random(4_000) < 0.2).astype(int)


def test_a_number_has_the_auc_scikit_learn_gives_whichever_way_it_points(y):
    x = (y + np.random.default_rng(1).normal(0, 1.5, y.size)).round(1)
    found = aucs({"up": x, "down": -x}, y, {"up": "number", "down": "number"})
    assert found["up"] == pytest.approx(roc_auc_score(y, x), abs=1e-12)
    assert found["down"] == pytest.approx(found["up"], abs=1e-12)


def test_a_copy_of_the_target_is_certain_in_every_form(y):
    frame = {"number": y, "text": np.where(y == 1, "Charged Off", "Fully Paid"), "flag": y == 1}
    found = aucs(frame, y, {"number": "number", "text": "category", "flag": "boolean"})
    assert found == {"number": 1.0, "text": 1.0, "flag": 1.0}


def test_a_number_known_only_for_one_outcome_is_a_leak(y):
    recoveries = np.where(y == 1, np.random.default_rng(2).random(y.size), np.nan)
    assert aucs({"recoveries": recoveries}, y, {"recoveries": "number"}) == {"recoveries": 1.0}
    closed = np.where(y == 0, np.random.default_rng(2).random(y.size), np.nan)
    assert aucs({"closed": closed}, y, {"closed": "number"}) == {"closed": 1.0}


def test_three_numbers_with_one_missing_by_hand():
    # Observed: default at 2 above good at 1. The missing default below all wins 1 of 2 pairs, above all 2 of 2.
    assert aucs({"x": [1.0, 2.0, np.nan]}, [0, 1, 1], {"x": "number"})["x"] == 1.0


def test_a_category_missing_for_defaulters_is_a_leak(y):
    hidden = pandas.Series(np.where(y == 1, None, "known"), dtype=object)
    assert aucs({"hidden": hidden}, y, {"hidden": "category"})["hidden"] == 1.0


def test_an_identifier_of_unique_strings_is_not_called_a_leak(y):
    names = [f"loan {i}" for i in range(y.size)]
    pairs = [f"pair {i // 2}" for i in range(y.size)]
    found = aucs({"id": names, "pair": pairs}, y, {"id": "category", "pair": "category"})
    assert found["id"] == 0.5
    assert found["pair"] < 0.55


def test_noise_and_constants_separate_nothing(y):
    rng = np.random.default_rng(3)
    frame = {"noise": rng.normal(size=y.size), "letter": rng.choice(list("abcdefghij"), y.size), "same": 1}
    found = aucs(frame, y, {"noise": "number", "letter": "category", "same": "number"})
    assert found["same"] == 0.5
    assert max(found.values()) < 0.54


def test_one_class_or_no_rows_are_not_computable():
    frame = pandas.DataFrame({"x": [1.0, 2.0], "c": ["a", "b"]})
    kinds = {"x": "number", "c": "category"}
    assert single_feature_auc(frame, [0, 0], kinds)["auc"].isna().all()
    assert single_feature_auc(frame.head(0), [], kinds)["auc"].isna().all()


def test_unequal_rows_and_absent_columns_are_refused_by_name():
    frame = pandas.DataFrame({"x": [1.0, 2.0]})
    with pytest.raises(ValueError, match="frame has 2 rows and y 1"):
        single_feature_auc(frame, [0], {"x": "number"})
    with pytest.raises(ValueError, match="not a column of the frame: z"):
        single_feature_auc(frame, [0, 1], {"z": "number"})
