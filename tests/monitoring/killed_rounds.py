"""Work that is killed: a process imports everything once and then, told how long to wait, forks a round and kills it.

Killing whole interpreters would mostly hit their imports; these rounds die where the work is.
"""

import importlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.store.engine import open_store
from tests.conftest import settings_of
from tests.monitoring.made_traffic import copy_decisions, copy_release

ROOT = Path(__file__).parents[2]
LONGEST = 120.0
"""Seconds in which an undisturbed round ends."""


@contextmanager
def rounds(module: str, home: Path, env: Mapping[str, str] | None = None) -> Iterator[Callable[[float], tuple[str, float]]]:
    """Yield a function: let the module's round work in the home for at most so many seconds; how it ended and after how long.

    module: under tests.monitoring, its main calls `answer`.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_TRACKING", "RISKDECK_"))}
    kept |= {"RISKDECK_HOME": str(home), "PYTHONPATH": str(ROOT), **(env or {})}
    command = [sys.executable, "-W", "ignore", "-m", f"tests.monitoring.{module}", str(home)]
    with subprocess.Popen(command, cwd=ROOT, env=kept, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def run(seconds: float) -> tuple[str, float]:
            print(seconds, file=process.stdin, flush=True)
            state, took = process.stdout.readline().split()
            return state, float(took)

        yield run
        process.stdin.close()


def settings_told(home: Path) -> Settings:
    """The settings of a home; its store is the one that `rounds` was told in the environment, else its own."""
    own = settings_of(home)
    return replace(own, database_url=os.environ.get("RISKDECK_DATABASE_URL", own.database_url))


def store_of(home: Path, request: pytest.FixtureRequest, name: str) -> str:
    """The home's own SQLite store, or a PostgreSQL one that knows what is released and decided in it."""
    own = settings_of(home).database_url
    if name == "sqlite":
        return own
    url = str(request.getfixturevalue("postgres_url"))
    source, target = open_store(own), open_store(url)
    copy_release(source, target)
    copy_decisions(source, target)
    source.dispose()
    target.dispose()
    return url


def answer(rooms: Sequence[str], work: Callable[[], int]) -> None:
    """For each line, a number of seconds: work in a child, kill it then; write ``done`` or ``killed`` and the seconds.

    rooms: modules imported first; work: returns 0 when all went well.
    """
    for room in rooms:
        importlib.import_module(room)
    _say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(work())
        started = time.monotonic()
        state = _ended(child, float(line))
        _say(f"{state} {time.monotonic() - started}")


def _say(line: str) -> None:
    """One write per line, as the other end reads it."""
    os.write(1, f"{line}\n".encode())


def _ended(child: int, seconds: float) -> str:
    """Wait for the child, at most the seconds, then kill it with a signal that it cannot catch."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return "done" if status == 0 else f"failed:{status}"
        time.sleep(0.001)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "killed"
