"""The server: the dashboard as an ASGI app, which lets nobody in before what every page needs is imported.

Start it from the repository's root: ``python -m streamlit run dashboard/server.py``. `app.py` alone works too, but its first
visitor waits for the imports.
"""

import asyncio
import importlib
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Final

import streamlit as st

EVERY_PAGE_NEEDS: Final = (
    "dashboard.loading", "dashboard.components.page", "dashboard.components.board_columns", "dashboard.components.compare",
    "dashboard.components.leaderboard", "dashboard.components.pictures", "dashboard.components.run_detail",
    "dashboard.components.trade_off_parts", "dashboard.components.applicant_states", "dashboard.components.applicant_parts",
    "dashboard.components.applicant_case", "pipeline.registry.ledger", "pipeline.registry.policies", "pyarrow.parquet",
)  # fmt: skip
"""Not MLflow, scikit-learn or LightGBM: pages that need those import them behind what they show first."""
SCORING_NEEDS: Final = ("pipeline.serving.scorer", "pipeline.serving.decision_log", "lightgbm")
AFTER_FIRST_PAGE_SECONDS: Final = 4.0
"""Then the seconds of import that the first applicant would wait for are spent behind whatever is read meanwhile."""


@asynccontextmanager
async def imported(_app: st.App) -> AsyncIterator[None]:
    """Import before the first visitor comes; a second at the start saves it for everybody."""
    await asyncio.to_thread(_import, EVERY_PAGE_NEEDS)
    behind = threading.Timer(AFTER_FIRST_PAGE_SECONDS, _import, (SCORING_NEEDS,))
    behind.daemon = True
    behind.start()
    yield
    behind.cancel()


def _import(names: Sequence[str]) -> None:
    for name in names:
        importlib.import_module(name)


app = st.App("app.py", lifespan=imported)
