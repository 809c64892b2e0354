"""Performance with a model that was trained: the recession in time, estimates that hold, and every state computed."""

from datetime import date
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from pipeline.data.simulate import BookSpec, simulate_book
from pipeline.evaluation.advice import NOTHING
from pipeline.evaluation.estimate import track_record
from pipeline.evaluation.recalibration import fit_recalibration
from pipeline.monitoring.baseline import TrackedArtifacts
from pipeline.monitoring.performance import signals_of
from pipeline.monitoring.performance_advice import advice_on
from pipeline.monitoring.performance_assessed import assess
from pipeline.monitoring.performance_book import make_book
from pipeline.monitoring.performance_metrics import (
    TRACKED,
    estimated,
    past_estimates,
    realised,
)
from pipeline.monitoring.performance_promise import Promise, promise_of
from tests.monitoring.made_performance import as_decided
from tests.serving.conftest import LiveHome, desk, live_engine, live_home, live_once, live_pair

if TYPE_CHECKING:
    from pipeline.serving.desk import Pair
    from pipeline.serving.live import LiveModel

__all__ = ["desk", "live_engine", "live_home", "live_once", "live_pair"]


def promise_with_run(live: "LiveModel", home: LiveHome) -> dict[str, Promise]:
    return {live.policy.id: promise_of(live.policy, live.config, TrackedArtifacts(home.settings))}


def test_the_recession_is_found_once_its_vintages_mature_and_not_before(live_pair: "Pair", live_once: LiveHome) -> None:
    rows = as_decided(live_pair.champion, simulate_book(BookSpec().without(["campaign", "rename"])))
    development = rows[rows["decided_at"] < "2025-03-01"]
    level = fit_recalibration(development["y"], development["pd"])
    assert level is not None
    replayed = rows[rows["decided_at"] >= "2025-03-01"].assign(pd=lambda loans: level.apply(loans["pd"]))
    promises, config = promise_with_run(live_pair.champion, live_once), live_pair.champion.config
    found = {}
    for day in (date(2026, 6, 30), date(2026, 7, 30), date(2026, 8, 31)):
        book = make_book(config, replayed, day, promises)
        table = signals_of(book).pivot_table(index="period", columns="measure", values="value")
        found[day] = set(table.index[(table["calibration_p"] < 0.001) & (table["actual_to_expected"] > 1.05)])
        advised = advice_on(book).advice
        assert (advised.action == NOTHING) == (not found[day]), advised
    assert found == {date(2026, 6, 30): set(), date(2026, 7, 30): set(), date(2026, 8, 31): {"2025-07-01", "2025-08-01"}}


@pytest.mark.long
def test_estimates_without_concept_drift_hold_what_came_true_in_nine_of_ten(live_pair: "Pair", live_once: LiveHome) -> None:
    promises, live = promise_with_run(live_pair.champion, live_once), live_pair.champion
    past, came = [], []
    for seed in range(8):
        book = simulate_book(BookSpec(seed=100 + seed, n=20_000).without(["recession", "rename"]))
        rows = as_decided(live, book[book["application_date"] >= "2025-03-01"])
        judged = make_book(live.config, rows, date(2027, 6, 30), promises)
        past.append(estimated(judged, judged.matured).assign(seed=seed))
        came.append(realised(judged).assign(seed=seed))
    tables = [pd.concat(parts) for parts in (past, came)]
    record = track_record(*(t[t["metric"].isin(TRACKED)] for t in tables), by=("seed", "vintage")).set_index("metric")
    assert (record.loc[["f1", "roc_auc"], "n"] == 80).all()
    assert (record.loc[["f1", "roc_auc"], "inside"] >= 0.9).all(), record.to_string()


def test_no_past_estimate_is_shown_for_months_on_which_the_run_was_tested(live_pair: "Pair", live_once: LiveHome) -> None:
    live = live_pair.champion
    book = simulate_book(BookSpec(n=6000).without(["campaign", "recession", "rename"]))
    rows = as_decided(live, book[book["application_date"] >= "2025-11-01"])
    tested = make_book(live.config, rows, date(2027, 6, 30), promise_with_run(live, live_once))
    assert len(realised(tested)) and past_estimates(tested).empty
    later = rows.assign(decided_at=rows["decided_at"] + pd.DateOffset(months=3))
    assert (
        past_estimates(make_book(live.config, later, date(2027, 6, 30), promise_with_run(live, live_once)))["vintage"].nunique()
        == 2
    )


@pytest.mark.parametrize("are_declined_known", [True, False])
def test_everything_on_the_page_is_computed_whatever_is_known(
    live_pair: "Pair", live_once: LiveHome, *, are_declined_known: bool
) -> None:
    live = live_pair.champion
    rows = as_decided(live, live_once.book().tail(600))
    rows = rows if are_declined_known else rows.assign(y=rows["y"].mask(rows["outcome"] == "decline"))
    for day, n_matured in ((date(2025, 12, 31), 0), (date(2026, 11, 30), 2), (date(2027, 6, 30), 3)):
        found = assess(make_book(live.config, rows, day, promise_with_run(live, live_once)))
        assert found.realised["vintage"].nunique() == n_matured
        assert (found.advised.n > 0) == (n_matured > 0)
        assert (len(found.book.waiting) > 0) == (n_matured < 3)
