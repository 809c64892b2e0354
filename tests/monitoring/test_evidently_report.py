"""Evidently's verdict stands beside ours with the reason where they differ, at our cut-off, and no column hides another."""

import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, select

from pipeline import commands_report
from pipeline.monitoring import evidently_store as kept
from pipeline.monitoring.evidently_report import MIN_KNOWN, make_report
from pipeline.monitoring.evidently_run import Answers, Said, ask, inert, shown_names
from pipeline.monitoring.evidently_sample import SCORE, TARGET, Sample, find_window
from pipeline.monitoring.evidently_store import DRIFT, LEFT_OUT, NO_DRIFT, Report, ReportError, read_report, read_reports
from pipeline.monitoring.evidently_verdict import verdicts
from pipeline.monitoring.outcomes import record_outcomes
from pipeline.project import load_project
from pipeline.registry import runs
from pipeline.settings import Settings
from pipeline.store.engine import open_store
from pipeline.store.tables import decisions
from tests.conftest import copied_home, settings_of
from tests.monitoring.made_traffic import record_day
from tests.serving.conftest import PROJECT, LiveHome, live_once

__all__ = ["live_once"]

DAY, AS_OF = date(2026, 2, 10), date(2026, 6, 30)
N, N_KNOWN, N_SAMPLE = 900, 700, 800
HOSTILE = "</script><script>parent.hacked = 1</script><img src=x onerror=alert(1)>"


@dataclass(frozen=True)
class Made:
    """A live home with one day of decisions, some of them with outcomes, and the report on it."""

    settings: Settings
    engine: Engine
    report: Report
    steps: list[str]
    known: pd.DataFrame

    def again(self, **changed: Any) -> Report:
        asked: dict[str, Any] = {"first": DAY, "last": DAY, "as_of": AS_OF, "sample": N_SAMPLE, "seed": 7} | changed
        return make_report(self.settings, self.engine, PROJECT, **asked)


