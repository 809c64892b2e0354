"""The application: one project's desk behind its addresses. `from_environment` builds it anew in every worker process."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from pipeline import contract
from pipeline.serving.desk import Desk
from pipeline.serving.http import PROJECT_VARIABLE, problems, routes
from pipeline.serving.http.collect import Collector
from pipeline.serving.http.edge import Edge
from pipeline.serving.http.metrics import Metrics
from pipeline.serving.http.ready import Probe
from pipeline.serving.http.window import Window
from pipeline.serving.service_events import EventCounter
from pipeline.settings import HttpSettings, Settings, load_http_settings, load_settings, quiet_mlflow
from pipeline.store.engine import Engine, open_store

MOST_TOGETHER: Final = 64
MOST_SINGLES: Final = 2000
MOST_LISTS: Final = 20
"""How many requests may wait before others are turned away: each has an applicant's patience."""


@dataclass(frozen=True)
class Service:
    """What the routes use. Lists go through a lane of their own, so that a long one does not hold up single applicants."""

    engine: Engine
    desk: Desk
    probe: Probe
    singles: Collector
    lists: Collector
    events: EventCounter

    def close(self) -> None:
        """Finish what was accepted and store what was counted, then let go of the store."""
        self.singles.close()
        self.lists.close()
        self.events.close()
        self.engine.dispose()


def from_environment() -> FastAPI:
    """Build the application of a worker process."""
    quiet_mlflow()
    return build_app(os.environ[PROJECT_VARIABLE], load_settings(), load_http_settings())


def build_app(project: str, settings: Settings, http: HttpSettings) -> FastAPI:
    """Build the application of one project; the store is opened and the model loaded when it starts."""
    metrics, events = Metrics(), EventCounter(project, contract.SOURCE_HTTP)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.service = service = await run_in_threadpool(_open, project, settings, metrics, events)
        yield
        # Off the loop, which still delivers what the lanes finish.
        await run_in_threadpool(service.close)

    # No pages with scripts from elsewhere: /openapi.json is for tools.
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=lifespan, redirect_slashes=False)
    app.state.http = http
    app.state.metrics = metrics
    app.include_router(routes.router)
    app.add_middleware(Edge, http=http, metrics=metrics, events=events)
    problems.install(app)
    return app


def _open(project: str, settings: Settings, metrics: Metrics, events: EventCounter) -> Service:
    engine = open_store(settings.database_url)
    desk = Desk(settings, engine, project)
    window = Window(desk, engine, metrics, events)
    singles = Collector(window.answer_singles, most_together=MOST_TOGETHER, most_waiting=MOST_SINGLES)
    lists = Collector(window.answer_lists, most_together=1, most_waiting=MOST_LISTS)
    window.warm()  # before the first connection is taken: workers that are ready take them meanwhile
    events.start(engine)
    return Service(engine, desk, Probe(desk, engine), singles, lists, events)
