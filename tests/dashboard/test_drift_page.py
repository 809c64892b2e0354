"""The Drift page: the verdict first, the map that proves it, and states in which there is little or nothing to say."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pipeline.data.simulate import BookSpec, simulate_book
from pipeline.monitoring.annotations import annotate, list_annotations
from tests.dashboard import opened
from tests.dashboard.opened import words
from tests.monitoring.made_drift import Decided, decided_home, of_months, record_book
from tests.serving.conftest import PROJECT, LiveHome, live_once

__all__ = ["live_once"]

PAGE = "views/drift.py"
FIRST, LAST = date(2025, 3, 1), date(2025, 6, 30)


@pytest.fixture(scope="module")
def book() -> pd.DataFrame:
    """Two calm months, then the campaign."""
    return of_months(simulate_book(BookSpec(n=18_000)), FIRST, LAST)


@pytest.fixture(scope="module")
def campaign(live_once: LiveHome, book: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decided]:
    with decided_home(live_once, tmp_path_factory.mktemp("page")) as made:
        made.record(book, with_reasons=True)
        yield made


@pytest.fixture
def fresh(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Decided]:
    with decided_home(live_once, tmp_path_factory.mktemp("fresh")) as made:
        yield made


def open_page(made: Decided, **link: str) -> AppTest:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RISKDECK_HOME", str(made.settings.home))
        return opened.open_page(PAGE, project=PROJECT, **link)


def answer(app: AppTest) -> str:
    return opened.answer(app).replace("\\", "")


def charts(app: AppTest) -> list[str]:
    return [str(chart.proto.id) for chart in app.get("plotly_chart")]


def test_the_page_opens_with_what_moved_since_when_where_and_its_price(campaign: Decided) -> None:
    app = open_page(campaign)
    said = answer(app)
    assert "Since May 2025 the live policy approves " in said
    assert "points fewer [" in said
    assert "EUR less margin a month" in said
    assert "mostly Channel: Partner shop or site" in said
    assert app.selectbox(key="feature").value == "channel"
    assert "since May 2025: PSI " in words(app)
    assert "from a sample of" in words(app)
    assert any("drift_heat" in chart for chart in charts(app))


def test_a_calm_window_says_that_nothing_moved_and_nothing_is_firmer_than_it_is(campaign: Decided) -> None:
    app = open_page(campaign, to="2025-04-30")
    assert "Nothing has moved beyond chance: 19 features over 2 months, n = " in answer(app)
    assert "only outcomes can" in words(app)


def test_every_choice_comes_from_the_link_by_name_or_by_its_words(campaign: Decided) -> None:
    app = open_page(
        campaign, grain="week", feature="income", against="past", group="channel=web", features="income", ref_to="2025-04-30"
    )
    assert app.selectbox(key="feature").value == "income"
    assert app.selectbox(key="against").value == "past"
    assert app.selectbox(key="group").value == "channel=web"
    assert app.multiselect(key="features").value == ["income"]
    assert "Channel: Our website: " in answer(app)
    assert app.selectbox(key="feature").options == ["Yearly income"]


def test_a_link_with_nonsense_opens_the_usual_page(campaign: Decided) -> None:
    app = open_page(
        campaign, grain="fortnight", feature="nothing", group="x=y", against="tomorrow", features="none", drift_part="nowhere",
        **{"from": "1999-99-99", "to": "never"},
    )  # fmt: skip
    assert "Since May 2025" in answer(app)


def test_dates_the_wrong_way_round_are_read_the_right_way(campaign: Decided) -> None:
    app = open_page(campaign, **{"from": "2025-04-30", "to": "2025-03-01"})
    assert "Nothing has moved" in answer(app)


def test_of_a_group_against_all_the_page_says_what_that_compares(campaign: Decided) -> None:
    assert "Choose a past window to compare it with itself" in words(open_page(campaign, group="channel=partner"))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ("PD and decisions", "95 % intervals: normal"),
        ("Reasons", "The mix of reasons against the time before May 2025"),
        ("Notes", "Nobody has put a note"),
        ("Evidently", "There is no Evidently report"),
    ],
)
def test_each_tab_opens_by_its_link(campaign: Decided, part: str, said: str) -> None:
    assert said in words(open_page(campaign, drift_part=part))


def test_the_table_behind_the_map_holds_every_judged_period(campaign: Decided) -> None:
    app = open_page(campaign, drift_part="Table")
    table = app.dataframe[0].value
    assert set(table["period"]) == {"2025-03-01", "2025-04-01", "2025-05-01", "2025-06-01"}
    assert {"channel", "pd", "(decision)"} <= set(table["feature"])


def test_a_note_is_added_withdrawn_and_refused_in_words(campaign: Decided, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RISKDECK_HOME", str(campaign.settings.home))
    app = opened.open_page(PAGE, project=PROJECT, drift_part="Notes")
    app.text_input(key="note_text").input("campaign started")
    _button(app, "send_note").click().run()
    assert "author is empty" in words(app)
    app.text_input(key="note_text").input("campaign started")
    app.text_input(key="note_author").input("analyst")
    _button(app, "send_note").click().run()
    assert "The note is on the axis." in words(app)
    assert [note.text for note in list_annotations(campaign.engine, PROJECT)] == ["campaign started"]
    app.text_input(key="note_reason").input("it was June")
    app.text_input(key="note_gone_author").input("analyst")
    _button(app, "send_gone").click().run()
    assert "The note is taken back" in words(app)
    assert list_annotations(campaign.engine, PROJECT) == ()


def _button(app: AppTest, key: str) -> Any:
    return next(button for button in app.button if button.proto.id.endswith(key) or button.key == key)


def test_foreign_text_of_a_note_is_shown_and_not_run(fresh: Decided, book: pd.DataFrame) -> None:
    fresh.record(of_months(book, FIRST, date(2025, 3, 31)))
    annotate(fresh.engine, PROJECT, date(2025, 3, 9), "<b>bold</b> [link](http://x)", "analyst")
    app = open_page(fresh, drift_part="Notes")
    assert not app.exception
    shown = next(str(m.value) for m in app.markdown if "bold" in str(m.value))
    assert r"\<b\>" in shown
    assert r"\[link\]" in shown


def test_without_any_decision_the_page_says_what_will_be_here_and_the_command(fresh: Decided) -> None:
    app = open_page(fresh)
    assert "No decision is counted yet" in answer(app)
    assert f"python -m pipeline monitor {PROJECT}" in words(app)


def test_one_day_of_a_few_decisions_is_too_few_and_hides_nothing(fresh: Decided, book: pd.DataFrame) -> None:
    fresh.record(of_months(book, FIRST, FIRST))
    app = open_page(fresh)
    assert "Too few decisions to judge drift: at most " in answer(app)
    assert any("drift_heat" in chart for chart in charts(app))
    assert "Hatched: too few decisions to judge" in words(app)
    for part in ("PD and decisions", "Reasons", "Table"):
        assert not open_page(fresh, drift_part=part).exception


def test_decisions_not_counted_yet_are_named_and_counted_on_a_press(
    fresh: Decided, book: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_book(fresh.engine, fresh.pair, of_months(book, FIRST, FIRST))
    monkeypatch.setenv("RISKDECK_HOME", str(fresh.settings.home))
    app = opened.open_page(PAGE, project=PROJECT)
    assert "not counted yet" in words(app)
    app.button(key="count_now").click().run()
    assert not app.exception
    assert "not counted yet" not in words(app)
    assert "Too few decisions" in answer(app)


def test_one_broken_column_is_named_on_the_page_and_hides_no_other(fresh: Decided, book: pd.DataFrame) -> None:
    month = of_months(book, FIRST, date(2025, 4, 30))
    fresh.record(month.assign(utilisation=float("nan")))
    app = open_page(fresh)
    assert "Share of card limits in use (all missing)" in answer(app)
    assert app.selectbox(key="feature").value == "utilisation"
    assert len(app.selectbox(key="feature").options) == 19
