import math

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import contract
from pipeline.evaluation.reference import bin_counts, feature_profile, psi, psi_by_feature, reference_profile

KINDS = {"income": "number", "term": "number", "purpose": "category", "owner": "boolean"}


def book(n=2_000, seed=0):
    rng = np.random.default_rng(seed)
    return pandas.DataFrame(
        {
            "income": rng.lognormal(10, 0.5, n),
            "term": rng.choice([36, 60], n, p=[0.7, 0.3]),
            "purpose": rng.choice(["car", "debt", "home"], n),
            "owner": rng.random(n) < 0.4,
            "pd": rng.beta(2, 8, n),
        }
    )


@pytest.fixture(scope="module")
def reference():
    frame = book()
    return reference_profile(frame, KINDS, frame["pd"])


def counts_of(table, feature):
    rows = table[table["feature"] == feature]
    return dict(zip(rows["bin"], rows["count"], strict=True))


def test_each_feature_and_the_pd_end_with_missing_and_unseen(reference):
    assert list(reference.columns) == list(contract.REFERENCE_COLUMNS)
    assert reference["feature"].drop_duplicates().tolist() == [*KINDS, contract.REFERENCE_PD]
    for _, table in reference.groupby("feature"):
        assert table["bin"].tolist()[-2:] == [contract.BIN_MISSING, contract.BIN_UNSEEN]
        assert table["bin"].is_unique
        assert table["count"].iloc[-1] == 0
        assert table["count"].sum() == 2_000


def test_numbers_get_open_ended_deciles(reference):
    income = reference[reference["feature"] == "income"].iloc[:-2]
    assert len(income) == 10
    assert (income["count"] - 200).abs().max() <= 1
    assert (income["lower"].iloc[0], income["upper"].iloc[-1]) == (-np.inf, np.inf)
    assert (income["upper"].to_numpy()[:-1] == income["lower"].to_numpy()[1:]).all()
    assert set(income["kind"]) == {"number"}


def test_integers_of_few_values_are_categories_so_that_a_change_of_term_is_seen(reference):
    assert list(counts_of(reference, "term")) == ["36", "60", contract.BIN_MISSING, contract.BIN_UNSEEN]
    all_short, all_long = book().assign(term=36), book().assign(term=60.0)
    for frame in (all_short, all_long):
        assert psi_by_feature(reference, frame).set_index("feature").loc["term", "psi"] > 1


def test_four_numbers_by_hand():
    frame = pandas.DataFrame({"x": [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.5, 2.5, 3.5]})
    table = reference_profile(frame, {"x": "number"}, [0.1] * 10)
    known = table[table["feature"] == "x"].iloc[:-2]
    assert known["label"].tolist() == ["< 0.5", "0.5 – 1.5", "1.5 – 2.5", "≥ 2.5"]
    assert known["count"].tolist() == [6, 1, 1, 2]
    new = pandas.DataFrame({"x": [-5.0, 0.0, 0.5, 1.4, 99.0, np.inf, np.nan]})
    assert list(counts_of(bin_counts(table, new), "x").values()) == [2, 2, 0, 2, 1, 0]


@pytest.mark.parametrize("pile", [0.0, 9.0, 100.0])
def test_a_pile_of_one_value_leaves_no_bin_empty_and_a_leak_out_of_it_is_seen(pile):
    rng = np.random.default_rng(1)
    x = np.where(rng.random(2_000) < 0.92, pile, rng.random(2_000) * 100)
    table = reference_profile(pandas.DataFrame({"x": x}), {"x": "number"}, np.full(2_000, 0.1))
    assert (table[table["feature"] == "x"]["count"].iloc[:-2] > 0).all()
    moved = pandas.DataFrame({"x": rng.random(2_000) * 100})
    assert psi_by_feature(table, moved).loc[0, "psi"] > 0.5


def test_a_constant_column_notices_any_other_value():
    table = reference_profile(pandas.DataFrame({"x": [3.7] * 600}), {"x": "number"}, np.full(600, 0.1))
    assert counts_of(table, "x") == {"3.7": 600, contract.BIN_MISSING: 0, contract.BIN_UNSEEN: 0}
    assert psi_by_feature(table, pandas.DataFrame({"x": [3.8] * 600})).loc[0, "psi"] > 5


