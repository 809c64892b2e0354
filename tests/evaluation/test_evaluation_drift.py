import math

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2

from pipeline import contract
from pipeline.evaluation.drift import NO_DATA, SHIFTED, STABLE, TOO_FEW, VERDICTS, compare_frames, drift_table
from pipeline.evaluation.drift_noise import noise_moments, upper_noise
from pipeline.evaluation.profile_bins import merge_counts, profile_counts
from pipeline.evaluation.reference import feature_profile, psi, psi_by_feature

KINDS = {"income": "number", "term": "number", "purpose": "category", "owner": "boolean"}


def book(n=10_000, seed=0):
    rng = np.random.default_rng(seed)
    return pandas.DataFrame(
        {
            "income": rng.lognormal(10, 0.5, n),
            "term": rng.choice([36, 60], n, p=[0.7, 0.3]),
            "purpose": rng.choice(["car", "debt", "home"], n),
            "owner": rng.random(n) < 0.4,
        }
    )


@pytest.fixture(scope="module")
def before():
    return book()


def judged(before, now, **options):
    return compare_frames(before, now, KINDS, **options).set_index("feature")


def counts_reference(feature, counts):
    names = [*map(str, range(len(counts) - 2)), contract.BIN_MISSING, contract.BIN_UNSEEN]
    table = pandas.DataFrame({"feature": feature, "kind": "category", "bin": names, "label": names, "count": counts})
    return table.assign(lower=np.nan, upper=np.nan)[list(contract.REFERENCE_COLUMNS)]


def test_two_bins_by_hand():
    reference = counts_reference("x", [500, 500, 0, 0])
    counts = reference.assign(count=[600, 400, 0, 0])[["feature", "bin", "count"]]
    row = drift_table(reference, counts, min_n=1).iloc[0]
    assert row["psi"] == pytest.approx(0.1 * math.log(1.2) - 0.1 * math.log(0.8))
    assert row["noise"] == pytest.approx(6.6349 * 2 / 1000, rel=1e-4)
    assert (row["n"], row["n_reference"], row["verdict"], row["moved_bin"]) == (1000, 1000, STABLE, "1")
    assert row["js"] == pytest.approx(jensenshannon([0.5, 0.5], [0.6, 0.4], base=2))


def test_nothing_has_moved_against_itself(before):
    table = judged(before, before)
    assert (table["psi"] == 0).all()
    assert (table["verdict"] == STABLE).all()
    assert (table["note"] == "").all()
    assert (table[["js", "missing", "unseen", "out_of_range"]] == 0).all(axis=None)
    assert (table["moved_bin"] == "").all()


def test_psi_is_that_of_the_reference_module(before):
    now = book(seed=1).assign(income=lambda table: table["income"] * 0.9)
    reference = feature_profile(before, KINDS)
    table = drift_table(reference, profile_counts(now, reference))
    np.testing.assert_allclose(table["psi"], psi_by_feature(reference, now)["psi"], rtol=1e-12)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=3, max_size=12))
def test_any_counts_are_judged_and_psi_is_never_negative(pairs):
    reference = counts_reference("x", [a for a, _ in pairs])
    counts = reference.assign(count=[b for _, b in pairs])[["feature", "bin", "count"]]
    row = drift_table(reference, counts, min_n=1).iloc[0]
    assert row["verdict"] in VERDICTS
    assert math.isnan(row["psi"]) == (row["verdict"] in (TOO_FEW, NO_DATA))
    if not math.isnan(row["psi"]):
        assert row["psi"] == pytest.approx(psi([a for a, _ in pairs], [b for _, b in pairs]))
        assert row["psi"] >= 0
        assert 0 <= row["js"] <= 1 + 1e-12
    own = drift_table(reference, reference[["feature", "bin", "count"]], min_n=1).iloc[0]
    assert own["psi"] == 0 or own["verdict"] == NO_DATA


def test_five_huge_incomes_do_not_hide_a_fall_of_forty_per_cent(before):
    with_outliers = before.assign(income=before["income"].mask(before.index < 5, 1e8))
    now = book(seed=1).assign(income=lambda table: (table["income"] * 0.6).mask(table.index < 5, 1e8))
    table = judged(with_outliers, now)
    assert table.loc["income", "psi"] > 0.5
    assert table.loc["income", "verdict"] == SHIFTED
    assert (table["verdict"].drop("income") == STABLE).all()


