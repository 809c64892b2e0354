"""`replay` and `outcomes` as a person or a script meets them: exit statuses, what is said, and what is named."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from pipeline.__main__ import app
from pipeline.monitoring.outcomes import read_outcomes, with_outcomes
from tests.monitoring.made_outcomes import stored
from tests.monitoring.made_replay import months_of, written
from tests.serving.conftest import PROJECT, LiveHome, live_engine, live_home, live_once

__all__ = ["live_engine", "live_home", "live_once"]

ROOT = Path(__file__).parents[2]
DAYS = ("--from", "2025-03-01", "--to", "2025-03-05")


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def table(live_home: LiveHome) -> pd.DataFrame:
    """Five days of the book."""
    return months_of(live_home, pd.Timestamp("2025-03-01").date(), pd.Timestamp("2025-03-05").date())


def test_a_replay_is_summed_up_by_month_and_outcomes_are_told_as_of_a_day(live_home: LiveHome, table: pd.DataFrame) -> None:
    words = ("replay", live_home.toml, "--data", live_home.home / "book.parquet", *DAYS, "--as-of", "2025-12-31")
    done = run(*words)
    assert done.exit_code == 0, done.stderr
    assert f"{len(table)} applications from 2025-03-01 to 2025-03-05, outcomes known by 2025-12-31" in done.stderr
    assert "Version 1 of small is live and decides" in done.stderr
    assert "Replayed, month by month" in done.stdout and "2025-03" in done.stdout and "2025-12" in done.stdout
    assert f"{len(table)} decisions recorded, 0 rows refused" in done.stdout
    again = json.loads(run(*words, "--json", "--no-reasons").stdout)
    assert (again["decided"], again["before"], again["refused"], again["undated"]) == (0, len(table), 0, 0)
    assert again["outcomes"]["new"] == 0 < again["outcomes"]["repeated"]
    assert [month["first"] for month in again["months"]][:2] == ["2025-03-01", "2025-04-01"]


def test_refused_and_undated_rows_exit_1(live_home: LiveHome, table: pd.DataFrame, tmp_path: Path) -> None:
    odd = table.astype({"application_date": str})
    odd.loc[0, "channel"], odd.loc[1, "application_date"] = "pigeon", "soon"
    done = run("replay", live_home.toml, "--data", written(odd, tmp_path / "odd.csv"), *DAYS)
    assert done.exit_code == 1
    assert "Left out: 1 row of the file without a day that can be read" in done.stderr
    assert f"{len(table) - 2} decisions recorded, 1 row refused" in done.stdout


def test_days_that_the_model_learnt_from_are_said_to_flatter_it(live_home: LiveHome) -> None:
    data = live_home.home / "book.parquet"
    done = run("replay", live_home.toml, "--data", data, "--from", "2025-02-28", "--to", "2025-02-28", "--no-reasons")
    assert "Days before 2025-03-01 are those the model learnt from" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("replay", "simulated", "--from", "2025-03-05", "--to", "2025-03-01"), "must follow one another"),
        (("replay", "simulated", *DAYS, "--speed", "0"), "--speed 0: must be a number of days above 0"),
        (("replay", "simulated", *DAYS), "nothing is live in simulated; propose and approve a version first"),
        (("replay", "nobody", *DAYS), "no project 'nobody'"),
        (("outcomes", "simulated", "--data", "nowhere.csv"), "nowhere.csv: no such file"),
    ],
)
def test_what_cannot_be_done_exits_2_and_says_why(home: Path, words: tuple[str, ...], said: str) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert said in done.stderr and "Traceback" not in done.stderr


def test_outcomes_are_read_through_the_columns_of_the_project(
    live_home: LiveHome, live_engine: Engine, table: pd.DataFrame, tmp_path: Path
) -> None:
    known = (table["outcome_known_date"] <= "2025-12-31").sum()
    path = written(table, tmp_path / "book.csv")
    done = run("outcomes", live_home.toml, "--data", path, "--as-of", "2025-12-31")
    assert done.exit_code == 0, done.stderr
    assert f"{known} outcomes: {known} new, 0 corrections." in done.stdout
    assert f"{known} were about nobody decided here; kept" in done.stdout
    assert f"{len(table) - known} rows left to wait: the outcome is not known yet." in done.stdout
    found = read_outcomes(live_engine, PROJECT).set_index("subject_id")
    expected = table.set_index("application_id").loc[found.index]
    assert found["defaulted"].astype(int).tolist() == expected["default"].tolist()
    assert found["cash"].tolist() == (expected["realised_interest"] - expected["realised_loss"]).round(2).tolist()
    later = json.loads(run("outcomes", live_home.toml, "--data", path, "--json").stdout)
    assert (later["given"], later["new"], later["repeated"]) == (len(table), len(table) - known, known)


def test_good_rows_are_kept_and_refused_ones_named_by_row(live_home: LiveHome, live_engine: Engine, tmp_path: Path) -> None:
    rows = {
        "subject_id": ["A-1", "A-2", "A-3", "A-3", "A-5", "A-6"],
        "known_at": ["2025-06-30", "June", "2025-06-30", "2025-06-30", "2025-06-30", "2026-06-30"],
        "defaulted": ["1", "0", "0", "1", "2", "0"],
    }
    path = written(pd.DataFrame(rows), tmp_path / "plain.csv")
    done = run("outcomes", live_home.toml, "--data", path, "--as-of", "2025-12-31")
    assert done.exit_code == 1
    for said in ("row 2: known_at 'June' is no date", "row 3: subject 'A-3' comes more than once", "row 5: defaulted is '2'"):
        assert said in done.stderr
    assert "1 outcome: 1 new" in done.stdout and "4 rows refused" in done.stdout and "1 row left to wait" in done.stdout
    assert stored(live_engine, PROJECT) == [("A-1", "2025-06-30", True, None, 1)]
    said = json.loads(run("outcomes", live_home.toml, "--data", path, "--json").stdout)
    assert [fault["row"] for fault in said["faults"]] == [2, 3, 4, 5]


def test_a_file_that_is_none_of_outcomes_is_refused_with_the_columns_it_needs(live_home: LiveHome, tmp_path: Path) -> None:
    path = written(pd.DataFrame({"name": ["a"], "default": [1]}), tmp_path / "other.csv")
    done = run("outcomes", live_home.toml, "--data", path)
    assert done.exit_code == 2
    assert "small needs 'application_id', 'default', 'outcome_known_date' or 'application_date'" in done.stderr
    assert "subject_id, known_at, defaulted, cash" in done.stderr and "it has 'name', 'default'" in done.stderr


def test_corrections_reach_the_decisions_they_are_about(
    live_home: LiveHome, live_engine: Engine, table: pd.DataFrame, tmp_path: Path
) -> None:
    assert run("replay", live_home.toml, "--data", live_home.home / "book.parquet", *DAYS, "--no-reasons").exit_code == 0
    first = table.loc[0, "application_id"]
    for day, defaulted in (("2025-09-01", 1), ("2025-10-01", 0)):
        rows = pd.DataFrame({"subject_id": [first], "known_at": [day], "defaulted": [defaulted], "cash": [12.5]})
        run("outcomes", live_home.toml, "--data", written(rows, tmp_path / f"{day}.csv"))
    joined = with_outcomes(live_engine, PROJECT).set_index("applicant_id")
    assert joined.loc[first, "y"] == 0.0 and joined["y"].notna().sum() == 1
    assert with_outcomes(live_engine, PROJECT, as_of=pd.Timestamp("2025-09-30").date())["y"].sum() == 1.0


@pytest.mark.long
def test_ctrl_c_stops_between_two_chunks_and_the_same_command_goes_on(
    live_home: LiveHome, live_engine: Engine, table: pd.DataFrame
) -> None:
    words = ["replay", str(live_home.toml), "--data", str(live_home.home / "book.parquet"), *DAYS]
    command = [sys.executable, "-m", "pipeline", *words]
    slowly = [*command, "--speed", "0.5"]
    with subprocess.Popen(slowly, cwd=ROOT, env=dict(os.environ), stderr=subprocess.PIPE, text=True) as slow:
        assert slow.stderr is not None
        while "is live and decides" not in slow.stderr.readline():
            pass
        while n_decided(live_engine) == 0:
            time.sleep(0.05)
        slow.send_signal(signal.SIGINT)
        said = slow.stderr.read()
    assert slow.returncode == 130
    assert "Stopped after" in said and "the same command goes on from there" in said and "Traceback" not in said
    assert 0 < n_decided(live_engine) < len(table)
    assert run(*words).exit_code == 0
    assert n_decided(live_engine) == len(table)


def n_decided(engine: Engine) -> int:
    return len(with_outcomes(engine, PROJECT))
