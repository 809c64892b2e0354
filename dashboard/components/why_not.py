"""Why the leader and not the others: one paragraph, and the table that every number in it comes from."""

from dataclasses import dataclass

import pandas as pd
import streamlit as st

from dashboard import answers
from dashboard.board import Board
from dashboard.comparing import gains, paired_table
from dashboard.components.downloads import download
from dashboard.labels import number, plain
from dashboard.ranking import leader, ranked
from dashboard.worth import project_costs
from pipeline.project import ProjectConfig

MOST = 8
"""So many others are compared row by row; each takes about a fifth of a second, once."""


@dataclass(frozen=True)
class Evidence:
    """The candidates nearest on validation, leader first; the paired differences; and the paragraph that says both."""

    near: pd.DataFrame
    paired: pd.DataFrame
    paragraph: str


def evidence(board: Board, config: ProjectConfig | None) -> Evidence | None:
    """Return why the leader leads; None when fewer than two candidates are ranked. Raises TrackingUnavailable."""
    best = leader(board.field, board.by)
    runs = ranked(board.field.candidates, board.by).candidates
    if best is None or len(runs) < 2 or not board.field.is_comparable:
        return None
    near = runs.iloc[: MOST + 1]
    paired = paired_table(near, str(best["run_id"]), project_costs(config) if config else None, board.by)
    names = {r: plain(board.names[r]) for r in near["run_id"]}
    return Evidence(near, paired, answers.why_not(near, paired, names, board.by, len(runs) - len(near), board.currency))


def why_not(board: Board, config: ProjectConfig | None) -> None:
    """Draw the paragraph and, folded, its table; nothing when there is nothing to compare."""
    with st.skeleton(height=120):
        found = evidence(board, config)
    if found is None:
        return
    st.markdown("#### Why not the others", anchors=False)
    st.markdown(found.paragraph)
    if found.paired.empty:
        return
    with st.expander("The numbers behind it", icon=":material/table:"):
        table = numbers_behind(found, board)
        st.dataframe(
            table, hide_index=True, alt="Every other candidate against the leader", height="content",
            column_config={"Probability of being better": st.column_config.NumberColumn(format="%.2f")},
        )  # fmt: skip
        st.caption("Better by: the other less the leader, above zero when the other is better; each at its own cut-off.")
        download(table, "why_not_the_others.csv", "why_not")


def numbers_behind(found: Evidence, board: Board) -> pd.DataFrame:
    """Return every difference from the leader: candidate, what, better by, probability of being better, test applicants."""
    shown = gains(found.paired, board.currency)
    return pd.DataFrame(
        {
            "Candidate": shown["run_id"].map(board.names),
            "What": shown["panel"],
            "Better by": shown["said"],
            "Probability of being better": shown["prob"],
            "Test applicants": shown["n"],
        }
    )


def numbers_in_words(found: Evidence, board: Board) -> pd.DataFrame:
    """Return `numbers_behind` as text, for paper."""
    table = numbers_behind(found, board)
    for name, decimals in (("Probability of being better", 2), ("Test applicants", 0)):
        table[name] = [number(float(value), decimals) for value in table[name]]
    return table
