"""Requests per second over HTTP, beside `mlflow models serve` of the same model on the same machine.

Both run two workers and answer sixteen connections that are kept open; a driver in a process of its own asks for single
applicants, each side in turn. Ours checks the inputs, decides by the policy, gives reasons and records durably; the other
predicts.

python -m tests.bench.http
"""

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.settings import Settings, quiet_mlflow

PROJECT = "simulated"
WORKERS = 2
CONNECTIONS = 16
SECONDS = 15.0
WARM_SECONDS = 3.0
ROUNDS = 3
APPLICANTS = 500
START_SECONDS = 120
ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Round:
    """What the driver saw in one round: answers per second, milliseconds, and how many were not what was asked for."""

    per_second: float
    p50_ms: float
    p99_ms: float
    errors: int


@dataclass(frozen=True)
class Figures:
    """The rounds of both sides."""

    ours: Sequence[Round]
    theirs: Sequence[Round]

    def rows(self) -> list[tuple[str, Sequence[float], Sequence[float], str, str]]:
        """What was measured, seconds per request of ours and theirs, the alternative, what must be."""
        ours, theirs = ([1 / r.per_second for r in side] for side in (self.ours, self.theirs))
        what = f"one applicant over HTTP, {WORKERS} workers, {CONNECTIONS} connections, recorded"
        return [(what, ours, theirs, f"`mlflow models serve -w {WORKERS}`, not recorded", "2 x or more")]

    def values(self) -> list[tuple[str, str, str]]:
        """What was measured, its value, what must be."""
        p50, p99, per_second = (
            statistics.median(getattr(r, name) for r in self.ours) for name in ("p50_ms", "p99_ms", "per_second")
        )
        errors, others = (sum(r.errors for r in side) for side in (self.ours, self.theirs))
        return [
            ("HTTP: p50 and p99 of those requests", f"{p50:.0f} and {p99:.0f} ms at {per_second:.0f}/s", "p99 under 250 ms"),
            ("HTTP: requests that failed, ours and theirs", f"{errors} and {others}", "0"),
        ]


def measure(home: Path | None = None, *, seconds: float = SECONDS, rounds: int = ROUNDS) -> Figures:
    """Measure on a home in which the simulated product is live (made when none is given); each round drives both sides."""
    quiet_mlflow()
    with tempfile.TemporaryDirectory(prefix="riskdeck-bench-") as folder, ExitStack() as servers:
        live = home or _bring_live(Path(folder) / "home")
        applicants = _save_model(live, Path(folder) / "model")
        ours, theirs = _free_port(), _free_port()
        command = ["-m", "pipeline", "serve", PROJECT, "--port", str(ours), "--workers", str(WORKERS)]
        servers.enter_context(_server(command, live, f"http://127.0.0.1:{ours}/readyz"))
        options = ["-w", str(WORKERS), "--env-manager", "local", "-h", "127.0.0.1", "-p", str(theirs)]
        command = ["-m", "mlflow", "models", "serve", "-m", str(Path(folder) / "model"), *options]
        servers.enter_context(_server(command, live, f"http://127.0.0.1:{theirs}/ping"))
        sides = {
            _asked(folder, ours, "/v1/score", [{"inputs": a} for a in applicants]): list[Round](),
            _asked(folder, theirs, "/invocations", [{"dataframe_records": [a]} for a in applicants]): list[Round](),
        }
        for path in sides:
            _drive_apart(path, WARM_SECONDS)
        for _ in range(rounds):
            for path, found in sides.items():
                found.append(_drive_apart(path, seconds))
        return Figures(*sides.values())


def _bring_live(home: Path) -> Path:
    home.mkdir()
    subprocess.run(
        [sys.executable, "-m", "pipeline", "demo", "--no-dashboard"], cwd=ROOT, env=_environment(home), check=True,
        capture_output=True,
    )  # fmt: skip
    return home