def test_a_flag_declared_as_a_number_is_read_as_one_and_zero():
    frame = pandas.DataFrame({"flag": [True, False, True]})
    assert counts_of(reference_profile(frame, {"flag": "number"}, [0.1] * 3), "flag")["True"] == 2
    numbers = pandas.DataFrame({"flag": np.linspace(0, 1, 50)})
    table = reference_profile(numbers, {"flag": "number"}, [0.1] * 50)
    assert sum(counts_of(bin_counts(table, frame), "flag").values()) == 3
    assert counts_of(bin_counts(table, frame), "flag")[contract.BIN_UNSEEN] == 0


def test_unseen_and_missing_values_are_counted_as_such(reference):
    new = pandas.DataFrame(
        {
            "income": ["1000", "a lot", None, "-3"],
            "term": ["36", 36.0, 48, None],
            "purpose": ["car", "boat", None, contract.BIN_MISSING],
            "owner": [True, None, False, "maybe"],
        }
    )
    found = bin_counts(reference, new)
    assert contract.REFERENCE_PD not in set(found["feature"])
    rest = {name: list(counts_of(found, name).values())[-2:] for name in KINDS}
    assert rest == {"income": [1, 1], "term": [1, 1], "purpose": [2, 1], "owner": [1, 1]}
    assert counts_of(found, "term")["36"] == 2


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(st.none(), st.floats(allow_nan=True), st.integers(-5, 5).map(float)), min_size=1, max_size=50))
def test_bins_partition_the_rows_of_any_column(values):
    reference = reference_profile(pandas.DataFrame({"x": np.linspace(0, 1, 40) ** 2}), {"x": "number"}, np.full(40, 0.5))
    frame = pandas.DataFrame({"x": pandas.Series(values, dtype="float64")})
    assert bin_counts(reference, frame)["count"].sum() == len(values)
    own = reference_profile(frame, {"x": "number"}, np.full(len(values), 0.5))
    assert own[own["feature"] == "x"]["count"].sum() == len(values)
    assert counts_of(own, "x")[contract.BIN_UNSEEN] == 0 or np.isinf(frame["x"]).any()


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from(["a", "b", "", "(missing)", None]), min_size=1, max_size=40))
def test_a_profile_counted_again_is_itself(values):
    frame = pandas.DataFrame({"c": pandas.Series(values, dtype=object)})
    table = reference_profile(frame, {"c": "category"}, np.full(len(values), 0.5))
    again = bin_counts(table, frame.assign(pd=0.5))
    assert again["count"].tolist() == table["count"].tolist()
    assert (psi_by_feature(table, frame.assign(pd=0.5), min_n=1)["psi"] == 0).all()


def test_psi_of_two_bins_by_hand():
    expected = (0.6 - 0.5) * math.log(0.6 / 0.5) + (0.4 - 0.5) * math.log(0.4 / 0.5)
    assert psi([50, 50], [60, 40]) == pytest.approx(expected)
    assert psi([500, 500], [6, 4]) == pytest.approx(expected)


def test_an_empty_bin_counts_as_the_smallest_share():
    assert psi([100, 0], [90, 10]) == pytest.approx(0.1 * math.log(1 / 0.9) + (0.1 - 1e-4) * math.log(0.1 / 1e-4))
    assert psi([10, 0], [20, 0]) == 0


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=12))
def test_psi_is_symmetric_never_negative_and_zero_on_itself(pairs):
    one, two = [p[0] for p in pairs], [p[1] for p in pairs]
    if sum(one) and sum(two):
        assert psi(one, two) == pytest.approx(psi(two, one))
        assert psi(one, two) >= 0
        assert psi(one, one) == 0
    else:
        assert math.isnan(psi(one, two))


def test_psi_over_different_bins_is_refused():
    with pytest.raises(ValueError, match="use the same bins"):
        psi([1, 2], [1, 2, 3])


