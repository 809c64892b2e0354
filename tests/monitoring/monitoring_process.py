"""A process that imports everything once and then, told how long to wait, forks a round of the watch and kills it after that.

Killing whole interpreters would mostly hit their imports; this one dies where the work is.
"""

import importlib
import os
import sys
import time
from pathlib import Path

from tests.monitoring.retraining_process import ended, say

ROOMS = (
    "mlflow", "sklearn.ensemble", "lightgbm", "skops.io", "pipeline.monitoring.monitor", "pipeline.monitoring.drift",
    "pipeline.monitoring.performance", "pipeline.monitoring.health", "pipeline.monitoring.health_state",
)  # fmt: skip


def main(home: Path) -> None:
    """For each line, a number of seconds: watch in a child, kill it then; write how it ended and the seconds."""
    for room in ROOMS:
        importlib.import_module(room)
    say("ready")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os._exit(watch_once(home))
        started = time.monotonic()
        state = ended(child, float(line))
        say(f"{state} {time.monotonic() - started}")


def watch_once(home: Path) -> int:
    """One round as the command runs it; 0 when no watcher failed."""
    from pipeline.monitoring.monitor import run_monitor
    from pipeline.store.engine import open_store
    from tests.conftest import settings_of
    from tests.monitoring.made_watch import RULES
    from tests.serving.conftest import PROJECT

    engine = open_store(settings_of(home).database_url)
    try:
        report = run_monitor(settings_of(home), engine, PROJECT, monitoring=RULES)
    finally:
        engine.dispose()
    return len(report.faults)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
