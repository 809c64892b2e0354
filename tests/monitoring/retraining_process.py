"""A retraining, to be killed: see `killed_rounds`."""

import sys
from pathlib import Path

from tests.monitoring.killed_rounds import answer, settings_told

ROOMS = ("mlflow", "sklearn.ensemble", "lightgbm", "skops.io", "pipeline.monitoring.retrain", "pipeline.training.job")


def retrain_once(home: Path) -> int:
    """Retrain as the command does; 0 when the model ended in shadow."""
    from pipeline.project import open_project
    from pipeline.store.engine import open_store
    from tests.monitoring.made_retraining import retrain_small

    engine = open_store(settings_told(home).database_url)
    try:
        result = retrain_small(engine, home, open_project(str(home / "recent.toml")))
    finally:
        engine.dispose()
    return 0 if result.status == "in shadow" else 1


if __name__ == "__main__":
    answer(ROOMS, lambda: retrain_once(Path(sys.argv[1])))
