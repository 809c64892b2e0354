"""The small book, split and fitted once per worker, for tests that look at models rather than at runs."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from pipeline.data.clean import clean_table
from pipeline.data.split import Split, split_rows
from pipeline.project import ProjectConfig
from pipeline.training.bakeoff import Failed, Fitted, run_bakeoff
from pipeline.training.tracking import open_client
from tests.conftest import Trained, settings_of


@dataclass(frozen=True)
class Small:
    config: ProjectConfig
    frame: pd.DataFrame
    split: Split
    results: dict[str, Fitted | Failed]

    def model(self, name: str) -> Fitted:
        found = self.results[name]
        assert isinstance(found, Fitted)
        return found


@pytest.fixture(scope="session")
def small(trained_once: Trained) -> Small:
    config = trained_once.project.config
    frame = clean_table(pd.read_parquet(trained_once.book), config)
    split = split_rows(frame, config)
    results = run_bakeoff(config, frame, split, n_jobs=1)
    return Small(config, frame, split, {r.candidate.name: r for r in results})


def artifacts(home: Path, run_id: str) -> set[str]:
    """Paths of what a run holds, folders other than the evaluation left out."""
    client = open_client(settings_of(home))
    found = {f.path for f in client.list_artifacts(run_id)}
    return {f for f in found if "." in f} | {f.path for f in client.list_artifacts(run_id, "evaluation")}
