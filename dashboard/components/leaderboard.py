"""Every run that the filters let through, with what it reached on test and how sure that is; ticks choose what is compared."""

import json
import math
from typing import Final

import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from dashboard import board as boards
from dashboard.board import Board
from dashboard.components import ticks
from dashboard.components.board_columns import config
from dashboard.download import as_csv
from dashboard.labels import NOT_KNOWN, label_of

KEY: Final = "leaderboard"
PER_PAGE: Final = 50


def leaderboard(board: Board) -> None:
    """Draw one page of the board, its controls and its download; ticking a row puts that run into the link."""
    place, foot = st.container(), st.container(horizontal=True, vertical_alignment="center", gap="small")
    with foot:
        order, is_reversed, chosen = _look()
    runs = boards.ordered(board, order, is_reversed=is_reversed)
    n_pages = math.ceil(len(runs) / PER_PAGE)
    first = PER_PAGE * (_page(foot, n_pages) - 1)
    shown = runs.iloc[first : first + PER_PAGE]
    with place:
        _table(boards.table(shown, board, chosen), board, list(shown["run_id"]), len(runs))
    foot.download_button(
        "All rows (CSV)", lambda: as_csv(whole_table(runs, board)), "runs.csv", "text/csv", key="download_board",
        icon=":material/download:", type="tertiary", on_click="ignore",
    )  # fmt: skip
    if n_pages > 1:
        foot.caption(f"Runs {first + 1:,} to {first + len(shown):,} of {len(runs):,}")


def whole_table(runs: pd.DataFrame, board: Board) -> pd.DataFrame:
    """Return every column the leaderboard can have, and each parameter, for the download."""
    table = boards.table(runs, board, boards.CHOICES).rename(columns={"valid": f"valid_{board.by}"})
    params = pd.DataFrame([json.loads(text) for text in runs["params"]], dtype=object).add_prefix("param.")
    return pd.concat([table, params], axis=1)


def _table(table: pd.DataFrame, board: Board, run_ids: list[str], n_runs: int) -> None:
    wanted = ticks.ticked(run_ids)
    rows = [row for row, run_id in enumerate(run_ids) if run_id in wanted]
    st.session_state[KEY] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    ranks = f"ranked by {label_of(board.by).text} on validation" if board.field.is_comparable else "not ranked"
    st.dataframe(
        table, hide_index=True, key=KEY, on_select=lambda: ticks.tick_rows(KEY, run_ids), selection_mode="multi-row",
        column_config=config(board), height=min(38 + 35 * len(table), 420), placeholder=NOT_KNOWN,
        alt=f"Leaderboard of {n_runs} runs, {ranks}",
    )  # fmt: skip


def _look() -> tuple[str, bool, list[str]]:
    """Order, whether it is turned round, and the columns."""
    with st.popover("Columns and order", icon=":material/view_column:", type="tertiary"):
        chosen = st.multiselect(
            "Columns", boards.CHOICES, boards.DEFAULT, format_func=boards.said, key="columns", bind="query-params"
        )  # fmt: skip
        order = st.selectbox("Order", boards.ORDERS, format_func=boards.said, key="order", bind="query-params",
                             help="Best first. The place in # is always the one on validation.")  # fmt: skip
        is_reversed = st.toggle("Worst first", key="reversed", bind="query-params")
    return str(order), bool(is_reversed), list(chosen)


def _page(foot: DeltaGenerator, n_pages: int) -> int:
    if n_pages <= 1:
        return 1
    if st.session_state.get("page", 1) > n_pages:
        st.session_state["page"] = n_pages
    return int(foot.number_input("Page", 1, n_pages, key="page", bind="query-params", width=150, label_visibility="collapsed"))
