"""The container, the dashboard's shipped configuration and the workflow, exercised for real."""

import http.client
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.served import ENTRY

ROOT = Path(__file__).resolve().parents[1]


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


# --- the container ----------------------------------------------------------------------------------------------------


def instructions(keyword: str) -> list[str]:
    """Arguments of each instruction of that name, continuation lines joined."""
    joined = read("Dockerfile").replace("\\\n", " ")
    return [line.split(None, 1)[1].strip() for line in joined.splitlines() if line.startswith(keyword + " ")]


def command(keyword: str) -> list[str]:
    """Return the exec form of CMD or HEALTHCHECK as a list of arguments."""
    (text,) = instructions(keyword)
    arguments: list[str] = json.loads(text[text.index("[") :])
    return arguments


def test_base_images_are_pinned_by_tag_and_digest_and_are_the_same() -> None:
    images = {line.split(" AS ")[0] for line in instructions("FROM")}
    assert len(images) == 1
    assert re.fullmatch(r"python:3\.11\.\d+-slim-\w+@sha256:[0-9a-f]{64}", images.pop())


def test_the_image_runs_without_root_and_installs_by_hash_only() -> None:
    assert instructions("USER") == ["10001:10001"]
    (install,) = (line for line in instructions("RUN") if "pip install" in line)
    assert {"--require-hashes", "--no-deps", "--only-binary=:all:"} <= set(install.split())
    assert "libgomp1" in " ".join(instructions("RUN"))


def test_everything_the_image_copies_exists_and_is_sent_to_the_engine() -> None:
    sent = {line[1:] for line in read(".dockerignore").splitlines() if line.startswith("!")}
    copied = {part for line in instructions("COPY") if not line.startswith("--from") for part in line.split()[:-1]}
    assert copied
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert copied <= sent


# --- the dashboard's configuration, in a real server ------------------------------------------------------------------


@pytest.fixture(scope="module")
def configuration() -> dict[str, Any]:
    """Every option as Streamlit's own parser understands the shipped file."""
    script = (
        "import json\nfrom streamlit import config\n"
        "options = config.get_config_options(force_reparse=True)\n"
        "print(json.dumps({key: config.get_option(key) for key in options}, default=str))"
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("STREAMLIT_")}
    result = subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=clean, capture_output=True, text=True, check=True)
    assert "not a valid config option" not in result.stderr
    parsed: dict[str, Any] = json.loads(result.stdout)
    return parsed


