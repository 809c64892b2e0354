"""The panel with Evidently's report: offered, at work, done, failed; the process that makes it; the frame that holds it."""

import html
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from dashboard import loading_risk, report_jobs
from dashboard.report_jobs import DONE, FAILED, RUNNING, STOPPED, WAITING, Job, ReportJobs
from dashboard.report_words import headline, judged, whole
from dashboard.sandbox import sandboxed
from pipeline.monitoring import evidently_store as kept
from pipeline.settings import load_settings
from tests.dashboard.opened import words

DAY = date(2026, 2, 10)
PROJECT = "small"
HOSTILE = "<img src=x onerror=alert(1)> [a](javascript:alert(1)) $x$ :red[no]"
MADE = 'import sys; print("1/7 reading", file=sys.stderr, flush=True); print("x" * 300000)'
SLOW = 'import sys, time; print("3/7 asking Evidently about 20 columns", file=sys.stderr, flush=True); time.sleep(60)'
REFUSED = 'import sys; print("small decided nobody from 2026-02-10 to 2026-02-10", file=sys.stderr); sys.exit(2)'


def panel() -> None:
    from datetime import date

    from dashboard.components.evidently_panel import show

    show("small", date(2026, 2, 10), date(2026, 2, 10))


def draw(**link: str) -> AppTest:
    app = AppTest.from_function(panel, default_timeout=30)
    for name, value in link.items():
        app.query_params[name] = value
    app.run()
    assert not app.exception
    return app


def a_report(number: int = 1, **changed: object) -> kept.Report:
    income = kept.ColumnVerdict(
        "income", "Yearly income", "number", "shifted", 0.71, kept.NO_DRIFT, "Wasserstein distance (normed)", 0.02, 0.1, 0.0006,
        True, "A few extreme values (up to 100,000,000) stretch the scale.",
    )  # fmt: skip
    hostile = replace(income, feature=HOSTILE, label=HOSTILE, why=f"Most moved in {HOSTILE}.", psi=0.5)
    login = replace(income, feature="login", label="Days since last login", theirs=kept.LEFT_OUT, value=math.nan, why="Empty.")
    same = replace(income, feature="amount", label="Loan amount", ours="stable", psi=0.01, differs=False, why="")
    same_by_both = {"recall": 0.5, "f1": 0.4}
    report = kept.Report(
        id=f"{number:016x}", project=PROJECT, first=DAY, last=DAY, as_of=DAY,
        made_at=datetime(2026, 3, 1, 9, number, tzinfo=UTC),
        seconds=14.2, seed=7, model_version=1, run_id="r", policy_id="small-policy-1", cutoff=0.25, n_window=9000,
        n_other_versions=0, n_sampled=5000, n_reference=4000, evidently="0.7.23", columns=(income, hostile, login, same),
        judged=kept.Judged(700, 120, same_by_both, same_by_both), notes=("A note.",), filed="Filed.",
    )  # fmt: skip
    return replace(report, **changed)


