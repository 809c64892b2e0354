"""Periods judged: each version in its own bins, calm traffic left alone, runs that reach to now."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from pandas import DataFrame, Timestamp

from pipeline import contract
from pipeline.evaluation.profile_bins import profile_counts
from pipeline.evaluation.reference import reference_profile
from pipeline.monitoring.drift_periods import (
    Floors,
    current_runs,
    decisions_of,
    judge_periods,
    past_references,
    shares_by_period,
)
from pipeline.monitoring.drift_source import by_segment, main_source

FLOORS = Floors(500, 0.10, 0.25)
KINDS = {"income": "number", "term": "number", "purpose": "category", "owner": "boolean"}
N = 3000


def rows(n: int, seed: int, **changed: Any) -> DataFrame:
    """Applications of one kind of world; `changed` replaces columns."""
    rng = np.random.default_rng(seed)
    frame = DataFrame(
        {
            "income": np.where(rng.random(n) < 0.05, np.nan, rng.lognormal(10, 0.5, n)),
            "term": rng.choice([36, 60], n, p=[0.7, 0.3]),
            "purpose": rng.choice(["car", "home", "other"], n, p=[0.5, 0.3, 0.2]),
            "owner": rng.random(n) < 0.4,
            "pd": rng.beta(2, 8, n),
        }
    )
    return frame.assign(**changed)


def reference_of(frame: DataFrame) -> DataFrame:
    return reference_profile(frame, KINDS, frame["pd"])


def counted(reference: DataFrame, months: dict[str, DataFrame], version: int = 1, segment: str = "") -> DataFrame:
    parts = [
        profile_counts(frame, reference).assign(
            period=pd.Timestamp(month).as_unit("us"), model_version=version, segment=segment
        )
        for month, frame in months.items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table[table["count"] > 0].reset_index(drop=True)


def verdicts(table: DataFrame, feature: str) -> list[str]:
    return table[table["feature"] == feature].sort_values("period")["verdict"].tolist()


def test_each_version_is_judged_in_its_own_bins_and_the_one_that_decided_most_is_shown() -> None:
    old, new = reference_of(rows(N, 1)), reference_of(rows(N, 2, income=np.full(N, 5.0)))
    counts = pd.concat(
        [
            counted(old, {"2025-01-01": rows(2000, 3), "2025-02-01": rows(600, 4)}, version=1),
            counted(new, {"2025-02-01": rows(1400, 5, income=np.full(1400, 5.0))}, version=2),
        ],
        ignore_index=True,
    )
    table = judge_periods(counts, {1: old, 2: new}, FLOORS)
    shown = table.drop_duplicates("period").set_index("period")
    assert shown["model_version"].tolist() == [1, 2]
    assert shown["share"].tolist() == [1.0, 0.7]
    # Under the other version's bins the constant income of February would have been a shift.
    assert set(table["verdict"]) == {"stable"}


def test_counts_of_a_version_without_a_reference_hide_no_other() -> None:
    reference = reference_of(rows(N, 1))
    counts = pd.concat([counted(reference, {"2025-01-01": rows(N, 2)}), counted(reference, {"2025-01-01": rows(N, 3)}, 9)])
    table = judge_periods(counts, {1: reference}, FLOORS)
    assert set(table["model_version"]) == {1}
    assert judge_periods(counts[counts["model_version"] == 9], {1: reference}, FLOORS).empty


def test_a_broken_column_is_reported_by_name_and_hides_no_other() -> None:
    reference = reference_of(rows(N, 1))
    broken = rows(2000, 2, income=np.full(2000, np.nan), term=np.full(2000, 60), purpose=np.full(2000, "solar"))
    table = judge_periods(counted(reference, {"2025-01-01": broken}), {1: reference}, FLOORS).set_index("feature")
    assert table.loc[["income", "term", "purpose", "owner"], "verdict"].tolist() == ["shifted", "shifted", "shifted", "stable"]
    assert table.loc[["income", "term", "purpose"], "note"].tolist() == [
        "all missing", "nothing but 60", "every value is new",
    ]  # fmt: skip


def test_a_run_reaches_back_over_periods_with_too_few_rows_and_ends_where_a_period_was_stable() -> None:
    reference = reference_of(rows(N, 1))
    moved = {"term": lambda n: np.full(n, 60)}
    months = {
        "2025-01-01": rows(1000, 2, term=moved["term"](1000)),
        "2025-02-01": rows(1000, 3),
        "2025-03-01": rows(1000, 4, term=moved["term"](1000)),
        "2025-04-01": rows(80, 5),
        "2025-05-01": rows(1000, 6, term=moved["term"](1000)),
        "2025-06-01": rows(80, 7),
    }
    table = judge_periods(counted(reference, months), {1: reference}, FLOORS)
    assert verdicts(table, "term") == ["shifted", "stable", "shifted", "too few", "shifted", "too few"]
    runs = current_runs(table).set_index("feature")
    assert runs.loc["term", "since"] == Timestamp("2025-03-01")
    assert runs.loc["term", "periods"] == 2
    assert runs.loc["term", "psi"] > 0.25
    assert pd.isna(runs.loc["income", "since"])


def test_what_came_back_is_not_a_run_but_its_worst_is_remembered() -> None:
    reference = reference_of(rows(N, 1))
    table = judge_periods(
        counted(reference, {"2025-01-01": rows(1000, 2, term=np.full(1000, 60)), "2025-02-01": rows(1000, 3)}),
        {1: reference}, FLOORS,
    )  # fmt: skip
    run = current_runs(table).set_index("feature").loc["term"]
    assert pd.isna(run["since"])
    assert run["psi"] < 0.1 < 0.25 < run["worst"]


def test_runs_of_nothing_are_nothing() -> None:
    reference = reference_of(rows(N, 1))
    empty = judge_periods(counted(reference, {"2025-01-01": rows(10, 2)}).iloc[:0], {1: reference}, FLOORS)
    assert current_runs(empty).empty
    few = current_runs(judge_periods(counted(reference, {"2025-01-01": rows(10, 2)}), {1: reference}, FLOORS))
    assert few["since"].isna().all()
    assert few["psi"].isna().all()


def test_against_a_past_window_calm_traffic_is_calm_though_development_differed() -> None:
    reference = reference_of(rows(N, 1, income=np.full(N, 5.0) + np.arange(N)))
    past, now = counted(reference, {"2025-01-01": rows(2000, 2)}), counted(reference, {"2025-02-01": rows(2000, 3)})
    assert verdicts(judge_periods(now, {1: reference}, FLOORS), "income") == ["shifted"]
    assert verdicts(judge_periods(now, past_references({1: reference}, past), FLOORS), "income") == ["stable"]


def test_a_version_that_did_not_decide_in_the_past_window_is_judged_where_bins_are_the_same() -> None:
    frame = rows(N, 1)
    old, new = reference_of(frame), reference_of(frame.assign(pd=frame["pd"] / 2))
    past = counted(old, {"2025-01-01": rows(2000, 2)}, version=1)
    now = counted(new, {"2025-02-01": rows(2000, 3)}, version=2)
    table = judge_periods(now, past_references({1: old, 2: new}, past), FLOORS).set_index("feature")
    assert table.loc["income", "verdict"] == "stable"
    assert table.loc["pd", "verdict"] == "no data"  # each version has PDs of its own


def test_an_empty_past_window_leaves_everything_unjudged() -> None:
    reference = reference_of(rows(N, 1))
    now = counted(reference, {"2025-02-01": rows(2000, 3)})
    table = judge_periods(now, past_references({1: reference}, now.iloc[:0]), FLOORS)
    assert set(table["verdict"]) == {"no data"}


def test_with_no_drift_at_all_at_most_one_feature_period_in_twenty_warns() -> None:
    """Five hundred seeded draws at the very floor of rows, each window against a reference that is itself a draw."""
    truth, months = reference_of(rows(N, 1)), pd.date_range("2000-01-01", periods=25, freq="MS").as_unit("us")
    shares = [t["count"].to_numpy() / t["count"].sum() for _, t in truth.groupby("feature", sort=False)]
    warned = judged = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        reference = truth.assign(count=np.concatenate([rng.multinomial(4000, p) for p in shares]))
        windows = np.concatenate([rng.multinomial(500, p, size=25) for p in shares], axis=1)
        counts = DataFrame(
            {
                "period": np.repeat(months, len(truth)), "feature": np.tile(truth["feature"], 25),
                "bin": np.tile(truth["bin"], 25), "count": windows.ravel(), "model_version": 1, "segment": "",
            }
        )  # fmt: skip
        table = judge_periods(counts, {1: reference}, FLOORS)
        judged += len(table)
        warned += int(table["verdict"].isin(["moved", "shifted"]).sum())
    assert judged == 500 * 5
    assert warned <= 0.05 * judged


@pytest.mark.long
def test_in_the_simulated_book_without_incidents_at_most_one_feature_month_in_twenty_warns() -> None:
    from pipeline.data.simulate import BookSpec, simulate_book
    from pipeline.project import load_project

    config = load_project("simulated")
    kinds = {feature.name: feature.kind for feature in config.features}
    judged = warned = 0
    for seed in range(25):
        book = simulate_book(BookSpec(seed=seed, n=14_400).without(["campaign", "recession", "rename"]))
        months = pd.to_datetime(book["application_date"]).dt.to_period("M").dt.start_time
        is_development = (months < "2025-03-01").to_numpy()
        development = book[is_development]
        reference = reference_profile(development, kinds, np.full(len(development), 0.2))
        later = book[~is_development].assign(period=months[~is_development], pd=0.2)
        counts = profile_counts(later, reference, by=["period"]).assign(model_version=1)
        table = judge_periods(counts, {1: reference}, FLOORS)
        inputs = table[table["feature"] != contract.REFERENCE_PD]
        judged += len(inputs)
        warned += int(inputs["verdict"].isin(["moved", "shifted"]).sum())
    assert judged == 25 * 10 * 19
    assert warned <= 0.05 * judged


def test_the_group_that_carries_a_shift_is_named_and_one_that_moves_with_all_is_not() -> None:
    reference = reference_of(rows(N, 1))
    partner, web = rows(800, 2, term=np.full(800, 60)), rows(1200, 3)
    counts = pd.concat(
        [
            counted(reference, {"2025-01-01": pd.concat([partner, web])}),
            counted(reference, {"2025-01-01": partner}, segment="channel=partner"),
            counted(reference, {"2025-01-01": web}, segment="channel=web"),
        ]
    )
    table = by_segment(reference, counts, ["term", "income"])
    source = main_source(table, "term")
    assert source is not None
    assert (source.column, source.value, source.name) == ("channel", "partner", "channel=partner")
    assert source.weight == pytest.approx(0.4)
    assert main_source(table, "income") is None or table.loc[table["feature"] == "income", "psi"].sum() < 0.02
    whole = judge_periods(counts[counts["segment"] == ""], {1: reference}, FLOORS).set_index("feature")
    assert table.loc[table["feature"] == "term", "psi"].sum() == pytest.approx(whole.loc["term", "psi"])
    assert by_segment(reference, counts[counts["segment"] == ""], ["term"]).empty


def test_groups_by_the_feature_itself_name_nobody() -> None:
    reference = reference_of(rows(N, 1))
    sixty = rows(1000, 2, term=np.full(1000, 60))
    counts = counted(reference, {"2025-01-01": sixty}, segment="term=60")
    assert main_source(by_segment(reference, counts, ["term"]), "term") is None


def test_shares_over_time_sum_to_one_and_decisions_are_counted_once() -> None:
    reference = reference_of(rows(N, 1))
    counts = counted(reference, {"2025-01-01": rows(700, 2), "2025-02-01": rows(900, 3)})
    mine = counts[counts["feature"] == "purpose"]
    table = shares_by_period(mine, reference[reference["feature"] == "purpose"])
    assert table.groupby("period")["share"].sum().tolist() == pytest.approx([1.0, 1.0])
    assert decisions_of(counts, ["period"])["n"].tolist() == [700, 900]
