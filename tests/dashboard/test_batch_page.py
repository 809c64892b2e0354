"""The Batch page: what is wrong is said before anything is scored, and what is shown stands in the log."""

import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from dashboard import batch_jobs as jobs
from dashboard import loading_desk
from dashboard.components.batch_findings import understood
from dashboard.components.batch_upload import columns_table
from pipeline.project import load_project
from pipeline.registry import ledger
from pipeline.serving.batch import Order
from pipeline.store.engine import open_store
from tests.dashboard import opened
from tests.dashboard.opened import answer, no_thread_outlives_its_home
from tests.serving.conftest import PROJECT, LiveHome, live_home, live_once

__all__ = ["live_home", "live_once", "no_thread_outlives_its_home"]

PAGE = "views/batch.py"


def open_page(**link: str) -> AppTest:
    return opened.open_page(PAGE, **link)


def words(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.error, *app.warning, *app.code]
    tables = [table.value.to_string() for table in (*app.table, *app.dataframe)]
    return "\n".join([*(str(part.value) for part in parts), *tables])


def drop(app: AppTest, content: bytes, name: str = "apps.csv") -> AppTest:
    app.file_uploader(key="batch_file").set_value((name, content, "text/csv"))
    return at_rest(app.run())


def at_rest(app: AppTest) -> AppTest:
    """Run as the page's own clock does, until no thread works on the file."""
    deadline = time.monotonic() + 120
    while any(t.name == "riskdeck-batch" for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    app.run()
    assert not app.exception
    return app


def press(app: AppTest, key: str) -> AppTest:
    app.button(key=key).click().run()
    return at_rest(app)


def content(live: LiveHome, n: int = 120, change: Callable[[pd.DataFrame], object] | None = None) -> bytes:
    table = live.book().head(n).astype(object)
    if change:
        change(table)
    return table.to_csv(index=False).encode()


def spoil(table: pd.DataFrame) -> None:
    table.loc[1, "amount"] = "3,5"
    table.loc[3, "channel"] = "<img src=x onerror=alert(1)>"
    table.loc[5, "region"] = "=cmd"


def n_recorded(live: LiveHome) -> int:
    with closing(sqlite3.connect(live.home / "riskdeck.db")) as db:
        return int(db.execute("SELECT count(*) FROM decisions").fetchone()[0])


def test_without_a_file_it_says_who_would_score_and_which_columns_are_needed(live_home: LiveHome) -> None:
    app = open_page()
    assert answer(app) == "### :material/info: Drop a file: version 1 scores each row and says which rows are wrong."
    said = words(app)
    assert "approves below a PD of 15.0 % and declines from 25.0 %, review between" in said and "Up to 50 MB" in said
    assert "whole number from 0 to 780 months" in said and "The 19 columns a file needs" in [e.label for e in app.expander]


def test_what_is_wrong_and_the_first_rows_are_shown_before_anything_is_scored(live_home: LiveHome) -> None:
    app = drop(open_page(), content(live_home, change=spoil))
    assert answer(app).endswith("117 of the 120 rows can be scored; 3 are refused.")
    said = words(app)
    assert "Loan amount (1), Channel (1), Region (1)" in said
    assert "decimal commas are not read" in said.replace("\\", "")
    assert "<img" not in said.replace("\\<img", ""), "foreign text is shown, never run"
    preview = app.dataframe[0].value
    assert preview["Row"].tolist() == [1, 3, 5, 7, 8, 9, 10, 11] and set(preview["Already a customer"]) <= {"yes", "no"}
    assert n_recorded(live_home) == 0
    assert app.button(key="batch_score").label == "Score 117 rows"


def test_scoring_records_every_good_row_and_offers_both_files(live_home: LiveHome) -> None:
    app = press(drop(open_page(), content(live_home, change=spoil)), "batch_score")
    assert "Of 117 applicants, " in answer(app) and "were approved" in answer(app)
    assert n_recorded(live_home) == 117
    assert "is expected to be lost: PD x amount x an LGD of 52 %" in words(app)
    assert [b.label for b in app.download_button if b.key in ("batch_decisions", "batch_refused")] == [
        "117 decisions (CSV)", "3 refused rows, and why (CSV)",
    ]  # fmt: skip
    assert sum(app.table[0].value.loc["Applicants"].astype(int)) == 117


def test_the_same_file_is_recognised_and_recorded_once(live_home: LiveHome) -> None:
    given = content(live_home)
    press(drop(open_page(), given), "batch_score")
    loading_desk._batch_jobs.clear()  # another day, another process
    again = drop(open_page(), given)
    assert "This file was scored on 20" in words(again) and "by version 1; these decisions stand" in words(again)
    again = press(again, "batch_score")
    assert "120 rows had been decided before and stay so" in words(again)
    assert n_recorded(live_home) == 120


def test_a_cancelled_file_goes_on_where_it_was(live_home: LiveHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Order, "chunk_rows", 20)
    app = drop(open_page(), content(live_home))
    (job,) = loading_desk._batch_jobs()._held.all()
    move = job._moved

    def moved(done: int, total: int, refused: int) -> None:
        move(done, total, refused)
        if done >= 40:
            job.stop()

    monkeypatch.setattr(job, "_moved", moved)
    app = press(app, "batch_score")
    assert answer(app).endswith("The file is half done.")
    done = n_recorded(live_home)
    assert 40 <= done < 120 and f"stopped after {done} of 120 rows" in words(app).replace("\\", "")
    monkeypatch.setattr(job, "_moved", move)
    assert app.button(key="batch_score").label == "Go on"
    app = press(app, "batch_score")
    assert n_recorded(live_home) == 120 and f"{done} rows had been decided before" in words(app)


def test_calculating_records_nothing_and_says_so(live_home: LiveHome) -> None:
    app = drop(open_page(batch_record="false"), content(live_home))
    app = press(app, "batch_score")
    assert "Nothing was recorded: these are calculations, not decisions." in words(app)
    assert n_recorded(live_home) == 0
    app.toggle(key="batch_record").set_value(True).run()
    app = press(app, "batch_score")
    assert n_recorded(live_home) == 120 and "calculations" not in words(app)


def test_a_file_of_bad_rows_alone_still_gives_the_refusals(live_home: LiveHome) -> None:
    app = drop(open_page(), content(live_home, 4, lambda table: table.__setitem__("amount", "none")))
    assert answer(app).endswith("None of the 4 rows can be scored.") and "Look first at: Loan amount (4)." in words(app)
    app = press(app, "batch_score")
    assert "every row was refused" in answer(app)
    assert [b.key for b in app.download_button if str(b.key).startswith("batch_")] == ["batch_refused"]


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("book.xlsx", b"PK\x03\x04rest", "is a ZIP or Excel file; save it as CSV in UTF-8, or as Parquet"),
        ("apps.csv", b"", "is empty"),
        ("apps.csv", b"a;b\n1;2\n", "columns are separated by semicolons"),
        ("apps.csv", b"a,b\n1,2\n", "(Loan amount) is missing"),
    ],
)
def test_a_file_that_cannot_be_scored_is_refused_in_words(live_home: LiveHome, name: str, given: bytes, said: str) -> None:
    app = drop(open_page(), given, name)
    assert answer(app).endswith("This file cannot be scored.")
    assert said in words(app).replace("\\", "") and "Traceback" not in words(app) and "/tmp" not in words(app)
    assert app.button(key="batch_again").label == "Try again"


