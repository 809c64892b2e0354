"""`score` as a person or a script meets it: exit statuses, two files, and a batch that goes on after Ctrl-C."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from pipeline.__main__ import app
from tests.serving.conftest import LiveHome

ROOT = Path(__file__).parents[2]


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["score", *(str(word) for word in words)], catch_exceptions=False)


@pytest.fixture
def file(live_home: LiveHome, tmp_path: Path) -> Path:
    path = tmp_path / "apps.csv"
    live_home.book().head(200).to_csv(path, index=False)
    return path


def n_recorded(live: LiveHome) -> int:
    with closing(sqlite3.connect(live.home / "riskdeck.db")) as db:
        return int(db.execute("SELECT count(*) FROM decisions").fetchone()[0])


def test_a_good_file_exits_0_and_is_summed_up_in_sentences(live_home: LiveHome, file: Path) -> None:
    done = run(live_home.toml, "--data", file)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith("Of 200 applicants, ") and "is expected to be lost" in done.stdout
    assert "200 rows, version 1 of small" in done.stderr
    assert len(pd.read_csv(file.with_name("apps.decisions.csv"))) == 200 == n_recorded(live_home)
    again = run(live_home.toml, "--data", file)
    assert again.exit_code == 0 and n_recorded(live_home) == 200
    assert "This file was scored on" in again.stderr and "200 rows had been decided before" in again.stdout


def test_refused_rows_exit_1_and_go_to_a_file_of_their_own(live_home: LiveHome, file: Path, tmp_path: Path) -> None:
    table = pd.read_csv(file, dtype=str)
    table.loc[4, "channel"] = "pigeon"
    table.to_csv(file, index=False)
    done = run(live_home.toml, "--data", file, "--out", tmp_path / "results", "--json", "--no-reasons")
    assert done.exit_code == 1
    content = json.loads(done.stdout)
    assert (content["rows"], content["decided"], content["refused"], content["refused_by_field"]) == (
        200,
        199,
        1,
        {"channel": 1},
    )
    refused = pd.read_csv(content["refused_file"])
    assert refused["row"].tolist() == [5] and "Channel: 'pigeon'" in refused["what_is_wrong"].item()
    assert "reason_1" not in pd.read_csv(content["decisions_file"])
    assert sorted(p.name for p in (tmp_path / "results").iterdir()) == ["apps.decisions.csv", "apps.refused.csv"]


def test_no_record_calculates_and_says_that_nothing_was_decided(live_home: LiveHome, file: Path) -> None:
    done = run(live_home.toml, "--data", file, "--no-record")
    assert done.exit_code == 0 and "Nothing was recorded: these are calculations, not decisions." in done.stdout
    assert n_recorded(live_home) == 0


def test_parquet_in_gives_parquet_out(live_home: LiveHome, tmp_path: Path) -> None:
    live_home.book().head(50).to_parquet(tmp_path / "apps.parquet")
    assert run(live_home.toml, "--data", tmp_path / "apps.parquet").exit_code == 0
    assert len(pd.read_parquet(tmp_path / "apps.decisions.parquet")) == 50


@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"a;b\n1;2\n", "separated by semicolons"), (b"a,b\n1,2\n", "nothing was scored: column 'amount'")],
)
def test_a_file_that_cannot_be_scored_is_one_message_and_exit_2(
    live_home: LiveHome, tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "bad.csv").write_bytes(content)
    done = run(live_home.toml, "--data", tmp_path / "bad.csv")
    assert (done.exit_code, done.stdout) == (2, "") and sentence in done.stderr and "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*bad*.part")) and not (tmp_path / "bad.decisions.csv").exists()


def test_nothing_live_is_said_with_exit_2(home: Path, trained_once: object, file_of_nobody: Path) -> None:
    done = run("simulated", "--data", file_of_nobody)
    assert done.exit_code == 2 and "nothing is live in simulated" in done.stderr


@pytest.fixture
def file_of_nobody(tmp_path: Path) -> Path:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    return tmp_path / "a.csv"


def spawn(live: LiveHome, path: Path) -> "subprocess.Popen[str]":
    """Score in a process of its own, and return once something is recorded."""
    command = [sys.executable, "-m", "pipeline", "score", str(live.toml), "--data", str(path)]
    process = subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ), text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while n_recorded(live) == 0 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    return process


@pytest.fixture
def many(live_home: LiveHome, tmp_path: Path) -> Path:
    book = live_home.book()
    book.iloc[[i % len(book) for i in range(8_000)]].to_csv(tmp_path / "many.csv", index=False)
    return tmp_path / "many.csv"


def test_ctrl_c_ends_between_two_chunks_and_the_same_command_goes_on(live_home: LiveHome, many: Path) -> None:
    process = spawn(live_home, many)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, err
    assert out == "" and "the same file again scores only what is missing" in err
    kept = n_recorded(live_home)
    assert 0 < kept < 8_000 and f"Stopped after {kept:,} of 8,000 rows" in err, "what is said is what is in the log"
    assert [p.name for p in many.parent.glob("*many*")] == ["many.csv"], "no half of a result"
    goes_on(live_home, many, kept)


@pytest.mark.long
def test_a_killed_batch_goes_on_where_it_was(live_home: LiveHome, many: Path) -> None:
    process = spawn(live_home, many)
    process.kill()
    process.communicate(timeout=120)
    kept = n_recorded(live_home)
    assert 0 < kept < 8_000 and kept % 500 == 0, "whole chunks only"
    assert not (many.parent / "many.decisions.csv").exists()
    goes_on(live_home, many, kept)
    assert sorted(p.name for p in many.parent.glob("*many*")) == ["many.csv", "many.decisions.csv", "many.refused.csv"]


def goes_on(live: LiveHome, path: Path, kept: int) -> None:
    again = run(live.toml, "--data", path, "--no-reasons", "--json")
    assert again.exit_code == 0, again.stderr
    assert json.loads(again.stdout)["decided_before"] == kept and n_recorded(live) == 8_000
    assert pd.read_csv(path.with_name("many.decisions.csv"))["row"].tolist() == list(range(1, 8_001))
