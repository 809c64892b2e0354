"""The Performance page: what has matured is realised, what has not is estimated and says so, and every state has its words."""

import re
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from tests.dashboard import opened
from tests.dashboard.opened import answer, no_thread_outlives_its_home, words
from tests.monitoring.made_performance import replay, tell
from tests.serving.conftest import PROJECT, LiveHome, desk, live_engine, live_home, live_once

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipeline.serving.desk import Desk

__all__ = ["desk", "live_engine", "live_home", "live_once", "no_thread_outlives_its_home"]

PAGE = "views/performance.py"
TABS = ("Vintage curves", "By grade", "Money", "Past estimates", "Advice", "Table")


def open_page(**link: str) -> AppTest:
    return opened.open_page(PAGE, **{"project": PROJECT, **link})


@pytest.fixture
def book(live_home: LiveHome, live_engine: "Engine", desk: "Desk") -> pd.DataFrame:
    """Six months decided, each on its first day and after the months of the run's test; the outcomes of all are told."""
    history = live_home.book()
    rows = history[history["application_date"].between("2024-01-01", "2024-06-30")]
    dates = {name: two_years_on(rows[name]) for name in ("application_date", "outcome_known_date")}
    replay(live_engine, desk.pair(), rows.assign(**dates), "M")
    tell(live_engine, PROJECT, rows.assign(**dates))
    return rows.assign(**dates)


def two_years_on(days: pd.Series) -> pd.Series:
    return days.dt.to_period("M").dt.to_timestamp() + pd.DateOffset(years=2)


def test_without_decisions_the_page_says_what_will_be_here_and_the_command(live_home: LiveHome) -> None:
    app = open_page()
    assert "No decision is recorded yet" in answer(app)
    assert f"python -m pipeline replay {PROJECT}" in words(app)


def test_before_anything_matures_only_estimates_are_shown_and_called_so(book: pd.DataFrame) -> None:
    app = open_page(as_of="2026-12-15")
    said = answer(app)
    assert "Nothing has matured yet" in said and "the PDs expect F1 about" in said
    assert "January 2026, matures on 2027-01-01" in words(app)
    assert "No loan has matured yet" in words(open_page(as_of="2026-12-15", part="By grade"))


def test_realised_and_estimated_stand_side_by_side_with_n_and_interval(book: pd.DataFrame) -> None:
    app = open_page(as_of="2027-03-15")
    months = book["application_date"].dt.month
    n, waiting = int((months <= 3).sum()), int((months > 3).sum())
    said = answer(app)
    assert f"{n:,} loans decided January to March 2026, the newest that matured" in said
    assert f"for {waiting:,} decided since, the PDs expect recall about" in said
    matrix = re.search(rf"Of the {waiting:,} not matured the PDs expect, about: (.*)", words(app))
    assert matrix is not None and "no estimate from PDs sees it" in matrix[1]
    people = [int(n.replace(",", "")) for n in re.findall(r"([\d,]+) \[[\d,]+, [\d,]+\]", matrix[1])]
    assert len(people) == 4 and sum(people) == pytest.approx(waiting, abs=2)
    assert said.count("[") >= 4 and "concept drift" in words(app)


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_opens_by_its_link_once_all_has_matured(book: pd.DataFrame, tab: str) -> None:
    app = open_page(part=tab, metric="AUC")
    expected = {
        "Vintage curves": "A line per month of decision", "By grade": "The stroke is the mean PD", "Money": "under the policy",
        "Past estimates": "realised values of AUC", "Advice": "Of 1,", "Table": "95 % interval",
    }  # fmt: skip
    assert expected[tab] in words(app)


def test_a_day_before_the_first_decision_says_so(book: pd.DataFrame) -> None:
    assert "Nothing had been decided by 2023-05-01" in answer(open_page(as_of="2023-05-01"))


def test_a_later_day_than_the_newest_and_a_metric_that_does_not_exist_fall_back(book: pd.DataFrame) -> None:
    app = open_page(as_of="2999-01-01", metric="nonsense")
    assert "newest that matured" in answer(app)


def test_decisions_of_one_day_without_any_outcome_are_estimated(
    live_home: LiveHome, live_engine: "Engine", desk: "Desk"
) -> None:
    replay(live_engine, desk.pair(), live_home.book().head(40), "Y")
    app = open_page()
    assert "Nothing has matured yet: of 40 decisions" in answer(app)
    assert "No default is known yet" in words(open_page(part="Vintage curves"))


def test_with_approved_loans_only_the_caveat_stands_with_its_n(
    live_home: LiveHome, live_engine: "Engine", desk: "Desk"
) -> None:
    from pipeline.monitoring.outcomes import with_outcomes

    rows = live_home.book().head(1500)
    replay(live_engine, desk.pair(), rows, "M")
    decided = with_outcomes(live_engine, PROJECT)
    known = decided.loc[decided["outcome"] == "approve", "applicant_id"]
    tell(live_engine, PROJECT, rows[rows["application_id"].isin(known)])
    day = str(rows["outcome_known_date"].max().date())
    app = open_page(as_of=day)
    assert "AUC" in answer(app) and "recall" not in answer(app)
    assert f"Measured on approved loans only (n = {len(known):,} matured)" in words(app)
    assert "are not computable" in words(app)
    said = words(open_page(as_of=day, metric="Recall"))
    assert "Recall cannot be computed for any vintage: what the declined would have done" in said


def test_a_store_that_cannot_be_read_is_one_sentence(live_home: LiveHome, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = live_home.home / "broken.db"
    broken.write_bytes(b"not a database" * 100)
    monkeypatch.setenv("RISKDECK_DATABASE_URL", f"sqlite:///{broken}")
    assert "cannot open the store" in words(open_page())


# --- what is said -----------------------------------------------------------------------------------------------------


def test_months_are_written_as_people_do() -> None:
    from dashboard.performance_words import months

    a, b, c = (pd.Timestamp(day) for day in ("2025-07-01", "2025-08-01", "2026-01-01"))
    assert (months([a]), months([a, b]), months([a, c])) == (
        "in July 2025", "July to August 2025", "July 2025 to January 2026",
    )  # fmt: skip


def test_the_vintage_that_stands_out_is_named_and_noise_is_not() -> None:
    from dashboard.performance_words import curves_finding
    from pipeline.evaluation.vintages import vintage_curves

    rng, n = np.random.default_rng(0), 2000
    day = np.repeat(pd.to_datetime(["2025-01-10", "2025-02-10", "2025-03-10"]), n)
    for worst, named in ((0.1, None), (0.2, pd.Timestamp("2025-03-01"))):
        y = rng.random(3 * n) < np.repeat([0.1, 0.1, worst], n)
        curves = vintage_curves(day, y, day + pd.DateOffset(months=5), date(2026, 6, 1), 12)
        marked, said = curves_finding(curves)
        assert marked == named and ("defaults fastest" in said) == (named is not None)
