import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.simulate import BookSpec, simulate_book
from pipeline.evaluation.drift import MOVED, SHIFTED, drift_table
from pipeline.evaluation.drift_parts import bin_quantiles, psi_by_bin, psi_by_segment
from pipeline.evaluation.profile_bins import profile_counts
from pipeline.evaluation.reference import feature_profile, reference_profile
from pipeline.project import load_project

KINDS = {"age": "number", "purpose": "category"}


def book(n=20_000, seed=0, young_partners=0):
    rng = np.random.default_rng(seed)
    usual = pandas.DataFrame(
        {
            "age": rng.uniform(18, 70, n),
            "purpose": rng.choice(["car", "debt"], n),
            "channel": rng.choice(["web", "branch", "partner"], n, p=[0.5, 0.4, 0.1]),
        }
    )
    extra = pandas.DataFrame({"age": rng.uniform(18, 27, young_partners), "purpose": "car", "channel": "partner"})
    return pandas.concat([usual, extra], ignore_index=True)


@pytest.fixture(scope="module")
def reference():
    return feature_profile(book(), KINDS)


def test_the_bins_of_a_feature_sum_to_its_psi_and_name_what_moved(reference):
    counts = profile_counts(book(seed=1, young_partners=6_000), reference)
    table = psi_by_bin(reference, counts)
    sums = table.groupby("feature", sort=False)["psi"].sum()
    np.testing.assert_allclose(sums, drift_table(reference, counts)["psi"])
    age = table[table["feature"] == "age"]
    assert age["bin"].iloc[age["psi"].argmax()] in ("1", "2")
    assert age["share"].sum() == pytest.approx(1)
    assert age["count"].sum() == 26_000


def test_a_shift_comes_from_the_segment_that_made_it(reference):
    now = book(seed=1, young_partners=6_000)
    was, counts = profile_counts(book(), reference, by=["channel"]), profile_counts(now, reference, by=["channel"])
    total = drift_table(reference, profile_counts(now, reference)).set_index("feature")["psi"]
    for before in (None, was):
        table = psi_by_segment(reference, counts, ["channel"], before).set_index(["feature", "channel"])
        np.testing.assert_allclose(table["psi"].groupby("feature").sum()[total.index], total)
        assert table.loc[("age", "partner"), "share"] > 0.8
        assert table["weight"].groupby("feature").sum().tolist() == pytest.approx([1, 1])
        assert table.loc[("age", "partner"), "n"] == (now["channel"] == "partner").sum()
    whole = table["mix"] + table["within"]
    np.testing.assert_allclose(whole, table["psi"])


def test_two_segments_by_hand():
    # Before: half and half, each with shares .5 .5; now segment a has .8 .2 and b is as it was.
    frame = pandas.DataFrame({"x": ["u", "v"] * 500, "s": ["a"] * 500 + ["b"] * 500})
    now = pandas.DataFrame({"x": ["u"] * 400 + ["v"] * 100 + ["u", "v"] * 250, "s": ["a"] * 500 + ["b"] * 500})
    reference = feature_profile(frame, {"x": "category"})
    was, counts = (profile_counts(table, reference, by=["s"]) for table in (frame, now))
    table = psi_by_segment(reference, counts, ["s"], was).set_index("s")
    psi = 0.15 * np.log(0.65 / 0.5) - 0.15 * np.log(0.35 / 0.5)
    assert table["psi"].tolist() == pytest.approx([psi, 0])
    assert table["within"].tolist() == pytest.approx([psi, 0])
    assert table["mix"].tolist() == pytest.approx([0, 0])
    assert table["share"].tolist() == pytest.approx([1, 0])


def test_a_segment_that_only_grows_is_all_mix(reference):
    rng = np.random.default_rng(0)

    def frame(share):
        s = rng.random(20_000) < share
        return pandas.DataFrame({"x": np.where(s, "u", np.where(np.arange(20_000) % 2, "u", "v")), "s": np.where(s, "a", "b")})

    before, now = frame(0.1), frame(0.5)
    own = feature_profile(before, {"x": "category"})
    table = psi_by_segment(own, profile_counts(now, own, by=["s"]), ["s"], profile_counts(before, own, by=["s"]))
    assert table["within"].abs().max() < 0.01
    assert (table["mix"] > 0).all()


