"""The one page of Experiments: what a steering meeting needs, made only when asked for, with nothing in it that runs."""

import html
import re
from datetime import UTC, date, datetime

import pytest

from dashboard import answers, loading, ranking
from dashboard.board import Board
from dashboard.components import board_page
from dashboard.components.board_page import Meeting, page_of
from dashboard.components.pictures import f1_recall
from dashboard.filters import Filters, matching, said
from pipeline import contract as c
from tests.dashboard.made_store import NASTY, PROJECT, Store
from tests.dashboard.opened import open_page
from tests.dashboard.test_pages import PAGES

AT = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def meeting_on(store: Store, filters: Filters, *, has_config: bool = True) -> Meeting:
    table = loading.read_runs(PROJECT).table
    config = loading.project_config(store.best, PROJECT) if has_config else None
    field = ranking.field_of(matching(table, filters), c.COST, table.iloc[:0])
    board = Board(field, ranking.names_of(table), c.COST, "", "TWD")
    return Meeting(board, answers.Answer("Ship it.", "Because."), config, PROJECT, said(filters), AT)


def text_of(page: str) -> str:
    """The page without the drawing library."""
    return re.sub(r"<script>.*?</script>", "", page, flags=re.S)


def test_the_page_holds_answer_reasons_board_assumptions_and_hashes(filled_home: Store) -> None:
    page = page_of(meeting_on(filled_home, Filters()), AT)
    text = html.unescape(text_of(page))
    for word in ("Ship it. Because.", "leads on validation", "Leaderboard", "logistic C=1", "75,000 TWD", "15,000 TWD",
                 "2026-01-02 03:04 UTC", "Probability of being better", "Calibration error", "B logistic C=1"):  # fmt: skip
        assert word in text, word
    for sha in ("c" * 64, "a" * 64, "d" * 40, "e" * 64):
        assert sha in text, "data, test split, commit and lock file"
    assert len(re.findall(r'Plotly.newPlot."figure-', page)) == 2, "the others around zero, and F1 against recall"


def test_a_runs_hostile_name_is_text_on_the_page_and_nothing_comes_from_outside(filled_home: Store) -> None:
    page = page_of(meeting_on(filled_home, Filters()), AT)
    assert "&lt;img src=x onerror=alert(1)&gt;" in text_of(page), NASTY
    assert "<img" not in text_of(page)
    assert not re.search(r"<(script|link|img|iframe)[^>]*\b(src|href)=", text_of(page))


def test_runs_without_a_leader_and_a_project_file_still_make_a_page(filled_home: Store) -> None:
    text = text_of(page_of(meeting_on(filled_home, Filters(states=("foreign",)), has_config=False), AT))
    assert "the project file is missing" in text and "state foreign" in text
    assert "leads on validation" not in text and "rests on" not in text


def test_lines_of_equal_cost_are_priced_as_the_project_counts(filled_home: Store) -> None:
    """Per loan: as if each loan were of the average amount of defaulters, and of good customers."""
    found = meeting_on(filled_home, Filters())
    rows, config = loading.holdout(filled_home.best, c.TEST), found.config
    assert rows is not None and config is not None
    bad, good = (float(rows["amount"][rows["y"] == y].mean()) for y in (1, 0))
    per_loan = config.costs.model_copy(update={"model": "per_loan", "lgd": 0.4, "margin": 0.1})
    alike = config.costs.model_copy(update={"model": "per_case", "fn_cost": 0.4 * bad, "fp_cost": 0.1 * good})
    (drawn, _, said), (by_hand, _, plainly) = (
        picture
        for costs in (per_loan, alike)
        if (picture := f1_recall(found.board, config.model_copy(update={"costs": costs})))
    )
    lines, expected = ([trace for trace in figure.data if trace.line.dash == "dot"] for figure in (drawn, by_hand))
    assert len(lines) >= 2
    for line, other in zip(lines, expected, strict=True):
        assert line.y == pytest.approx(other.y)
    assert "average amount" in said and "average amount" not in plainly


def test_a_page_nobody_asked_for_is_never_made(filled_home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise AssertionError("made while the page was drawn")

    monkeypatch.setattr(board_page, "page_of", refuse)
    monkeypatch.setattr("dashboard.components.download_page.page_of", refuse)
    for page in PAGES[1:]:
        app = open_page(page)
        assert "One page to print (HTML)" in [button.label for button in app.get("download_button")]


def test_filters_are_said_in_words_as_they_were_typed() -> None:
    filters = Filters("b1", ("logistic",), since=date(2026, 1, 2), text=" <b> ", metric="test_f1", at_least=0.4, at_most=0.6)
    assert said(filters) == (
        "bake-off b1, family logistic, begun since 2026-01-02, holding <b>, F1 · test at least 0.4, F1 · test at most 0.6"
    )
    assert said(Filters(metric="test_f1")) == "all"
