"""History from Parquet is counted as decisions are: on a real Dask cluster, in this process, and never twice."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from pipeline.monitoring.baseline import VersionBins, load_bins
from pipeline.monitoring.profiles import read_counts, span
from pipeline.monitoring.profiles_bulk import BulkError, _count_on_cluster, count_parquet, list_pieces, write_counts
from pipeline.store.engine import open_store
from tests.conftest import copied_home, settings_of
from tests.monitoring.made_traffic import PROJECT, Remembered, Watched, clear, counted_on, decide_rows, tables_of
from tests.serving.conftest import LiveHome, live_once

__all__ = ["live_once"]

FIRST, LAST = date(2025, 6, 25), date(2025, 7, 5)


@pytest.fixture(scope="module")
def logged(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Eleven days of decisions, counted from the log."""
    with counted_on(live_once, tmp_path_factory.mktemp("logged"), FIRST, LAST) as made:
        yield made


@pytest.fixture(scope="module")
def history(logged: Watched, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same decisions as a folder of Parquet files of many row groups, cells as the book has them."""
    folder = tmp_path_factory.mktemp("history")
    with logged.engine.connect() as connection:
        query = "SELECT inputs, decided_at, pd, outcome, grade, reasons FROM decisions ORDER BY seq"
        rows = pd.DataFrame(connection.exec_driver_sql(query).all())
    inputs = pd.DataFrame([json.loads(inputs) for inputs in rows["inputs"]])
    inputs["term_months"] = inputs["term_months"].astype(float)  # 36.0, as files have it; the log has the text 36
    inputs["existing_customer"] = inputs["existing_customer"] == 1
    frame = pd.concat([inputs, rows.drop(columns="inputs")], axis=1)
    frame["decided_at"] = pd.to_datetime(frame["decided_at"])
    for i, part in enumerate(np.array_split(np.arange(len(frame)), 3)):
        frame.iloc[part].to_parquet(folder / f"part-{i}.parquet", row_group_size=17, index=False)
    return folder


@pytest.fixture(scope="module")
def bins(logged: Watched) -> VersionBins:
    return load_bins(logged.settings, 1, logged.live.champion_run, artifacts=logged.artifacts)


def test_parquet_counts_are_exactly_those_of_the_log(logged: Watched, history: Path, bins: VersionBins) -> None:
    told: list[int] = []
    assert len(list_pieces(history, bins.config)) > 3
    counts = count_parquet(bins, history, tell=told.append)
    assert sorted(told) == told
    assert told[-1] == len(logged.rows(FIRST, LAST))
    assert_as_logged(logged, counts)


@pytest.mark.long
def test_a_dask_cluster_counts_exactly_what_the_log_counts(logged: Watched, history: Path, bins: VersionBins) -> None:
    from dask.distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster:
        counts = count_parquet(bins, history, scheduler=cluster.scheduler_address)
        assert_as_logged(logged, counts)
        away = [replace(piece, path="/nowhere/part.parquet") for piece in list_pieces(history, bins.config)[:1]]
        with pytest.raises(BulkError, match=r"could not count.*the same files"):
            _count_on_cluster(bins, away, cluster.scheduler_address, None)


def assert_as_logged(logged: Watched, counts: pd.DataFrame) -> None:
    """What is written from these counts is what the log's own counting wrote, to the last row."""
    with logged.engine.connect() as connection:
        rows = connection.execute(text("SELECT day, segment, feature, bin, count FROM profiles ORDER BY 1, 2, 3, 4")).all()
    assert [tuple(row) for row in counts.itertuples(index=False)] == [tuple(row) for row in rows]


def test_written_history_reads_like_any_other_and_is_refused_twice(
    live_once: LiveHome, history: Path, bins: VersionBins, tmp_path: Path
) -> None:
    with copied_home(live_once.home, tmp_path / "other"):
        engine = open_store(settings_of(tmp_path / "other").database_url)
        counts = count_parquet(bins, history)
        assert write_counts(engine, PROJECT, 1, counts) == 11
        assert span(engine, PROJECT) == (FIRST, LAST)
        read = read_counts(engine, PROJECT, FIRST, LAST, granularity="month", features=["pd"])
        assert read["count"].sum() == counts[(counts["feature"] == "pd") & (counts["segment"] == "")]["count"].sum()
        before = tables_of(engine)
        with pytest.raises(BulkError, match="11 days from 2025-06-25 to 2025-07-05 of version 1 are counted already"):
            write_counts(engine, PROJECT, 1, counts)
        assert tables_of(engine) == before
        engine.dispose()


def test_a_day_whose_decisions_the_log_holds_is_refused_before_they_are_counted(
    live_once: LiveHome, history: Path, bins: VersionBins, tmp_path: Path
) -> None:
    with copied_home(live_once.home, tmp_path / "other"):
        settings = settings_of(tmp_path / "other")
        engine = open_store(settings.database_url)
        made = Watched(settings, engine, replace(live_once, home=tmp_path / "other"), Remembered(settings))
        decide_rows(made, made.rows(FIRST, LAST).head(2), pds=[0.1, 0.2], day=FIRST)
        counts = count_parquet(bins, history)
        with pytest.raises(BulkError, match="holds decisions of version 1 on 2025-06-25, which are counted by themselves"):
            write_counts(engine, PROJECT, 1, counts)
        assert span(engine, PROJECT) is None
        later = counts[counts["day"] > FIRST.isoformat()]
        assert write_counts(engine, PROJECT, 1, later) == 10
        clear(engine)
        engine.dispose()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pd": 1.5}, "rows have no pd between 0 and 1"),
        ({"outcome": "maybe"}, "outcome 'maybe' is none of approve, review, decline"),
        ({"decided_at": None}, "rows have no decided_at"),
    ],
)
def test_a_file_that_cannot_be_counted_is_named_with_its_fault(
    history: Path, bins: VersionBins, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    frame = pd.read_parquet(history / "part-0.parquet").assign(**change)
    frame.to_parquet(tmp_path / "wrong.parquet")
    with pytest.raises(BulkError, match=rf"wrong\.parquet, row group 0: .*{message}"):
        count_parquet(bins, tmp_path)


def test_a_missing_column_a_strange_file_and_an_empty_folder_are_named(
    history: Path, bins: VersionBins, tmp_path: Path
) -> None:
    with pytest.raises(BulkError, match=r"holds no \.parquet file"):
        count_parquet(bins, tmp_path)
    pd.read_parquet(history / "part-0.parquet").drop(columns=["income", "pd"]).to_parquet(tmp_path / "a.parquet")
    with pytest.raises(BulkError, match=r"a\.parquet lacks the columns income, pd"):
        count_parquet(bins, tmp_path)
    (tmp_path / "a.parquet").write_text("no")
    with pytest.raises(BulkError, match=r"a\.parquet cannot be read as Parquet"):
        count_parquet(bins, tmp_path)


def test_a_scheduler_that_is_not_there_is_named(history: Path, bins: VersionBins) -> None:
    with pytest.raises(BulkError, match="no Dask scheduler answers at nonsense"):
        count_parquet(bins, history, scheduler="nonsense://nowhere")
