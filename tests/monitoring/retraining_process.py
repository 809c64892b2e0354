"""A process that imports everything once and then, told how long to wait, forks a retraining and kills it after that time.

Killing whole interpreters would mostly hit their imports; this one dies where the work is.
"""

import importlib
import os
import signal
import sys
import time
from pathlib import Path

ROOMS = ("mlflow", "sklearn.ensemble", "lightgbm", "skops.io", "pipeline.monitoring.retrain", "pipeline.training.job")


def main(home: Path) -> None:
    """For each line, a number of seconds: retrain in a child, kill it then; write ``done`` or ``killed`` and the seconds."""
    for room in ROOMS:
        importlib.import_module(room)
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(retrain_once(home))
        started = time.monotonic()
        state = ended(child, float(line))
        say(f"{state} {time.monotonic() - started}")


def say(line: str) -> None:
    """One write per line, as the other end reads it."""
    os.write(1, f"{line}\n".encode())


def ended(child: int, seconds: float) -> str:
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


def retrain_once(home: Path) -> int:
    """Retrain as the command does; 0 when the model ended in shadow."""
    from pipeline.project import open_project
    from pipeline.store.engine import open_store
    from tests.conftest import settings_of
    from tests.monitoring.made_retraining import retrain_small

    engine = open_store(settings_of(home).database_url)
    try:
        result = retrain_small(engine, home, open_project(str(home / "recent.toml")))
    finally:
        engine.dispose()
    return 0 if result.status == "in shadow" else 1


if __name__ == "__main__":
    main(Path(sys.argv[1]))