def test_a_new_segment_and_one_that_is_gone_are_named(reference):
    frame = book()
    was = profile_counts(frame[frame["channel"] != "partner"], reference, by=["channel"])
    now = profile_counts(frame[frame["channel"] != "branch"], reference, by=["channel"])
    table = psi_by_segment(reference, now, ["channel"], was)
    gone, new = table[table["channel"] == "branch"], table[table["channel"] == "partner"]
    assert (gone["n"] == 0).all()
    assert (new["weight"] > 0).all()
    assert table["psi"].notna().all()


cells = st.lists(st.integers(0, 60), min_size=6, max_size=6)


@settings(deadline=None, max_examples=40)
@given(cells, cells, st.booleans())
def test_segments_always_sum_to_the_psi(now, before, is_known):
    def frame(counts):
        rows = [(s, x) for (s, x), k in zip([(s, x) for s in "ab" for x in "uvw"], counts, strict=True) for _ in range(k)]
        return pandas.DataFrame(rows, columns=["s", "x"], dtype=object)

    a, b = frame(now), frame(before)
    if len(a) and len(b):
        reference = feature_profile(b, {"x": "category"})
        was = profile_counts(b, reference, by=["s"]) if is_known else None
        table = psi_by_segment(reference, profile_counts(a, reference, by=["s"]), ["s"], was)
        total = drift_table(reference, profile_counts(a, reference), min_n=1, psi_warn=99)["psi"]
        assert table["psi"].sum() == pytest.approx(total[0], abs=1e-9)


def test_quantiles_are_read_from_the_bins(reference):
    frame = book()
    ranges = pandas.DataFrame({"feature": ["age"], "lowest": [frame["age"].min()], "highest": [frame["age"].max()]})
    now = book(seed=2).assign(age=lambda table: 18 + (table["age"] - 18) * 0.5, month=1)
    table = bin_quantiles(reference, profile_counts(now, reference, ranges, by=["month"]), ranges, by=["month"])
    np.testing.assert_allclose(table["value"], now["age"].quantile([0.1, 0.25, 0.5, 0.75, 0.9]), atol=1)
    assert table["feature"].unique().tolist() == ["age"]
    assert table["month"].unique().tolist() == [1]
    own = bin_quantiles(reference, profile_counts(frame, reference, ranges), ranges, quantiles=[0, 1])
    assert own["value"].tolist() == pytest.approx([frame["age"].min(), frame["age"].max()])


def test_without_a_range_or_rows_there_are_no_quantiles(reference):
    assert bin_quantiles(reference, profile_counts(book(), reference))["value"].isna().all()
    ranges = pandas.DataFrame({"feature": ["age"], "lowest": [18.0], "highest": [70.0]})
    assert bin_quantiles(reference, profile_counts(book(0), reference, ranges), ranges)["value"].isna().all()
    only_words = feature_profile(book(), {"purpose": "category"})
    assert bin_quantiles(only_words, profile_counts(book(), only_words)).empty


def test_the_pd_ends_at_nothing_and_one():
    scores = np.linspace(0.1, 0.9, 1_001)
    own = reference_profile(pandas.DataFrame(index=range(1_001)), {}, scores)
    table = bin_quantiles(own, profile_counts(pandas.DataFrame({"pd": scores}), own), quantiles=[0.0, 0.5, 1.0])
    assert table["value"].tolist() == pytest.approx([0, 0.5, 1], abs=0.01)


def test_the_incidents_of_the_simulated_book_are_found_in_month_feature_and_segment():
    config = load_project("simulated")
    book = simulate_book(BookSpec(n=24_000))
    book["month"] = book["application_date"].dt.to_period("M").astype(str)
    development = book[book["month"] < "2025-03"]
    reference = feature_profile(development, {feature.name: feature.kind for feature in config.features})
    table = drift_table(reference, profile_counts(book, reference, by=["month"]), by=["month"])
    alarms = table[table["verdict"].isin([MOVED, SHIFTED])].groupby("month")["feature"].agg(set)
    assert (alarms.index >= "2025-05").all()
    assert {"channel", "credit_history_months"} <= alarms["2025-05"]
    assert "days_since_last_login" not in alarms["2025-08"]
    assert {"channel", "days_since_last_login"} <= alarms["2025-09"]
    was, now = (profile_counts(rows, reference, by=["channel"]) for rows in (development, book[book["month"] == "2025-09"]))
    parts = psi_by_segment(reference, now, ["channel"], was).set_index(["feature", "channel"])
    assert parts.loc["credit_history_months", "share"].idxmax() == "partner"
    # The renamed field is lost in every channel alike: no segment's weight did it.
    assert parts.loc["days_since_last_login", "mix"].abs().max() < 0.05
    assert (parts.loc["days_since_last_login", "within"] > 0.05).all()