def test_nothing_live_says_how_to_make_something_live(migrated_home: Path) -> None:
    app = open_page()
    assert "Nothing is live yet, so nobody can be scored." in answer(app)
    assert not app.get("file_uploader")


def test_a_broken_ledger_and_a_store_that_is_gone_are_states_in_words(live_home: LiveHome) -> None:
    app = drop(open_page(), content(live_home))
    engine = open_store(live_home.settings.database_url)
    with closing(sqlite3.connect(live_home.home / "riskdeck.db")) as db:
        for (trigger,) in db.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger'"
        ).fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute("UPDATE ledger SET reason = 'because' WHERE seq = (SELECT max(seq) FROM ledger)")
        db.commit()
    assert ledger.verify(engine, PROJECT)
    engine.dispose()
    loading_desk._desk.clear()
    app = press(app, "batch_score")
    assert answer(app).endswith("Nothing more is scored now.") and "broken" in words(app)
    assert n_recorded(live_home) == 0


def test_a_model_that_cannot_be_loaded_is_a_state_in_words_and_can_be_tried_again(
    live_home: LiveHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "PATIENCE_SECONDS", 0.0)
    model = live_home.artifact(live_home.champion_run, "model.skops")
    kept = model.read_bytes()
    model.write_bytes(b"not what was approved")
    app = drop(open_page(), content(live_home))
    assert answer(app).endswith("Nothing more is scored now.") and "hash" in words(app)
    model.write_bytes(kept)
    loading_desk._desk.clear()
    app = press(app, "batch_again")
    assert "All 120 rows can be scored." in answer(app)


def test_jobs_that_rest_are_let_go_oldest_first_with_their_files(tmp_path: Path) -> None:
    def nobody() -> object:
        raise OSError("no desk here")

    held = jobs.BatchJobs()
    made = [held.of("store", "p", nobody, f"{i}.csv", bytes([i])) for i in range(jobs.MOST_JOBS)]
    while any(job.state.is_busy for job in made):
        time.sleep(0.01)
    assert held.of("store", "p", nobody, "again.csv", bytes([0])) is made[0], "the same bytes are the same job"
    held.of("store", "p", nobody, "new.csv", b"new")
    assert not made[1].folder.exists() and made[0].folder.exists()
    assert held.of("other store", "p", nobody, "0.csv", bytes([0])) is not made[0]


def test_the_preview_says_what_was_understood_in_the_projects_words() -> None:
    config = load_project("simulated")
    row = {
        f.name: 1.0 if f.kind == "boolean" else str(f.choices[0]) if f.kind == "category" else 1234.5 for f in config.features
    }
    table = understood(pd.DataFrame([{"row": 7, "applicant_id": None, **row, "income": float("nan")}]), config)
    assert table["Already a customer"].item() == "yes" and table["Purpose"].item() == "Pay off other debts"
    assert table["Loan amount (EUR)"].item() == "1,234.5" and table["Yearly income (EUR)"].item() == "–"
    assert "Applicant" not in table


def test_the_table_of_columns_says_what_each_may_be() -> None:
    table = columns_table(load_project("simulated")).set_index("Column")
    assert table.loc["amount", "May be"] == "number from 1,000 to 50,000 EUR"
    assert table.loc["existing_customer", "May be"] == "true or false"
    assert table.loc["channel", "May be"] == "branch, web, partner, broker"
    assert (table.loc["income", "May be empty"], table.loc["amount", "May be empty"]) == ("yes", "no")
