"""The small book, split and fitted once per worker, for tests that look at models rather than at runs."""

from dataclasses import dataclass

import pandas as pd
import pytest

from pipeline.data.clean import clean_table
from pipeline.data.split import Split, split_rows
from pipeline.project import ProjectConfig
from pipeline.training.bakeoff import Failed, Fitted, run_bakeoff
from tests.conftest import Trained


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
