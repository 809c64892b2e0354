"""What was decided is counted once, whatever happens: late, again, at once by two, killed in the middle."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from pipeline import contract
from pipeline.evaluation.drift import drift_table
from pipeline.evaluation.profile_bins import profile_counts
from pipeline.monitoring.baseline import VersionBins, load_baseline, load_bins
from pipeline.monitoring.profile_counts import add_tables, count_decisions, uncounted_segments
from pipeline.monitoring.profile_rows import decision_frame, inputs_columns
from pipeline.monitoring.profiles import ProfileError, is_behind, read_counts, span, update_profiles, versions
from pipeline.project import Feature, Groups
from pipeline.store.engine import StoreError, writing
from tests.monitoring.made_traffic import (
    PROJECT,
    Watched,
    clear,
    counted_on,
    decide_rows,
    forget,
    tables_of,
    watched_on,
)
from tests.serving.conftest import LiveHome, live_engine, live_home, live_once

pytest_plugins = ["tests.store.fixtures"]
__all__ = ["live_engine", "live_home", "live_once"]

FIRST, LAST = date(2025, 3, 28), date(2025, 4, 12)


@pytest.fixture(params=["sqlite", "postgresql"])
def watched(request: pytest.FixtureRequest, live_home: LiveHome, live_engine: Engine) -> Iterator[Watched]:
    """Sixteen days of decisions in the log, none counted yet, on each engine in turn."""
    yield from watched_on(request, live_home, live_engine, FIRST, LAST)


@pytest.fixture(scope="module")
def counted_once(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """The same on SQLite, counted; what is counted may be cleared and counted again, never the decisions."""
    with counted_on(live_once, tmp_path_factory.mktemp("counted"), FIRST, LAST) as made:
        yield made


# --- what is counted --------------------------------------------------------------------------------------------------


def test_a_decision_is_counted_under_its_day_version_segments_and_bins(watched: Watched) -> None:
    clear(watched.engine)
    row = watched.rows(FIRST, LAST).head(1).assign(amount=1234.5, channel="web", region="north", income=np.nan)
    seq = decide_rows(watched, row, pds=[0.2], reasons=[("income", "amount")], day=date(2025, 4, 30))
    forget(watched.engine, before=seq)
    assert update_profiles(watched.settings, watched.engine, PROJECT).counted == 1
    counts = read_counts(watched.engine, PROJECT, FIRST, date(2025, 5, 1), granularity="day", segments=None)
    assert set(counts["period"]) == {pd.Timestamp("2025-04-30")}
    assert set(counts["segment"]) == {"", "channel=web", "region=north"}
    cells = {
        (f, b): n for f, b, n in counts[counts["segment"] == "channel=web"][["feature", "bin", "count"]].itertuples(index=False)
    }
    assert cells["income", "(missing)"] == 1
    assert cells["(decision)", "review"] == 1  # 0.15 <= 0.2 < 0.25
    assert cells["(grade)", "E"] == 1
    assert {b for f, b in cells if f == "(reason)"} == {"income", "amount"}
    sums = {b: n for (f, b), n in cells.items() if f == "(sums)"}
    assert sums == {
        "review:pd_millionths": 200_000, "review:amount_hundredths": 123_450, "review:pd_amount_hundredths": 24_690,
        "review:n_amount": 1,
    }  # fmt: skip


def test_every_feature_counts_every_decision_and_segments_add_up_to_all(counted_once: Watched) -> None:
    counts = read_counts(counted_once.engine, PROJECT, FIRST, LAST, granularity="month", segments=None)
    n = len(counted_once.rows(FIRST, LAST))
    histograms = counts[~counts["feature"].isin(["(reason)", "(sums)"])]
    per_feature = histograms.pivot_table("count", "segment", "feature", aggfunc="sum")
    assert set(per_feature.columns) == {*counted_once.config.feature_names, "pd", "(decision)", "(grade)"}
    assert (per_feature.loc[""] == n).all()
    for column in ("channel", "region"):
        parts = per_feature[per_feature.index.str.startswith(f"{column}=")]
        assert (parts.sum() == n).all()


def test_counts_are_those_of_profile_counts_by_day_and_segment(counted_once: Watched) -> None:
    bins, frame = frame_of(counted_once)
    mine = count_decisions(bins, frame)
    labelled = frame.drop(columns="(reasons)").assign(segment="channel=" + frame["channel"].astype(str))
    theirs = profile_counts(labelled, bins.reference, bins.ranges, by=["(day)", "segment"])
    theirs = theirs.rename(columns={"(day)": "day"}).sort_values(["day", "segment", "feature", "bin"], ignore_index=True)
    mine = mine[mine["segment"].str.startswith("channel=") & ~mine["feature"].isin(["(reason)", "(sums)"])]
    assert (
        mine.reset_index(drop=True).astype(str).to_numpy().tolist()
        == theirs[list(mine.columns)].astype(str).to_numpy().tolist()
    )


def test_a_value_of_another_kind_is_unseen_and_hides_no_other(counted_once: Watched) -> None:
    bins = load_bins(counted_once.settings, 1, counted_once.live.champion_run, artifacts=counted_once.artifacts)
    names = bins.config.feature_names
    texts = [json.dumps(dict.fromkeys(names, "x")), json.dumps({}), json.dumps({"income": 1e300, "existing_customer": 1.0})]
    n = len(texts)
    frame = decision_frame(bins.config.features, texts, ["2025-04-01"] * n, [0.1] * n, ["approve"] * n, ["B"] * n, ["[]"] * n)
    counts = count_decisions(bins, frame)
    cells = {(f, b): n for f, b, n in counts[counts["segment"] == ""][["feature", "bin", "count"]].itertuples(index=False)}
    assert (cells["income", "(unseen)"], cells["income", "(missing)"], cells["income", "(above range)"]) == (1, 1, 1)
    assert (cells["existing_customer", "(unseen)"], cells["existing_customer", "1"]) == (1, 1)
    assert cells["channel", "(missing)"] == 2
    assert {b for f, b in cells if f == "(sums)"} == {"approve:pd_millionths"}  # nobody has an amount


def test_segments_of_numbers_are_cut_at_their_edges_and_without_edges_left_out_and_said(counted_once: Watched) -> None:
    groups = Groups(columns=("amount", "income", "channel", "existing_customer"), bins={"amount": (5000.0, 9000.0)})
    bins, frame = frame_of(counted_once)
    config = bins.config.model_copy(update={"segments": groups})
    frame = frame.head(4).assign(amount=[4999.0, 5000.0, 9000.0, np.nan], channel=["web", None, "web", "web"])
    counts = count_decisions(VersionBins(config, 1, "r", bins.reference, bins.ranges), frame)
    n = counts[counts["feature"] == "pd"].groupby("segment")["count"].sum().to_dict()
    n = {name: count for name, count in n.items() if not name.startswith("existing_customer=")}
    assert n == {
        "": 4, "amount=under 5000": 1, "amount=5000 to 9000": 1, "amount=9000 and over": 1, "amount=(missing)": 1,
        "channel=web": 3, "channel=(missing)": 1,
    }  # fmt: skip
    assert set(counts["segment"]) - set(n) <= {"existing_customer=0", "existing_customer=1"}
    assert uncounted_segments(config) == (
        "segment 'income' is a number without edges, so nothing is counted by it; give bins.income",
    )


@given(st.lists(st.dictionaries(st.sampled_from(["n", "b", "c"]), st.none() | st.floats(-1e9, 1e9) | st.text(max_size=5))))
def test_inputs_are_read_alike_by_arrow_and_by_python(rows: list[dict[str, Any]]) -> None:
    features = [Feature(name="n", kind="number", label="n"), Feature(name="c", kind="category", label="c", choices=("x",))]
    texts = [json.dumps(row) for row in rows]
    mine = inputs_columns(features, texts)
    for feature in features:
        values = pd.Series(mine[feature.name], dtype=object)
        given_values = [row.get(feature.name) for row in rows]
        assert len(values) == len(rows)
        for found, value in zip(values, given_values, strict=True):
            assert pd.isna(found) if value is None else str(found) == str(value) or float(found) == float(value)


# --- once -------------------------------------------------------------------------------------------------------------


def test_a_repeat_changes_nothing_and_late_decisions_are_added(watched: Watched) -> None:
    n = is_behind(watched.engine, PROJECT)
    assert update_profiles(watched.settings, watched.engine, PROJECT).counted == n > 100
    before = tables_of(watched.engine)
    again = update_profiles(watched.settings, watched.engine, PROJECT)
    assert (again.counted, is_behind(watched.engine, PROJECT)) == (0, 0)
    assert tables_of(watched.engine) == before
    decide_rows(watched, watched.rows(FIRST, LAST).head(3), pds=[0.1, 0.2, 0.3], day=FIRST)
    assert is_behind(watched.engine, PROJECT) == 3
    assert update_profiles(watched.settings, watched.engine, PROJECT).counted == 3
    total = read_counts(watched.engine, PROJECT, FIRST, LAST, granularity="month", features=["pd"])["count"].sum()
    assert total == n + 3


def test_months_are_the_sums_of_their_days(watched: Watched) -> None:
    update_profiles(watched.settings, watched.engine, PROJECT, chunk=37)
    days = read_counts(watched.engine, PROJECT, FIRST, LAST, granularity="day", segments=None)
    months = read_counts(watched.engine, PROJECT, FIRST, LAST, granularity="month", segments=None)
    keys = ["period", "model_version", "segment", "feature", "bin"]
    summed = days.assign(period=days["period"].to_numpy().astype("datetime64[M]").astype("datetime64[us]"))
    pd.testing.assert_frame_equal(summed.groupby(keys)["count"].sum().reset_index(), months)
    weeks = read_counts(watched.engine, PROJECT, FIRST, LAST, granularity="week", segments=None)
    assert set(weeks["period"].dt.weekday) == {0}
    assert weeks["count"].sum() == days["count"].sum()


class EnoughError(Exception):
    """Stops an update after its first commit."""


def stop(_counted: int) -> None:
    raise EnoughError


@given(sizes=st.lists(st.integers(1, 200), max_size=4))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_split_of_decisions_into_updates_gives_the_same_table(counted_once: Watched, sizes: list[int]) -> None:
    expected = tables_of(counted_once.engine)
    clear(counted_once.engine)
    for size in sizes:
        if is_behind(counted_once.engine, PROJECT):
            with pytest.raises(EnoughError):
                update_profiles(
                    counted_once.settings, counted_once.engine, PROJECT, chunk=size, tell=stop, artifacts=counted_once.artifacts
                )
    update_profiles(counted_once.settings, counted_once.engine, PROJECT, artifacts=counted_once.artifacts)
    assert tables_of(counted_once.engine) == expected


@given(seed=st.integers(0, 10_000), parts=st.integers(1, 6))
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_merging_profiles_equals_profiling_the_union(counted_once: Watched, seed: int, parts: int) -> None:
    bins, frame = frame_of(counted_once)
    part = np.random.default_rng(seed).integers(0, parts, len(frame))
    tables = [count_decisions(bins, frame[part == i].reset_index(drop=True)) for i in range(parts) if (part == i).any()]
    merged, whole = add_tables(tables), count_decisions(bins, frame)
    assert merged.astype(str).to_numpy().tolist() == whole.astype(str).to_numpy().tolist()


def test_two_updates_at_once_count_each_decision_once(watched: Watched) -> None:
    n = is_behind(watched.engine, PROJECT)
    with ThreadPoolExecutor(2) as pool:
        work = [pool.submit(update_profiles, watched.settings, watched.engine, PROJECT, chunk=40) for _ in range(2)]
        counted = [found.result().counted for found in work]
    assert sum(counted) == n
    total = read_counts(watched.engine, PROJECT, FIRST, LAST, granularity="day", features=["pd"])["count"].sum()
    assert total == n


@pytest.mark.parametrize("watched", ["postgresql"], indirect=True)  # SQLite has one writer at a time
def test_a_number_given_out_and_not_yet_committed_is_waited_for(watched: Watched) -> None:
    from pipeline.store.engine import transaction_lock

    n = is_behind(watched.engine, PROJECT)
    with ThreadPoolExecutor(1) as pool:
        with writing(watched.engine) as connection:
            transaction_lock(connection, "decisions")
            connection.execute(text("SELECT nextval(pg_get_serial_sequence('decisions', 'seq'))"))
            copied = ", ".join(c for c in _columns(connection) if c not in ("seq", "id", "idempotency_key"))
            late = f"INSERT INTO decisions (id, {copied}) SELECT 'late', {copied} FROM decisions ORDER BY seq LIMIT 1"
            connection.execute(text(late))
            waiting = pool.submit(update_profiles, watched.settings, watched.engine, PROJECT)
            with pytest.raises(TimeoutError):
                waiting.result(timeout=0.5)
        assert waiting.result(timeout=60).counted == n + 1


def _columns(connection: Any) -> list[str]:
    found = connection.execute(text("SELECT column_name FROM information_schema.columns WHERE table_name = 'decisions'"))
    return list(found.scalars())


# --- several versions, and one that cannot be read --------------------------------------------------------------------


def test_each_version_is_counted_in_its_own_bins(watched: Watched) -> None:
    rows = watched.rows(FIRST, LAST).head(20)
    decide_rows(watched, rows, pds=np.linspace(0.01, 0.6, 20), day=LAST, version=2)
    update_profiles(watched.settings, watched.engine, PROJECT)
    assert versions(watched.engine, PROJECT) == (1, 2)
    second = read_counts(watched.engine, PROJECT, FIRST, LAST, granularity="month", model_version=2)
    assert second.loc[second["feature"] == "pd", "count"].sum() == 20
    baseline = load_baseline(watched.settings, watched.engine, PROJECT, 2)
    drift_table(baseline.reference, second[~second["feature"].isin(["(reason)", "(sums)"])])  # of these very bins


def test_what_cannot_be_counted_waits_and_is_named(watched: Watched) -> None:
    n = is_behind(watched.engine, PROJECT)
    rows = watched.rows(FIRST, LAST)
    lost = decide_rows(watched, rows.head(2), pds=[0.1, 0.1], day=LAST, version=2)
    decide_rows(watched, rows.head(3), pds=[0.1] * 3, day=LAST)
    file = watched.live.artifact(watched.live.challenger_run, contract.ARTIFACT_REFERENCE)
    hidden = file.rename(file.with_suffix(".away"))
    with pytest.raises(ProfileError, match=rf"number {lost - 1} on wait to be counted: version 2: .*reference.parquet"):
        update_profiles(watched.settings, watched.engine, PROJECT)
    assert is_behind(watched.engine, PROJECT) == 5
    with pytest.raises(ProfileError):
        update_profiles(watched.settings, watched.engine, PROJECT)
    total = read_counts(watched.engine, PROJECT, FIRST, LAST, granularity="month", features=["pd"])["count"].sum()
    assert total == n
    hidden.rename(file)
    assert update_profiles(watched.settings, watched.engine, PROJECT).counted == 5


def test_a_store_that_fails_says_so_and_keeps_what_was_counted(watched: Watched) -> None:
    with pytest.raises(EnoughError):
        update_profiles(watched.settings, watched.engine, PROJECT, chunk=30, tell=stop)
    before = tables_of(watched.engine)
    with writing(watched.engine) as connection:
        connection.execute(text("ALTER TABLE profile_months RENAME TO away"))
    with pytest.raises(StoreError, match=r"decisions cannot be counted: the store failed .* run it again"):
        update_profiles(watched.settings, watched.engine, PROJECT)
    with writing(watched.engine) as connection:
        connection.execute(text("ALTER TABLE away RENAME TO profile_months"))
    assert tables_of(watched.engine) == before
    assert update_profiles(watched.settings, watched.engine, PROJECT).counted == len(watched.rows(FIRST, LAST)) - 30


# --- reading ----------------------------------------------------------------------------------------------------------


def test_an_empty_store_has_no_span_no_versions_and_empty_counts(live_engine: Engine) -> None:
    assert span(live_engine, PROJECT) is None
    assert versions(live_engine, PROJECT) == ()
    counts = read_counts(live_engine, PROJECT, FIRST, LAST, granularity="month")
    assert counts.empty
    assert counts["period"].dtype.kind == "M"


def test_span_is_the_first_and_last_counted_day(counted_once: Watched) -> None:
    assert span(counted_once.engine, PROJECT) == (FIRST, LAST)
    assert versions(counted_once.engine, PROJECT) == (1,)


@given(start=st.integers(-3, 20), length=st.integers(0, 40), granularity=st.sampled_from(["day", "week", "month"]))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_window_holds_the_days_asked_for_and_no_other(
    counted_once: Watched, start: int, length: int, granularity: Any
) -> None:
    first = FIRST + timedelta(days=start)
    last = first + timedelta(days=length)
    counts = read_counts(counted_once.engine, PROJECT, first, last, granularity=granularity, features=["pd"])
    rows = pd.to_datetime(counted_once.rows(FIRST, LAST)["application_date"]).dt.date
    assert counts["count"].sum() == ((rows >= first) & (rows <= last)).sum()


def test_an_unknown_granularity_is_refused_by_name(live_engine: Engine) -> None:
    with pytest.raises(ValueError, match=r"'year' is none of day, week, month"):
        read_counts(live_engine, PROJECT, FIRST, LAST, granularity="year")


def frame_of(watched: Watched) -> tuple[VersionBins, pd.DataFrame]:
    """The decisions of version 1 as they are counted."""
    bins = load_bins(watched.settings, 1, watched.live.champion_run, artifacts=watched.artifacts)
    with watched.engine.connect() as connection:
        query = "SELECT inputs, substr(decided_at, 1, 10), pd, outcome, grade, reasons FROM decisions ORDER BY seq"
        rows = connection.exec_driver_sql(query).all()
    return bins, decision_frame(bins.config.features, *zip(*rows, strict=True))


# --- kill -9 ----------------------------------------------------------------------------------------------------------


@pytest.mark.long
def test_ten_killed_updates_leave_the_counts_of_an_undisturbed_one(watched: Watched) -> None:
    n = is_behind(watched.engine, PROJECT)
    update_profiles(watched.settings, watched.engine, PROJECT)
    expected = tables_of(watched.engine)
    clear(watched.engine)
    url = watched.engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "tests.monitoring.profiling_process", str(watched.settings.home), url]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], text=True, bufsize=1, **pipes) as process:
        for turn in range(10):
            kill_one(process, f"counted {5 * (turn % 3)}" if turn % 3 else "begun", pause=turn * 0.002)
        assert process.stdin is not None
        process.stdin.close()
    assert 0 < is_behind(watched.engine, PROJECT) < n
    update_profiles(watched.settings, watched.engine, PROJECT)
    assert tables_of(watched.engine) == expected


def kill_one(process: "subprocess.Popen[str]", after: str, pause: float) -> None:
    """Let an update begin, and kill it a moment after it has said something."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("one\n")
    said: list[str] = []
    while after not in said or not any(line.startswith("child") for line in said):
        said.append(process.stdout.readline().strip())
    child = next(int(line.split()[1]) for line in said if line.startswith("child"))
    time.sleep(pause)
    os.kill(child, signal.SIGKILL)
    while process.stdout.readline().strip() != "over":
        pass
