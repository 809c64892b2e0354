"""Two to six ticked runs side by side, in tabs of which only the open one is computed."""

from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from dashboard.board import Board
from dashboard.charts.comparison import lines_for
from dashboard.comparing import Side, hashes_of
from dashboard.components import compare_charts, compare_tables, page, ticks
from dashboard.labels import NOT_KNOWN, code, cutoff, plain, short, with_interval
from pipeline.registry.runs import COMPLETE


def compare(board: Board, runs: pd.DataFrame, names: Mapping[str, str], project: str) -> None:
    """Draw what the link ticks. runs, names: every run known, for what is ticked may have been filtered out since."""
    known = set(names)
    chosen = ticks.ticked(known)
    ticks.say_unknown(known)
    if len(chosen) < 2:
        more = "two to six runs" if not chosen else "one more run"
        st.caption(f":material/compare_arrows: Tick {more} in the table to see them side by side, difference by difference.")
        return
    picked = runs.set_index("run_id", drop=False).loc[chosen].reset_index(drop=True)
    live = chosen.index(board.champion) if board.champion in chosen else None
    side = Side(picked, lines_for([names[r] for r in chosen], live), project, board.champion)
    st.markdown("#### Side by side", anchors=False)
    st.table(key_table(side), border="horizontal", hide_index=True, alt="The compared runs and their letters")
    _say_rows(side)
    _tabs(side)


def key_table(side: Side) -> pd.DataFrame:
    """Return what each letter stands for: its run, cut-off, and the headline metrics on test with intervals."""
    rows = []
    for line, run in zip(side.lines, side.runs.to_dict("records"), strict=True):
        row = {"": line.letter, "Run": plain(("★ " if run["run_id"] == side.champion else "") + line.name)}
        row |= {title: with_interval(*(run[f"test_{metric}{b}"] for b in ("", "_lo", "_hi")))
                for title, metric in (("F1", "f1"), ("Recall", "recall"), ("ROC AUC", "roc_auc"))}  # fmt: skip
        rows.append(row | {"Cut-off": cutoff(run["cutoff"]) if run["state"] == COMPLETE else NOT_KNOWN})
    return pd.DataFrame(rows)


def _say_rows(side: Side) -> None:
    if side.is_comparable:
        return
    parts = [
        f"{', '.join(side.letters[i] for i in places)} on {code(short(sha)) if sha else 'rows the script does not name'}"
        for sha, places in hashes_of(side.runs).items()
    ]
    st.warning(
        f"No ranking: these runs were tested on different rows ({'; '.join(parts)}). A difference between them could come "
        "from the rows.",
        icon=":material/rule:",
    )


def _tabs(side: Side) -> None:
    parts: Mapping[str, Callable[[Side], None]] = {
        "Differences": compare_tables.differences, "ROC and precision": compare_charts.curves,
        "Calibration": compare_charts.calibration, "Lift": compare_charts.lift, "Matrices": compare_charts.matrices,
        "Parameters": compare_tables.parameters, "Data": compare_tables.data,
    }  # fmt: skip
    for tab, draw in zip(st.tabs(list(parts), key="compared", bind="query-params"), parts.values(), strict=True):
        if tab.open:
            with tab, page.or_say_why():
                draw(side)
