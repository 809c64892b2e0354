"""Features and groups in words: by the project's labels, and never by a wrong one."""

import pandas as pd

from dashboard.field_words import feature_label, group_label, in_words
from pipeline import contract as c
from pipeline.project import load_project

CONFIG = load_project("taiwan")


def test_features_and_ratios_have_their_labels_and_unknown_columns_their_names() -> None:
    assert feature_label(CONFIG, "PAY_0") == "Repayment status, September"
    assert feature_label(CONFIG, "utilisation") == "Share of the limit in use"
    assert feature_label(CONFIG, "SEX") == "SEX", "kept out of the model, so the project does not describe it"
    assert feature_label(None, "PAY_0") == "PAY_0"


def test_groups_are_named_as_in_the_form_and_bins_of_numbers_stay() -> None:
    assert group_label(CONFIG, "EDUCATION", "2") == "university"
    assert group_label(CONFIG, "EDUCATION", c.BIN_MISSING) == "missing"
    assert group_label(CONFIG, "LIMIT_BAL", "under 50000") == "under 50000"
    assert group_label(None, "EDUCATION", "2") == "2"


def test_labels_that_are_not_unique_would_merge_groups_and_are_not_used() -> None:
    alike = [
        f.model_copy(update={"choice_labels": ("same",) * len(f.choices)}) if f.name == "EDUCATION" else f
        for f in CONFIG.features
    ]
    config = CONFIG.model_copy(update={"features": tuple(alike)})
    assert [group_label(config, "EDUCATION", group) for group in ("1", "2")] == ["1", "2"]


def test_everybody_keeps_the_empty_name_that_means_everybody() -> None:
    found = in_words(CONFIG, pd.DataFrame({"column": ["", "EDUCATION"], "group": ["", "1"], "n": [3, 2]}))
    assert found.values.tolist() == [["", "", 3], ["Education", "graduate school", 2]]
