import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import contract
from pipeline.evaluation import reference as reference_module
from pipeline.evaluation.profile_bins import (
    BIN_ABOVE,
    BIN_BELOW,
    category_reference,
    count_matrix,
    feature_bins,
    merge_counts,
    profile_counts,
    rebased,
)
from pipeline.evaluation.reference import psi_by_feature, reference_profile

KINDS = {"income": "number", "term": "number", "purpose": "category"}
RANGES = pandas.DataFrame({"feature": ["income", "term"], "lowest": [1.0, 36.0], "highest": [100.0, 60.0]})


def book(n=1_000, seed=0):
    rng = np.random.default_rng(seed)
    income = np.concatenate([[1.0, 100.0], rng.uniform(1, 100, n - 2)])
    term, purpose = rng.choice([36, 60], n), rng.choice(["car", "debt"], n)
    return pandas.DataFrame({"income": income, "term": term, "purpose": purpose, "pd": rng.beta(2, 8, n)})


@pytest.fixture(scope="module")
def reference():
    frame = book()
    return reference_profile(frame, KINDS, frame["pd"])


def counts_of(table, feature):
    rows = table[(table["feature"] == feature) & (table["count"] > 0)]
    return dict(zip(rows["bin"], rows["count"], strict=True))


def test_out_of_range_missing_and_unseen_are_counted_apart_by_hand(reference):
    income = [0.99, 1.0, 1.5, 100.0, 100.1, 1e8, None, "much"]
    frame = pandas.DataFrame({"income": income, "term": [36, 60, 60.0, 72, 12, None, "60", "x"]})
    found = profile_counts(frame, reference, RANGES)
    expected = {BIN_BELOW: 1, "1": 2, "10": 1, BIN_ABOVE: 2, contract.BIN_MISSING: 1, contract.BIN_UNSEEN: 1}
    assert counts_of(found, "income") == expected
    assert counts_of(found, "term") == {"36": 1, "60": 3, contract.BIN_MISSING: 1, contract.BIN_UNSEEN: 3}
    assert set(found["feature"]) == {"income", "term"}


def test_without_a_known_range_only_infinity_is_out_of_it(reference):
    frame = pandas.DataFrame({"income": [-1e300, 1e300, np.inf, -np.inf]})
    nothing_known = pandas.DataFrame({"feature": ["income"], "lowest": [np.nan], "highest": [np.nan]})
    for ranges in (None, nothing_known):
        assert counts_of(profile_counts(frame, reference, ranges), "income") == {BIN_BELOW: 1, "1": 1, "10": 1, BIN_ABOVE: 1}


def test_the_highest_and_lowest_of_development_are_in_range(reference):
    found = profile_counts(book(), reference, RANGES)
    assert not found["bin"].isin([BIN_BELOW, BIN_ABOVE])[found["count"] > 0].any()
    own = count_matrix(reference, found)
    assert (own.counts[0] == reference["count"]).all()


def test_folded_counts_are_those_of_the_reference_module(reference):
    frame = book(seed=3).assign(income=lambda table: table["income"] * 1.3)
    folded = count_matrix(reference, profile_counts(frame, reference, RANGES))
    assert folded.counts[0].tolist() == reference_module.bin_counts(reference, frame)["count"].tolist()
    assert folded.out_of_range[0].tolist() == [int((frame["income"] > 100).sum()), 0, 0, 0]


values = st.one_of(st.none(), st.floats(allow_nan=True), st.sampled_from([1.0, 50.0, 100.0]))
rows = st.lists(
    st.tuples(values, st.sampled_from([36, 60, 48, None]), st.sampled_from(["car", "boat", "", None]), st.sampled_from("ab")),
    max_size=40,
)


def frame_of(rows):
    columns = {name: pandas.Series([row[i] for row in rows], dtype=object) for i, name in enumerate([*KINDS, "group"])}
    return pandas.DataFrame(columns).astype({"income": "float64"})


@settings(deadline=None, max_examples=15)
@given(rows, rows)
def test_the_profile_of_the_union_is_the_sum_of_the_profiles(reference, one, two):
    a, b = frame_of(one), frame_of(two)
    union = profile_counts(pandas.concat([a, b], ignore_index=True), reference, RANGES)
    parts = merge_counts([profile_counts(a, reference, RANGES), profile_counts(b, reference, RANGES)])
    assert parts.equals(union)
    assert (union.groupby("feature")["count"].sum() == len(one) + len(two)).all()


@settings(deadline=None, max_examples=15)
@given(rows)
def test_counting_by_group_and_summing_is_counting_all(reference, found):
    frame = frame_of(found)
    together = profile_counts(frame, reference, RANGES)
    by_group = merge_counts([profile_counts(frame, reference, RANGES, by=["group"])])
    filled = together[together["count"] > 0].reset_index(drop=True)
    keys = ["feature", "bin"]
    assert sorted(map(tuple, by_group[[*keys, "count"]].values)) == sorted(map(tuple, filled[[*keys, "count"]].values))
    for label, part in frame.groupby("group"):
        mine = profile_counts(frame, reference, RANGES, by=["group"])
        own = profile_counts(part, reference, RANGES)
        for name in KINDS:
            assert counts_of(mine[mine["group"] == label], name) == counts_of(own, name)


