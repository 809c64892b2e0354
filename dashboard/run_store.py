"""What this process knows of a tracking store: the run index, names of products, and artifacts already seen.

Nothing here waits for a tracking server when what is asked for was seen before; a server that failed is left alone for a while.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Final, TypeVar

import pandas as pd

from pipeline import contract
from pipeline.registry import runs as reader
from pipeline.registry.index import Index, IndexedRuns, store_key
from pipeline.registry.tracking_store import TrackingUnavailable
from pipeline.settings import Settings

T = TypeVar("T")

FIRST_SECONDS: Final = 6.0
"""So long a page waits for the very first sync; then it shows what has come in and says that more is coming."""
FIRST_PAGE_SECONDS: Final = 4.0
AGAIN_SECONDS: Final = 30.0
IMMUTABLE: Final = frozenset(
    {contract.ARTIFACT_CURVE, contract.ARTIFACT_HOLDOUT, contract.ARTIFACT_REFERENCE, contract.ARTIFACT_SEGMENTS,
     contract.ARTIFACT_IMPORTANCE, contract.ARTIFACT_PROJECT, contract.ARTIFACT_CHECKS}
)  # fmt: skip
"""Written once before a run is complete; gates.json and the model card may be written again and are always asked for."""


class RunStore:
    """One per process and tracking store; threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.index = Index(settings)
        self._seen = settings.home / "index" / f"{store_key(settings.tracking_uri)}.seen"
        self._start_background()
        self._failed_at, self._reason = float("-inf"), ""
        self._names: tuple[float, tuple[str, ...]] | None = None

    def _start_background(self) -> None:
        """Look for news at once where nothing is known; else only after the first page, for importing MLflow is work."""
        if not self._remembered_names():
            self.index.start_background()
            return
        later = threading.Timer(FIRST_PAGE_SECONDS, self.index.start_background)
        later.daemon = True
        later.start()

    @property
    def trouble(self) -> str:
        """Why the tracking store did not answer just now, "" when it did."""
        return self._reason if time.monotonic() - self._failed_at < AGAIN_SECONDS else ""

    def runs(self, project: str) -> IndexedRuns:
        """What the index holds; only when it holds nothing yet the first sync is waited for. Raises TrackingUnavailable."""
        found, until = self.index.runs(project), time.monotonic() + FIRST_SECONDS
        while found.as_of is None and not found.reason and time.monotonic() < until:
            time.sleep(0.03)
            found = self.index.runs(project)
        if found.frame.empty and found.reason:
            raise TrackingUnavailable(found.reason)
        return found

    def refresh(self, project: str) -> None:
        """Ask for what is new and for changed names of products, in a few seconds; a failure is kept, not raised."""
        self._failed_at = float("-inf")
        report = self.index.refresh(project)
        if report.reason:
            self._failed_at, self._reason = time.monotonic(), report.reason
        else:
            self._refresh_names()

    def names(self) -> tuple[str, ...]:
        """Names of products with runs, as last seen; asked for again behind the page. Raises TrackingUnavailable."""
        if self._names is None:
            seen = self._remembered_names()
            self._names = (time.monotonic(), seen or self._ask_names())
        at, names = self._names
        if time.monotonic() - at > AGAIN_SECONDS:
            self._names = (time.monotonic(), names)
            threading.Thread(target=self._refresh_names, name="riskdeck-names", daemon=True).start()
        return self._names[1]

    def table(self, run_id: str, path: str) -> pd.DataFrame:
        """A Parquet artifact. Raises ArtifactMissing or TrackingUnavailable."""
        try:
            return pd.read_parquet(BytesIO(self._bytes(run_id, path)))
        except (ValueError, OSError) as exc:
            raise reader.ArtifactMissing(f"{path} of run {run_id} cannot be read: {exc}") from exc

    def text(self, run_id: str, path: str) -> str:
        """A text artifact. Raises ArtifactMissing or TrackingUnavailable."""
        try:
            return self._bytes(run_id, path).decode("utf-8")
        except UnicodeDecodeError as exc:
            raise reader.ArtifactMissing(f"{path} of run {run_id} is no text: {exc}") from exc

    def _bytes(self, run_id: str, path: str) -> bytes:
        place = self._place(run_id, path)
        if place is not None and place.is_file():
            return place.read_bytes()
        content = self._ask(lambda: reader.read_artifact_bytes(run_id, path, self.settings))
        if place is not None:
            _keep(place, content)
        return content

    def _place(self, run_id: str, path: str) -> Path | None:
        """Where an artifact is kept; None when it may change, or when an id is not fit to name a folder."""
        is_plain = re.fullmatch(r"[A-Za-z0-9_-]{1,64}", run_id) is not None
        return self._seen / run_id / path if is_plain and path in IMMUTABLE else None

    def _ask(self, question: Callable[[], T]) -> T:
        if self.trouble:
            raise TrackingUnavailable(self.trouble)
        try:
            return question()
        except TrackingUnavailable as exc:
            self._failed_at, self._reason = time.monotonic(), str(exc)
            raise

    def _ask_names(self) -> tuple[str, ...]:
        names = tuple(e.name for e in self._ask(lambda: reader.list_experiments(self.settings)))
        if names:
            _keep(self._seen / "names.json", json.dumps(names).encode())
        return names

    def _refresh_names(self) -> None:
        try:
            self._names = (time.monotonic(), self._ask_names())
        except TrackingUnavailable:
            return  # the last known names stand; the runs say since when nothing answers

    def _remembered_names(self) -> tuple[str, ...]:
        try:
            return tuple(str(name) for name in json.loads((self._seen / "names.json").read_text(encoding="utf-8")))
        except (OSError, ValueError):
            return ()


def _keep(place: Path, content: bytes) -> None:
    """Keep a copy in one step; a full disk is no error, for the store still has it."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        part = place.with_name(f"{place.name}.{threading.get_ident()}.{time.monotonic_ns()}.part")
        part.write_bytes(content)
        part.replace(place)
    except OSError:
        return
