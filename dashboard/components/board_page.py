"""Download what Experiments says as one HTML file that needs nothing else: for a steering meeting, and for the printer."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from dashboard.answers import Answer
from dashboard.board import Board, in_words, said_order
from dashboard.charts.comparison import difference_chart, lines_for
from dashboard.comparing import gains
from dashboard.components import pictures
from dashboard.components.lineage import lineage_table
from dashboard.components.run_detail import metrics_table
from dashboard.components.why_not import Evidence, evidence, numbers_in_words
from dashboard.cut_answers import said_costs
from dashboard.labels import NOT_KNOWN, label_of, moment, plain
from dashboard.onepage import Section, one_page
from dashboard.ranking import leader
from dashboard.worth import project_costs
from pipeline.project import ProjectConfig

MOST_ROWS: Final = 25
MOST_LETTERS: Final = 6


@dataclass(frozen=True)
class Meeting:
    """What a meeting sees: the board, its answer, the project's terms, which runs were looked at and as of when."""

    board: Board
    answer: Answer
    config: ProjectConfig | None
    project: str
    shown: str
    as_of: datetime | None


def download_board(meeting: Meeting) -> None:
    """Offer the page; it is made only when asked for."""
    st.download_button(
        "One page to print (HTML)", lambda: page_of(meeting, datetime.now(UTC)), f"riskdeck-{meeting.project}-runs.html",
        "text/html", key="one_page", on_click="ignore", icon=":material/print:",
    )  # fmt: skip


def page_of(meeting: Meeting, made_at: datetime) -> str:
    """Return the page: answer, why not the others, pictures, leaderboard, numbers, assumptions and hashes."""
    board, config = meeting.board, meeting.config
    best = leader(board.field, board.by) if board.field.is_comparable else None
    found = evidence(board, config)
    sections = [_others(found, board)] if found else []
    sections.append(
        Section("Leaderboard", (said_order(board, MOST_ROWS),), _crosses(board, config), (in_words(board, MOST_ROWS),))
    )
    if best is not None:
        name = board.names[best["run_id"]]
        sections.append(Section(f"The numbers of {name}", tables=(metrics_table(best)[["Metric", "Test", "Validation"]],)))
    sections.append(Section("What was assumed", tables=(assumed(meeting),)))
    if best is not None:
        sections.append(Section("What the first one rests on", tables=(lineage_table(best),)))
    title = f"{config.project.title if config else meeting.project}: which run to ship"
    said = f"{meeting.answer.text} {meeting.answer.detail}".strip()
    return one_page(title, said, sections, f"Riskdeck, {moment(made_at)}")


def _others(found: Evidence, board: Board) -> Section:
    """The paragraph, the nearest candidates as intervals around zero, and every number."""
    if found.paired.empty:
        return Section("Why not the others", (found.paragraph,))
    near = list(found.near["run_id"])[:MOST_LETTERS]
    live = near.index(board.champion) if board.champion in near else None
    lines = dict(zip(near, lines_for([board.names[r] for r in near], live), strict=True))
    shown = gains(found.paired[found.paired["run_id"].isin(near)], board.currency)
    shown = shown.assign(
        letter=[lines[r].letter for r in shown["run_id"]], color=[lines[r].color for r in shown["run_id"]],
        who=[f"{lines[r].letter} {board.names[r]}" for r in shown["run_id"]],
    )  # fmt: skip
    figure = difference_chart(shown, "Others less the leader, on the same test applicants")
    letters = f"In the picture: {plain(', '.join(dict.fromkeys(shown['who'])))}."
    return Section("Why not the others", (found.paragraph, letters), (figure,), (numbers_in_words(found, board),))


def _crosses(board: Board, config: ProjectConfig | None) -> tuple[object, ...]:
    found = pictures.f1_recall(board, config)
    return () if found is None else (found[0],)


def assumed(meeting: Meeting) -> pd.DataFrame:
    """Return what the numbers stand on: unit costs, how cut-offs were chosen, which runs were looked at, as of when."""
    board, config = meeting.board, meeting.config
    rows = said_costs(project_costs(config), board.currency) if config else {"Costs": "the project file is missing"}
    rows |= {"Cut-off of each run": f"{config.cutoff.rule}, chosen on validation"} if config else {}
    rows |= {"Ranked by": f"{label_of(board.by).text} on validation", "Runs looked at": meeting.shown}
    rows["Runs as of"] = moment(meeting.as_of) if meeting.as_of else NOT_KNOWN
    return pd.DataFrame({"Assumption": list(rows), "Value": list(rows.values())})
