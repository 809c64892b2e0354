"""Inputs of an application, made from a row of a version's background."""

import pandas as pd

from pipeline.project import ProjectConfig
from pipeline.serving.records import Value


def inputs_of(config: ProjectConfig, row: pd.Series) -> dict[str, Value]:
    """A background row as validated inputs."""
    kinds = {f.name: f.kind for f in config.features}
    return {n: None if pd.isna(row[n]) else str(row[n]) if k == "category" else float(row[n]) for n, k in kinds.items()}
