"""How every page of runs opens: the runs are read, and where there is nothing to rank the page says so."""

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from dashboard import loading, ranking
from dashboard.components import page
from dashboard.components.freshness import say_stale
from dashboard.loading import Runs


@dataclass(frozen=True)
class Opened:
    """What a page of runs starts from: all runs, the complete candidates among them, and which are not ranked, in words."""

    runs: Runs
    candidates: pd.DataFrame
    left_out: str


def opened(project: str, otherwise: Callable[[pd.DataFrame, str], None] | None = None) -> Opened | None:
    """Read a project's runs; None once the page has said why there is nothing to rank, and how fresh that is.

    otherwise: draws what there is when no run is a complete candidate; it gets the runs, and what they are in words.
    Raises TrackingUnavailable when nothing was ever seen and nobody answers.
    """
    with st.skeleton(height=400):
        runs = loading.read_runs(project)
    say_stale(runs)
    candidates, left_out = ranking.candidates(runs.table), ranking.left_out(runs.table)
    if runs.table.empty:
        page.nothing_yet(runs)
    elif candidates.empty:
        otherwise(runs.table, left_out) if otherwise else page.no_complete_run(project, left_out)
        page.freshness(runs)
    else:
        return Opened(runs, candidates, left_out)
    return None
