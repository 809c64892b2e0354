"""The verb ``profiles``: what it prints, and the ways in which it is refused."""

import json
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from pipeline.__main__ import app
from tests.monitoring.made_traffic import Remembered, Watched, record_book
from tests.serving.conftest import LiveHome, live_engine, live_home, live_once

__all__ = ["live_engine", "live_home", "live_once"]

FIRST, LAST = date(2025, 8, 1), date(2025, 8, 3)


@pytest.fixture
def watched(live_home: LiveHome, live_engine: Engine) -> Watched:
    return Watched(live_home.settings, live_engine, live_home, Remembered(live_home.settings))


def run(*words: object) -> "tuple[int, str, str]":
    done = CliRunner().invoke(app, ["profiles", *map(str, words)])
    return done.exit_code, done.stdout, done.stderr


def history_of(watched: Watched, folder: Path) -> Path:
    """Three days that the log does not hold."""
    rows = watched.rows(FIRST, LAST)[list(watched.config.feature_names)]
    moments = pd.date_range(FIRST, periods=len(rows), freq="h")
    rows.assign(pd=0.1, outcome="approve", decided_at=moments).to_parquet(folder / "history.parquet")
    return folder / "history.parquet"


def test_new_decisions_are_counted_and_the_reach_is_said(watched: Watched) -> None:
    assert run(watched.live.toml)[:2] == (0, "0 decisions counted; nothing is counted so far.\n")
    n = record_book(watched.engine, watched.config, watched.rows(FIRST, LAST))
    code, said, _ = run(watched.live.toml)
    assert (code, said) == (0, f"{n} decisions counted; profiles reach from 2025-08-01 to 2025-08-03.\n")
    code, said, _ = run(watched.live.toml, "--json")
    assert code == 0
    assert json.loads(said) == {"counted": 0, "last_seq": n, "from": "2025-08-01", "to": "2025-08-03"}


def test_a_history_is_counted_once(watched: Watched, tmp_path: Path) -> None:
    path = history_of(watched, tmp_path)
    words = (watched.live.toml, "--from-parquet", path, "--model-version", 1)
    code, said, _ = run(*words, "--json")
    assert code == 0
    assert json.loads(said)["counted"] == len(pd.read_parquet(path))
    code, said, why = run(*words)
    assert (code, said) == (2, "")
    assert "counted already" in why


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--model-version", "1"), "--model-version and --scheduler go with --from-parquet"),
        (("--from-parquet", "x.parquet"), "--from-parquet needs --model-version"),
        (("--from-parquet", "x.parquet", "--model-version", "9"), "version 9 of small was never proposed"),
        (("--from-parquet", "x.parquet", "--model-version", "1"), "x.parquet cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(watched: Watched, words: tuple[str, ...], why: str) -> None:
    code, said, found = run(watched.live.toml, *words)
    assert (code, said) == (2, "")
    assert why in found
    assert "Traceback" not in found
