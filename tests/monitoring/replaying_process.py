"""A nursery of replays: forks one for each line of its input and kills it after so many steps and seconds.

It has everything imported, so that a replay which is to be killed is under way at once.
"""

import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pipeline.monitoring.replay
from pipeline.store.engine import open_store
from tests.conftest import settings_of
from tests.monitoring.made_replay import replayed
from tests.serving.conftest import _live_home


def main(home: str, url: str) -> None:
    """Answer each ``STEPS SECONDS`` with ``killed`` or ``ended``; no steps let the replay be."""
    say("ready")
    for line in sys.stdin:
        steps, seconds = line.split()
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reading)
            run(Path(home), url, writing)
        os.close(writing)
        for _ in range(int(steps)):
            os.read(reading, 1)
        if int(steps):
            time.sleep(float(seconds))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        os.close(reading)
        say("killed" if os.WIFSIGNALED(status) else f"ended {os.waitstatus_to_exitcode(status)}")


def say(word: str) -> None:
    """One write, so that the reader has a whole line."""
    os.write(1, f"{word}\n".encode())


def run(home: Path, url: str, pipe: int) -> None:
    """Replay, fifty rows a commit, one byte for each step; ends the process."""
    pipeline.monitoring.replay.CHUNK_ROWS = 50
    live = _live_home(home)
    engine = open_store(url)
    settings = replace(settings_of(home), database_url=url)
    status = 1
    try:
        replayed(live, engine, settings=settings, moved=lambda *_: os.write(pipe, b"."))
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    main(*sys.argv[1:])
