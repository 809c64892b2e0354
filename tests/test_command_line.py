"""The command line as a person or a script meets it: words, exit statuses, and nothing but results on stdout."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from pipeline import contract as c
from pipeline.__main__ import app
from pipeline.registry.runs import read_run, read_runs
from pipeline.training.tracking import open_client
from tests.conftest import LOGISTIC_ONLY, Trained

ROOT = Path(__file__).parents[1]
VERBS = (
    "demo", "simulate", "check", "train", "gate", "score", "serve", "replay", "outcomes", "profiles", "monitor", "report",
    "retrain", "reproduce", "ledger", "release",
)  # fmt: skip
STEPS = ("propose", "approve", "reject", "route", "rollback", "history")


def run(*words: object) -> Result:
    """Run a command inside this process; a traceback would be raised here."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def spawn(*words: object, **env: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "pipeline", *(str(word) for word in words)]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, env={**os.environ, **env}, **pipes)


def test_the_overview_names_every_verb_and_needs_no_other_room(home: Path) -> None:
    code = "import sys; from pipeline.__main__ import app\ntry: app(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'mlflow', 'sklearn', 'lightgbm', 'sqlalchemy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(verb in done.stdout for verb in VERBS)
    assert done.stdout.strip().endswith("[]"), "help must not wait for heavy imports"


@pytest.mark.parametrize("words", [*((v,) for v in VERBS), *(("release", s) for s in STEPS)])
def test_every_verb_explains_itself_and_loses_no_word_to_markup(words: tuple[str, ...]) -> None:
    done = run(*words, "--help")
    assert done.exit_code == 0
    command: Any = get_command(app)
    for word in words:
        command = command.commands[word]
    assert command.help and " ".join(command.help.split()) in " ".join(done.stdout.split())


def test_every_command_of_the_readme_exists() -> None:
    found = re.findall(r"python -m pipeline ([a-z]+)(?: ([a-z]+))?", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(found) >= len(VERBS)
    for verb, second in found:
        assert verb in VERBS, verb
        assert verb != "release" or second in STEPS, second
    assert {verb for verb, _ in found} == set(VERBS)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("train", "taiwn"), "no project 'taiwn'; did you mean 'taiwan'?"),
        (("check", "no/such.toml"), "built in are simulated"),
        (("train", "loan_data"), "ships no data; name the file with --data"),
        (("train", "taiwan", "--data", "no/such.csv"), "no/such.csv"),
        (("train", "taiwan", "--jobs", "0"), "--jobs 0: must be 1 or more, or -1"),
        (("simulate", "--without", "flood"), "unknown incident flood: must be among campaign, recession, rename"),
        (("simulate", "--seed", "-1"), "seed = -1: must be at least 0"),
        (("simulate", "--out", "book.xlsx"), "must end in .parquet or .csv"),
        (("gate", "taiwan"), "has no complete bake-off; run `python -m pipeline train taiwan` first"),
        (("gate", "taiwan", "--run", "0" * 32), "cannot be judged: there is no run"),
        (("reproduce", "0" * 32), "cannot be reproduced: there is no run"),
        (("release", "propose", "taiwan", "--as", "pm", "--reason", "why"), "has no complete bake-off"),
        (("release", "approve", "7", "--as", "pm", "--reason", "why"), "7"),
        (("release", "rollback", "taiwan", "--as", "pm", "--reason", "why"), "taiwan"),
    ],
)
def test_a_wrong_word_gets_one_plain_sentence_and_exit_2(migrated_home: Path, words: tuple[str, ...], sentence: str) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert sentence in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


@pytest.mark.parametrize(
    "words",
    [("fly",), ("train",), ("train", "taiwan", "--fast"), ("demo", "--port", "70000"), ("release", "propose", "taiwan")],
)
def test_a_word_that_does_not_exist_or_is_missing_is_wrong_usage(home: Path, words: tuple[str, ...]) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert "Usage:" in done.stderr and "Traceback" not in done.stderr


def test_a_file_that_is_no_toml_is_refused_in_plain_words(home: Path, tmp_path: Path) -> None:
    (tmp_path / "loans.parquet").write_bytes(b"PAR1\xff\xfe\x00")
    done = run("check", tmp_path / "loans.parquet")
    assert done.exit_code == 2
    assert "loans.parquet" in done.stderr


