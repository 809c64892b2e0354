"""A file of applicants: good rows are never lost to bad ones, a row is decided once, and what is shown stands in the log."""

import itertools
import math
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from pipeline import contract as c
from pipeline.data.clean import clean_table
from pipeline.registry import releases, routing
from pipeline.serving import decision_log
from pipeline.serving.batch import BatchResult, Order, StoppedError, score_file
from pipeline.serving.batch_check import check_file
from pipeline.serving.batch_log import keys_of, recorded_before
from pipeline.serving.batch_read import open_batch
from pipeline.serving.batch_words import aloud, met_before, money
from pipeline.serving.desk import Desk, Pair
from pipeline.serving.inputs import InputError
from pipeline.serving.log_errors import LogError
from pipeline.serving.scorer import inputs_frame
from tests.serving.conftest import PROJECT, LiveHome

if TYPE_CHECKING:
    from sqlalchemy import Engine

N = 300
Files = Callable[..., Path]


@pytest.fixture
def write(live_home: LiveHome, tmp_path: Path) -> Files:
    """Write the first rows of the book as a file, with cells changed: ``{(row from 1, column): text}``."""

    def write(changes: dict[tuple[int, str], str] | None = None, name: str = "apps.csv", n: int = N) -> Path:
        book = live_home.book().head(n)
        if name.endswith(".parquet"):
            book.to_parquet(tmp_path / name, index=False)
            return tmp_path / name
        table = book.astype(object)
        for (row, column), text in (changes or {}).items():
            table.loc[row - 1, column] = text
        table.to_csv(tmp_path / name, index=False)
        return tmp_path / name

    return write


@pytest.fixture
def pair(desk: Desk) -> Pair:
    return desk.pair()


def run(pair: Pair, engine: "Engine", path: Path, folder: str = "out", **order: Any) -> BatchResult:
    return score_file(pair, engine, Order(open_batch(path), path.parent / folder, "csv", **order))


def decisions(result: BatchResult) -> pd.DataFrame:
    return pd.read_csv(result.decisions, dtype={"applicant_id": str, "decision_id": str}, float_precision="round_trip")


def logged(home: LiveHome) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(home.home / "riskdeck.db")) as db:
        db.row_factory = sqlite3.Row
        return [dict(row) for row in db.execute("SELECT * FROM decisions ORDER BY seq")]


def test_every_good_row_is_decided_with_the_bits_of_the_training_pipeline_and_stands_in_the_log(
    live_home: LiveHome, live_engine: "Engine", pair: Pair, write: Files
) -> None:
    result = run(pair, live_engine, write())
    shown, book, live = decisions(result), live_home.book().head(N), pair.champion
    expected = live.model.predict_proba(clean_table(book, live.config, live.config.feature_names))[:, 1]
    assert np.array_equal(shown["pd"].to_numpy(), expected)
    assert shown["row"].tolist() == list(range(1, N + 1))
    assert shown["applicant_id"].tolist() == book["application_id"].astype(str).tolist()
    rows = logged(live_home)
    assert [r["id"] for r in rows] == shown["decision_id"].tolist()
    assert [r["idempotency_key"] for r in rows] == keys_of(open_batch(write()).sha256, np.arange(1, N + 1))
    stored = decision_log.read_decision(live_engine, str(shown["decision_id"][7]))
    assert stored is not None
    assert (stored.source, stored.pd, stored.outcome) == (c.SOURCE_BATCH, shown["pd"][7], shown["outcome"][7])
    again = live.model.predict_proba(inputs_frame(live.config, [stored.inputs]))[0, 1]
    assert again == stored.pd


def test_declines_and_reviews_come_with_the_reasons_that_the_log_holds(
    live_home: LiveHome, live_engine: "Engine", pair: Pair, write: Files
) -> None:
    shown = decisions(run(pair, live_engine, write()))
    reasons = shown[[f"reason_{i}" for i in range(1, 5)]]
    assert reasons.loc[shown["outcome"] != c.APPROVE, "reason_1"].notna().all()
    assert reasons.loc[shown["outcome"] == c.APPROVE].isna().all(axis=None)
    row = shown[shown["outcome"] == c.DECLINE].iloc[0]
    stored = decision_log.read_decision(live_engine, str(row["decision_id"]))
    assert stored is not None
    assert [r.text for r in stored.reasons] == row[reasons.columns].dropna().tolist()


