"""What may be learned from on a day: nothing whose outcome was not known, nothing of a vintage that has not matured."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.data.simulate import BookSpec, simulate_book
from pipeline.monitoring.retrain_rows import (
    RetrainError,
    learnable_rows,
    moved_project,
    moved_split,
    window_months,
)
from pipeline.project import Project, ProjectConfig, load_project, open_project, parse_project
from tests.conftest import small_text

SIMULATED = load_project("simulated")


@pytest.fixture(scope="module")
def book() -> pd.DataFrame:
    return simulate_book(BookSpec(n=2000, seed=3))


def config(outcome_known: bool = True, **data: object) -> ProjectConfig:
    update = {**data} if outcome_known else {"outcome_known": None, **data}
    return SIMULATED.model_copy(update={"data": SIMULATED.data.model_copy(update=update)})


def loans(*rows: tuple[str, str | None]) -> pd.DataFrame:
    """Application and outcome dates; everything else is of no matter here."""
    frame = pd.DataFrame(rows, columns=["application_date", "outcome_known_date"])
    return frame.assign(default=0, number=range(len(rows)))


def numbers(frame: pd.DataFrame, as_of: str, project: ProjectConfig) -> tuple[list[int], date | None, date | None]:
    found = learnable_rows(frame, project, date.fromisoformat(as_of))
    return found.frame["number"].tolist(), found.last_matured, found.next_matures


def test_the_last_matured_vintage_is_the_one_counted_by_hand() -> None:
    """Twelve months on book: January is complete on 31 January 2025, February's second loan only on 10 February."""
    frame = loans(
        ("2024-01-05", "2025-01-05"), ("2024-01-31", "2024-06-30"), ("2024-02-01", "2024-05-01"), ("2024-02-10", "2025-02-10"),
    )  # fmt: skip
    assert numbers(frame, "2025-01-04", config()) == ([], None, date(2025, 1, 31))
    assert numbers(frame, "2025-01-05", config()) == ([0, 1], date(2024, 1, 1), date(2025, 2, 10))  # all of January is in
    assert numbers(frame, "2025-02-09", config()) == ([0, 1], date(2024, 1, 1), date(2025, 2, 10))  # February's default alone
    assert numbers(frame, "2025-02-10", config()) == ([0, 1, 2, 3], date(2024, 2, 1), None)


def test_without_dates_of_knowing_an_outcome_is_known_after_its_months_on_book() -> None:
    frame = loans(("2024-01-05", None), ("2024-01-31", None), ("2024-02-29", None)).drop(columns="outcome_known_date")
    assert numbers(frame, "2025-01-30", config(outcome_known=False))[0] == []
    assert numbers(frame, "2025-01-31", config(outcome_known=False)) == ([0, 1], date(2024, 1, 1), date(2025, 2, 28))
    assert numbers(frame, "2025-02-28", config(outcome_known=False))[:2] == ([0, 1, 2], date(2024, 2, 1))


def test_an_outcome_that_never_came_in_is_left_out_and_its_vintage_kept() -> None:
    frame = loans(("2024-01-05", "2025-01-05"), ("2024-01-06", None))
    assert numbers(frame, "2025-02-01", config()) == ([0], date(2024, 1, 1), None)


def test_dates_that_cannot_be_read_are_kept_for_the_check_to_name() -> None:
    frame = loans(("2024-01-05", "2025-01-05"), ("5 Jan", "2025-01-05"), ("2024-01-07", "soon"), ("2025-06-01", None))
    assert numbers(frame, "2025-02-01", config())[0] == [0, 1, 2]
    assert numbers(frame.iloc[1:2], "2025-02-01", config()) == ([1], None, None)


def test_a_file_without_the_date_column_or_a_product_without_dates_is_taken_whole() -> None:
    frame = loans(("2024-01-05", "2025-01-05"), ("2030-01-06", None))
    assert numbers(frame.drop(columns="application_date"), "2025-02-01", config())[0] == [0, 1]
    assert numbers(frame, "2025-02-01", config(time=None))[0] == [0, 1]


