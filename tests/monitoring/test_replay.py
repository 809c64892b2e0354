"""A replayed file is live traffic of its days: every row decided once, as the scorer decides, outcomes when they were known."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

import pipeline.serving.desk
from pipeline.data.clean import as_date
from pipeline.monitoring.outcomes import last_known, read_outcomes, with_outcomes
from pipeline.monitoring.profiles import is_behind, read_counts
from pipeline.monitoring.replay import Order, ReplayStopped
from pipeline.monitoring.replay_file import OPEN_HOURS, OPENS, ReplayError, read_dated, spread
from pipeline.project import open_project, parse_project
from pipeline.registry import releases
from pipeline.serving.decision_rows import decision_of
from pipeline.serving.desk import Desk
from pipeline.serving.inputs import InputError
from pipeline.serving.records import Application, Decision
from pipeline.serving.scorer import decide
from pipeline.store.engine import open_store
from pipeline.store.tables import decisions, service_events
from tests.conftest import copied_home, settings_of
from tests.monitoring.made_replay import AS_OF, FIRST, LAST, ORDER, end_state, months_of, read, replayed, written
from tests.serving.conftest import PROJECT, LiveHome, _live_home, live_engine, live_home, live_once

pytest_plugins = ["tests.store.fixtures"]
__all__ = ["live_engine", "live_home", "live_once"]


@pytest.fixture(scope="module")
def done(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveHome, Engine]]:
    """Two months replayed undisturbed, outcomes to the end of the year; only to be read."""
    with copied_home(live_once.home, tmp_path_factory.mktemp("replayed")) as home:
        engine = open_store(settings_of(home).database_url)
        live = _live_home(home)
        replayed(live, engine)
        yield live, engine
        engine.dispose()


def logged(engine: Engine) -> list[Decision]:
    """All decisions, in the order of recording."""
    with engine.connect() as connection:
        return [decision_of(row) for row in connection.execute(select(decisions).order_by(decisions.c.seq)).mappings()]


def test_every_application_has_one_decision_on_the_day_of_the_file(done: tuple[LiveHome, Engine]) -> None:
    live, engine = done
    book, log = months_of(live), logged(engine)
    assert [d.applicant_id for d in log] == book["application_id"].tolist()
    assert [d.decided_at.date() for d in log] == book["application_date"].dt.date.tolist()
    assert {d.source for d in log} == {"replay"}
    assert [d.decided_at for d in log] == sorted(d.decided_at for d in log)
    opens = (datetime.combine(FIRST, time()) + OPENS).time()
    assert all(opens <= d.decided_at.time() for d in log)


def test_what_is_decided_is_to_the_last_bit_what_the_scorer_says_to_the_form(done: tuple[LiveHome, Engine]) -> None:
    live, engine = done
    log = logged(engine)
    pair = Desk(live.settings, engine, PROJECT).pair()
    asked = [pair.champion.rules.check(row, from_text=True) for row in months_of(live).to_dict("records")]
    said = decide(pair, [Application({n: i[n] for n in pair.champion.rules.fields}) for i, _ in asked], "form")
    for ours, theirs in zip(log, said, strict=True):
        assert (ours.inputs, ours.pd, ours.grade, ours.outcome) == (theirs.inputs, theirs.pd, theirs.grade, theirs.outcome)
        assert (ours.reasons, ours.warnings) == (theirs.reasons, theirs.warnings)


def test_outcomes_of_all_who_were_decided_are_those_of_the_file_known_by_the_day(done: tuple[LiveHome, Engine]) -> None:
    live, engine = done
    book = months_of(live)
    known = book[book["outcome_known_date"] <= pd.Timestamp(AS_OF)].set_index("application_id").sort_index()
    table = read_outcomes(engine, PROJECT).set_index("subject_id").sort_index()
    assert 0 < len(table) < len(book)
    assert table.index.tolist() == known.index.tolist()
    assert table["defaulted"].astype(int).tolist() == known["default"].tolist()
    assert table["known_at"].dt.tz_localize(None).tolist() == known["outcome_known_date"].tolist()
    expected = (known["realised_interest"] - known["realised_loss"]).round(2)
    np.testing.assert_array_equal(table["cash"], expected)
    joined = with_outcomes(engine, PROJECT, config=open_project(str(live.toml)).config)
    assert joined["y"].notna().sum() == len(known)
    assert joined["amount"].tolist() == book["amount"].astype(float).tolist()


def test_decisions_are_profiled_when_the_replay_ends(done: tuple[LiveHome, Engine]) -> None:
    live, engine = done
    assert is_behind(engine, PROJECT) == 0
    counts = read_counts(engine, PROJECT, FIRST, LAST, granularity="month", features=("(decision)",))
    assert counts["count"].sum() == len(months_of(live))


def test_a_second_replay_records_nothing(done: tuple[LiveHome, Engine]) -> None:
    live, engine = done
    before = end_state(engine)
    again = replayed(live, engine)
    assert (again.total("decided"), again.total("before")) == (0, len(months_of(live)))
    assert (again.outcomes.new, again.outcomes.corrected) == (0, 0)
    assert end_state(engine) == before


def test_a_replay_that_was_stopped_anywhere_goes_on_to_the_same_end(
    done: tuple[LiveHome, Engine], live_home: LiveHome, live_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.monitoring.replay.CHUNK_ROWS", 100)
    for looks in (1, 2, 4, 5):
        asked = iter([False] * looks + [True] * 100)
        with pytest.raises(ReplayStopped, match="the same command goes on from there"):
            replayed(live_home, live_engine, stop=lambda asked=asked: next(asked))
    replayed(live_home, live_engine)
    assert end_state(live_engine) == end_state(done[1])


def test_no_outcome_is_there_before_the_month_in_which_it_became_known(live_home: LiveHome, live_engine: Engine) -> None:
    seen: dict[str, date | None] = {}
    order = Order(FIRST, date(2025, 3, 15), AS_OF, reasons=False)
    replayed(live_home, live_engine, order, moved=lambda label, *_: seen.update({label: last_known(live_engine, PROJECT)}))
    assert len(seen) == 10
    assert seen["2025-03"] is None
    known = {label: newest for label, newest in seen.items() if newest is not None}
    assert all(f"{newest:%Y-%m}" <= label for label, newest in known.items())
    assert max(known.values()) > date(2025, 12, 1)


def test_progress_counts_every_application_and_outcome_once(live_home: LiveHome, live_engine: Engine) -> None:
    moves: list[tuple[int, int]] = []
    replayed(live_home, live_engine, Order(FIRST, FIRST, FIRST), moved=lambda _, n, total: moves.append((n, total)))
    assert moves[-1] == (moves[-1][1],) * 2
    assert [n for n, _ in moves] == sorted(n for n, _ in moves)


def test_outcomes_of_approved_loans_only_are_told_when_asked(live_home: LiveHome, live_engine: Engine) -> None:
    replayed(live_home, live_engine, Order(FIRST, date(2025, 3, 15), AS_OF, approved_only=True, reasons=False))
    joined = with_outcomes(live_engine, PROJECT)
    assert set(joined.loc[joined["y"].notna(), "outcome"]) == {"approve"}
    assert (joined.loc[joined["outcome"] != "approve", "y"]).isna().all()


def test_refused_rows_are_counted_by_field_once_and_the_others_go_on(
    live_home: LiveHome, live_engine: Engine, tmp_path: Path
) -> None:
    table = months_of(live_home, FIRST, date(2025, 3, 10)).astype({"amount": object})
    table.loc[[1, 2], "channel"] = "pigeon"
    table.loc[[2], "amount"] = "plenty"
    table["application_date"] = table["application_date"].astype(str)
    table.loc[3, "application_date"] = "soon"
    path = written(table, tmp_path / "march.csv")
    order = Order(FIRST, date(2025, 3, 10), date(2025, 3, 31))
    for turn in range(2):
        file = read(live_home, path, order.first, order.last)
        assert file.n_undated == 1
        result = replayed(live_home, live_engine, order, path)
        (march,) = result.months
        assert (march.refused, march.decided + march.before) == (2, len(table) - 3), turn
        assert march.refused_by_field == {"channel": 2, "amount": 1}
    with live_engine.connect() as connection:
        c = service_events.c
        events = connection.execute(select(c.source, c.kind, c.field, c.count)).all()
    counted = {(field, n) for _, _, field, n in events}
    assert {"replay"} == {source for source, *_ in events}
    assert sum(n for field, n in counted if field == "channel") == 2
    assert sum(n for *_, field, n in events if field == "") == 2, "two applications, whatever the days"
    assert len(logged(live_engine)) == len(table) - 3


def test_at_a_stated_speed_the_days_pass_as_slowly(live_home: LiveHome, live_engine: Engine) -> None:
    order = Order(FIRST, date(2025, 3, 11), date(2025, 3, 11), reasons=False, days_per_second=8.0)
    result = replayed(live_home, live_engine, order)
    assert result.seconds >= 10 / 8
    assert result.total("decided") == len(months_of(live_home, FIRST, date(2025, 3, 11)))


def test_a_version_released_meanwhile_decides_what_comes_after(
    live_home: LiveHome, live_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.serving.desk, "REFRESH_SECONDS", 0.0)

    def moved(label: str, *_: int) -> None:
        if label == "2025-03" and not released:
            released.append(releases.approve(live_engine, live_home.proposal, actor="risk-lead", reason="better"))

    released: list[object] = []
    replayed(live_home, live_engine, Order(date(2025, 3, 25), date(2025, 4, 5), LAST, reasons=False), moved=moved)
    by_month = {(d.decided_at.month, d.model_version) for d in logged(live_engine)}
    assert by_month == {(3, 1), (4, 2)}


def test_applicants_who_come_twice_have_an_outcome_for_each_decision(
    live_home: LiveHome, live_engine: Engine, tmp_path: Path
) -> None:
    table = months_of(live_home, FIRST, date(2025, 3, 5))
    table.loc[[0, 5], "application_id"] = "PL-twice"
    table["outcome_known_date"], table["default"] = "2025-04-01", [i % 2 for i in range(len(table))]
    path = written(table, tmp_path / "twice.csv")
    replayed(live_home, live_engine, Order(FIRST, date(2025, 3, 5), date(2025, 4, 1)), path)
    joined = with_outcomes(live_engine, PROJECT)
    assert joined["y"].tolist() == table["default"].tolist()
    subjects = set(read_outcomes(live_engine, PROJECT)["subject_id"])
    assert "PL-twice" not in subjects and set(joined["id"]) & subjects


def test_without_a_day_of_knowledge_an_outcome_is_known_when_its_window_has_passed(live_home: LiveHome, tmp_path: Path) -> None:
    table = months_of(live_home, FIRST, date(2025, 3, 5)).assign(outcome_known_date=None)
    table["default"] = table["default"].astype(object)
    table.loc[0, "default"] = None
    file = read(live_home, written(table, tmp_path / "a.csv"), FIRST, date(2025, 3, 5))
    assert file.outcomes.index.tolist() == list(range(1, len(table)))
    expected = table["application_date"].iloc[1:] + pd.DateOffset(months=12)
    assert file.outcomes["known_at"].tolist() == expected.tolist()
    assert "have no day and count as known 12 months after application_date" in " ".join(file.notes)


def test_outcomes_that_cannot_be_read_are_named_by_row_and_left_out(live_home: LiveHome, tmp_path: Path) -> None:
    table = months_of(live_home, FIRST, date(2025, 3, 5)).astype({"default": object, "outcome_known_date": str})
    table.loc[1, "default"], table.loc[2, "outcome_known_date"] = "maybe", "soon"
    file = read(live_home, written(table, tmp_path / "a.csv"), FIRST, date(2025, 3, 5))
    assert len(file.outcomes) == len(table) - 2 and len(file) == len(table)
    (note,) = file.notes
    assert (
        note.startswith("2 outcomes cannot be read")
        and "row 2: defaulted is 'maybe'" in note
        and "row 3: known_at 'soon'" in note
    )


def test_a_file_without_outcomes_is_replayed_and_says_so(live_home: LiveHome, live_engine: Engine, tmp_path: Path) -> None:
    table = months_of(live_home, FIRST, date(2025, 3, 3)).drop(columns=["default", "outcome_known_date"])
    path = written(table, tmp_path / "a.csv")
    result = replayed(live_home, live_engine, Order(FIRST, date(2025, 3, 3), AS_OF), path)
    assert result.total("decided") == len(table) and result.outcomes.given == 0
    assert "the file has no 'default'" in " ".join(result.notes)


@pytest.mark.parametrize(
    ("first", "last", "as_of", "speed", "said"),
    [
        (LAST, FIRST, AS_OF, None, "must follow one another"),
        (FIRST, AS_OF, LAST, None, "must follow one another"),
        (FIRST, LAST, AS_OF, 0.0, "--speed 0: must be a number of days above 0"),
        (FIRST, LAST, AS_OF, float("inf"), "--speed inf"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(first: date, last: date, as_of: date, speed: float | None, said: str) -> None:
    with pytest.raises(ReplayError, match=said):
        Order(first, last, as_of, days_per_second=speed)


def test_months_cover_every_day_from_the_first_decision_to_the_last_outcome_once() -> None:
    months = list(Order(date(2024, 11, 15), date(2025, 1, 3), date(2025, 3, 10)).months())
    assert months[0] == (date(2024, 11, 15), date(2024, 11, 30)) and months[-1] == (date(2025, 3, 1), date(2025, 3, 10))
    assert all(after[0] - before[1] == timedelta(days=1) for before, after in pairwise(months))


def test_a_file_that_cannot_be_dated_is_refused_by_name(live_home: LiveHome, live_engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ReplayError, match=r"taiwan names no data\.time"):
        read_dated(open_project("taiwan"), None, FIRST, LAST)
    with pytest.raises(ReplayError, match="lending_club ships no data; name the dated file with --data"):
        read_dated(open_project("lending_club"), None, FIRST, LAST)
    table = months_of(live_home, FIRST, date(2025, 3, 3))
    path = written(table.rename(columns={"application_date": "day"}), tmp_path / "a.csv")
    with pytest.raises(ReplayError, match="column 'application_date', the application's day, is missing"):
        read(live_home, path)
    path = written(table.drop(columns="amount"), tmp_path / "b.csv")
    with pytest.raises(InputError, match="column 'amount'"):
        replayed(live_home, live_engine, ORDER, path)


def test_the_simulated_book_needs_no_file_and_is_the_one_that_was_trained_on(live_home: LiveHome) -> None:
    config = parse_project((live_home.toml).read_text(encoding="utf-8"))
    assert config.data.generator == "simulated"
    file = read_dated(open_project("simulated"), None, date(2025, 12, 30), date(2025, 12, 31))
    assert 0 < len(file) < 600
    assert file.rows.min() > 30_000


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(0, 23))
def test_applications_of_a_day_are_spread_over_its_open_hours_in_their_order(days: list[int], hour: int) -> None:
    moments = pd.Series(pd.to_datetime([date(2025, 3, 1 + day) for day in days]), dtype="datetime64[us]")
    instants = pd.Series(spread(moments))
    assert (instants.dt.floor("D") == moments).all()
    offset = instants - moments
    assert ((offset > OPENS) & (offset < OPENS + OPEN_HOURS)).all()
    for _, part in instants.groupby(moments):
        assert part.is_monotonic_increasing and part.is_unique
    dated = pd.Series([pd.Timestamp(2025, 3, 1, hour, 30), pd.NaT])
    assert pd.isna(spread(as_date(dated))[1])
    assert pd.Timestamp(spread(as_date(dated))[0]) == dated[0]