@pytest.fixture(scope="module")
def made(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """One real report, made in this process: importing Evidently takes seconds."""
    with copied_home(live_once.home, tmp_path_factory.mktemp("evidently") / "home") as home:
        settings = settings_of(home)
        engine = open_store(settings.database_url)
        known = _decide(engine, live_once)
        steps: list[str] = []
        first = Made(settings, engine, None, steps, known)
        yield replace(first, report=first.again(tell=lambda done, total, what: steps.append(f"{done}/{total} {what}")))
        engine.dispose()


def _decide(engine: Engine, live: LiveHome) -> pd.DataFrame:
    """Record a day on which a column is missing, one is constant and one has a value that is a script."""
    from pipeline.project import open_project

    rng = np.random.default_rng(1)
    book = live.book().tail(N).reset_index(drop=True)
    frame = book.assign(days_since_last_login=np.nan, credit_lines=4.0)
    frame["region"] = frame["region"].astype(object).where(np.arange(N) % 9 > 0, HOSTILE)
    pds = rng.beta(2, 8, N)
    record_day(engine, open_project(str(live.toml)).config, frame, pds, DAY)
    with engine.connect() as connection:
        rows = connection.execute(select(decisions.c.id, decisions.c.pd).where(decisions.c.project == PROJECT)).all()
    known = pd.DataFrame(rows[:N_KNOWN], columns=["subject_id", "pd"])
    known["defaulted"] = (rng.random(N_KNOWN) < known["pd"]).astype(int)
    record_outcomes(engine, PROJECT, known.drop(columns="pd").assign(known_at=date(2026, 5, 1)))
    return known


def column(report: Report, name: str) -> kept.ColumnVerdict:
    return next(c for c in report.columns if c.feature == name)


def test_a_report_says_what_it_stands_on(made: Made) -> None:
    report = made.report
    assert (report.first, report.last, report.as_of) == (DAY, DAY, AS_OF)
    assert (report.n_window, report.n_sampled, report.model_version) == (N, N_SAMPLE, 1)
    assert report.n_reference == len(runs.read_artifact_table(report.run_id, "serving/background.parquet", made.settings))
    assert any(f"A sample of {N_SAMPLE:,} of {N:,} decisions" in note for note in report.notes)
    assert [step[:3] for step in made.steps] == [f"{i}/7" for i in range(7)]
    assert os.environ["DO_NOT_TRACK"] == "true", "nothing leaves the machine"


def test_the_same_report_is_found_and_not_made_twice(made: Made) -> None:
    before = made.report.html.stat().st_mtime_ns
    assert made.again() == made.report
    assert made.report.html.stat().st_mtime_ns == before
    assert read_reports(made.settings, PROJECT) == [made.report]
    assert read_report(made.settings, PROJECT, made.report.id) == made.report


def test_every_metric_of_evidently_is_at_our_cutoff(made: Made) -> None:
    cutoff = made.report.cutoff
    document = json.loads(made.report.json.read_text(encoding="utf-8"))
    thresholds = {m["config"].get("probas_threshold") for m in document["classification"]}
    assert thresholds == {cutoff} and cutoff != 0.5
    by_hand = made.report.judged
    assert by_hand is not None and by_hand.n <= N_KNOWN
    assert by_hand.theirs == pytest.approx(dict(by_hand.ours), abs=1e-9)
    assert set(by_hand.theirs) == {"precision", "recall", "f1", "roc_auc"}


def test_the_confusion_matrix_on_the_page_is_at_our_cutoff(made: Made) -> None:
    from pipeline.monitoring.evidently_sample import read_sample

    window = find_window(made.engine, PROJECT, DAY, DAY, AS_OF)
    now = read_sample(made.settings, made.engine, window, N_SAMPLE, 7).now.dropna(subset=[TARGET])
    html = made.report.html.read_text(encoding="utf-8")
    y = now[TARGET]
    cells = {
        cutoff: [
            int(((now[SCORE] >= cutoff) == declined)[y == outcome].sum()) for outcome in (0, 1) for declined in (False, True)
        ]
        for cutoff in (made.report.cutoff, 0.5)
    }
    ours, customary = (_matrix_text(found) for found in cells.values())
    shown = re.sub(r"[\s.]0?(?=[\],])|\s", "", html)
    assert ours in shown and customary not in shown


def _matrix_text(cells: list[int]) -> str:
    return f"[[{cells[0]},{cells[1]}],[{cells[2]},{cells[3]}]]"


def test_an_empty_column_is_named_and_hides_no_other(made: Made) -> None:
    empty = column(made.report, "days_since_last_login")
    assert empty.theirs == LEFT_OUT and empty.ours == "shifted" and empty.differs
    assert "every value is missing in the window" in empty.why and "so that the others show" in empty.why
    constant = column(made.report, "credit_lines")
    assert constant.ours == "shifted" and constant.theirs == DRIFT
    assert {c.feature for c in made.report.columns} == {*load_project("simulated").feature_names, SCORE}
    assert sum(c.theirs in (DRIFT, NO_DRIFT) for c in made.report.columns) == len(made.report.columns) - 1


def test_a_value_that_is_a_script_cannot_leave_its_place_in_the_page(made: Made) -> None:
    html = made.report.html.read_text(encoding="utf-8")
    assert "parent.hacked" in html, "the value is shown"
    assert HOSTILE not in html and "<script>parent.hacked" not in html and "<img src=x" not in html


def test_the_page_may_fetch_nothing(made: Made) -> None:
    head = made.report.html.read_text(encoding="utf-8")[:1000]
    assert "default-src 'none'" in head and "connect-src" not in head


def test_the_numbers_are_json_that_any_reader_takes(made: Made) -> None:
    text = made.report.json.read_text(encoding="utf-8")
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert found["report"]["id"] == made.report.id
    assert {"income", SCORE} <= {m["column"] for m in found["drift_and_summary"] if "column" in m}


def test_the_report_is_filed_with_the_run(made: Made) -> None:
    assert made.report.filed.startswith(f"Filed with run {made.report.run_id}")
    path = f"monitoring/evidently/{made.report.id}/report.json"
    assert runs.read_text(made.report.run_id, path, made.settings) == made.report.json.read_text(encoding="utf-8")


def test_the_command_prints_the_report_that_is_there(
    made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RISKDECK_HOME", str(made.settings.home))
    assert commands_report.report(PROJECT, DAY, DAY, AS_OF, N_SAMPLE, 7, None, True) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["id"] == made.report.id and "0/7 looking for the decisions" in told.err
    assert commands_report.report(PROJECT, DAY, DAY, AS_OF, N_SAMPLE, 7, None, False) == 0
    assert "Days since last login" in capsys.readouterr().out


def test_a_window_without_decisions_is_refused_by_name(made: Made) -> None:
    with pytest.raises(ReportError, match=r"small decided nobody from 2020-01-01 to 2020-01-31"):
        made.again(first=date(2020, 1, 1), last=date(2020, 1, 31))
    with pytest.raises(ReportError, match="the first day must not be after the last"):
        made.again(first=date(2026, 3, 1), last=DAY)
    with pytest.raises(ReportError, match="version 9 of small"):
        made.again(version=9)


def test_too_few_outcomes_leave_the_classification_out_and_say_so(made: Made) -> None:
    from pipeline.monitoring.evidently_report import known_outcomes
    from pipeline.monitoring.evidently_sample import read_sample

    window = find_window(made.engine, PROJECT, DAY, DAY, date(2026, 4, 1))
    known, why = known_outcomes(read_sample(made.settings, made.engine, window, 300, 0))
    assert known is None and f"the outcome of 0 is known, 0 of them defaults; it takes {MIN_KNOWN}" in why


def test_new_decisions_and_outcomes_make_another_report(made: Made) -> None:
    windows = [find_window(made.engine, PROJECT, DAY, DAY, day) for day in (AS_OF, date(2026, 4, 1))]
    assert windows[0].last_outcome > windows[1].last_outcome == 0
    assert windows[0].last_seq == windows[1].last_seq == N


# --- both verdicts, tried on rows where they must differ -----------------------------------------------------------------


@pytest.fixture(scope="module")
def judged() -> dict[str, kept.ColumnVerdict]:
    """Rows with everything that makes the two disagree, under names of the simulated product."""
    return {v.feature: v for v in verdicts(*_awkward())}


def _awkward() -> tuple[Sample, Answers]:
    rng = np.random.default_rng(3)
    n = 3000
    income = [rng.lognormal(10, 0.4, n) for _ in range(2)]
    income[1] *= 0.6
    for part in income:
        part[:5] = 1e8
    debt = [rng.lognormal(6, 0.5, n) for _ in range(2)]
    debt[1][:5] = 1e8
    utilisation = [rng.random(n) for _ in range(2)]
    utilisation[1][: n // 3] = np.nan
    before, now = (
        pd.DataFrame(
            {
                "income": income[i], "monthly_debt": debt[i], "utilisation": utilisation[i],
                "inquiries_6m": rng.choice([36.0, 60.0], n) if i == 0 else 60.0,
                "savings_balance": rng.random(n) if i == 0 else np.nan,
                "credit_lines": 3.0, "channel": rng.choice(["web", "branch"] if i == 0 else ["web", "branch", "app"], n),
                SCORE: rng.beta(2, 8, n),
            }
        )
        for i in range(2)
    )  # fmt: skip
    kinds = {name: "category" if name == "channel" else "number" for name in before}
    answers = ask(before, now, kinds, None, 0.2, lambda what: None)
    return Sample(load_project("simulated"), "run", None, kinds, before, now, before), answers


def test_incomes_of_a_hundred_million_hide_a_fall_from_evidently_and_not_from_us(judged: dict[str, kept.ColumnVerdict]) -> None:
    income = judged["income"]
    assert income.ours == "shifted" and income.psi > 0.5
    assert income.theirs == NO_DRIFT and income.their_psi < 0.01 and income.differs
    assert "A few extreme values (up to 100,000,000) stretch the scale" in income.why


def test_five_extreme_values_alone_alarm_evidently_and_not_us(judged: dict[str, kept.ColumnVerdict]) -> None:
    debt = judged["monthly_debt"]
    assert (debt.ours, debt.theirs) == ("stable", DRIFT) and debt.differs
    assert "too few to move our deciles" in debt.why


def test_missing_values_are_dropped_by_evidently_and_counted_by_us(judged: dict[str, kept.ColumnVerdict]) -> None:
    utilisation = judged["utilisation"]
    assert (utilisation.ours, utilisation.theirs) == ("shifted", NO_DRIFT)
    assert "Evidently drops missing values, and these went from 0.0 % to 33.3 %" in utilisation.why


def test_a_term_a_constant_an_empty_column_and_a_new_category_are_each_judged_by_name(
    judged: dict[str, kept.ColumnVerdict],
) -> None:
    assert (judged["inquiries_6m"].ours, judged["inquiries_6m"].theirs) == ("shifted", DRIFT)
    assert (judged["credit_lines"].ours, judged["credit_lines"].differs) == ("stable", False)
    assert (judged["channel"].ours, judged["channel"].theirs) == ("shifted", DRIFT)
    assert (judged["savings_balance"].ours, judged["savings_balance"].theirs) == ("shifted", LEFT_OUT)
    assert judged[SCORE].label == "PD" and judged[SCORE].why == ""


def test_those_that_differ_come_first_each_with_its_sentence(judged: dict[str, kept.ColumnVerdict]) -> None:
    order = [v.differs for v in judged.values()]
    assert order == sorted(order, reverse=True)
    assert all(v.why.endswith(".") for v in judged.values() if v.differs)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said("K-S p_value", 0.001, 0.05, True, 0.01), "It tests for chance"),
        (Said("Jensen-Shannon distance", 0.12, 0.1, True, 0.01), "which small changes of shares reach"),
        (Said("Z-test p_value", math.nan, 0.05, None, math.nan), "has no value here (it cannot be computed on these rows)"),
        (Said("Wasserstein distance (normed)", 0.11, 0.1, True, 0.01), "by 0.1 standard deviations on average"),
    ],
)
def test_where_we_see_nothing_the_sentence_says_why_evidently_does(said: Said, expected: str) -> None:
    rng = np.random.default_rng(0)
    before = pd.DataFrame({"income": rng.normal(size=2000)})
    sample = Sample(load_project("simulated"), "run", None, {"income": "number"}, before, before + 0.11, before)
    found = verdicts(sample, Answers("0", {"income": said}, {}, None, None, {}, ""))[0]
    assert found.ours == "stable" and expected in found.why


