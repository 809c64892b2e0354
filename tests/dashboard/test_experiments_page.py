"""The Experiments page: each control does what it says, and nothing in a link or a store makes it say something false."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from pipeline import contract as c
from tests.dashboard.made_store import NASTY, PROJECT, Store, client_of, experiment, log_failed, log_foreign, log_run, scored
from tests.dashboard.opened import open_page
from tests.dashboard.test_pages import PAGES, words


def opened(**link: str | list[str]) -> AppTest:
    return open_page(PAGES[1], **link)


def board_of(app: AppTest) -> pd.DataFrame:
    return next(t.value for t in app.dataframe if "place" in t.value.columns)


def test_every_run_stands_on_the_board_and_only_complete_ones_have_a_place(filled_home: Store) -> None:
    table = board_of(opened())
    assert {"lightgbm learning_rate=0.05", "logistic C=1", NASTY} <= set(table["candidate"])
    assert table["place"].dropna().tolist() == [1, 2]


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ({"text": "logistic"}, {"logistic C=1"}),
        ({"text": "LEARNING_RATE"}, {"lightgbm learning_rate=0.05", "logistic C=1"}),
        ({"family": "logistic"}, {"logistic C=1"}),
        ({"tag": "author=<b>"}, {NASTY}),
        ({"states": "failed"}, {"forest depth=-1"}),
        ({"since": "2020-01-01", "text": "logistic"}, {"logistic C=1"}),
        ({"metric": "F1 · test", "at_most": "0.515", "at_least": "0.505"}, {NASTY}),
    ],
)
def test_each_filter_of_the_link_narrows_the_board_and_can_be_cleared(
    filled_home: Store, link: dict[str, str], shown: set[str]
) -> None:
    app = opened(**link)
    assert set(board_of(app)["candidate"]) == shown
    app.button(key="clear_filters").click().run()
    assert {"lightgbm learning_rate=0.05", "logistic C=1", NASTY} <= set(board_of(app)["candidate"])


def test_filters_that_nothing_passes_say_so_and_keep_the_way_back(filled_home: Store) -> None:
    app = opened(text="no such thing")
    assert "No run matches these filters" in words(app)
    app.text_input(key="text").set_value("").run()
    assert len(board_of(app)) >= 3


def test_what_filters_hide_is_said_in_the_answer(filled_home: Store) -> None:
    assert "Among the runs that match 1 filter." in words(opened(family="logistic"))


def test_columns_order_and_direction_are_the_readers(filled_home: Store) -> None:
    app = opened()
    app.multiselect(key="columns").set_value(["brier", "run_id"]).run()
    assert board_of(app).columns.tolist() == ["place", "candidate", "valid", "brier", "brier_interval", "run_id"]
    app.selectbox(key="order").set_value("name").run()
    names = board_of(app)["candidate"].tolist()
    assert names == sorted(names, key=str.lower)
    app.toggle(key="reversed").set_value(True).run()
    assert board_of(app)["candidate"].tolist() == names[::-1]
    app.selectbox(key="by").set_value("brier").run()
    assert "Brier score" in words(app)


def test_thousands_of_rows_come_in_pages_and_none_is_lost(filled_home: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.components.leaderboard.PER_PAGE", 2)
    app = opened()
    first = board_of(app)["candidate"].tolist()
    app.number_input(key="page").set_value(2).run()
    assert set(first).isdisjoint(board_of(app)["candidate"])
    assert "Runs 3 to" in words(app)
    assert len(board_of(opened(page="99"))) == 2, "a page that is not there opens the board"


@pytest.mark.parametrize("picture", ["F1, recall", "Parameters", "Time", "Seconds"])
def test_each_picture_is_one_press_away(filled_home: Store, picture: str) -> None:
    app = opened(picture=picture)
    assert app.button_group(key="picture").value == picture
    drawn = {"F1, recall": "f1_recall", "Time": "over_time", "Seconds": "seconds"}
    assert app.get("plotly_chart") or "at least two candidates differ" in words(app), drawn


TABS = {
    "Differences": "on the same 1,200 test applicants", "ROC and precision": "Letters stand on their curve",
    "Calibration": "equal size by PD", "Lift": "", "Matrices": "", "Parameters": "parameters differ",
    "Data": "facts about data and code differ",
}  # fmt: skip


@pytest.mark.parametrize("tab", TABS)
def test_two_ticked_runs_stand_side_by_side_in_every_tab(filled_home: Store, tab: str) -> None:
    app = opened(compare=[filled_home.best, filled_home.close], compared=tab)
    assert "Side by side" in words(app)
    assert TABS[tab] in words(app)
    assert app.table[0].value["Run"].tolist()[0].startswith("lightgbm")


def test_the_difference_turns_round_with_what_it_is_measured_against(filled_home: Store) -> None:
    app = opened(compare=[filled_home.best, filled_home.close])

    def better_by() -> list[str]:
        return next(t.value for t in app.dataframe if "Better by" in t.value.columns)["Better by"].tolist()

    of_b = better_by()
    app.button_group(key="against").set_value("B").run()
    flipped = [text.split()[0].translate(str.maketrans("+−", "−+")) for text in better_by()]
    assert flipped == [text.split()[0] for text in of_b]
    assert len(of_b) == 4, "F1, recall, AUC and cost"


def test_a_foreign_run_takes_part_with_what_it_has(filled_home: Store) -> None:
    said = words(opened(compare=[filled_home.best, filled_home.foreign]))
    assert "No ranking: these runs were tested on different rows" in said
    assert "B on rows the script does not name" in said
    curves = opened(compare=[filled_home.best, filled_home.foreign], compared="ROC and precision")
    assert any("hold no scored rows: B <img" in str(t.value) for t in curves.text)


def test_ticks_on_runs_that_are_gone_are_said_and_six_are_the_most(filled_home: Store) -> None:
    app = opened(compare=["deadbeef", filled_home.best, filled_home.close])
    assert "not compared: `deadbeef`" in words(app)
    assert len(app.table[0].value) == 2
    assert "Tick one more run" in words(opened(compare=["<script>", filled_home.best]))


def test_why_not_the_others_says_only_numbers_of_its_table(filled_home: Store) -> None:
    app = opened()
    paragraph = next(str(m.value) for m in app.markdown if "leads on validation" in str(m.value))
    assert "1,200 test applicants" in paragraph
    best = next(r for r in board_of(app).to_dict("records") if r["place"] == 1)
    assert f"{best['valid']:,.0f}" in paragraph


def test_one_run_in_depth_shows_how_to_make_it_again_and_what_it_is_made_of(filled_home: Store) -> None:
    said = words(opened(run=filled_home.close, detail="Lineage"))
    assert f"python -m pipeline reproduce {filled_home.close}" in said
    for tab in ("Numbers", "Curves", "Calibration", "Segments", "Importance", "Parameters", "Model card"):
        opened(run=filled_home.close, detail=tab)


def test_nonsense_in_every_control_of_the_link_opens_with_defaults(filled_home: Store) -> None:
    nonsense = "<img src=x onerror=alert(1)>"
    keys = ("bakeoff", "by", "family", "states", "since", "until", "metric", "at_least", "columns", "order", "page", "picture",
            "compare", "compared", "against", "run", "detail", "experiments", "segment_metric", "all_parameters",
            "reversed")  # fmt: skip
    app = opened(**dict.fromkeys(keys, nonsense))
    assert board_of(app)["place"].dropna().tolist() == [1, 2]
    assert "1,200 test applicants" in words(app)


@pytest.fixture
def own(filled: Store, home: Path) -> Store:
    """A copy of the filled store that a test may change."""
    shutil.copytree(filled.home, home, dirs_exist_ok=True, ignore=shutil.ignore_patterns("index"))
    return filled


def press_read_again(app: AppTest) -> AppTest:
    return app.button(key="read_again").click().run()


def test_deleted_renamed_and_retagged_runs_are_seen_after_a_press(own: Store, home: Path) -> None:
    client, app = client_of(home), opened()
    client.delete_run(own.best)
    client.update_run(own.close, name="the quiet one")
    client.set_tag(own.close, "team", "t" * 5000)
    press_read_again(app)
    assert board_of(app)["candidate"].tolist()[0] == "the quiet one"
    assert own.best not in words(app)
    app.text_input(key="tag").set_value("team=ttt").run()
    assert board_of(app)["candidate"].tolist() == ["the quiet one"]


def test_a_store_that_stops_answering_leaves_the_answer_and_says_above_it_how_old_it_is(own: Store, home: Path) -> None:
    app = opened()
    (home / "mlflow.db").write_text("these are not the bytes of a database" * 100)
    press_read_again(app)
    assert len(board_of(app)) >= 3 and "recall" in words(app)
    assert "The tracking store does not answer. Shown is what was known at" in str(app.caption[0].value)
    assert "Stale since" in words(app)


def test_a_running_run_joins_when_it_is_done(own: Store, home: Path) -> None:
    client, app = client_of(home), opened()
    eid = client.get_experiment_by_name(PROJECT).experiment_id
    log_run(client, eid, home / "w3", "forest depth=3", scored(0.4))
    log_failed(client, eid, "", "MemoryError: out of it")
    press_read_again(app)
    assert board_of(app)["place"].dropna().tolist() == [1, 2, 3]


def test_runs_tested_on_other_rows_are_shown_without_places_and_the_hashes_are_named(own: Store, home: Path) -> None:
    client = client_of(home)
    eid = client.get_experiment_by_name(PROJECT).experiment_id
    other = log_run(client, eid, home / "w3", "lightgbm other", scored(0.4, seed=9), tags={c.TAG_TEST_SHA256: "f" * 64})
    app = opened(compare=[own.close, other])
    press_read_again(app)
    said = words(app)
    assert "No ranking: these runs were tested on different rows" in said
    assert "aaaaaaaa" in said and "ffffffff" in said
    assert board_of(app)["place"].isna().all()
    assert "Better than" not in said and "leads on validation" not in said


def test_runs_of_another_experiment_join_when_asked_for(own: Store, home: Path) -> None:
    client = client_of(home)
    log_foreign(client, experiment(client, home, "scratch"), "elsewhere")
    app = opened(project=PROJECT)
    assert "elsewhere" not in set(board_of(app)["candidate"])
    app.multiselect(key="experiments").set_value(["scratch"]).run()
    assert "elsewhere" in set(board_of(app)["candidate"])