def test_a_term_that_becomes_sixty_only_is_seen_and_named(before):
    table = judged(before, book(seed=1).assign(term=60))
    assert table.loc["term", "psi"] > 3
    assert table.loc["term", ["verdict", "note", "moved_bin"]].tolist() == [SHIFTED, "nothing but 60", "36"]
    assert (table["verdict"].drop("term") == STABLE).all()


def test_a_column_all_missing_is_shifted_and_says_so(before):
    for column in ("income", "purpose"):
        table = judged(before, book(seed=1).assign(**{column: None}))
        assert table.loc[column, ["verdict", "note", "missing"]].tolist() == [SHIFTED, "all missing", 1.0]
        assert (table["verdict"].drop(column) == STABLE).all()
        back = judged(before.assign(**{column: None}), book(seed=1))
        assert back.loc[column, ["verdict", "missing_before"]].tolist() == [SHIFTED, 1.0]
        still = judged(before.assign(**{column: None}), book(seed=1).assign(**{column: None}))
        assert still.loc[column, ["verdict", "psi", "note"]].tolist() == [STABLE, 0, "all missing"]


def test_a_constant_column_is_stable_until_it_changes(before):
    constant = before.assign(income=3.7)
    assert judged(constant, constant).loc["income", ["verdict", "psi", "note"]].tolist() == [STABLE, 0, ""]
    table = judged(constant, constant.assign(income=3.8))
    assert table.loc["income", ["verdict", "unseen", "note"]].tolist() == [SHIFTED, 1, "every value is new"]
    frozen = judged(before, book(seed=1).assign(income=float(before["income"].median())))
    assert frozen.loc["income", "verdict"] == SHIFTED
    assert frozen.loc["income", "note"].startswith("nothing but")


def test_a_new_category_is_counted_as_unseen(before):
    now = book(seed=1)
    now.loc[now.index < 3_000, "purpose"] = "boat"
    table = judged(before, now)
    assert table.loc["purpose", ["verdict", "unseen", "moved_bin"]].tolist() == [SHIFTED, 0.3, contract.BIN_UNSEEN]


def test_a_column_of_the_wrong_type_or_gone_is_reported_and_hides_no_other(before):
    table = judged(before, book(seed=1).assign(income="a lot", purpose=7).drop(columns="term"))
    assert table["note"].tolist() == ["no value is a number", "column is missing", "every value is new", ""]
    assert table["verdict"].tolist() == [SHIFTED, NO_DATA, SHIFTED, STABLE]
    assert table["n"].tolist() == [10_000, 0, 10_000, 10_000]
    assert math.isnan(table.loc["term", "psi"])


def test_what_lies_beyond_all_that_was_seen_is_shown_as_out_of_range(before):
    now = book(seed=1)
    now.loc[now.index < 100, "income"] = 1e9
    now.loc[now.index >= 9_950, "income"] = -1.0
    table = judged(before, now)
    assert table.loc["income", "out_of_range"] == pytest.approx(0.015, abs=0.001)
    assert table.loc["income", "verdict"] == STABLE


def test_below_the_floor_the_verdict_is_too_few_whatever_the_figures(before):
    for sides in ((before, book(499)), (book(499), before)):
        table = judged(*sides)
        assert (table["verdict"] == TOO_FEW).all()
        assert table[["psi", "js"]].isna().all(axis=None)
        assert (table["note"] == "too few: 499 rows, needs 500").all()
    assert (judged(before, book(500))["verdict"] == STABLE).all()
    empty = judged(before, before.iloc[:0])
    assert (empty["verdict"] == NO_DATA).all()
    assert (empty["note"] == "no rows").all()
    assert judged(before, book(100).assign(term=60)).loc["term", "note"] == "nothing but 60"


def test_very_many_bins_need_more_rows_before_they_may_warn():
    rng = np.random.default_rng(0)
    towns = [f"town {i}" for i in range(200)]
    before = pandas.DataFrame({"town": rng.choice(towns, 20_000)})
    by_chance = compare_frames(before, pandas.DataFrame({"town": rng.choice(towns, 600)}), {"town": "category"}).iloc[0]
    assert (by_chance["verdict"], by_chance["note"]) == (TOO_FEW, "too few: 600 rows in so many bins")
    moved = compare_frames(before, pandas.DataFrame({"town": rng.choice(towns[:20], 600)}), {"town": "category"}).iloc[0]
    assert moved["verdict"] == SHIFTED