def test_each_row_has_one_place_and_places_count_what_counts_count(reference):
    frame = book(200, seed=4).assign(income=lambda table: table["income"].mask(table["income"] < 20) * 1.4)
    for name, bins in feature_bins(reference, RANGES).items():
        placed = np.bincount(bins.places(frame[name]), minlength=len(bins.names))
        assert placed.tolist() == bins.counts(frame[name]).tolist()


def test_days_and_segments_are_counted_apart_and_a_missing_label_is_a_group(reference):
    frame = pandas.DataFrame({"purpose": ["car"] * 4, "day": [1, 1, 2, 2], "channel": ["web", None, "web", "web"]})
    found = profile_counts(frame, reference, by=["day", "channel"])
    assert list(found.columns) == ["day", "channel", "feature", "bin", "count"]
    assert found["count"].tolist() == [1, 1, 2]
    assert found["channel"].isna().tolist() == [False, True, False]
    matrix = count_matrix(reference, found, by=["day", "channel"])
    assert matrix.counts.sum(axis=1).tolist() == [1, 1, 2]
    assert matrix.groups["day"].tolist() == [1, 1, 2]


def test_one_broken_column_hides_no_other(reference):
    whole, broken = book(seed=5), book(seed=5).assign(income=[["a list"]] * 1_000).drop(columns="term")
    found = profile_counts(broken, reference, RANGES)
    assert counts_of(found, "income") == {contract.BIN_UNSEEN: 1_000}
    assert "term" not in set(found["feature"])
    assert counts_of(found, "purpose") == counts_of(profile_counts(whole, reference, RANGES), "purpose")


def test_no_rows_have_a_profile_of_zeros(reference):
    found = profile_counts(book().iloc[:0], reference, RANGES)
    assert found["count"].sum() == 0
    assert set(found["feature"]) == {*KINDS, "pd"}
    assert profile_counts(pandas.DataFrame({"other": [1]}), reference).empty
    assert profile_counts(book().iloc[:0], reference, by=["purpose"]).empty
    assert merge_counts([]).empty
    assert count_matrix(reference, merge_counts([])).counts.sum() == 0


def test_a_past_window_serves_as_reference(reference):
    window = book(seed=6).assign(income=lambda table: table["income"] * 1.5)
    again = rebased(reference, profile_counts(window, reference, RANGES))
    assert (psi_by_feature(again, window)["psi"] == 0).all()
    assert psi_by_feature(reference, window).loc[0, "psi"] > 0.1
    assert again["bin"].equals(reference["bin"])


def test_decisions_are_profiled_like_a_feature(reference):
    both = pandas.concat([reference, category_reference("decision", {"approve": 80, "decline": 20})], ignore_index=True)
    frame = pandas.DataFrame({"decision": ["approve", "review"]})
    assert counts_of(profile_counts(frame, both), "decision") == {"approve": 1, contract.BIN_UNSEEN: 1}
    assert count_matrix(both, profile_counts(frame, both)).features[-1] == "decision"


def test_counts_of_another_reference_are_refused_by_name(reference):
    foreign = pandas.DataFrame({"feature": ["purpose"], "bin": ["boat"], "count": [1]})
    with pytest.raises(ValueError, match="bin 'boat' of 'purpose' is not in the reference"):
        count_matrix(reference, foreign)


def test_columns_that_cannot_be_counted_by_are_refused_by_name(reference):
    with pytest.raises(ValueError, match="'day' is not a column"):
        profile_counts(book(), reference, by=["day"])
    with pytest.raises(ValueError, match="'bin' names a column of the counts"):
        profile_counts(book().assign(bin=1), reference, by=["bin"])
    with pytest.raises(ValueError, match="column 'income' stands in the frame 2 times"):
        profile_counts(pandas.concat([book(), book()[["income"]]], axis=1), reference)


def test_a_reference_of_nothing_known_counts_every_value_as_unlike_it():
    never = reference_profile(pandas.DataFrame({"x": [np.nan] * 5}), {"x": "number"}, [0.1] * 5)
    assert counts_of(profile_counts(pandas.DataFrame({"x": [1.0, None]}), never), "x") == {"1": 1, contract.BIN_MISSING: 1}
    blank = reference_profile(pandas.DataFrame({"c": pandas.Series([None] * 5, dtype=object)}), {"c": "category"}, [0.1] * 5)
    table = profile_counts(pandas.DataFrame({"c": ["car", None]}), blank)
    assert counts_of(table, "c") == {contract.BIN_MISSING: 1, contract.BIN_UNSEEN: 1}
    assert count_matrix(blank, table).counts[0].tolist()[:2] == [1, 1]
