"""Filters let through what was asked for, and a run that a filter cannot judge stays out."""

import json
from datetime import date

import pandas as pd
import pytest

from dashboard.filters import ALL, Filters, matching, range_columns, whole_history
from pipeline import contract as c
from pipeline.registry.runs import COMPLETE, FAILED, FOREIGN, RUN_COLUMNS, RUNNING
from tests.dashboard.made_store import NASTY


def row(run_id: str, **more: object) -> dict[str, object]:
    base = {"state": COMPLETE, "kind": c.KIND_CANDIDATE, "bakeoff": "b1", "family": "lightgbm", "name": run_id, "params": "{}"}
    return {
        "run_id": run_id,
        "start": "2026-03-03T12:00Z",
        "tags": json.dumps({"team": "Risk", "note": "x" * 5000}),
        **base,
        **more,
    }


@pytest.fixture
def runs() -> pd.DataFrame:
    rows = [
        row("new", valid_f1=0.5, start="2026-03-05T23:59Z"),
        row("forest", family="forest", valid_f1=0.4, params='{"max_depth": "10"}'),
        row("old", bakeoff="b0", valid_f1=0.3, start="2026-02-01T00:00Z", tags="{}"),
        row("parent", kind=c.KIND_BAKEOFF),
        row("failed", state=FAILED),
        row("running", state=RUNNING),
        row("foreign", state=FOREIGN, kind="", bakeoff="", family="", name=NASTY, test_f1=0.6),
    ]
    table = pd.DataFrame(rows, columns=[*RUN_COLUMNS, "tags"])
    return table.assign(start=pd.to_datetime(table["start"], utc=True)).fillna({"candidate": "", "test_sha256": ""})


@pytest.mark.parametrize(
    ("filters", "passed"),
    [
        (Filters(), ["new", "forest", "old", "running", "foreign"]),
        (Filters(bakeoff="b1"), ["new", "forest", "running", "foreign"]),
        (Filters(states=(FAILED,)), ["failed"]),
        (Filters(families=("forest",)), ["forest"]),
        (Filters(since=date(2026, 3, 5)), ["new"]),
        (Filters(until=date(2026, 2, 1)), ["old"]),
        (Filters(text="MAX_DEPTH"), ["forest"]),
        (Filters(text="<img"), ["foreign"]),
        (Filters(text="["), ["foreign"]),
        (Filters(tag="team = risk", families=("forest",)), ["forest"]),
        (Filters(tag="team=nobody"), []),
        (Filters(tag="TEAM", bakeoff="b0"), ["foreign"]),
        (Filters(metric="valid_f1", at_least=0.4), ["new", "forest"]),
        (Filters(metric="valid_f1", at_least=0.35, at_most=0.45), ["forest"]),
        (Filters(metric="beauty", at_least=1), ["new", "forest", "old", "running", "foreign"]),
    ],
)
def test_each_filter_lets_through_what_it_names(runs: pd.DataFrame, filters: Filters, passed: list[str]) -> None:
    assert matching(runs, filters)["run_id"].tolist() == passed


def test_without_tags_no_run_has_one(runs: pd.DataFrame) -> None:
    assert matching(runs.drop(columns="tags"), Filters(tag="team")).empty


def test_only_what_keeps_runs_out_counts_as_narrowing() -> None:
    assert Filters(bakeoff="b1", metric="valid_f1").n_narrowing == 0, "a range without bounds and the bake-off keep nobody out"
    assert Filters(text="x", at_least=0.1, metric="valid_f1").n_narrowing == 2
    assert whole_history(Filters(bakeoff="b1", text="x")) == Filters(bakeoff=ALL, text="x")


def test_a_range_is_offered_only_of_metrics_that_some_run_has(runs: pd.DataFrame) -> None:
    assert range_columns(runs) == ["valid_f1", "test_f1"]