def flatten(table: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def test_every_option_is_one_streamlit_knows_and_takes_as_written(configuration: dict[str, Any]) -> None:
    written = flatten(tomllib.loads(read(".streamlit/config.toml")))
    assert {key: configuration.get(key, "unknown option") for key in written} == written


def test_the_shipped_configuration_is_the_safe_one(configuration: dict[str, Any]) -> None:
    safe = {
        "client.showErrorDetails": "none",
        "server.maxUploadSize": 50,
        "server.address": "localhost",
        "server.allowedHosts": ["localhost", "127.0.0.1", "::1"],
        "server.enableCORS": True,
        "server.enableXsrfProtection": True,
        "browser.gatherUsageStats": False,
    }
    assert {key: configuration[key] for key in safe} == safe


def luminance(colour: str) -> float:
    """Relative luminance of #RRGGBB, WCAG 2.2."""
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_is_readable_on_both_backgrounds(configuration: dict[str, Any], theme: str) -> None:
    texts = ("textColor", "linkColor", *(f"{c}TextColor" for c in ("blue", "orange", "green", "yellow", "red")))
    grounds = ("backgroundColor", "secondaryBackgroundColor")
    ratios = {
        (text, ground): contrast(configuration[f"theme.{theme}.{text}"], configuration[f"theme.{theme}.{ground}"])
        for text in texts
        for ground in grounds
    }
    assert {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_chart_scales_have_the_ten_colours_without_which_streamlit_ignores_them(
    configuration: dict[str, Any], theme: str
) -> None:
    for scale in ("chartSequentialColors", "chartDivergingColors"):
        assert len(set(configuration[f"theme.{theme}.{scale}"])) == 10


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def health(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_stcore/health")
        return connection.getresponse().read().decode()
    except OSError:
        return ""
    finally:
        connection.close()


@contextmanager
def streamlit(folder: Path, *arguments: str) -> Iterator[int]:
    """A real server with the shipped configuration on a one-line page, started as dashboard/server.py is; yields its port."""
    app = folder / "server.py"
    app.write_text("import streamlit as st\n\napp = st.App('page.py')\n")
    (folder / "page.py").write_text("import streamlit as st\n\nst.write('Riskdeck')\n")
    port = free_port()
    start = [sys.executable, "-m", "streamlit", "run", str(app), f"--server.port={port}", *arguments]
    with subprocess.Popen(start, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + 60
            while health(port) != "ok":
                assert process.poll() is None and time.monotonic() < deadline, "Streamlit did not start"
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with streamlit(tmp_path_factory.mktemp("shipped")) as port:
        yield port


def accepts(address: str, port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex((address, port)) == 0


def websocket_status(port: int, host: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    headers = {"Host": host, "Origin": f"http://{host}", "Connection": "Upgrade", "Upgrade": "websocket"}
    headers |= {"Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
    connection.request("GET", "/_stcore/stream", headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_session_under_an_unknown_host_name_is_refused(shipped: int) -> None:
    assert websocket_status(shipped, f"localhost:{shipped}") == 101
    assert websocket_status(shipped, f"127.0.0.1:{shipped}") == 101
    assert websocket_status(shipped, "attacker.example") == 403


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127.0.0.0/8")
def test_the_shipped_server_listens_on_loopback_alone_and_the_container_on_every_address(shipped: int, tmp_path: Path) -> None:
    """127.0.0.2 reaches whatever listens on every address, and nothing that is bound to 127.0.0.1."""
    assert accepts("127.0.0.1", shipped)
    assert not accepts("127.0.0.2", shipped)
    start = command("CMD")
    assert start[1:5] == ["-m", "streamlit", "run", ENTRY], "what browser tests and the bench visit is what is shipped"
    with streamlit(tmp_path, *start[5:]) as port:
        assert accepts("127.0.0.2", port)


def probe(port: int) -> int:
    """Exit code of the image's own health check, aimed at another port."""
    check = [part.replace("8501", str(port)) for part in command("HEALTHCHECK")]
    return subprocess.run([sys.executable, *check[1:]], capture_output=True, timeout=30, check=False).returncode


def test_the_health_check_passes_on_a_living_server_and_fails_on_a_stopped_one(tmp_path: Path) -> None:
    with streamlit(tmp_path) as port:
        assert probe(port) == 0
    assert probe(port) != 0


class AnyPage(http.server.BaseHTTPRequestHandler):
    """Answers 200 with a page to everything, as Streamlit does to paths it does not know."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>ok</title>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def test_the_health_check_is_not_fooled_by_a_page_with_status_200() -> None:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), AnyPage) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        assert probe(server.server_address[1]) != 0
        server.shutdown()


# --- the workflow -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(read(".github/workflows/ci-cd.yml"))
    return parsed


@pytest.fixture(scope="module")
def retraining(workflow: dict[str, Any]) -> dict[str, Any]:
    """The step that retrains."""
    (step,) = (step for step in workflow["jobs"]["retrain"]["steps"] if step["name"] == "Retrain")
    return dict(step)


def test_retraining_runs_every_week_and_by_hand_and_the_checks_do_not_run_with_it(workflow: dict[str, Any]) -> None:
    starts = workflow[True]  # YAML 1.1 reads the key "on" as true
    (weekly,) = starts["schedule"]
    minute, hour, day, month, weekday = weekly["cron"].split()
    assert (minute.isdigit(), hour.isdigit(), day, month) == (True, True, "*", "*")
    assert weekday in set("0123456"), "one day of the week"
    inputs = starts["workflow_dispatch"]["inputs"]
    assert {name: (words["type"], words["default"]) for name, words in inputs.items()} == {
        "project": ("string", ""),
        "if_needed": ("boolean", True),
    }
    jobs = workflow["jobs"]
    assert jobs["ci"]["if"] == "github.event_name != 'schedule' && !inputs.project"
    assert jobs["retrain"]["if"] == "inputs.project || (github.event_name == 'schedule' && vars.RETRAIN_PROJECT)"


def test_the_workflow_may_read_the_code_and_nothing_else_and_secrets_reach_one_step_of_a_guarded_job(
    workflow: dict[str, Any], retraining: dict[str, Any]
) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    jobs = workflow["jobs"]
    assert [name for name, job in jobs.items() if "permissions" in job] == []
    kept = [step["with"] for job in jobs.values() for step in job["steps"] if "actions/checkout" in step.get("uses", "")]
    assert kept and all(words["persist-credentials"] is False for words in kept)
    everywhere = re.findall(r"\$\{\{ secrets\.(\w+) \}\}", read(".github/workflows/ci-cd.yml"))
    assert sorted(everywhere) == sorted(key for key, value in retraining["env"].items() if "secrets." in value)
    assert jobs["retrain"]["environment"] == "retraining"
    assert "${{" not in retraining["run"], "what somebody types must not become part of a script"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"IF_NEEDED": "true", "DATA": "", "ACTOR": "retrain (schedule)"}, ["--as", "retrain (schedule)", "--if-needed"]),
        (
            {"IF_NEEDED": "false", "DATA": "a file.csv", "ACTOR": "retrain (by hand)"},
            ["--as", "retrain (by hand)", "--data", "a file.csv"],
        ),
    ],
)
def test_the_workflow_says_to_the_command_line_what_was_chosen(
    retraining: dict[str, Any], tmp_path: Path, given: dict[str, str], expected: list[str]
) -> None:
    """The very script of the step, with a stand-in that writes down its words."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    python.chmod(0o755)
    env = {"PATH": os.environ["PATH"], "PROJECT": "taiwan; exit 7", **given}
    command = ["bash", "-e", "-c", retraining["run"]]
    done = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["-m", "pipeline", "retrain", "taiwan; exit 7", *expected]


def test_with_nothing_set_up_the_workflow_is_told_what_is_missing(
    retraining: dict[str, Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable or secret that nobody has set reaches the command as an empty text."""
    from typer.testing import CliRunner

    from pipeline.__main__ import app

    for key in retraining["env"]:
        if key.startswith(("RISKDECK_", "MLFLOW_")) and key != "RISKDECK_HOME":
            monkeypatch.setenv(key, "")
    done = CliRunner().invoke(app, ["retrain", "taiwan", "--as", "retrain (schedule)", "--if-needed"])
    assert done.exit_code == 2
    assert "nothing is live in taiwan, so there is nothing to retrain" in done.stderr
    assert list(home.glob("*.db")) == [home / "riskdeck.db"], "nothing was sent elsewhere"
