"""What is said of a model, worked by hand: cut-offs, money, groups, the card, and where it all came from."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipeline import contract as c
from pipeline.project import Costs, Groups
from pipeline.settings import load_settings
from pipeline.training import lineage
from pipeline.training.job import measure
from pipeline.training.lineage import read_lineage
from pipeline.training.model_card import model_card
from pipeline.training.report import choose_cutoff, cost_per_1000, group_labels, holdout_rows, realised_cash, report_on
from tests.training.conftest import Small


def holdout(y: list[int], pd_: list[float], split: str = c.VALID) -> pd.DataFrame:
    return pd.DataFrame({"split": split, "id": "x", "time": pd.NaT, "y": y, "pd": pd_, "amount": 100.0, "cash": np.nan})


def test_the_cutoff_of_least_cost_is_the_one_worked_by_hand(small: Small) -> None:
    costs = Costs(model="per_case", fn_cost=5, fp_cost=1)
    config = small.config.model_copy(update={"costs": costs})
    rows = holdout([0, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5])
    # Declining from 0.3 on refuses one good customer (1); from 0.5 on it misses one defaulter (5); from 0.1 on, three goods.
    assert choose_cutoff(config, rows) == 0.3
    assert cost_per_1000(config, rows, 0.3) == pytest.approx(1000 * 1 / 5)
    assert cost_per_1000(config, rows, math.inf) == pytest.approx(1000 * 10 / 5)


@pytest.mark.parametrize(("rule", "value", "expected"), [("f1", None, 0.3), ("fixed", 0.42, 0.42)])
def test_the_other_rules_choose_the_best_f1_or_the_stated_number(
    small: Small, rule: str, value: float | None, expected: float
) -> None:
    cutoff = small.config.cutoff.model_copy(update={"rule": rule, "value": value})
    config = small.config.model_copy(update={"cutoff": cutoff})
    assert choose_cutoff(config, holdout([0, 0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4, 0.5])) == expected


def test_the_cutoff_is_chosen_on_validation_and_deaf_to_the_test_outcomes(small: Small) -> None:
    found = small.model("logistic C=0.01")
    target = small.config.data.target
    spoiled = small.frame.copy()
    spoiled.loc[small.split.test, target] = 1 - spoiled.loc[small.split.test, target]
    before, after = (measure(small.config, f, small.split, found).metrics for f in (small.frame, spoiled))
    assert before[c.CUTOFF] == after[c.CUTOFF]
    assert before["valid_roc_auc"] == after["valid_roc_auc"]
    assert after["test_roc_auc"] == pytest.approx(1 - before["test_roc_auc"])


def test_groups_are_labelled_by_their_edges_lower_end_included_and_missing_ones_kept() -> None:
    ages = pd.Series([24.9, 25, 39, 40, np.nan], name="age")
    labels = group_labels(ages, Groups(columns=("age",), bins={"age": (25, 40)}))
    assert labels.tolist() == ["under 25", "25 to 40", "25 to 40", "40 and over", "(missing)"]
    sexes = pd.Series(["f", None], name="sex", dtype="str")
    assert group_labels(sexes, Groups(columns=("sex",))).tolist() == ["f", "(missing)"]


def test_realised_cash_is_interest_less_loss_and_unknown_stays_unknown(small: Small) -> None:
    frame = pd.DataFrame({"realised_interest": [100.0, 5.0, np.nan], "realised_loss": [0.0, 900.0, 0.0]})
    np.testing.assert_array_equal(realised_cash(small.config, frame), [100.0, -895.0, np.nan])


def test_holdout_rows_point_back_to_their_loans(small: Small) -> None:
    rows = np.array([7, 3])
    table = holdout_rows(small.config, small.frame, rows, np.array([0.2, 0.3]), c.TEST)
    assert table["id"].tolist() == small.frame["application_id"].iloc[rows].tolist()
    assert table["y"].tolist() == small.frame["default"].iloc[rows].tolist()
    assert table["pd"].tolist() == [0.2, 0.3]


def test_a_split_without_rows_is_left_out(small: Small) -> None:
    report = report_on(holdout([0, 1] * 20, [0.2, 0.6] * 20, c.TEST).assign(**{"segment.shop": "a"}), 0.5, seed=1)
    assert not any(key.startswith("valid_") for key in report.metrics)
    assert set(report.curve["split"]) == {c.TEST}


def test_the_card_says_the_numbers_of_the_run_and_never_nan(small: Small) -> None:
    found = small.model("logistic C=0.01")
    metrics = measure(small.config, small.frame, small.split, found).metrics
    tags = dict.fromkeys((c.TAG_CALIBRATION, c.TAG_DATA_SHA256, c.TAG_TEST_SHA256, c.TAG_GIT_COMMIT), "a" * 64)
    card = model_card(small.config, found, metrics, small.split, tags)
    assert f"PD >= {metrics[c.CUTOFF]:.4f}" in card
    assert f"{metrics['test_roc_auc']:.3f} [{metrics['test_roc_auc_lo']:.3f}" in card
    assert "age, sex" in card and "granted" in card and f"{small.split.n_unripe:,} development rows" in card
    unknown = {**metrics, "test_precision": math.nan, c.CUTOFF: math.inf}
    odd = model_card(small.config, replace(found), unknown, small.split, {**tags, c.TAG_GIT_COMMIT: ""})
    assert "nan" not in odd and "not computable" in odd
    assert "Declines nobody" in odd and "commit unknown" in odd


def test_lineage_names_the_commit_and_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RISKDECK_GIT_COMMIT", raising=False)
    found = read_lineage()
    assert len(found.git_commit) == 40 and len(found.lock_sha256) == 64
    monkeypatch.setenv("RISKDECK_GIT_COMMIT", "")
    assert read_lineage() == found, "an empty variable is no commit"
    monkeypatch.setenv("RISKDECK_GIT_COMMIT", "built")
    assert (read_lineage().git_commit, read_lineage().git_dirty) == ("built", False)


def test_without_git_or_lock_the_commit_is_unknown_and_the_installed_packages_are_hashed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("RISKDECK_GIT_COMMIT", raising=False)
    monkeypatch.setattr(lineage, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    found = read_lineage()
    assert (found.git_commit, found.git_dirty) == ("", False)
    assert len(found.lock_sha256) == 64


def test_settings_read_the_environment_and_an_empty_variable_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("RISKDECK_HOME", "MLFLOW_TRACKING_URI", "RISKDECK_DATABASE_URL"):
        monkeypatch.setenv(name, "")
    found = load_settings()
    assert found.home == tmp_path / ".riskdeck"
    assert found.is_local_tracking and found.tracking_uri.endswith(".riskdeck/mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://mlflow:5000")
    assert not load_settings().is_local_tracking