def test_with_too_few_rows_we_give_no_verdict_and_say_that_evidently_does() -> None:
    few = pd.DataFrame({"income": np.arange(50.0)})
    sample = Sample(load_project("simulated"), "run", None, {"income": "number"}, few, few, few)
    said = Said("K-S p_value", 1.0, 0.05, False, 0.0)
    found = verdicts(sample, Answers("0", {"income": said}, {}, None, None, {}, ""))[0]
    assert (
        found.differs
        and found.why == "We give no verdict (too few: 50 rows, needs 500); Evidently gives one at any number of rows."
    )


def test_names_that_evidently_would_take_for_markup_or_for_its_own_are_changed_and_stay_apart() -> None:
    names = shown_names({"<b>": "number", "‹b›": "number", "target": "number", "PD": "number", SCORE: "number"})
    assert len(set(names.values())) == 5 and not set("<>&") & set("".join(names.values()))
    assert names["target"] == "target (feature)" and names["PD"] == "PD (feature)" and names[SCORE] == "PD"
    assert inert("a\n b <c>" + "x" * 200).startswith("a b ‹c›xxx") and len(inert("x" * 200)) == 80


# --- what is kept ---------------------------------------------------------------------------------------------------------


def a_report(number: int = 1) -> Report:
    columns = (
        kept.ColumnVerdict("income", "Income", "number", "no data", math.nan, LEFT_OUT, "", *[math.nan] * 3, True, "Why."),
    )
    return Report(
        id=f"{number:016x}", project="p", first=DAY, last=DAY, as_of=DAY, made_at=datetime(2026, 1, 1, 0, number, tzinfo=UTC),
        seconds=1.5, seed=0, model_version=1, run_id="r", policy_id="p-policy-1", cutoff=0.2, n_window=10, n_other_versions=0,
        n_sampled=10, n_reference=20, evidently="0.7", columns=columns, judged=kept.Judged(5, 1, {"f1": math.nan}, {"f1": 0.5}),
        notes=("A note.",), filed="",
    )  # fmt: skip


