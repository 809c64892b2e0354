"""Each page in each state: a normal store, none, none complete, foreign runs, a dead server, a hanging one, a wrong link."""

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pipeline import contract as c
from pipeline.registry import ledger
from pipeline.registry.policies import write_policy
from pipeline.store.engine import open_store
from tests.dashboard.made_store import NASTY, PROJECT, Store, client_of, experiment, log_foreign
from tests.dashboard.opened import APP, open_page

PAGES = ("views/overview.py", "views/experiments.py", "views/trade_offs.py")


def words(app: AppTest) -> str:
    parts = [*app.markdown, *app.caption, *app.info, *app.error, *app.warning, *app.code, *app.subheader]
    return "\n".join(str(p.value) for p in parts)


@pytest.mark.parametrize("page", PAGES)
def test_a_filled_store_is_answered_in_a_sentence_with_interval_and_n(filled_home: Store, page: str) -> None:
    app = open_page(page)
    assert not app.exception
    answer = next(str(m.value) for m in app.markdown if str(m.value).startswith("### :material"))
    assert re.search(r"\[[−\d., ]+\]", answer), answer
    assert "1,200 test applicants" in answer


@pytest.mark.parametrize("page", PAGES)
def test_an_empty_store_names_the_command_that_fills_it(home: Path, page: str) -> None:
    app = open_page(page)
    assert not app.exception
    assert "There are no runs yet" in words(app)
    assert "python -m pipeline train" in words(app)
    assert not (home / "mlflow.db").exists(), "looking must not create a database"


@pytest.mark.parametrize("page", PAGES)
def test_incomplete_runs_are_counted_and_not_ranked(migrated_home: Path, page: str) -> None:
    client = client_of(migrated_home)
    client.create_run(
        experiment(client, migrated_home), run_name="half", tags={c.TAG_CONTRACT: c.VERSION, c.TAG_KIND: c.KIND_CANDIDATE}
    )
    app = open_page(page)
    assert not app.exception
    assert "There is no complete run to show" in words(app)
    assert "1 still running or interrupted" in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_foreign_runs_alone_say_what_would_make_them_comparable(migrated_home: Path, page: str) -> None:
    client = client_of(migrated_home)
    log_foreign(client, experiment(client, migrated_home))
    app = open_page(page)
    assert not app.exception
    if page != PAGES[1]:
        assert "1 made by other scripts" in words(app)
    else:
        assert "pipeline.log_evaluation(y_test, pd_test" in words(app)
        table = app.dataframe[0].value
        assert table["Run"].tolist() == [NASTY], "the name is shown as it is, in a cell and not as markdown"
        assert table["F1 · test"].tolist() == [0.51]
        assert "ROC AUC" not in " ".join(table.columns), "a training metric is never shown beside test metrics"