@pytest.fixture
def keep(home: Path) -> Callable[[kept.Report], kept.Report]:
    page = f"<html><head></head><body>{HOSTILE}</body></html>"
    return lambda report: kept.keep(load_settings(), report, {kept.HTML: page, kept.JSON: "{}"})


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Let a small program stand where Evidently would run."""
    return lambda program: monkeypatch.setattr(report_jobs, "_command", lambda *_: command(program))


def command(program: str) -> list[str]:
    return [sys.executable, "-c", program]


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait(job: Job, *steps: str) -> report_jobs.State:
    wait_for(lambda: job.state.step in steps)
    return job.state


@pytest.fixture
def jobs() -> Iterator[ReportJobs]:
    made = ReportJobs()
    yield made
    made.close()


def test_without_a_report_the_panel_says_what_it_would_be_and_makes_nothing(home: Path) -> None:
    app = draw()
    said = words(app)
    assert "There is no Evidently report on 2026-02-10 to 2026-02-10 yet." in said
    assert "at most 5,000 decisions, drawn at random" in said and "about half a minute" in said
    assert app.button(key="evidently_make").label == "Make the Evidently report"
    assert loading_risk.report_job(PROJECT, DAY, DAY) is None


def test_a_finished_report_opens_with_the_verdict_and_says_why_the_two_differ(
    keep: Callable[[kept.Report], kept.Report],
) -> None:
    keep(a_report())
    app = draw()
    said = words(app)
    assert "Of 4 columns Evidently sees drift in 0 and we in 3; the two differ on 3." in said
    assert "a random 5,000 of 9,000 decisions (seed 7) beside 4,000 development rows" in said
    assert "we say shifted (PSI 0.710), Evidently no drift (Wasserstein distance (normed) 0.020). A few extreme values" in said
    assert "On 700 known outcomes (120 defaults), declined from a PD of 25.0 % on" in said and "ours are the same" in said
    assert "A note." in said and "Filed." in said
    assert list(app.dataframe[0].value["We say"]) == ["shifted", "shifted", "shifted", "stable"]
    assert {b.label for b in app.download_button} == {"Report (HTML)", "Numbers (JSON)"}


def test_foreign_names_are_shown_and_never_run(keep: Callable[[kept.Report], kept.Report]) -> None:
    keep(a_report())
    raw = "\n".join(str(part.value) for part in draw().markdown)
    assert "\\<img src\\=x" in raw
    assert not re.search(r"(?<!\\)<img|(?<!\\)\[a\]|(?<!\\)\$x", raw)


def test_the_page_of_five_megabytes_is_sent_when_it_is_asked_for(keep: Callable[[kept.Report], kept.Report]) -> None:
    keep(a_report())
    assert frames(draw()) == []
    (frame,) = frames(draw(evidently_frame="true"))
    assert frame == sandboxed(f"<html><head></head><body>{HOSTILE}</body></html>")


def frames(app: AppTest) -> list[str]:
    return [element.proto.srcdoc for element in app.get("iframe")]


def test_another_report_can_be_chosen_in_the_link(keep: Callable[[kept.Report], kept.Report]) -> None:
    keep(a_report())
    keep(a_report(2, first=date(2025, 1, 1), last=date(2025, 1, 31), columns=()))
    assert "Of 4 columns" in words(draw())
    other = words(draw(evidently_report="2025-01-01 to 2025-01-31, version 1 (00000000)"))
    assert "Of 0 columns" in other and "2025-01-01 to 2025-01-31" in other


def test_at_work_it_says_the_step_and_can_be_cancelled(home: Path, runs: Callable[[str], None]) -> None:
    runs(SLOW)
    app = draw().button(key="evidently_make").click().run()
    job = loading_risk.report_job(PROJECT, DAY, DAY)
    assert job is not None
    wait_for(lambda: job.state.done == 3)
    app.run()
    assert "Evidently is at work: asking Evidently about 20 columns." in words(app)
    app.button(key="evidently_cancel").click().run()
    wait(job, STOPPED)
    app.run()
    assert "There is no Evidently report" in words(app) and not app.exception


def test_what_the_process_refuses_is_said_in_its_words(home: Path, runs: Callable[[str], None]) -> None:
    runs(REFUSED)
    app = draw().button(key="evidently_make").click().run()
    job = loading_risk.report_job(PROJECT, DAY, DAY)
    assert job is not None
    wait(job, FAILED)
    app.run()
    assert "The report could not be made: small decided nobody from 2026-02-10 to 2026-02-10." in words(app)
    assert app.button(key="evidently_make").label == "Make the Evidently report"


def test_a_job_is_known_by_its_store_product_and_days(jobs: ReportJobs, runs: Callable[[str], None]) -> None:
    runs(MADE)
    job = jobs.begin("here", PROJECT, DAY, DAY, DAY)
    assert wait(job, DONE, FAILED).step == DONE and (job.state.done, job.state.said) == (1, "reading")
    assert jobs.of("here", PROJECT, DAY, DAY) is job and jobs.of("elsewhere", PROJECT, DAY, DAY) is None


def test_one_report_is_made_at_a_time_and_a_waiting_one_can_be_cancelled(jobs: ReportJobs, runs: Callable[[str], None]) -> None:
    runs(SLOW)
    first = jobs.begin("here", PROJECT, DAY, DAY, DAY)
    wait(first, RUNNING)
    second = jobs.begin("here", PROJECT, DAY, date(2026, 2, 11), DAY)
    assert jobs.begin("here", PROJECT, DAY, DAY, DAY) is first
    wait_for(lambda: "waiting for another report" in second.state.said)
    assert second.state.step == WAITING
    second.stop()
    wait(second, STOPPED)
    assert first.state.step == RUNNING
    first.stop()
    wait(first, STOPPED)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os; os.kill(os.getpid(), 9)", "its process ended with -9; memory may be short"),
        ("import sys; print('x' * 300000, file=sys.stderr); sys.exit(3)", "its process ended with 3"),
    ],
)
def test_a_process_that_dies_is_told_in_words(jobs: ReportJobs, runs: Callable[[str], None], program: str, said: str) -> None:
    runs(program)
    assert said in wait(jobs.begin("here", PROJECT, DAY, DAY, DAY), FAILED, DONE).said


def test_a_process_that_hangs_is_ended(jobs: ReportJobs, runs: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_jobs, "LONGEST_SECONDS", 0.5)
    runs(SLOW)
    assert "it took longer than" in wait(jobs.begin("here", PROJECT, DAY, DAY, DAY), FAILED).said


def test_a_project_cannot_pass_for_an_option() -> None:
    made = report_jobs._command("--help", DAY, DAY, DAY)
    assert made[-2:] == ["--", "--help"] and made[1:4] == ["-m", "pipeline", "report"]


@pytest.mark.long
def test_the_panel_burdens_the_page_neither_with_evidently_nor_with_mlflow() -> None:
    program = (
        "import sys, dashboard.components.evidently_panel\n"
        "print([m for m in ('evidently', 'mlflow', 'sklearn', 'lightgbm', 'scipy') if m in sys.modules])"
    )
    root = Path(report_jobs.__file__).parents[1]
    done = subprocess.run(command(program), cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_frame_allows_scripts_alone_and_no_page_can_leave_it() -> None:
    outer = sandboxed('"></iframe><script>parent.hacked = 1</script>&quot;', title='a"b')
    assert re.findall(r'sandbox="([^"]*)"', outer) == ["allow-scripts"]
    assert outer.count("<iframe") == outer.count("</iframe") == 1 and "<script" not in outer
    assert html.unescape(outer.split('srcdoc="')[1].split('"></iframe>')[0]).endswith("&quot;")
    assert "default-src 'none'" in outer and "connect-src" not in outer


def test_words_of_agreement_and_of_difference() -> None:
    report = a_report()
    agreed = replace(report, columns=report.columns[-1:])
    assert headline(agreed) == "Of 1 columns Evidently sees drift in 0 and we in 0; the two agree on each."
    assert judged(replace(report, judged=None)) == ""
    assert whole(report).startswith("By its own headline the data set is not drifted") and "here 0 of 3." in whole(report)
    drifted = replace(report, columns=tuple(replace(column, theirs=kept.DRIFT) for column in report.columns))
    assert whole(drifted).startswith("By its own headline the data set is drifted") and "here 4 of 4." in whole(drifted)
    apart = kept.Judged(700, 120, {"recall": 0.5}, {"recall": 0.6})
    assert judged(replace(report, judged=apart)).endswith("on the same rows ours are Recall 0.600.")
    assert json.loads(kept.to_json(report))["columns"][2]["value"] is None
