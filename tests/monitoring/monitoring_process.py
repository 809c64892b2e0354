"""A round of the watch, to be killed: see `killed_rounds`."""

import sys
from pathlib import Path

from tests.monitoring.killed_rounds import answer, settings_told

ROOMS = (
    "mlflow", "sklearn.ensemble", "lightgbm", "skops.io", "pipeline.monitoring.monitor", "pipeline.monitoring.drift",
    "pipeline.monitoring.performance", "pipeline.monitoring.health", "pipeline.monitoring.health_state",
)  # fmt: skip


def watch_once(home: Path) -> int:
    """One round as the command runs it; 0 when no watcher failed."""
    from pipeline.monitoring.monitor import run_monitor
    from pipeline.store.engine import open_store
    from tests.monitoring.made_watch import RULES
    from tests.serving.conftest import PROJECT

    engine = open_store(settings_told(home).database_url)
    try:
        report = run_monitor(settings_told(home), engine, PROJECT, monitoring=RULES)
    finally:
        engine.dispose()
    return len(report.faults)


if __name__ == "__main__":
    answer(ROOMS, lambda: watch_once(Path(sys.argv[1])))