@settings(max_examples=40)
@given(day=st.dates(date(2024, 1, 1), date(2027, 1, 31)))
def test_no_row_whose_outcome_was_not_known_on_the_day_is_ever_learned_from(book: pd.DataFrame, day: date) -> None:
    found = learnable_rows(book, SIMULATED, day)
    stamp = pd.Timestamp(day)
    assert (found.frame["outcome_known_date"] <= stamp).all()
    assert (found.frame["application_date"] <= stamp).all()
    if found.last_matured is not None:
        month = found.frame["application_date"].dt.to_period("M")
        assert month.max() == pd.Period(found.last_matured, freq="M")
        kept = month.value_counts()
        whole = book["application_date"].dt.to_period("M").value_counts().loc[kept.index]
        assert (kept / whole).min() > 0.94, "a vintage is learned from once nearly all of it is in, or not at all"


def test_a_day_later_never_loses_a_row(book: pd.DataFrame) -> None:
    days = [*pd.date_range("2025-01-01", "2026-12-20", freq="17D"), pd.Timestamp("2026-12-31")]
    counts = [len(learnable_rows(book, SIMULATED, day.date()).frame) for day in days]
    assert counts == sorted(counts)
    assert counts[-1] == len(book), "in the end everything is known"


# --- the split that moves ---------------------------------------------------------------------------------------------


def test_the_test_window_keeps_its_length_and_ends_with_the_last_matured_month() -> None:
    moved = moved_split(SIMULATED.split, date(2025, 12, 1))
    assert (moved.test_from, moved.test_until, moved.seed) == (date(2025, 11, 1), date(2025, 12, 31), SIMULATED.split.seed)
    assert moved_split(SIMULATED.split, date(2024, 2, 1), months=1).test_until == date(2024, 2, 29)
    assert moved_split(SIMULATED.split, date(2024, 2, 1), months=14).test_from == date(2023, 1, 1)
    assert window_months(SIMULATED.split) == window_months(moved) == 2
    assert window_months(load_project("lending_club").split) == 6, "an open window has no length of its own"


@pytest.mark.parametrize("name", ["simulated", "lending_club"])
def test_the_moved_project_differs_in_two_dates_alone_and_moving_it_again_changes_nothing(name: str) -> None:
    project = open_project(name)
    split = moved_split(project.config.split, date(2011, 12, 1))
    moved = moved_project(project, split)
    assert moved.config.model_copy(update={"split": project.config.split}) == project.config
    assert set(moved.text.splitlines()) - set(project.text.splitlines()) == {
        f"test_from = {split.test_from}", "test_until = 2011-12-31",
    }  # fmt: skip
    assert moved_project(moved, split).text == moved.text


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_text_with_other_line_ends_or_the_section_last_is_moved_too(tmp_path: Path, line_end: str) -> None:
    text = small_text()
    section = text[text.index("[split]") : text.index("[checks]")]
    text = (text.replace(section, "") + "\n" + section).rstrip().replace("\n", line_end)
    project = Project(parse_project(text), text, tmp_path / "small.toml")
    split = moved_split(project.config.split, date(2026, 1, 1))
    assert moved_project(project, split).config.split == split


def test_a_text_whose_dates_stand_elsewhere_is_refused_by_name(tmp_path: Path) -> None:
    text = small_text()
    section = text[text.index("[split]") : text.index("[checks]")]
    inline = 'split = { method = "time", test_from = 2025-03-01, test_until = 2025-12-31, folds = 3 }\n'
    text = inline + text.replace(section, "")
    project = Project(parse_project(text), text, tmp_path / "small.toml")
    with pytest.raises(RetrainError, match=r"small\.toml: the test window cannot be moved; write test_from"):
        moved_project(project, moved_split(project.config.split, date(2026, 1, 1)))
