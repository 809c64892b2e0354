"""Why the leader and not the others: one paragraph, and the table that every number in it comes from."""

import pandas as pd
import streamlit as st

from dashboard import answers
from dashboard.board import Board
from dashboard.comparing import gains, paired_table
from dashboard.components.downloads import download
from dashboard.labels import plain
from dashboard.ranking import leader, ranked
from dashboard.worth import project_costs
from pipeline.project import ProjectConfig

MOST = 8
"""So many others are compared row by row; each takes about a fifth of a second, once."""


def why_not(board: Board, config: ProjectConfig | None) -> None:
    """Draw the paragraph and, folded, its table; nothing when fewer than two candidates are ranked."""
    best = leader(board.field, board.by)
    runs = ranked(board.field.candidates, board.by).candidates
    if best is None or len(runs) < 2 or not board.field.is_comparable:
        return
    near = runs.iloc[: MOST + 1]
    st.markdown("#### Why not the others", anchors=False)
    with st.skeleton(height=120):
        paired = paired_table(near, str(best["run_id"]), project_costs(config) if config else None, board.by)
    names = {r: plain(board.names[r]) for r in near["run_id"]}
    st.markdown(answers.why_not(near, paired, names, board.by, len(runs) - len(near), board.currency))
    if paired.empty:
        return
    with st.expander("The numbers behind it", icon=":material/table:"):
        table = _table(gains(paired, board.currency), board)
        st.dataframe(
            table, hide_index=True, alt="Every other candidate against the leader", height="content",
            column_config={"Probability of being better": st.column_config.NumberColumn(format="%.2f")},
        )  # fmt: skip
        st.caption("Better by: the other less the leader, above zero when the other is better; each at its own cut-off.")
        download(table, "why_not_the_others.csv", "why_not")


def _table(shown: pd.DataFrame, board: Board) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Candidate": shown["run_id"].map(board.names),
            "What": shown["panel"],
            "Better by": shown["said"],
            "Probability of being better": shown["prob"],
            "Test applicants": shown["n"],
        }
    )
