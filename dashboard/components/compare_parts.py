"""What the pictures of several runs share: which runs can be drawn, at which cut-offs, and their tables as one."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from dashboard import loading
from dashboard.charts.comparison import Line
from dashboard.comparing import Side
from pipeline import contract


def having(side: Side, read: Callable[[str], pd.DataFrame | None]) -> tuple[list[Line], list[pd.DataFrame]]:
    """Runs that have what is asked for; the others are named."""
    found = [(line, read(run_id)) for line, run_id in zip(side.lines, side.runs["run_id"], strict=True)]
    missing = [f"{line.letter} {line.name}" for line, table in found if table is None or table.empty]
    if missing:
        st.text(f"Not drawn, for these runs hold no scored rows: {', '.join(missing)}")
    there = [(line, table) for line, table in found if table is not None and len(table)]
    return [line for line, _ in there], [table for _, table in there]


def of_rows(
    side: Side, compute: Callable[["pd.Series[int]", "pd.Series[float]"], pd.DataFrame]
) -> tuple[list[Line], list[pd.DataFrame]]:
    """Runs with scored test rows, and what is computed from y and PD of each."""
    drawn, rows = having(side, lambda run_id: loading.holdout(run_id, contract.TEST))
    return drawn, [compute(r[contract.HOLDOUT_Y], r[contract.HOLDOUT_PD]) for r in rows]


def cutoffs(side: Side, drawn: list[Line]) -> list[float]:
    """Each drawn run's own cut-off."""
    by_letter = dict(zip(side.letters, side.runs["cutoff"], strict=True))
    return [float(by_letter[line.letter]) for line in drawn]


def stacked(drawn: list[Line], tables: list[pd.DataFrame]) -> pd.DataFrame:
    """The tables of several runs as one, with the run in a column, for a download."""
    return pd.concat([t.assign(run=f"{x.letter} {x.name}") for x, t in zip(drawn, tables, strict=True)], ignore_index=True)