def test_the_simulated_book_is_written_and_summed_up(home: Path, tmp_path: Path) -> None:
    done = run("simulate", "--rows", 300, "--seed", 5, "--without", "rename", "--out", tmp_path / "deep" / "book.csv", "--json")
    assert done.exit_code == 0
    summary = json.loads(done.stdout)
    assert set(summary["incidents"]) == {"campaign", "recession"}
    assert len(pd.read_csv(summary["file"])) == summary["rows"] >= 300
    again = run("simulate", "--rows", 300)
    assert "applications" in again.stdout and (home / "simulated.parquet").is_file()


def test_check_exits_0_on_good_data_and_1_on_bad_naming_the_column(home: Path, trained_once: Trained, tmp_path: Path) -> None:
    good = run("check", trained_once.toml, "--data", trained_once.book, "--json")
    assert (good.exit_code, json.loads(good.stdout)["passed"]) == (0, True)
    book = pd.read_parquet(trained_once.book).rename(columns={"income": "incme"})
    book.to_parquet(tmp_path / "bad.parquet")
    for words in (("check",), ("train",)):
        bad = run(*words, trained_once.toml, "--data", tmp_path / "bad.parquet", "--json")
        assert bad.exit_code == 1
        content = json.loads(bad.stdout)
        assert content["passed"] is False
        assert any(f["column"] == "income" for f in content["failures"])
    table = run("check", trained_once.toml, "--data", tmp_path / "bad.parquet")
    assert "income" in table.stdout and "incme" in table.stdout and "the check failed" in table.stdout


def test_json_keeps_text_that_looks_like_markup_or_emoji(home: Path, trained_once: Trained, tmp_path: Path) -> None:
    book = pd.read_parquet(trained_once.book)
    book.loc[0, "purpose"] = ":smile: [bold]x[/bold]"
    book.to_parquet(tmp_path / "odd.parquet")
    done = run("check", trained_once.toml, "--data", tmp_path / "odd.parquet", "--json")
    assert any(":smile: [bold]x[/bold]" in failure["detail"] for failure in json.loads(done.stdout)["failures"])
    plain = run("check", trained_once.toml, "--data", tmp_path / "odd.parquet")
    assert ":smile:" in plain.stdout and "[bold]x[/bold]" in plain.stdout


def test_gate_exits_0_or_1_and_names_what_failed_by_how_much(trained: Trained) -> None:
    good = run("gate", trained.toml, "--json")
    assert (good.exit_code, json.loads(good.stdout)["passed"]) == (0, True)
    assert good.stderr == ""
    bad = run("gate", trained.toml, "--run", trained.run_id("prior"))
    assert bad.exit_code == 1
    last = bad.stdout.strip().splitlines()[-1]
    assert last.startswith("failed: floor roc_auc (0.5000")
    assert "-0.15" in bad.stdout


def test_reproduce_exits_0_when_identical_and_1_naming_what_differs(trained: Trained) -> None:
    run_id = trained.run_id("prior")
    same = run("reproduce", run_id)
    assert same.exit_code == 0
    assert "identical to the last digit" in same.stdout
    open_client(trained.settings).log_metric(run_id, "test_brier", 0.1)
    other = run("reproduce", run_id, "--json")
    assert other.exit_code == 1
    content = json.loads(other.stdout)
    assert content["is_identical"] is False
    assert content["differences"][0].startswith("test_brier: 0.1 then, ")
    file = trained.settings.snapshots / f"{trained.bakeoff['data_sha256']}.parquet"
    pd.read_parquet(file).assign(amount=1000.0).to_parquet(file)
    altered = run("reproduce", run_id)
    assert altered.exit_code == 1
    assert "altered after it was written" in altered.stderr.replace("\n", " ")