@pytest.mark.parametrize("page", PAGES)
def test_a_server_that_is_down_is_named_without_its_password(home: Path, monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:secret@127.0.0.1:{port}")
    app = open_page(page)
    assert not app.exception
    assert "MLFLOW\\_TRACKING\\_URI" in words(app) and str(port) in words(app)
    assert "secret" not in words(app)


@pytest.fixture
def hanging_server() -> Iterator[int]:
    """A socket that accepts connections and never answers."""
    with closing(socket.socket()) as server:
        server.bind(("127.0.0.1", 0))
        server.listen(16)
        yield server.getsockname()[1]


def test_a_server_that_never_answers_is_given_up_in_time(
    home: Path, monkeypatch: pytest.MonkeyPatch, hanging_server: int
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{hanging_server}")
    app = AppTest.from_file(APP, default_timeout=60)
    start = time.monotonic()
    app.run()
    assert time.monotonic() - start < 8
    assert not app.exception
    assert "no answer within" in words(app)


@pytest.mark.parametrize("page", PAGES)
def test_nonsense_in_a_link_falls_back_and_never_breaks(filled_home: Store, page: str) -> None:
    nonsense = {
        "project": "../etc",
        "run": "<script>",
        "cutoff": "minus",
        "by": "beauty",
        "bakeoff": "x",
        "costs": "?",
        "fn_cost": "-5",
    }
    app = open_page(page, **nonsense)
    assert not app.exception
    assert "1,200 test applicants" in words(app)


@pytest.fixture
def released(filled: Store, filled_home: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The close candidate is live under a policy with a review band, and a proposal waits."""
    url = f"sqlite:///{tmp_path / 'riskdeck.db'}"
    monkeypatch.setenv("RISKDECK_DATABASE_URL", url)
    engine = open_store(url)
    policy = write_policy(
        engine, PROJECT, model_version=3, run_id=filled.close, approve_below=0.1, decline_above=0.25, rationale="**agreed**",
        author="pm", costs={"model": "per_case", "fn_cost": 75000, "fp_cost": 15000},
    )  # fmt: skip
    subject = {"model_version": 3, "policy_id": policy.id, "run_id": filled.close}
    evidence = {"model_sha256": "f" * 64}
    ledger.append(engine, PROJECT, ledger.PROMOTION, "risk-lead", subject, "agreed", evidence)
    ledger.append(engine, PROJECT, ledger.PROPOSAL, "pm", subject | {"model_version": 4}, "<b>better</b>", evidence)
    engine.dispose()
    return filled


def test_the_overview_names_the_live_pair_its_worth_and_who_is_needed(released: Store) -> None:
    said = words(open_page(PAGES[0]))
    assert "logistic C\\=1 is live and is worth" in said
    assert "approve below a PD of 10.0 %, decline from 25.0 %, review between" in said
    assert "(version 4) waits for another person than pm" in said
    assert r"\<b\>better" in said and r"\*\*agreed" in said, "texts of people are shown literally"


def test_the_champion_is_pinned_and_the_answer_measures_against_it(released: Store) -> None:
    app = open_page(PAGES[1])
    assert app.dataframe[0].value["candidate"].iloc[0] == "★ logistic C=1"
    assert "live model, logistic" in words(app) or "Keep logistic" in words(app)
    assert open_page(PAGES[2]).slider(key="cutoff").value == 25.0


def test_a_link_opens_the_run_it_names(filled_home: Store) -> None:
    app = open_page(PAGES[1], detail="Lineage")
    app.query_params["run"] = filled_home.close
    app.run()
    assert app.selectbox(key="run_in_depth").value == filled_home.close
    assert f"python -m pipeline reproduce {filled_home.close}" in words(app)


def test_failed_candidates_are_listed_with_their_reason(filled_home: Store) -> None:
    app = open_page(PAGES[1])
    tables = [t.value for t in app.dataframe if "Why it failed" in t.value.columns]
    assert tables[0]["Why it failed"].tolist() == ["ValueError: max_depth must be 1 or more, not -1"]
    overview = words(open_page(PAGES[0]))
    assert "failed in the last bake" in overview


def test_moving_the_cutoff_changes_the_people_and_keeps_them_a_thousand(filled_home: Store) -> None:
    app = open_page(PAGES[2])
    app.slider(key="cutoff").set_value(60.0).run()
    story = next(str(m.value) for m in app.markdown if str(m.value).startswith("Of 1,000"))
    table = app.table[0].value
    assert table["Per 1,000"].astype(int).sum() == 1000
    approved, missed = (int(n) for n in re.findall(r"\*\*(\d+)\*\*", story)[:2])
    cells = dict(zip(table["What happens"], table["Per 1,000"].astype(int), strict=True))
    assert (approved, missed) == (cells["Missed"] + cells["Rightly approved"], cells["Missed"])


def test_a_named_cutoff_is_one_press_away(filled_home: Store) -> None:
    app = open_page(PAGES[2])
    app.button(key="to_Elkan's").click().run()
    assert app.slider(key="cutoff").value == pytest.approx(16.7)


def test_dearer_refusals_raise_the_cheapest_cutoff(filled_home: Store) -> None:
    app = open_page(PAGES[2])
    label = {b.key: b.label for b in app.button}
    app.number_input(key="fp_cost").set_value(60_000.0).run()
    cheapest = {b.key: b.label for b in app.button}["to_cheapest"]
    assert float(re.findall(r"[\d.]+", cheapest)[0]) > float(re.findall(r"[\d.]+", label["to_cheapest"])[0])


def test_costs_that_are_all_zero_are_refused_in_words(filled_home: Store) -> None:
    app = open_page(PAGES[2])
    app.number_input(key="fp_cost").set_value(0.0)
    app.number_input(key="fn_cost").set_value(0.0).run()
    assert not app.exception
    assert "at least one a cost" in words(app)


def test_what_pages_import_leaves_the_heavy_libraries_alone() -> None:
    heavy = ("mlflow", "sklearn", "lightgbm", "evidently", "sqlalchemy")
    code = f"import sys, dashboard.loading, dashboard.components.run_detail; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(APP).parents[1])
    assert done.stdout.strip() == "[]"
