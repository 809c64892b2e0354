"""The demo: simulate, train, gate, register, release, replay what came next, and open the dashboard.

Whatever is already there is kept: the second time it starts at once.
"""

import http.client
import socket
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

from pipeline import commands, commands_release, commands_replay
from pipeline.console import DONE, NO, WRONG, progress_bar, say
from pipeline.project import open_project
from pipeline.settings import load_settings

PROJECT = "simulated"
PROPOSER, APPROVER = "demo product manager", "demo risk lead"
REPLAYED = date(2025, 3, 1), date(2025, 12, 31)
"""The book's test months and the three incidents after them."""
AS_OF = date(2026, 8, 31)
"""So that loans decided until August 2025 have matured and later ones wait."""
ROOT = Path(__file__).resolve().parents[1]
_WAIT_SECONDS = 90
_PORTS_TRIED = 50


def run_demo(port: int, *, with_dashboard: bool) -> int:
    """Bring the simulated product live if it is not, replay its later months, then serve the dashboard until Ctrl-C.

    Returns the exit status.
    """
    status = DONE if is_live() else bring_live()
    if status != DONE:
        return status
    if not is_replayed():
        replay_months()
    if not is_watched():
        watch()
    return serve_dashboard(free_port(port)) if with_dashboard else DONE


def is_live() -> bool:
    """Tell from the ledger whether the demo's product has a live model and policy."""
    from pipeline.registry import ledger

    with commands.open_engine() as engine:
        return ledger.live_at(engine, PROJECT) is not None


def bring_live() -> int:
    """Train unless there is a complete bake-off, then gate, propose and approve."""
    from pipeline.registry.gate_evidence import gate_run
    from pipeline.registry.runs import chosen_run

    settings = load_settings()
    run_id = chosen_run(PROJECT, settings)
    if run_id is None:
        run_id = _train()
    say("Judging the chosen run at the gate")
    with commands.open_engine() as engine:
        result = gate_run(settings, engine, run_id)
    commands.show_gate(result, run_id, as_json=False)
    if not result.passed:
        return NO
    say("Releasing: proposed by one, approved by another")
    done = commands_release.propose(PROJECT, run_id, (None, None), PROPOSER, "the demo's first release, cut-off of least cost")
    commands_release.decide("approve", done["proposal"], APPROVER, "gate passed; the demo's second pair of eyes")
    say(f"Version {done['version']} of {PROJECT} is live with policy {done['policy']}")
    return DONE


def is_replayed() -> bool:
    """Tell from the store whether outcomes are in as far as the demo goes, which is the last that a replay records."""
    from pipeline.monitoring.outcomes import last_known

    with commands.open_engine() as engine:
        known = last_known(engine, PROJECT)
    return known is not None and known >= AS_OF


def replay_months() -> None:
    """Send the book's later months through the live model, outcomes as they became known; goes on where it was stopped."""
    from pipeline.monitoring.replay import Order

    say("Replaying ten months of applications with three incidents in them")
    done, _ = commands_replay.run_replay(PROJECT, None, Order(*REPLAYED, AS_OF))
    say(f"{done.total('decided'):,} decisions and {done.outcomes.new:,} outcomes recorded in {done.seconds:.0f} s")


def is_watched() -> bool:
    """Tell whether a round of the watch has ever looked."""
    from pipeline.monitoring.rounds import last_round

    with commands.open_engine() as engine:
        return last_round(engine, PROJECT) is not None


def watch() -> None:
    """Let the watchers look at what was replayed once."""
    from pipeline.monitoring.monitor import run_monitor

    say("Watching over drift, performance and the service")
    with commands.open_engine() as engine:
        report = run_monitor(load_settings(), engine, PROJECT, as_of=AS_OF)
    say(f"{len(report.opened)} alerts opened")


def _train() -> str:
    from pipeline.training.job import train

    say("Simulating 24 months of personal loans")
    with progress_bar("Fitting") as move:
        bakeoff = train(open_project(PROJECT), load_settings(), progress=move, say=say)
    commands.show_bakeoff(bakeoff, as_json=False)
    return bakeoff.chosen_run_id


def free_port(first: int) -> int:
    """Return the first port from `first` on that nobody listens on; OSError when there is none near."""
    for port in range(first, first + _PORTS_TRIED):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise OSError(f"no free port between {first} and {first + _PORTS_TRIED - 1}; name another with --port")


def serve_dashboard(port: int) -> int:
    """Run the dashboard on loopback and say where, once it answers. Returns when it ends or on Ctrl-C."""
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/server.py", "--server.port", str(port)]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)  # noqa: S603 - our own words, no shell
    try:
        if not _answers(server, port):
            say("The dashboard did not start; run `python -m streamlit run dashboard/server.py` to see why")
            return WRONG
        say(f"The dashboard answers at http://localhost:{port} (Ctrl-C ends it)")
        return server.wait()
    except KeyboardInterrupt:
        return DONE
    finally:
        server.terminate()


def _answers(server: "subprocess.Popen[bytes]", port: int) -> bool:
    deadline = time.monotonic() + _WAIT_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        connection = http.client.HTTPConnection("localhost", port, timeout=2)
        try:
            connection.request("GET", "/_stcore/health")
            if connection.getresponse().read() == b"ok":
                return True
        except (OSError, http.client.HTTPException):
            pass  # not yet
        finally:
            connection.close()
        time.sleep(0.2)
    return False
