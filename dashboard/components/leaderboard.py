"""Candidates ranked on validation, with what they reached on test and how sure that is."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.components.run_picker import chosen_in_table
from dashboard.labels import interval, label_of
from pipeline import contract

_SHOWN = ("recall", "f1", "roc_auc")
_RATIOS = tuple(name for name in contract.METRICS if name != "log_loss")


def leaderboard(ranked: pd.DataFrame, names: Mapping[str, str], by: str, champion: str) -> None:
    """Draw the table; ticking a row puts that run into the link. ranked: candidates in the order to show."""
    table = leaderboard_table(ranked, names, by, champion)
    st.dataframe(
        table, hide_index=True, key="leaderboard", on_select=lambda: chosen_in_table("leaderboard", list(ranked["run_id"])),
        selection_mode="single-row", column_config=_columns(by), height=min(38 + 35 * len(table), 420),
        alt=f"Leaderboard of {len(table)} candidates ranked by {label_of(by).text} on validation",
    )  # fmt: skip


def leaderboard_table(ranked: pd.DataFrame, names: Mapping[str, str], by: str, champion: str) -> pd.DataFrame:
    """Return what the leaderboard shows: rank on validation, name, the metrics and their intervals as text."""
    by_column = contract.metric_key(contract.VALID, by)
    rank = ranked[by_column].rank(ascending=label_of(by).direction < 0, method="min")
    columns: dict[str, object] = {
        "rank": rank.astype("Int64"),
        "candidate": [("★ " if r == champion else "") + names[r] for r in ranked["run_id"]],
        "valid": ranked[by_column].round(0 if by == contract.COST else 6),
    }
    for metric in _SHOWN:
        test = contract.metric_key(contract.TEST, metric)
        columns[metric] = ranked[test]
        bounds = zip(ranked[f"{test}_lo"], ranked[f"{test}_hi"], strict=True)
        columns[f"{metric}_interval"] = [interval(lo, hi) for lo, hi in bounds]
    columns["cost"] = ranked[contract.metric_key(contract.TEST, contract.COST)].round(0)
    columns |= {"cutoff": 100 * ranked["cutoff"], "family": ranked["family"], "latency": ranked["latency_ms"]}
    return pd.DataFrame(columns)


def _columns(by: str) -> dict[str, Any]:
    config, chosen = st.column_config, label_of(by)
    title, help_text = (
        f"Validation {'cost' if by == contract.COST else chosen.text}",
        f"{chosen.help} The order is by this column.",
    )
    shown: dict[str, Any] = {
        "rank": config.NumberColumn("#", help="Place on validation.", width=40, pinned=True),
        "candidate": config.TextColumn("Candidate", width=185, pinned=True),
        "valid": _bar(title, help_text)
        if by in _RATIOS
        else config.NumberColumn(title, help=help_text, format="localized", width=110),
        "cost": config.NumberColumn("Test cost", help=label_of(contract.COST).help, format="localized"),
        "cutoff": config.NumberColumn("Cut-off", help=label_of("cutoff").help, format="%.1f %%"),
        "family": config.TextColumn("Family"),
        "latency": config.NumberColumn("Latency", help=label_of("latency_ms").help, format="%.1f ms"),
    }
    for metric in _SHOWN:
        shown[metric] = _bar(f"Test {label_of(metric).text}", label_of(metric).help)
        shown[f"{metric}_interval"] = config.TextColumn("95 %", help=label_of("interval").help, width=100)
    return shown


def _bar(title: str, help_text: str) -> Any:
    return st.column_config.ProgressColumn(title, help=help_text, format="%.3f", min_value=0.0, max_value=1.0, width=95)
