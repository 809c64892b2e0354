"""Columns that other tools overlook or die on, each judged by name through the log, the profiles and the signals."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine

from pipeline.monitoring.baseline import decisions_of, grades_of, policy_of
from pipeline.monitoring.drift import drift_signals
from pipeline.monitoring.profiles import update_profiles
from pipeline.project import open_project
from pipeline.serving.decision_batch import DecisionBatch, record_rows
from pipeline.serving.ids import new_ids
from tests.monitoring.made_traffic import typed
from tests.serving.conftest import PROJECT, LiveHome, live_engine, live_home, live_once

__all__ = ["live_engine", "live_home", "live_once"]

N = 10_000


@pytest.fixture
def judged(live_home: LiveHome, live_engine: Engine) -> pd.DataFrame:
    """Signals of one month in which five columns broke, each in its own way, and the others did not."""
    config = open_project(str(live_home.toml)).config
    book = live_home.book()
    development = book[pd.to_datetime(book["application_date"]) < "2025-03-01"]
    rows = development.sample(N, replace=True, random_state=7).reset_index(drop=True)
    frame = typed(config, rows).assign(
        income=rows["income"].astype(float) * 0.6,
        term_months="60",
        utilisation=np.nan,
        existing_customer=1.0,
        purpose=np.where(np.arange(N) % 4 == 0, "solar_panels", rows["purpose"].astype(str)),
    )
    frame.loc[:4, "income"] = 1e8
    policy, pds = policy_of(live_engine, PROJECT, 1), np.random.default_rng(3).beta(1.2, 6, N)
    noon = datetime(2025, 6, 10, 12, tzinfo=UTC)
    batch = DecisionBatch(
        PROJECT, noon, "replay", 1, "a" * 64, policy.run_id, policy.id, frame, pds,
        grades_of(config, pds).to_numpy(dtype=object), decisions_of(policy, pds).to_numpy(dtype=object), new_ids(noon, N),
    )  # fmt: skip
    record_rows(live_engine, batch)
    update_profiles(live_home.settings, live_engine, PROJECT)
    return drift_signals(live_home.settings, live_engine, PROJECT, date(2025, 6, 30))


def of(signals: pd.DataFrame, measure: str) -> "pd.Series[float]":
    return signals[signals["measure"] == measure].set_index("subject")["value"]


def test_each_broken_column_is_judged_by_name_and_hides_no_other(judged: pd.DataFrame) -> None:
    psi = of(judged, "psi")
    broken = {"income", "term_months", "utilisation", "existing_customer", "purpose"}
    assert set(psi[psi >= 0.25].index) == broken
    # A 40 % fall under five incomes of 1e8: equal-width bins see 0.0006.
    assert psi["income"] > 0.4
    assert psi.drop(list(broken)).max() < 0.10


def test_what_is_odd_about_a_column_stands_beside_its_number(judged: pd.DataFrame) -> None:
    notes = judged[judged["measure"] == "psi"].set_index("subject")["note"]
    assert notes["utilisation"] == "all missing"
    assert notes["term_months"] == "nothing but 60"
    assert notes["existing_customer"].startswith("nothing but ")


def test_missing_new_and_constant_values_have_signals_of_their_own(judged: pd.DataFrame) -> None:
    assert of(judged, "missing")["utilisation"] == 1.0
    assert of(judged, "missing_rise")["utilisation"] > 0.8
    assert of(judged, "unseen")["purpose"] == pytest.approx(0.25)
    outside = of(judged, "out_of_range")
    assert 5 / N <= outside["income"] < 0.01
    assert outside.drop("income").max() == 0.0
    constant = of(judged, "constant")
    assert set(constant[constant == 1.0].index) == {"term_months", "existing_customer"}
