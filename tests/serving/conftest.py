"""Something live: the small project released once per session, with a second version proposed as challenger.

`live_home` is a copy of that home for one test; `live_pair` is loaded once and only to be read. `log` and `sqlite_log` are
decision logs of their own, for files that ask for ``tests.store.fixtures``.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import Trained, copied_home, settings_of

if TYPE_CHECKING:
    import pandas as pd
    from sqlalchemy import Engine

    from pipeline.registry.ledger import LedgerEntry
    from pipeline.serving.desk import Desk, Pair
    from pipeline.settings import Settings

PROJECT = "small"
CHAMPION, CHALLENGER = "lightgbm", "logistic C=1.0"


@dataclass(frozen=True)
class LiveHome:
    """A home in which version 1 (LightGBM) is live and version 2 (logistic) is proposed."""

    home: Path
    champion_run: str
    challenger_run: str
    approved: int
    """Number of the proposal that made version 1 live."""
    proposal: int
    """Number of the open proposal of version 2; its author is ``pm``."""

    @property
    def settings(self) -> "Settings":
        return settings_of(self.home)

    @property
    def toml(self) -> Path:
        return self.home / "small.toml"

    def book(self) -> "pd.DataFrame":
        """The simulated book, features, groups and outcomes, as read from its file."""
        import pandas as pd

        return pd.read_parquet(self.home / "book.parquet")

    def artifact(self, run_id: str, path: str) -> Path:
        """Where a run's artifact lies on disk."""
        return next(self.home.glob(f"artifacts/**/{run_id}/artifacts/{path}"))


@pytest.fixture(scope="session")
def live_once(trained_once: Trained, tmp_path_factory: pytest.TempPathFactory) -> LiveHome:
    """The home with something live; not to be written to."""
    from tests.store.fixtures import once_per_session

    def build(folder: Path) -> None:
        with copied_home(trained_once.home, folder), _pointing_to(folder):
            (folder / "live.json").write_text(json.dumps(_release(trained_once, folder)))

    return _live_home(once_per_session(tmp_path_factory, "small_live", build))


@pytest.fixture
def live_home(live_once: LiveHome, home: Path) -> Iterator[LiveHome]:
    """A copy for one test, which RISKDECK_HOME points to."""
    with copied_home(live_once.home, home):
        yield _live_home(home)


@pytest.fixture
def live_engine(live_home: LiveHome) -> Iterator["Engine"]:
    """The open store of `live_home`."""
    from pipeline.store.engine import open_store

    engine = open_store(live_home.settings.database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def desk(live_home: LiveHome, live_engine: "Engine") -> "Desk":
    """The desk of `live_home`."""
    from pipeline.serving.desk import Desk

    return Desk(live_home.settings, live_engine, PROJECT)


@pytest.fixture(scope="session")
def live_pair(live_once: LiveHome, tmp_path_factory: pytest.TempPathFactory) -> "Pair":
    """Version 1 with version 2 in shadow, loaded once; for tests of scoring that write nothing."""
    from pipeline.registry import routing
    from pipeline.serving.desk import Desk
    from pipeline.store.engine import open_store

    folder = tmp_path_factory.mktemp("live_pair")
    with copied_home(live_once.home, folder), _pointing_to(folder):
        engine = open_store(settings_of(folder).database_url)
        routing.route(engine, live_once.proposal, mode="shadow", actor="risk-lead", reason="run it beside")
        pair = Desk(settings_of(folder), engine, PROJECT).pair()
        engine.dispose()
    return pair


@pytest.fixture
def log(store: "Engine") -> "Engine":
    """A decision log on each of the two databases, with the policy that made-up decisions name."""
    from tests.serving.made_decisions import with_policy

    return with_policy(store)


@pytest.fixture
def sqlite_log(sqlite_store: "Engine") -> "Engine":
    """As `log`, on SQLite alone."""
    from tests.serving.made_decisions import with_policy

    return with_policy(sqlite_store)


def _release(trained: Trained, folder: Path) -> dict[str, object]:
    """Release one run and propose another, by the steps that people take."""
    from pipeline.registry import releases
    from pipeline.store.engine import open_store

    engine = open_store(settings_of(folder).database_url)
    runs = {"champion_run": trained.run_id(CHAMPION), "challenger_run": trained.run_id(CHALLENGER)}
    first = propose_run(engine, folder, runs["champion_run"])
    releases.approve(engine, first.seq, actor="risk-lead", reason="evidence read")
    second = propose_run(engine, folder, runs["challenger_run"])
    engine.dispose()
    return {**runs, "approved": first.seq, "proposal": second.seq}


def propose_run(engine: "Engine", folder: Path, run_id: str, actor: str = "pm") -> "LedgerEntry":
    """Gate a run, register it, and propose it with a policy that leaves some applicants to review."""
    from pipeline.project import open_project
    from pipeline.registry import releases, versions
    from pipeline.registry.gate_evidence import gate_run
    from pipeline.registry.policies import write_policy

    config = open_project(str(folder / "small.toml")).config
    result = gate_run(settings_of(folder), engine, run_id, config)
    assert result.passed, [rule for rule in result.rules if not rule.passed]
    number = versions.register_version(run_id, PROJECT)
    policy = write_policy(
        engine, PROJECT, model_version=number, run_id=run_id, approve_below=0.15, decline_above=0.25,
        rationale="cheapest on validation", author=actor,
    )  # fmt: skip
    return releases.propose(engine, PROJECT, version=number, policy_id=policy.id, actor=actor, reason="cheapest on validation")


@contextmanager
def _pointing_to(folder: Path) -> Iterator[None]:
    """What reads its places from the environment sees the folder meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RISKDECK_HOME", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        patch.delenv("RISKDECK_DATABASE_URL", raising=False)
        yield


def _live_home(folder: Path) -> LiveHome:
    return LiveHome(folder, **json.loads((folder / "live.json").read_text()))