def place(tmp_path: Path) -> Settings:
    return settings_of(tmp_path)


FILES = {kept.HTML: "<html></html>", kept.JSON: "{}"}


def test_a_report_is_read_as_it_was_kept(tmp_path: Path) -> None:
    found = kept.keep(place(tmp_path), a_report(), dict(FILES))
    assert repr(found) == repr(replace(a_report(), folder=found.folder)) and found.html.read_text() == "<html></html>"
    assert read_reports(place(tmp_path), "other") == []


def test_one_that_was_killed_half_way_is_no_report_and_goes(tmp_path: Path) -> None:
    kept.keep(place(tmp_path), a_report(), dict(FILES))
    folder = tmp_path / "reports" / "p"
    half, old = folder / ".unfinished-new", folder / ".unfinished-old"
    for path in (half, old):
        path.mkdir()
        (path / kept.HTML).write_text("half")
    os.utime(old, (1, 1))
    kept.keep(place(tmp_path), a_report(2), dict(FILES))
    assert half.exists() and not old.exists()
    assert [report.id for report in read_reports(place(tmp_path), "p")] == [a_report(2).id, a_report(1).id]


def test_the_newest_are_kept_and_the_first_of_an_id_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", 3)
    for number in range(1, 6):
        kept.keep(place(tmp_path), a_report(number), dict(FILES))
    kept.keep(place(tmp_path), a_report(5), {kept.HTML: "later", kept.JSON: "{}"})
    found = read_reports(place(tmp_path), "p")
    assert [int(report.id, 16) for report in found] == [5, 4, 3] and found[0].html.read_text() == "<html></html>"


@pytest.mark.parametrize("spoiled", ["{", "[]", '{"form": 1}', '{"form": 0}'])
def test_a_spoiled_report_is_left_out_and_made_again(tmp_path: Path, spoiled: str) -> None:
    found = kept.keep(place(tmp_path), a_report(), dict(FILES))
    (found.folder / kept.META).write_text(spoiled)
    assert read_reports(place(tmp_path), "p") == []
    with pytest.raises(ReportError, match="make it again"):
        read_report(place(tmp_path), "p", found.id)
    kept.forget(place(tmp_path), "p", found.id)
    assert kept.keep(place(tmp_path), a_report(), dict(FILES)).id == found.id


@pytest.mark.parametrize("wanted", ["../p/1", "", "nothing"])
def test_an_id_that_names_no_report_is_refused(tmp_path: Path, wanted: str) -> None:
    kept.keep(place(tmp_path), a_report(), dict(FILES))
    with pytest.raises(ReportError, match="there is no Evidently report"):
        read_report(place(tmp_path), "p", wanted)
