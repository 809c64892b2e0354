"""The server: the dashboard as an ASGI app, which lets nobody in before what every page needs is imported.

Start it from the repository's root: ``python -m streamlit run dashboard/server.py``. `app.py` alone works too, but its first
visitor waits for the imports.
"""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import streamlit as st

EVERY_PAGE_NEEDS: Final = (
    "dashboard.loading", "dashboard.components.page", "dashboard.components.board_columns", "dashboard.components.compare",
    "dashboard.components.leaderboard", "dashboard.components.pictures", "dashboard.components.run_detail",
    "dashboard.components.trade_off_parts", "dashboard.components.applicant_states", "dashboard.components.applicant_parts",
    "dashboard.components.applicant_case", "dashboard.components.lights", "dashboard.components.todo",
    "pipeline.monitoring.alerts", "pipeline.monitoring.health", "pipeline.monitoring.health_state", "pipeline.registry.ledger",
    "pipeline.registry.policies", "pyarrow.parquet",
)  # fmt: skip
"""Not MLflow, scikit-learn or LightGBM: no page waits for those, even where `app.py` runs alone."""
SCORING_NEEDS: Final = ("pipeline.serving.scorer", "pipeline.serving.decision_log", "lightgbm")
"""MLflow and scikit-learn come with them. Imported later they would hold up the first applicant and everybody beside."""


@asynccontextmanager
async def imported(_app: st.App) -> AsyncIterator[None]:
    """Import before the first visitor comes; a few seconds at the start save them for everybody."""
    await asyncio.to_thread(lambda: [importlib.import_module(name) for name in (*EVERY_PAGE_NEEDS, *SCORING_NEEDS)])
    yield


app = st.App("app.py", lifespan=imported)
