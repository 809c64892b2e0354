"""The way to the tracking store: a question is answered within seconds, or refused in one plain sentence.

MLflow's client alone waits up to four minutes for a server that is down, and a first look creates and migrates a database.
"""

import os
import queue
import re
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from pipeline.settings import Settings, quiet_mlflow

T = TypeVar("T")

PROBE_SECONDS: Final = 2.5
DEADLINE_SECONDS: Final = 4.5
"""Probe, import of MLflow and deadline together stay under the 8 s that a page may wait."""
LOCAL_DEADLINE_SECONDS: Final = 15.0
"""A file does not hang; on a busy machine MLflow alone takes seconds to open it."""


class TrackingUnavailable(RuntimeError):  # noqa: N818  # a state of the world that pages show, not a fault of code
    """Runs cannot be read now; the message says from where, without credentials, and what to do."""


def short_timeouts() -> None:
    """Make MLflow give up on a silent server after seconds, not its four minutes; what the operator set stands.

    For processes that only read, such as the dashboard: uploads of models may need longer.
    """
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")


def describe_store(settings: Settings) -> str:
    """Name the tracking store for readers, without user, password or query."""
    uri = settings.tracking_uri
    parts = urlsplit(uri)
    if uri.startswith("sqlite:"):
        return f"SQLite file {Path(parts.path).name}"
    port = f":{parts.port}" if _has_port(uri) else ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path}" if parts.hostname else f"{parts.scheme or 'path'} store"


def ask(settings: Settings, question: Callable[[Any], T]) -> T:
    """Put a question to an MlflowClient within the deadline.

    A LookupError of the question passes through; every other failure becomes TrackingUnavailable in plain words.
    """
    if settings.tracking_uri.startswith(("http://", "https://")):
        _probe(settings)
    quiet_mlflow()
    from mlflow import MlflowClient

    answers: queue.Queue[tuple[bool, Any]] = queue.Queue()

    def work() -> None:
        try:
            answers.put((True, question(MlflowClient(tracking_uri=settings.tracking_uri))))
        except Exception as exc:  # handed to the caller's thread below
            answers.put((False, exc))

    # A daemon thread, because a server that accepts and never answers can hold it far beyond any timeout of ours.
    threading.Thread(target=work, name="riskdeck-runs", daemon=True).start()
    patience = LOCAL_DEADLINE_SECONDS if settings.is_local_tracking else DEADLINE_SECONDS
    try:
        is_answer, answer = answers.get(timeout=patience)
    except queue.Empty:
        raise _unavailable(settings, f"it did not answer within {patience:g} s") from None
    if is_answer:
        return answer
    if isinstance(answer, LookupError):
        raise answer
    raise _unavailable(settings, _first_line(answer)) from answer


def _probe(settings: Settings) -> None:
    """Ask for /health with the standard library, so that a dead server is known before MLflow is even imported."""
    if not _has_port(settings.tracking_uri, default=True):
        raise _unavailable(settings, "the address has no valid host and port")
    parts = urlsplit(settings.tracking_uri)
    netloc = parts.netloc.rpartition("@")[2]
    request = urllib.request.Request(f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}/health")  # noqa: S310  # scheme checked by the caller
    try:
        with closing(urllib.request.urlopen(request, timeout=PROBE_SECONDS)):  # noqa: S310  # scheme checked by the caller
            return
    except urllib.error.HTTPError:
        return  # any HTTP answer shows a living server; what it refuses, MLflow's own call will say
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "reason", exc)
        timed_out = isinstance(reason, TimeoutError)
        raise _unavailable(settings, f"no answer within {PROBE_SECONDS:g} s" if timed_out else str(reason)) from exc


def _has_port(uri: str, *, default: bool = False) -> bool:
    try:
        parts = urlsplit(uri)
        return bool(parts.hostname) and (default or parts.port is not None) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def is_empty(settings: Settings) -> bool:
    """Tell whether the SQLite store does not exist yet; asking MLflow would create and migrate it, which takes seconds."""
    if not settings.is_local_tracking:
        return False
    file = Path(urlsplit(settings.tracking_uri).path.removeprefix("/")).absolute()
    if not file.is_file() or file.stat().st_size == 0:
        return True
    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=2)) as db:
            found = db.execute("SELECT count(*) FROM sqlite_master WHERE name IN ('experiments', 'alembic_version')")
            return int(found.fetchone()[0]) < 2
    except sqlite3.DatabaseError as exc:
        raise _unavailable(settings, f"it is not a readable SQLite database ({exc})") from exc


def _unavailable(settings: Settings, reason: str) -> TrackingUnavailable:
    if settings.is_local_tracking:
        advice = "Check RISKDECK_HOME and MLFLOW_TRACKING_URI, or move the file away and train again."
    else:
        advice = "Start it, or set MLFLOW_TRACKING_URI to a server that answers, then reload this page."
    return TrackingUnavailable(f"The tracking store ({describe_store(settings)}) cannot be read: {reason}. {advice}")


def _first_line(exc: Exception) -> str:
    lines = str(exc).strip().splitlines() or [type(exc).__name__]
    without_credentials = re.sub(r"//[^/@\s]*@", "//", lines[0])
    return without_credentials[:200].rstrip(".")
