"""Splits keep the future out of the past, agree with scikit-learn, and say so when a part cannot be judged."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from pipeline.data.check import clean_table
from pipeline.data.read import DataError, read_table
from pipeline.data.split import folds, rows_sha256, split_rows
from pipeline.project import ProjectConfig, load_project

Build = Callable[..., ProjectConfig]
NO_TIME = {"test_from": None, "test_size": 0.3, "seed": 7}


@pytest.fixture
def clean(loans: pd.DataFrame, product: Build) -> pd.DataFrame:
    return clean_table(loans, product())


def dated(days: list[int], outcomes: list[int] | None = None) -> pd.DataFrame:
    times = pd.Timestamp("2024-01-01") + pd.to_timedelta(days, unit="D")
    target = outcomes if outcomes is not None else [i % 2 for i in range(len(days))]
    return pd.DataFrame({"applied_on": times, "default": target})


@given(days=st.lists(st.integers(0, 365), min_size=40, max_size=80), until=st.integers(280, 360))
def test_the_parts_share_no_row_and_cover_all_up_to_test_until(product: Build, days: list[int], until: int) -> None:
    frame = dated([0, 1, 275, 276, *days])  # both parts have both outcomes
    last = (pd.Timestamp("2024-01-01") + pd.Timedelta(days=until)).date()
    split = split_rows(frame, product(split={"test_until": last}))
    assert not set(split.dev) & set(split.test)
    used = np.flatnonzero(frame["applied_on"].dt.date <= last)
    assert sorted([*split.dev, *split.test]) == used.tolist()
    assert frame["applied_on"].iloc[split.dev].max() < pd.Timestamp("2024-10-01") <= frame["applied_on"].iloc[split.test].min()


def test_the_first_and_last_test_days_are_included_to_their_last_minute(product: Build) -> None:
    frame = dated([0, 1, 274, 275, 276, 277])
    frame["applied_on"] += pd.Timedelta(hours=23, minutes=59)
    split = split_rows(frame, product(split={"test_until": "2024-10-03"}))
    assert split.dev.tolist() == [0, 1]
    assert split.test.tolist() == [2, 3, 4]


@pytest.mark.parametrize("method", ["random", "stratified"])
def test_splits_by_chance_are_exactly_scikit_learns(clean: pd.DataFrame, product: Build, method: str) -> None:
    split = split_rows(clean, product(split={"method": method, **NO_TIME}))
    stratify = clean["default"] if method == "stratified" else None
    dev, test = train_test_split(clean, test_size=0.3, random_state=7, stratify=stratify)
    pd.testing.assert_frame_equal(clean.iloc[split.dev], dev)
    pd.testing.assert_frame_equal(clean.iloc[split.test], test)


@given(
    days=st.lists(st.integers(0, 270), min_size=60, max_size=120),
    n_folds=st.integers(2, 6),
)
def test_forward_chaining_never_validates_on_a_month_it_trained_on_or_an_earlier_one(
    product: Build, days: list[int], n_folds: int
) -> None:
    every_month = [month * 30 + 10 + i for month in range(9) for i in range(2)]  # both outcomes in every month
    frame = dated([*every_month, *days])
    months = frame["applied_on"].dt.to_period("M")
    parts = folds(frame, product(split={"folds": n_folds}))
    assert 1 <= len(parts) <= n_folds
    validated = [row for _, valid in parts for row in valid]
    assert len(validated) == len(set(validated))
    assert sorted([*parts[0][0], *validated]) == list(range(len(frame)))
    for train, valid in parts:
        assert months.iloc[train].max() < months.iloc[valid].min()


def test_forward_blocks_hold_whole_months_of_about_equal_rows(product: Build) -> None:
    frame = dated([i // 10 for i in range(2700)])  # ten loans on each of 270 days: nine months
    parts = folds(frame, product(split={"folds": 2}))
    assert [(len(train), len(valid)) for train, valid in parts] == [(910, 910), (1820, 880)]


def test_shuffled_folds_validate_every_row_once_with_the_same_default_rate(clean: pd.DataFrame, product: Build) -> None:
    config = product(split={"method": "stratified", "folds": 5, **NO_TIME})
    parts = folds(clean, config)
    assert sorted(row for _, valid in parts for row in valid) == list(range(len(clean)))
    rates = [clean["default"].iloc[valid].mean() for _, valid in parts]
    assert max(rates) - min(rates) < 0.01
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(parts, folds(clean, config), strict=True))


def test_unripe_development_rows_are_counted_and_kept(product: Build) -> None:
    frame = dated([0, 1, 2, 275, 276]).assign(known=pd.to_datetime(["2024-09-30", "2024-10-01", None, None, None]))
    split = split_rows(frame, product(data={"outcome_known": "known"}))
    assert (len(split.dev), split.n_unripe) == (3, 1)
    assert split_rows(frame, product()).n_unripe is None


@pytest.mark.parametrize(
    ("days", "outcomes", "message"),
    [
        ([0, 1, 2], [0, 1, 0], r"test part has 0 rows .*test_from = 2024-10-01.*rows run from 2024-01-01 to 2024-01-03"),
        ([300, 301], [0, 1], "development part has 0 rows"),
        ([0, 1, 300, 301], [0, 0, 0, 1], "development part has 2 rows with 0 defaults from 2024-01-01 to 2024-01-02"),
        ([0, 1, 300, 301], [0, 1, 1, 1], "test part has 2 rows with 2 defaults"),
    ],
)  # fmt: skip
def test_a_part_that_is_empty_or_of_one_class_is_refused_with_its_numbers_and_dates(
    product: Build, days: list[int], outcomes: list[int], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        split_rows(dated(days, outcomes), product())


def test_folds_that_cannot_be_made_are_refused_in_words(product: Build) -> None:
    with pytest.raises(DataError, match=r"development rows lie in one month, 2024-01; .* move split.test_from"):
        folds(dated([0, 1, 2, 3]), product())
    with pytest.raises(DataError, match="training part of fold 1 has 2 rows with 0 defaults from 2024-01-01"):
        folds(dated([0, 1, 32, 33, 61, 62], [0, 0, 0, 1, 0, 1]), product(split={"folds": 2}))
    by_chance = {"method": "stratified", "folds": 5, **NO_TIME}
    with pytest.raises(DataError, match="5 folds need that many rows of each class; the smaller one has 2"):
        folds(dated([0, 1, 2, 3], [1, 1, 0, 0]), product(split=by_chance))
    with pytest.raises(DataError, match="1 rows cannot be split"):
        split_rows(dated([0]), product(split=by_chance))
    with pytest.raises(DataError, match=r"development part has .* The split is random with test_size = 0.3"):
        split_rows(dated([0, 1, 2], [0, 0, 0]), product(split={**by_chance, "method": "random"}))


def test_a_row_without_a_date_cannot_be_split_by_time(product: Build) -> None:
    frame = dated([0, 1, 300, 301])
    frame.loc[1, "applied_on"] = pd.NaT
    with pytest.raises(DataError, match="1 rows have no date in 'applied_on'"):
        split_rows(frame, product())


def test_the_hash_of_rows_is_that_of_their_content_in_their_order(clean: pd.DataFrame) -> None:
    rows = np.array([3, 1, 4])
    expected = rows_sha256(clean, rows)
    assert rows_sha256(clean.iloc[:10], rows) == expected
    assert rows_sha256(clean.iloc[rows], [0, 1, 2]) == expected
    assert rows_sha256(clean, [1, 3, 4]) != expected
    assert rows_sha256(clean.assign(income=clean["income"].where(clean.index != 4, 0)), rows) != expected


@pytest.mark.parametrize(
    ("project", "name", "sizes"),
    [
        ("loan_data", "loan_data.csv.gz", (8000, 2000)),
        ("taiwan", "taiwan_credit_default.csv.gz", (22_500, 7500)),
        ("lending_club", "lending_club_2007_2011.csv.gz", (8277, 34_258)),
    ],
)
def test_the_real_files_split_as_their_projects_say(project: str, name: str, sizes: tuple[int, int]) -> None:
    folder = os.environ.get("RISKDECK_DATA_DIR")
    if not folder:
        pytest.skip("RISKDECK_DATA_DIR is not set: the real loan files are not here")
    config = load_project(project)
    clean = clean_table(read_table(Path(folder) / name).frame, config)
    split = split_rows(clean, config)
    assert (len(split.dev), len(split.test)) == sizes
    assert len(folds(clean.iloc[split.dev], config)) == config.split.folds
