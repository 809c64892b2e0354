"""One small lending product and its loans, good in every respect; each test spoils what it is about."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipeline.project import ProjectConfig

_BASE: dict[str, Any] = {
    "project": {"name": "corner_shop", "title": "Corner shop loans", "currency": "EUR"},
    "data": {
        "target": "default", "id": "loan_id", "time": "applied_on", "amount": "amount", "never": ["recovered*"],
    },
    "features": [
        {"name": "amount", "kind": "number", "label": "Amount", "range": [100, 50_000]},
        {"name": "income", "kind": "number", "label": "Income", "range": [0, 1_000_000], "missing": [-1], "max_missing": 0.1},
        {"name": "children", "kind": "number", "label": "Children", "integer": True, "range": [0, 20]},
        {"name": "term", "kind": "category", "label": "Term", "choices": [36, 60]},
        {"name": "homeowner", "kind": "boolean", "label": "Owns a home"},
    ],
    "protected": {"columns": ["age"], "bins": {"age": [30, 50]}},
    "segments": {"columns": ["channel"]},
    "split": {"method": "time", "test_from": "2024-10-01", "folds": 4},
    "costs": {"fn_cost": 5000, "fp_cost": 1000},
    "models": {"prior": {"family": "prior"}},
}  # fmt: skip

Build = Callable[..., ProjectConfig]


@pytest.fixture(scope="session")
def product() -> Build:
    """Build the project with some sections' keys changed: ``product(checks={"min_rows": 10})``."""

    def build(**changes: Any) -> ProjectConfig:
        content = dict(_BASE)
        for section, keys in changes.items():
            content[section] = {**content.get(section, {}), **keys} if isinstance(keys, dict) else keys
        return ProjectConfig.model_validate(content)

    return build


@pytest.fixture(scope="session")
def make_loans() -> Callable[..., pd.DataFrame]:
    """Build n good raw loans of 2024, one after the other in time."""

    def build(n: int = 1200, seed: int = 1) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        days = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(n) * 365 // n, unit="D")
        return pd.DataFrame(
            {
                "loan_id": np.arange(n) + 7000,
                "applied_on": days.strftime("%Y-%m-%d"),
                "amount": rng.integers(100, 50_000, n).astype(float),
                "income": rng.normal(40_000, 8_000, n).round(2).clip(1),
                "children": rng.integers(0, 4, n),
                "term": rng.choice([36, 60], n),
                "homeowner": rng.choice(["yes", "no"], n),
                "age": rng.integers(20, 70, n),
                "channel": rng.choice(["branch", "web"], n),
                "default": (rng.random(n) < 0.2).astype(int),
                "recovered_amount": rng.random(n),
            }
        )

    return build


@pytest.fixture
def loans(make_loans: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    return make_loans()
