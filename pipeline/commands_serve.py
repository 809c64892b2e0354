"""The verb ``serve``: the HTTP API, in one process or several that share the port."""

import os
import signal
import socket
import tempfile
from contextlib import closing
from typing import Final

from pipeline.commands import open_engine
from pipeline.console import DONE, say, show_line
from pipeline.project import ProjectError, open_project
from pipeline.settings import CALLER_NAME, SettingsError, load_http_settings

GRACE_SECONDS: Final = 30
"""How long accepted requests may take to finish after a SIGTERM."""
SILENT_SECONDS: Final = 60
"""A worker that does not answer its parent for so long, loading included, is replaced."""


def serve(name: str | None, host: str, port: int, workers: int) -> int:
    """Serve one project until told to stop; what was accepted is finished.

    Raises SettingsError beyond loopback without tokens, ProjectError when it is not clear which project, OSError when the port
    is taken.
    """
    from pipeline.serving.http.auth import is_loopback

    http = load_http_settings()
    if not http.token_hashes and not is_loopback(host):
        raise SettingsError(
            f"--host {host}: without tokens only this machine may ask; make one with "
            "`python -m pipeline serve --new-token NAME` and put it into RISKDECK_API_TOKENS, or use --host 127.0.0.1"
        )
    project = _project(name)
    _require_free(host, port)
    say(f"Serving {project} at http://{host}:{port} with {workers} worker{'s' if workers > 1 else ''}; Ctrl-C ends it")
    with tempfile.TemporaryDirectory(prefix="riskdeck-metrics-") as counts:
        _run(project, host, port, workers, counts)
    return DONE


def new_token(name: str) -> int:
    """Print a fresh token, which is shown this once, and what the settings keep of it."""
    from pipeline.serving.http.auth import new_token as make

    if not CALLER_NAME.fullmatch(name):
        raise SettingsError(f"--new-token {name!r}: a caller's name has 1 to 60 letters, digits, dots, dashes or underscores")
    token, digest = make()
    say(f"The token of {name}, shown this once; whoever holds it may ask for decisions:")
    show_line(token)
    say("Add this to RISKDECK_API_TOKENS, after a comma if there are others:")
    show_line(f"{name}:{digest}")
    return DONE


def _run(project: str, host: str, port: int, workers: int, counts: str) -> None:
    import uvicorn

    from pipeline.serving.http import COUNTS_VARIABLE, PROJECT_VARIABLE

    os.environ[PROJECT_VARIABLE] = project  # worker processes read it
    # Processes are what runs side by side; threads inside a prediction of one row only cost time.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    if workers > 1:
        os.environ[COUNTS_VARIABLE] = counts
    for number in (signal.SIGTERM, signal.SIGINT):
        # Once everything is finished the server raises the signal again, which would end us with a failure.
        signal.signal(number, lambda *_: None)
    uvicorn.run(
        "pipeline.serving.http.app:from_environment", factory=True, host=host, port=port, workers=workers, access_log=False,
        server_header=False, proxy_headers=False, timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_worker_healthcheck=SILENT_SECONDS, log_level="warning",
    )  # fmt: skip


def _project(name: str | None) -> str:
    """The name of the project to serve; one that is named may go live later."""
    from pipeline.registry import ledger

    if name is not None:
        return open_project(name).config.name
    with open_engine() as engine:
        live = ledger.live_projects(engine)
    if len(live) != 1:
        found = f"{', '.join(live)} are live" if live else "nothing is live yet; propose and approve a version first"
        raise ProjectError(f"which project to serve? {found}. Name it: python -m pipeline serve PROJECT")
    return live[0]


def _require_free(host: str, port: int) -> None:
    """Raise OSError in plain words when the address cannot be listened on, before any worker starts."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise OSError(f"cannot listen on {host}:{port} ({error.strerror}); choose another --host or --port") from None