def test_bad_rows_are_refused_with_their_cells_and_all_that_is_wrong_and_no_good_row_is_lost(
    live_engine: "Engine", pair: Pair, write: Files
) -> None:
    path = write({(2, "amount"): "3,5", (4, "channel"): "wbe", (4, "income"): "-1", (9, "application_id"): "x" * 201,
                  (11, "region"): "=cmd|calc"})  # fmt: skip
    lines = path.read_text().splitlines()
    lines[6] = lines[6].rsplit(",", 1)[0]
    path.write_text("\n".join(lines) + "\n")
    result = run(pair, live_engine, path)
    refused = pd.read_csv(result.refused, dtype=str)
    assert refused["row"].astype(int).tolist() == [2, 4, 6, 9, 11]
    why = dict(zip(refused["row"], refused["what_is_wrong"], strict=True))
    assert why["2"].startswith("Loan amount: '3,5'") and why["2"].endswith("decimal commas are not read, write a point")
    assert "Channel: 'wbe' is not one of the choices (did you mean web?)" in why["4"] and "; Yearly income: -1" in why[
        "4"
    ].replace("'", "")
    assert why["6"].startswith("the row has")
    assert "application_id: is longer than 200 characters" in why["9"]
    assert refused.loc[refused["row"] == "2", "amount"].item() == "3,5", "the cells stand as they were given"
    assert refused.loc[refused["row"] == "11", "region"].item() == "'=cmd|calc", "no spreadsheet runs it"
    assert refused.loc[refused["row"] == "4", "income"].item() == "-1", "a number runs nothing"
    assert decisions(result)["row"].tolist() == [r for r in range(1, N + 1) if r not in (2, 4, 6, 9, 11)]
    summary = result.summary
    assert (summary.n_rows, summary.n_decided, summary.n_refused) == (N, N - 5, 5)
    assert summary.refused_by_field == {"amount": 1, "channel": 1, "income": 1, "": 1, "application_id": 1, "region": 1}


def test_the_summary_adds_up_to_what_the_rows_say(live_engine: "Engine", pair: Pair, write: Files, live_home: LiveHome) -> None:
    result = run(pair, live_engine, write(), record=False)
    shown, amounts, lgd = decisions(result), live_home.book().head(N)["amount"].to_numpy(), pair.champion.config.costs.lgd
    assert result.summary.lgd == lgd
    for name, part in result.summary.parts.items():
        mine = (shown["outcome"] == name).to_numpy()
        assert part.n == mine.sum() == result.summary.distribution[name].sum()
        assert part.expected_loss == pytest.approx(sum(shown["pd"][mine] * amounts[mine]) * lgd)
        assert part.amount == pytest.approx(amounts[mine].sum())
        assert part.mean_pd == pytest.approx(shown["pd"][mine].mean())
    said = aloud(result.summary)
    assert (
        said[0].startswith(f"Of 300 applicants, {result.summary.parts[c.APPROVE].n} (") and "is expected to be lost" in said[1]
    )


def test_without_a_record_nothing_is_recorded_and_no_row_has_an_id(
    live_home: LiveHome, live_engine: "Engine", pair: Pair, write: Files
) -> None:
    result = run(pair, live_engine, write(), record=False)
    assert logged(live_home) == []
    assert decisions(result)["decision_id"].isna().all() and len(decisions(result)) == N


