"""What this process knows of a tracking store: the run index, names of products, and artifacts already seen.

Nothing here waits for a tracking server when what is asked for was seen before; a server that failed is left alone for a while.
"""

import json
import re
import threading
import time
from collections.abc import Callable
from io import BytesIO
from typing import Final, TypeVar

import pandas as pd

from dashboard.artifact_copies import ArtifactCopies
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
NAMES: Final = "names.json"
IMMUTABLE: Final = frozenset(
    {contract.ARTIFACT_CURVE, contract.ARTIFACT_HOLDOUT, contract.ARTIFACT_REFERENCE, contract.ARTIFACT_RANGES,
     contract.ARTIFACT_SEGMENTS, contract.ARTIFACT_IMPORTANCE, contract.ARTIFACT_PROJECT, contract.ARTIFACT_CHECKS,
     contract.ARTIFACT_BACKGROUND}
)  # fmt: skip
"""Written once before a run is complete; gates.json and the model card may be written again and are always asked for."""


class RunStore:
    """One per process and tracking store; threads may share it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.index = Index(settings)
        self._copies = ArtifactCopies(settings.home / "index" / f"{store_key(settings.tracking_uri)}.seen")
        self._later = threading.Timer(FIRST_PAGE_SECONDS, self.index.start_background)
        self._later.daemon = True
        self._start_background()
        self._failed_at, self._reason = float("-inf"), ""
        self._names: tuple[float, tuple[str, ...]] | None = None

    def _start_background(self) -> None:
        """Look for news at once where nothing is known; else only after the first page, for importing MLflow is work."""
        if not self._remembered_names():
            self.index.start_background()
        else:
            self._later.start()

    @property
    def has_background(self) -> bool:
        """True while a thread of this store waits or works."""
        return self._later.is_alive() or self.index.has_background

    def close(self) -> None:
        """End what runs in the background, without waiting for it. What is known can still be read."""
        self._later.cancel()
        self.index.stop_background(timeout_s=0)

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
        # What may change is asked for each time, and so is what an id would lead out of the folder for.
        is_kept = path in IMMUTABLE and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", run_id) is not None
        content = self._copies.read(f"{run_id}/{path}") if is_kept else None
        if content is None:
            content = self._ask(lambda: reader.read_artifact_bytes(run_id, path, self.settings))
            if is_kept:
                self._copies.keep(f"{run_id}/{path}", content)
        return content

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
            self._copies.keep(NAMES, json.dumps(names).encode())
        return names

    def _refresh_names(self) -> None:
        try:
            self._names = (time.monotonic(), self._ask_names())
        except TrackingUnavailable:
            return  # the last known names stand; the runs say since when nothing answers

    def _remembered_names(self) -> tuple[str, ...]:
        try:
            return tuple(str(name) for name in json.loads(self._copies.read(NAMES) or b"[]"))
        except ValueError:
            return ()
