import math
from datetime import UTC, date, datetime

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.evaluation.metrics import score_metrics
from pipeline.evaluation.months import as_date, as_dates, month_reached, months_passed
from pipeline.evaluation.vintages import (
    MATURED,
    TOO_FEW,
    WAITING,
    maturity_table,
    performance_by_vintage,
    vintage_curves,
)


def book(n_months=6, per_month=300, seed=0):
    rng = np.random.default_rng(seed)
    n = n_months * per_month
    month = np.repeat(np.arange(n_months), per_month)
    decided = pandas.Timestamp("2025-01-01") + pandas.to_timedelta(month * 31 + rng.integers(0, 25, n), unit="D")
    pd = rng.beta(2, 6, n)
    y = (rng.random(n) < pd).astype(float)
    known = decided + pandas.to_timedelta(np.where(y == 1, rng.integers(60, 360, n), 365), unit="D")
    return pandas.DataFrame({"decided_at": decided, "pd": pd, "y": y, "known_at": known})


@pytest.mark.parametrize(
    ("start", "end", "passed", "reached"),
    [
        ("2025-01-15", "2025-01-15", 0, 0),
        ("2025-01-15", "2025-01-16", 0, 1),
        ("2025-01-15", "2025-02-14", 0, 1),
        ("2025-01-15", "2025-02-15", 1, 1),
        ("2025-01-31", "2025-02-27", 0, 1),
        ("2025-01-31", "2025-02-28", 1, 1),
        ("2025-01-31", "2025-03-01", 1, 2),
        ("2024-02-29", "2025-02-28", 12, 12),
        ("2024-12-31", "2026-01-01", 12, 13),
    ],
)
def test_months_are_counted_as_a_lender_does(start, end, passed, reached):
    a, b = as_dates([start]), as_dates([end])
    assert months_passed(a, b)[0] == passed
    assert month_reached(a, b)[0] == reached


@settings(deadline=None, max_examples=80)
@given(st.dates(pandas.Timestamp("1990-01-01").date(), pandas.Timestamp("2090-01-01").date()), st.integers(0, 90))
def test_adding_months_and_counting_them_agree_with_pandas(start, months):
    a = as_dates([start])
    due = a + pandas.DateOffset(months=months)
    assert months_passed(a, due)[0] == months
    assert month_reached(a, due)[0] == months
    assert months_passed(a, due - pandas.Timedelta(days=1))[0] < months or months == 0
    assert month_reached(a, due + pandas.Timedelta(days=1))[0] == months + 1


def test_dates_of_any_common_kind_are_days():
    days = as_dates(["2025-03-01", "2025-03-01T23:30:00+00:00", None, date(2025, 3, 1), datetime(2025, 3, 1, 9, tzinfo=UTC)])
    assert set(days[[0, 1, 3, 4]]) == {pandas.Timestamp("2025-03-01")}
    assert pandas.isna(days[2])
    with pytest.raises(ValueError, match="is no date"):
        as_date("")


def test_a_vintage_matures_when_its_last_loan_has_its_months():
    decided = ["2025-01-02", "2025-01-30", "2025-02-10"]
    before = maturity_table(decided, [0, 1, math.nan], "2026-01-29", 12)
    assert before["is_matured"].tolist() == [True, False]
    assert before["matures_on"].tolist() == [pandas.Timestamp("2026-01-30"), pandas.Timestamp("2026-02-10")]
    half = maturity_table(decided, [0, math.nan, math.nan], "2026-01-29", 12)
    assert half["is_matured"].tolist() == [False, False]
    assert half["known_share"].tolist() == [0.5, 0]
    after = maturity_table(decided, [0, math.nan, math.nan], "2026-01-30", 12)
    assert after["is_matured"].tolist() == [True, False]
    assert after["note"].tolist() == ["1 of 2 outcomes never came in", ""]
    assert maturity_table(decided, [math.nan] * 3, "2030-01-01", 12)["is_matured"].tolist() == [False, False]


def test_what_became_known_later_is_not_known_yet():
    table = maturity_table(["2025-01-02"] * 2, [1, 1], "2025-06-30", 12, known_at=["2025-06-30", "2025-07-01"])
    assert table["n_known"].tolist() == [1]


def test_early_defaults_alone_do_not_make_a_vintage_look_bad():
    frame = book()
    table = performance_by_vintage(**frame, cutoff=0.3, as_of="2026-03-15", outcome_months=12, n_boot=20)
    by_status = table.groupby("vintage")["status"].first()
    assert by_status.tolist() == [MATURED, MATURED, WAITING, WAITING, WAITING, WAITING]
    assert table[table["status"] == WAITING][["value", "lo", "hi"]].isna().all(axis=None)
    assert (table[table["status"] == WAITING]["n_known"] > 0).all()