def test_the_same_file_is_recognised_and_its_decisions_come_back_from_the_log_bit_by_bit(
    live_home: LiveHome, live_engine: "Engine", pair: Pair, write: Files
) -> None:
    path = write({(3, "amount"): "nothing"})
    first, again = run(pair, live_engine, path, "first"), run(pair, live_engine, path, "again")
    assert first.decisions.read_bytes() == again.decisions.read_bytes()
    assert first.refused.read_bytes() == again.refused.read_bytes()
    assert (again.summary.n_before, len(logged(live_home))) == (N - 1, N - 1)
    assert again.earlier is not None and (again.earlier.n, again.earlier.versions) == (N - 1, (1,))
    assert "of this file were scored on 20" in met_before(again.earlier, N) and "by version 1" in met_before(again.earlier, N)
    assert again.summary.parts == first.summary.parts


@pytest.mark.usefixtures("small_chunks")
def test_a_decision_once_made_stays_when_another_version_decides_the_rest(
    live_home: LiveHome, live_engine: "Engine", desk: Desk, write: Files
) -> None:
    path, pair = write(), desk.pair()
    with pytest.raises(StoppedError):
        score_file(pair, live_engine, Order(open_batch(path), path.parent, "csv", reasons=True), stop=stop_after(1))
    n_first = len(logged(live_home))
    assert n_first == 40
    releases.approve(live_engine, live_home.proposal, actor="risk-lead", reason="evidence read")
    after = Desk(live_home.settings, live_engine, PROJECT).pair()
    assert after.champion.version == 2
    result = run(after, live_engine, path)
    shown = decisions(result)
    assert result.summary.versions == {1: 40, 2: N - 40}
    assert (shown["model_version"].to_numpy() == np.where(np.arange(N) < 40, 1, 2)).all()


def stop_after(n: int) -> Callable[[], bool]:
    """Say stop from the n-th chunk on."""
    asked = itertools.count(1)
    return lambda: next(asked) > n


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Order, "chunk_rows", 40)


@pytest.mark.usefixtures("small_chunks")
def test_a_batch_that_was_stopped_leaves_no_file_and_goes_on_with_only_the_rows_that_are_missing(
    live_home: LiveHome, live_engine: "Engine", pair: Pair, write: Files
) -> None:
    path = write()
    with pytest.raises(StoppedError, match="stopped after 80 of 300 rows; what was recorded stays; the same file again"):
        score_file(pair, live_engine, Order(open_batch(path), path.parent / "out", "csv"), stop=stop_after(2))
    assert list((path.parent / "out").iterdir()) == [], "no half of a result"
    assert len(logged(live_home)) == 80
    result = run(pair, live_engine, path)
    assert (result.summary.n_before, result.summary.n_decided, len(logged(live_home))) == (80, N, N)
    whole = run(pair, live_engine, path, "whole", record=False)
    assert np.array_equal(decisions(result)["pd"], decisions(whole)["pd"]), "the rows that came back and the rest fit together"


@pytest.mark.usefixtures("small_chunks")
def test_nothing_is_shown_when_the_log_cannot_record_and_what_was_recorded_stays(
    live_home: LiveHome, live_engine: "Engine", pair: Pair, write: Files
) -> None:
    path, done = write(), []

    def fill_the_disk(rows: int, _total: int, _refused: int) -> None:
        done.append(rows)
        with live_engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(LogError, match="full"):
        score_file(pair, live_engine, Order(open_batch(path), path.parent / "out", "csv"), moved=fill_the_disk)
    assert list((path.parent / "out").iterdir()) == []
    assert len(logged(live_home)) >= done[-1] > 0
    live_engine.dispose()  # the limit was the connection's own
    assert run(pair, live_engine, path).summary.n_decided == N


@pytest.mark.usefixtures("small_chunks")
def test_two_processes_that_score_the_same_file_record_each_row_once(
    live_home: LiveHome, live_engine: "Engine", pair: Pair, write: Files
) -> None:
    path = write()

    def other(rows: int, _total: int, _refused: int) -> None:
        if rows == 40:
            run(pair, live_engine, path, "other")

    mine = score_file(pair, live_engine, Order(open_batch(path), path.parent / "mine", "csv"), moved=other)
    assert len(logged(live_home)) == N
    ids = [r["id"] for r in logged(live_home)]
    assert decisions(mine)["decision_id"].tolist() == ids
    assert pd.read_csv(path.parent / "other" / "apps.decisions.csv")["decision_id"].tolist() == ids


