"""A process that records decisions one after another and says each one's id once it is acknowledged, until it is killed."""

import os
import resource
import signal
import sys

from pipeline.serving.decision_log import LogError, record
from pipeline.store.engine import open_store
from tests.serving.made_decisions import decision


def main(url: str, key: str, first: int, last: int, file_bytes: int) -> None:
    """Record decisions ``first`` to ``last``, keyed ``key:number``; with ``file_bytes`` no file may grow beyond it."""
    engine = open_store(url)
    if file_bytes:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY))
    for number in range(first, last):
        try:
            (made,) = record(engine, [decision(idempotency_key=f"{key}:{number}")])
        except LogError as error:
            if not file_bytes:
                raise
            say(f"error {error}")
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            file_bytes = 0
            (made,) = record(engine, [decision(idempotency_key=f"{key}:{number}")])
        say(f"{number} {made.id}")


def say(line: str) -> None:
    """One write per line, so that a killed process leaves whole lines."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(int(argument) for argument in sys.argv[3:]))
