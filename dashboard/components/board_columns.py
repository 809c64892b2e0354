"""How each column of a leaderboard looks: bars for shares, money and times with their unit, help in a PM's words."""

from typing import Any

import streamlit as st

from dashboard.board import TEXTS, Board, is_share
from dashboard.labels import METRICS, label_of
from pipeline import contract


def config(board: Board) -> dict[str, Any]:
    """Return how Streamlit shows each column that `board.table` can have."""
    made, label = st.column_config, label_of(board.by)
    title = f"Validation {'cost' if board.by == contract.COST else label.text}"
    help_text = f"{label.directed} The order is by this column."
    shown: dict[str, Any] = {
        "place": made.NumberColumn("#", help="Place on validation.", width=40, pinned=True),
        "candidate": made.TextColumn("Candidate", width=175, pinned=True),
        "valid": _bar(title, help_text) if is_share(board.by) else made.NumberColumn(title, help=help_text, format="localized"),
        contract.COST: made.NumberColumn(
            f"Test cost {board.currency}".strip(), help=label_of(contract.COST).directed, format="localized"
        ),
        contract.CUTOFF: made.NumberColumn("Cut-off", help=label_of(contract.CUTOFF).help, format="%.1f %%"),
        contract.LATENCY_MS: made.NumberColumn("Latency", help=label_of(contract.LATENCY_MS).directed, format="%.1f ms"),
        contract.FIT_SECONDS: made.NumberColumn("Training", help=label_of(contract.FIT_SECONDS).directed, format="%.1f s"),
    }  # fmt: skip
    shown |= {key: made.TextColumn(label.text, help=label.help) for key, label in TEXTS.items()}
    shown["start"] = made.DatetimeColumn(
        TEXTS["start"].text, help=TEXTS["start"].help, format="YYYY-MM-DD HH:mm", timezone="UTC"
    )
    for key, metric in METRICS.items():
        column = _bar if is_share(key) else _number
        shown[key] = column(f"Test {metric.text}", metric.directed)
        shown[f"{key}_interval"] = made.TextColumn("95 %", help=label_of("interval").help, width=100)
        shown[f"{key}_unsplit"] = column(
            f"{metric.text}, rows not named", f"{metric.directed} The script did not say on which rows."
        )
    return shown


def _number(title: str, help_text: str) -> Any:
    return st.column_config.NumberColumn(title, help=help_text, format="%.3f")


def _bar(title: str, help_text: str) -> Any:
    return st.column_config.ProgressColumn(title, help=help_text, format="%.3f", min_value=0.0, max_value=1.0, width=85)