def test_a_parquet_file_gives_the_same_decisions_and_a_parquet_result(live_engine: "Engine", pair: Pair, write: Files) -> None:
    from_csv = decisions(run(pair, live_engine, write(), record=False))
    path = write(name="apps.parquet")
    result = score_file(pair, live_engine, Order(open_batch(path), path.parent, "parquet", record=False))
    shown = pd.read_parquet(result.decisions)
    assert np.array_equal(shown["pd"], from_csv["pd"]) and shown["applicant_id"].tolist() == from_csv["applicant_id"].tolist()
    assert shown["reason_1"].isna().tolist() == from_csv["reason_1"].isna().tolist()


def test_a_file_of_bad_rows_alone_gives_a_file_of_refusals_and_says_so(live_engine: "Engine", pair: Pair, write: Files) -> None:
    result = run(pair, live_engine, write({(row, "amount"): "none" for row in range(1, 6)}, n=5))
    assert len(pd.read_csv(result.refused)) == 5 and len(decisions(result)) == 0
    assert aloud(result.summary) == ["None of 5 applicants could be scored: every row was refused."]
    assert math.isnan(result.summary.parts[c.APPROVE].mean_pd)


def test_a_missing_column_stops_the_file_by_name_before_anything_is_recorded(
    live_home: LiveHome, live_engine: "Engine", pair: Pair, write: Files
) -> None:
    path = write()
    table = pd.read_csv(path, dtype=str).rename(columns={"amount": "ammount"})
    table.to_csv(path, index=False)
    with pytest.raises(InputError, match=r"'amount'.*'ammount', rename it"):
        run(pair, live_engine, path)
    assert logged(live_home) == [] and list((path.parent / "out").iterdir()) == []


def test_the_check_before_scoring_finds_what_scoring_refuses(live_engine: "Engine", pair: Pair, write: Files) -> None:
    path = write({(2, "amount"): "3,5", (4, "channel"): "wbe"})
    moves: list[tuple[int, int, int]] = []
    found = check_file(
        pair.champion.rules, open_batch(path), moved=lambda *move: moves.append(move), stop=lambda: False
    )  # fmt: skip
    result = run(pair, live_engine, path, record=False, reasons=False)
    assert (found.n_good, found.n_refused) == (result.summary.n_decided, result.summary.n_refused) == (N - 2, 2)
    assert found.by_field == dict(result.summary.refused_by_field)
    assert found.preview["row"].tolist() == [1, 3, 5, 6, 7, 8, 9, 10]
    assert found.faults["row"].tolist() == [2, 4]
    assert moves[-1] == (N, N, 2)


def test_a_canary_decides_its_share_of_a_file_and_both_answers_are_kept(
    live_home: LiveHome, live_engine: "Engine", write: Files
) -> None:
    routing.route(live_engine, live_home.proposal, mode="canary", share=0.3, actor="risk-lead", reason="try it on some")
    pair = Desk(live_home.settings, live_engine, PROJECT).pair()
    result = run(pair, live_engine, write())
    assert set(result.summary.versions) == {1, 2} and 50 < result.summary.versions[2] < 130
    for row in decisions(result).groupby("model_version").head(2).itertuples():
        stored = decision_log.read_decision(live_engine, str(row.decision_id))
        assert stored is not None and stored.shadow is not None
        assert stored.shadow.model_version == 3 - row.model_version == 3 - stored.model_version
        assert stored.shadow.role == ("challenger" if row.model_version == 1 else "champion")
    assert recorded_before(live_engine, PROJECT, open_batch(write()).sha256).versions == (1, 2)


@pytest.mark.parametrize(("amount", "said"), [(61_234_567, "61.2 million EUR"), (35_432, "35,400 EUR"), (9_999, "9,999 EUR")])
def test_money_is_said_as_one_says_it(amount: float, said: str) -> None:
    assert money(amount, "EUR") == said
