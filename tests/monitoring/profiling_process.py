"""Processes that count decisions, five a commit, until they are killed: one is forked for every line that comes in.

Forked, because importing MLflow takes seconds and a test kills ten of them.
"""

import os
import sys
from dataclasses import replace
from pathlib import Path

import mlflow

from pipeline.monitoring.profiles import update_profiles
from pipeline.store.engine import open_store
from tests.conftest import settings_of


def main(home: str, url: str) -> None:
    """Fork and say the child's number; the child says ``begun``, and how many it has counted after each commit."""
    assert mlflow.__version__
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            count(home, url)
        say(f"child {child}")
        os.waitpid(child, 0)
        say("over")


def count(home: str, url: str) -> None:
    settings = replace(settings_of(Path(home)), database_url=url)
    say("begun")
    update_profiles(settings, open_store(url), "small", chunk=5, tell=lambda n: say(f"counted {n}"))
    os._exit(0)


def say(line: str) -> None:
    """One write per line, so that a killed process leaves whole lines."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