def test_matured_vintages_have_the_metrics_of_their_loans_with_intervals():
    frame = book()
    table = performance_by_vintage(**frame, cutoff=0.3, as_of="2027-01-01", outcome_months=12, n_boot=50)
    assert (table["status"] == MATURED).all()
    for vintage, part in frame.groupby(frame["decided_at"].dt.to_period("M").dt.to_timestamp()):
        mine = table[table["vintage"] == vintage].set_index("metric")
        for name, value in score_metrics(part["y"], part["pd"], 0.3).items():
            assert mine.loc[name, "value"] == pytest.approx(value)
        assert mine.loc["default_rate", "value"] == part["y"].mean()
        assert mine.loc["actual_to_expected", "value"] == pytest.approx(part["y"].mean() / part["pd"].mean())
        assert mine.loc["actual_to_expected", "lo"] < 1 < mine.loc["actual_to_expected", "hi"]
        assert (mine["n"] == len(part)).all()
        assert (mine["lo"] <= mine["hi"]).all()


def test_a_small_vintage_is_named_and_withheld():
    frame = book(1, 29)
    table = performance_by_vintage(**frame, cutoff=0.3, as_of="2027-01-01", outcome_months=12)
    assert table[["status", "n", "metric"]].values.tolist() == [[TOO_FEW, 29, ""]]
    one_class = performance_by_vintage(**book(1, 40).assign(y=0.0), cutoff=0.3, as_of="2027-01-01", outcome_months=12, n_boot=5)
    assert math.isnan(one_class.set_index("metric").loc["roc_auc", "value"])
    assert one_class.set_index("metric").loc["default_rate", "value"] == 0
    no_risk = performance_by_vintage(**book(1, 40).assign(pd=0.0), cutoff=0.3, as_of="2027-01-01", outcome_months=12, n_boot=5)
    assert math.isnan(no_risk.set_index("metric").loc["actual_to_expected", "value"])
    assert performance_by_vintage([], [], [], 0.3, "2027-01-01", 12).empty


def test_a_vintage_curve_by_hand():
    decided = ["2025-01-10", "2025-01-20", "2025-01-31", "2025-02-01"]
    table = vintage_curves(decided, [1, 1, 0, 1], ["2025-02-10", "2025-04-21", "2026-01-31", "2025-02-01"], "2025-05-31")
    january, february = (part for _, part in table.groupby("vintage"))
    assert january["month"].tolist() == [0, 1, 2, 3, 4]
    assert january["defaults"].tolist() == [0, 1, 1, 1, 2]
    assert january["default_rate"].tolist() == pytest.approx([0, 1 / 3, 1 / 3, 1 / 3, 2 / 3])
    assert february["month"].tolist() == [0, 1, 2, 3]
    assert february["default_rate"].tolist() == [1, 1, 1, 1]


def test_a_month_that_not_every_loan_has_reached_is_not_shown():
    decided, known = ["2025-01-01", "2025-01-31"], ["2025-02-28", None]
    assert vintage_curves(decided, [1, math.nan], known, "2025-03-30")["month"].max() == 1
    assert vintage_curves(decided, [1, math.nan], known, "2025-03-31")["month"].max() == 2
    assert vintage_curves(decided, [1, math.nan], known, "2025-01-30").empty
    assert vintage_curves(decided, [1, math.nan], known, "2035-01-01", max_months=6)["month"].max() == 6


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 900), st.integers(0, 5))
def test_curves_only_rise_and_never_change_what_they_showed_before(days, seed):
    frame = book(4, 30, seed).drop(columns="pd")
    early = pandas.Timestamp("2025-01-15") + pandas.Timedelta(days=days)
    one = vintage_curves(**frame[frame["decided_at"] <= early], as_of=early)
    later = vintage_curves(**frame[frame["decided_at"] <= early], as_of=early + pandas.Timedelta(days=100))
    assert (one.groupby("vintage")["default_rate"].diff().dropna() >= 0).all()
    both = one.merge(later, on=["vintage", "month"], suffixes=("", "_later"))
    assert len(both) == len(one)
    assert (both["defaults"] == both["defaults_later"]).all()


def test_after_all_months_the_curve_ends_at_the_default_rate():
    frame = book()
    curve = vintage_curves(frame["decided_at"], frame["y"], frame["known_at"], "2027-06-01", 12)
    last = curve[curve["month"] == 12].set_index("vintage")["default_rate"]
    rates = frame.groupby(frame["decided_at"].dt.to_period("M").dt.to_timestamp())["y"].mean()
    pandas.testing.assert_series_equal(last, rates, check_names=False, check_freq=False)


def test_loans_that_cannot_be_placed_are_refused():
    with pytest.raises(ValueError, match="decided_at is missing for 1 of 2 loans"):
        maturity_table(["2025-01-01", None], [0, 1], "2026-01-01", 12)
    with pytest.raises(ValueError, match="y holds 1 values other than 0 and 1"):
        maturity_table(["2025-01-01"], [3], "2026-01-01", 12)
    with pytest.raises(ValueError, match="there are 1 decisions, 2 outcomes"):
        maturity_table(["2025-01-01"], [0, 1], "2026-01-01", 12)
    with pytest.raises(ValueError, match="known_at is missing for 1 of 1 defaults"):
        vintage_curves(["2025-01-01"], [1], [None], "2026-01-01")
