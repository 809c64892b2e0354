"""What the tests of the HTTP API share: the application in this process, a good applicant, and how many decisions there are."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy import Engine, func, select

from pipeline.project import load_project
from pipeline.serving.http.app import build_app
from pipeline.serving.http.auth import new_token
from pipeline.settings import HttpSettings
from pipeline.store.tables import decisions
from tests.serving.conftest import PROJECT, LiveHome

with warnings.catch_warnings():
    # Starlette would rather have httpx2, a fork; httpx, which is locked, serves as well.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

__all__ = [
    "BEARER",
    "DIGEST",
    "GOOD",
    "RISKY",
    "TOKEN",
    "Served",
    "TestClient",
    "app_of",
    "client_of",
    "recorded_rows",
]

TOKEN, DIGEST = new_token()
BEARER = {"Authorization": f"Bearer {TOKEN}"}
GOOD: Mapping[str, Any] = {f.name: f.default for f in load_project("simulated").features}
"""An applicant as the project's own defaults describe one."""
RISKY: Mapping[str, Any] = {
    **GOOD, "amount": 40000, "term_months": 60, "income": 15000, "monthly_debt": 3000, "utilisation": 1.2,
    "delinquencies_2y": 6,
}  # fmt: skip


def app_of(live: LiveHome, **settings: Any) -> FastAPI:
    """The application on a live home, as its worker process builds it."""
    return build_app(PROJECT, live.settings, HttpSettings(**settings))


@contextmanager
def client_of(live: LiveHome, **settings: Any) -> Iterator[TestClient]:
    """A client that gets a problem document where the server fails, as a real one would."""
    with TestClient(app_of(live, **settings), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


@dataclass(frozen=True)
class Served:
    """An application at work on a home of its own, shared by the tests of a file."""

    client: TestClient
    engine: Engine
    home: Path

    @property
    def rows(self) -> int:
        return recorded_rows(self.engine)


def recorded_rows(engine: Engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(decisions)).scalar_one()