def test_from_gate_to_live_and_back_by_two_names(trained: Trained) -> None:
    who = ("--as", "pm", "--reason", "better recall")
    assert run("gate", trained.toml).exit_code == 0
    proposed = run("release", "propose", trained.toml, *who, "--json")
    assert proposed.exit_code == 0, proposed.stderr
    content = json.loads(proposed.stdout)
    chosen = read_run(trained.bakeoff["chosen_run_id"])
    assert content["decline_above"] == chosen.metrics[c.CUTOFF]
    assert content["actor_verified"] is False
    own = run("release", "approve", content["proposal"], *who)
    assert own.exit_code == 2 and "pm" in own.stderr
    approved = run("release", "approve", content["proposal"], "--as", "risk-lead", "--reason", "gate passed")
    assert approved.exit_code == 0, approved.stderr
    history = json.loads(run("release", "history", trained.toml, "--json").stdout)
    assert [row["event"] for row in history["rows"]][-3:] == ["proposal", "approval", "promotion"]
    ledger = run("ledger", trained.toml)
    assert ledger.exit_code == 0
    assert "chain unbroken, alias agrees" in ledger.stdout
    back = run("release", "rollback", trained.toml, *who)
    assert back.exit_code == 2, "nothing was live before"


def test_a_run_that_failed_its_gate_cannot_be_proposed(trained: Trained) -> None:
    run_id = trained.run_id("prior")
    assert run("gate", trained.toml, "--run", run_id).exit_code == 1
    done = run("release", "propose", trained.toml, "--run", run_id, "--as", "pm", "--reason", "why")
    assert done.exit_code == 2
    assert "did not pass its gate" in done.stderr


def test_the_table_of_a_bakeoff_lists_the_best_first_and_what_failed_last(
    migrated_home: Path, trained_once: Trained, write_project: Callable[..., Path]
) -> None:
    models = '[models.prior]\nfamily = "prior"\n[models.broken]\nfamily = "logistic"\nfixed = { C = -1.0 }\n' + LOGISTIC_ONLY
    done = run("train", write_project(models), "--data", trained_once.book, "--jobs", 1)
    assert done.exit_code == 0, done.stderr
    places = [done.stdout.index(name) for name in ("chosen", "prior", "failed")]
    assert places == sorted(places)
    assert "valid cost_per_1000" in done.stdout
    assert "Development 3,318 rows" in done.stderr and "Development" not in done.stdout


def test_all_candidates_failing_is_told_with_exit_2(
    migrated_home: Path, trained_once: Trained, write_project: Callable[..., Path]
) -> None:
    models = '[models.broken]\nfamily = "logistic"\nfixed = { C = -1.0 }\n'
    done = run("train", write_project(models), "--data", trained_once.book)
    assert done.exit_code == 2
    assert "every candidate failed; broken: " in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("verb", ["train", "gate"])
def test_a_tracking_server_that_is_down_is_one_sentence_long_before_mlflow_gives_up(
    home: Path, trained_once: Trained, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:hunter2@127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")  # as the job sets it; restored after the test
    data = ("--data", trained_once.book) if verb == "train" else ()
    start = time.monotonic()
    done = run(verb, trained_once.toml, *data)
    assert time.monotonic() - start < 60, "MLflow by itself tries for four minutes"
    assert done.exit_code == 2
    assert done.stdout == ""
    last = done.stderr.strip().splitlines()[-1]
    assert "server" in last or "tracking store" in last
    assert "Traceback" not in done.stderr and "hunter2" not in done.stderr


def test_ctrl_c_during_training_leaves_no_run_that_looks_complete(
    migrated_home: Path, trained_once: Trained, write_project: Callable[..., Path]
) -> None:
    many = '[models.forest]\nfamily = "forest"\nfixed = { n_estimators = 60 }\ngrid = { max_depth = [%s] }\n'
    path = write_project(many % ", ".join(str(depth) for depth in range(5, 60)))
    process = spawn("train", path, "--data", trained_once.book)
    assert process.stderr is not None
    for line in process.stderr:  # the fits begin after this line
        if line.startswith("Development"):
            break
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, err.strip()) == ("", "Stopped; nothing half done was kept.")
    assert not read_runs("small")["is_complete"].any()


def test_a_ctrl_c_that_a_finaliser_swallowed_is_raised_again_at_the_next_step() -> None:
    from pipeline import console

    with pytest.raises(KeyboardInterrupt), console.progress_bar("Fitting") as move:
        with contextlib.suppress(KeyboardInterrupt):  # as Python does in a finaliser
            signal.raise_signal(signal.SIGINT)
        move("next", 1, 2)
    console.say("and no longer afterwards")