def test_new_rows_of_the_same_book_have_not_moved_and_a_shifted_feature_has(reference):
    still = psi_by_feature(reference, book(seed=1))
    assert list(still.columns) == ["feature", "psi", "n", "note"]
    assert (still["psi"] < 0.05).all()
    assert (still["note"] == "").all()
    poorer = book(seed=1).assign(income=lambda frame: frame["income"] * 0.6)
    moved = psi_by_feature(reference, poorer).set_index("feature")["psi"]
    assert moved["income"] > 0.25
    assert (moved.drop("income") < 0.05).all()


def test_too_few_rows_say_so_instead_of_giving_a_number(reference):
    table = psi_by_feature(reference, book(200))
    assert table["psi"].isna().all()
    assert table["note"].str.startswith("too few: 200 rows").all()
    assert (table["n"] == 200).all()


def test_one_broken_column_never_hides_the_others(reference):
    broken = book(seed=2).drop(columns="purpose").assign(income=None)
    table = psi_by_feature(reference, broken).set_index("feature")
    assert table.loc["purpose", "note"] == "column is missing"
    assert math.isnan(table.loc["purpose", "psi"])
    assert table.loc["income", "psi"] > 5
    assert table.loc["term", "psi"] < 0.05


def test_a_reference_survives_parquet(reference, tmp_path):
    reference.to_parquet(tmp_path / "reference.parquet")
    read = pandas.read_parquet(tmp_path / "reference.parquet")
    new = book(seed=3)
    assert bin_counts(read, new)["count"].tolist() == bin_counts(reference, new)["count"].tolist()


def test_an_all_missing_feature_has_a_profile():
    frame = pandas.DataFrame({"x": [np.nan] * 5, "c": pandas.Series([None] * 5, dtype=object)})
    table = reference_profile(frame, {"x": "number", "c": "category"}, [0.1] * 5)
    assert counts_of(table, "x") == {"1": 0, contract.BIN_MISSING: 5, contract.BIN_UNSEEN: 0}
    assert counts_of(table, "c") == {contract.BIN_MISSING: 5, contract.BIN_UNSEEN: 0}


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=300))
def test_edges_are_observed_values_at_numpys_inverted_deciles(values):
    x = np.asarray(values) + 0.5
    table = reference_profile(pandas.DataFrame({"x": x}), {"x": "number"}, np.full(x.size, 0.5))
    known = table[table["feature"] == "x"].iloc[:-2]
    if np.unique(x).size > 1:
        edges = set(known["lower"].to_numpy()[1:])
        deciles = set(np.quantile(x, np.linspace(0, 1, 11)[1:-1], method="inverted_cdf")) - {x.min()}
        assert deciles <= edges <= set(x)
        assert (known["count"] > 0).all()


@pytest.mark.parametrize(
    "strange",
    [
        pandas.to_datetime(["2026-03-01", "2026-03-02"]),
        pandas.to_timedelta([1, 2], unit="D"),
        [1 + 2j, 2j],
        [[1], [2]],
        [{"a": 1}, {"b": 2}],
    ],
    ids=["dates", "durations", "complex", "lists", "dicts"],
)
def test_values_of_a_strange_type_are_unseen_wherever_they_stand(reference, strange):
    found = bin_counts(reference, pandas.DataFrame({"income": strange, "purpose": strange}))
    for name in ("income", "purpose"):
        assert counts_of(found, name)[contract.BIN_UNSEEN] == 2
        assert sum(counts_of(found, name).values()) == 2


def test_features_can_be_profiled_without_any_pd(reference):
    assert feature_profile(book(), KINDS).equals(reference[reference["feature"] != contract.REFERENCE_PD])
    assert feature_profile(book(), {}).empty


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        ({"pd": "number"}, "the name kept for the probability"),
        ({"income": "text"}, "kind 'text'; it must be one of number, category, boolean"),
        ({"wealth": "number"}, "'wealth' is not a column"),
    ],
)
def test_features_that_cannot_be_profiled_are_refused_by_name(kinds, message):
    frame = book(10)
    with pytest.raises(ValueError, match=message):
        reference_profile(frame, kinds, frame["pd"])