@pytest.mark.parametrize(("n", "lowest", "highest"), [(100, 0.31, 0.41), (200, 0.01, 0.04), (500, 0, 0)])
def test_false_alarms_of_psi_are_as_frequent_as_known(n, lowest, highest):
    # Ten bins and a reference of 40,000 rows; the counts of n rows without any drift are multinomial.
    draws = np.random.default_rng(0).multinomial(n, np.full(10, 0.1), size=2_000)
    reference = counts_reference("x", [*[4_000] * 10, 0, 0])
    table = pandas.DataFrame(
        {
            "draw": np.repeat(np.arange(len(draws)), 10),
            "feature": "x",
            "bin": np.tile([str(i) for i in range(10)], len(draws)),
            "count": draws.ravel(),
        }
    )
    found = drift_table(reference, table, by=["draw"], min_n=1, psi_warn=9)
    assert lowest <= (found["psi"] > 0.10).mean() <= highest
    assert (found["psi"] > found["noise"]).mean() == pytest.approx(0.01, abs=0.008)
    assert found["psi"].mean() == pytest.approx(9 * (1 / n + 1 / 40_000), rel=0.1)


def test_without_drift_at_most_one_feature_period_in_twenty_warns(before):
    reference = feature_profile(before, KINDS)
    rng = np.random.default_rng(3)
    now = book(500 * 500, seed=4).assign(period=np.repeat(np.arange(500), 500)[rng.permutation(500 * 500)])
    verdicts = drift_table(reference, profile_counts(now, reference, by=["period"]), by=["period"], min_n=450)["verdict"]
    assert len(verdicts) == 2_000
    assert (verdicts != STABLE).mean() < 0.05


def test_the_noise_of_well_filled_bins_is_the_published_chi_square():
    shares = np.full(10, 0.1)
    (a, sd_a), (b, sd_b) = noise_moments(np.array(1_000.0), shares), noise_moments(np.array(4_000.0), shares)
    found = upper_noise((a + b).sum(), ((sd_a + sd_b) ** 2).sum())
    assert found == pytest.approx((1 / 1_000 + 1 / 4_000) * chi2.ppf(0.99, 9))


@pytest.mark.parametrize(("n", "n_bins"), [(600, 200), (500, 60), (2_000, 400), (200, 10)])
def test_chance_exceeds_the_noise_of_sparse_bins_about_as_often_as_stated(n, n_bins):
    shares = np.full(n_bins, 1 / n_bins)
    draws = np.random.default_rng(0).multinomial(n, shares, size=2_000)
    mean, sd = noise_moments(np.array(float(n)), shares)
    found = np.array([psi(shares, draw) for draw in draws])
    assert (found > upper_noise(mean.sum(), (sd**2).sum())).mean() == pytest.approx(0.01, abs=0.01)


def test_one_bin_cannot_move_by_chance_and_no_rows_have_no_noise():
    mean, sd = noise_moments(np.array([[10.0], [0.0]]), np.array([1.0, 0.0]))
    assert upper_noise(mean.sum(axis=1), (sd**2).sum(axis=1)).tolist() == pytest.approx([0, np.nan], nan_ok=True)


def test_each_period_is_judged_as_if_it_stood_alone(before):
    reference = feature_profile(before, KINDS)
    now = book(2_000, seed=6).assign(month=np.repeat([1, 2], 1_000))
    now.loc[now["month"] == 2, "term"] = 60
    counts = profile_counts(now, reference, by=["month"])
    table = drift_table(reference, counts, by=["month"])
    for month, part in now.groupby("month"):
        alone = drift_table(reference, profile_counts(part, reference))
        mine = table[table["month"] == month].drop(columns="month").reset_index(drop=True)
        pandas.testing.assert_frame_equal(mine, alone)
    whole = drift_table(reference, merge_counts([counts]))
    pandas.testing.assert_frame_equal(whole, drift_table(reference, profile_counts(now, reference)))


def test_the_yardsticks_of_lending_club(data_folder):
    loans = pandas.read_csv(data_folder / "lending_club_2007_2011.csv.gz")
    kinds = {
        "term": "number", "verification_status": "category", "int_rate": "number", "emp_length": "category",
        "inq_last_6mths": "number", "purpose": "category", "dti": "number",
    }  # fmt: skip
    before, now = loans[loans["issue_d"] < "2010"], loans[loans["issue_d"] >= "2011"]
    found = compare_frames(before, now, kinds)
    np.testing.assert_allclose(found["psi"], [3.01, 0.72, 0.64, 0.38, 0.33, 0.28, 0.04], atol=0.02)
    assert found["verdict"].tolist() == [SHIFTED] * 6 + [STABLE]
