"""The dashboard as it runs in production, on a home of one's own, and the Chromium that visits it: for tests and bench."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parents[1]
ENTRY = "dashboard/server.py"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
_OF_THE_CALLER = ("MLFLOW_TRACKING", "RISKDECK_", "COVERAGE", "COV_")
_STARTS_WITHIN = 60


def environment(home: Path) -> dict[str, str]:
    """This process's, with a home of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(_OF_THE_CALLER)}
    return {**kept, "RISKDECK_HOME": str(home), "MLFLOW_DISABLE_TELEMETRY": "true"}


@contextmanager
def dashboard(home: Path, log: IO[str] | None = None) -> Iterator[tuple[str, int]]:
    """A dashboard process of its own: its address and process id. What it says goes to the log, and nowhere without one."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", ENTRY, "--server.port", str(port)]
    said = {"stdout": log, "stderr": log} if log else {"stdout": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, env=environment(home), **said)
    try:
        wait_for(f"http://localhost:{port}/_stcore/health", process)
        yield f"http://localhost:{port}", process.pid
    finally:
        process.terminate()
        process.wait(20)


def wait_for(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the server says ok; RuntimeError when it ends or takes longer than a minute."""
    until = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                if answer.read() == b"ok":
                    return
        except OSError:
            time.sleep(0.25)
    how = "did not answer within a minute" if process.poll() is None else f"ended with status {process.returncode}"
    raise RuntimeError(f"the dashboard at {url} {how}")