def _environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if k not in ("MLFLOW_TRACKING_URI", "RISKDECK_DATABASE_URL")}
    # `mlflow models serve` starts its own uvicorn by name; the model's own steps are imported from here.
    places = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    return {**kept, **places, "RISKDECK_HOME": str(home), "MLFLOW_DISABLE_TELEMETRY": "true"}


def _save_model(home: Path, folder: Path) -> list[dict[str, Any]]:
    """Save what is live as MLflow serves it; returns applicants to ask for."""
    import mlflow.sklearn
    from mlflow.models import infer_signature

    from pipeline.serving.desk import Desk
    from pipeline.store.engine import open_store

    settings = Settings(home, f"sqlite:///{home / 'mlflow.db'}", f"sqlite:///{home / 'riskdeck.db'}")
    engine = open_store(settings.database_url)
    champion = Desk(settings, engine, PROJECT).pair().champion
    engine.dispose()
    rows = champion.background[list(champion.config.feature_names)]
    mlflow.sklearn.save_model(
        champion.model, str(folder), serialization_format="cloudpickle", pyfunc_predict_fn="predict_proba",
        signature=infer_signature(rows, champion.model.predict_proba(rows)), pip_requirements=[],
    )  # fmt: skip
    records = rows.head(APPLICANTS).astype(object).where(rows.head(APPLICANTS).notna(), None).to_dict("records")
    booleans = [f.name for f in champion.config.features if f.kind == "boolean"]
    return [{str(k): int(v) if k in booleans else v for k, v in record.items()} for record in records]


@contextmanager
def _server(command: Sequence[str], home: Path, ready: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, *command], cwd=ROOT, env=_environment(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        _wait_for(ready, process)
        yield
    finally:
        process.terminate()
        process.wait(60)


def _wait_for(ready: str, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(ready, timeout=5):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.3)
    raise RuntimeError(f"{ready} did not answer within {START_SECONDS} s")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _asked(folder: str, port: int, path: str, bodies: Sequence[dict[str, Any]]) -> Path:
    """Write down what the driver asks."""
    asked = {"port": port, "path": path, "bodies": [json.dumps(body) for body in bodies]}
    file = Path(folder) / f"asked-{port}.json"
    file.write_text(json.dumps(asked))
    return file


def _drive_apart(asked: Path, seconds: float) -> Round:
    command = [sys.executable, "-m", "tests.bench.http", "drive", str(asked), str(seconds)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return Round(**json.loads(done.stdout))


async def drive(asked: Path, seconds: float) -> Round:
    """Ask over all connections for so long; every request is waited for."""
    job = json.loads(asked.read_text())
    head = f"POST {job['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "
    requests = [f"{head}{len(body)}\r\n\r\n{body}".encode() for body in job["bodies"]]
    took: list[float] = []
    wrong: list[bytes] = []
    start = time.perf_counter()
    turns = [requests[i * len(requests) // CONNECTIONS :] + requests for i in range(CONNECTIONS)]
    await asyncio.gather(*(_ask(job["port"], turn, start + seconds, took, wrong) for turn in turns))
    elapsed = time.perf_counter() - start
    cuts = statistics.quantiles(took, n=100)
    return Round(len(took) / elapsed, 1000 * cuts[49], 1000 * cuts[98], len(wrong))


async def _ask(port: int, requests: Sequence[bytes], until: float, took: list[float], wrong: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asked = 0
    while time.perf_counter() < until:
        start = time.perf_counter()
        writer.write(requests[asked % len(requests)])
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        body = await reader.readexactly(length)
        took.append(time.perf_counter() - start)
        asked += 1
        if not head.startswith(b"HTTP/1.1 200 ") or not (b'"pd"' in body or b'"predictions"' in body):
            wrong.append(body)
    writer.close()


if __name__ == "__main__":
    if sys.argv[1:2] == ["drive"]:
        print(json.dumps(asyncio.run(drive(Path(sys.argv[2]), float(sys.argv[3]))).__dict__))  # read by `_drive_apart`
    else:
        print(measure(Path(sys.argv[1]) if sys.argv[1:] else None))  # a command's result
