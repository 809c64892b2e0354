"""The command line: ``python -m pipeline VERB [PROJECT] [--json]``, one verb per job.

Results go to stdout, messages to stderr. Exit status: 0 done, 1 the answer is no (a check or a gate failed, rows were refused),
2 it could not be done. PROJECT is a built-in name or the path of a TOML file.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline import commands, commands_release, commands_reproduce
from pipeline.console import show_json, show_line

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
release = typer.Typer(
    help="Propose, approve, reject, route, roll back; each step is a row in the ledger.", no_args_is_help=True
)
app.add_typer(release, name="release")

DAY = ["%Y-%m-%d"]
ProjectName = Annotated[str, typer.Argument(metavar="PROJECT", help="A built-in name or the path of a TOML file.")]
DataFile = Annotated[Path | None, typer.Option("--data", help="CSV, gzip CSV or Parquet; needed where the project ships none.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on stdout.")]
RunId = Annotated[str | None, typer.Option("--run", help="Run id; without it the one the newest bake-off chose.")]
Actor = Annotated[str, typer.Option("--as", help="Your name; typed names are marked unverified.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept in the ledger for good.")]
Proposal = Annotated[int, typer.Argument(metavar="NUMBER", help="The proposal's, as propose and history print it.")]


@app.command()
def demo(
    port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the dashboard; the next free one is taken if it is busy.")
    ] = 8501,
    dashboard: Annotated[bool, typer.Option(help="Open the dashboard at the end.")] = True,
) -> None:
    """Simulate a book, train, release, replay ten months of it, and open the dashboard. The second time it starts at once."""
    from pipeline.demo import run_demo

    with commands.plain_errors():
        raise SystemExit(run_demo(port, with_dashboard=dashboard))


@app.command()
def simulate(
    out: Annotated[
        Path | None, typer.Option(help="A .parquet or .csv file; default simulated.parquet in RISKDECK_HOME.")
    ] = None,
    rows: Annotated[int | None, typer.Option(min=100, help="About how many applications.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same book.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Switch off an incident: campaign, recession or rename.")] = None,
    as_json: AsJson = False,
) -> None:
    """Write the simulated loan book to a file."""
    with commands.plain_errors():
        raise SystemExit(commands.simulate(out, rows, seed, without or [], as_json))


@app.command()
def check(project: ProjectName, data: DataFile = None, as_json: AsJson = False) -> None:
    """Check a data file against its project; exit 1 when something blocking is found."""
    with commands.plain_errors():
        raise SystemExit(commands.check(project, data, as_json))


@app.command()
def train(
    project: ProjectName,
    data: DataFile = None,
    jobs: Annotated[int, typer.Option(help="Candidates fitted side by side; -1 for one per core.")] = -1,
    as_json: AsJson = False,
) -> None:
    """Check, snapshot and split the data, run every candidate, and write the runs to MLflow."""
    with commands.plain_errors():
        raise SystemExit(commands.train(project, data, jobs, as_json))


@app.command()
def gate(project: ProjectName, run: RunId = None, as_json: AsJson = False) -> None:
    """Judge a run by the rules of its project; exit 1 and name what failed, by how much."""
    with commands.plain_errors():
        raise SystemExit(commands.gate(project, run, as_json))


@app.command()
def reproduce(
    wanted: Annotated[str, typer.Argument(metavar="ID", help="Of a run, or of a decision.")], as_json: AsJson = False
) -> None:
    """Train a run or score a decision again and compare every number to the last digit; exit 1 when one differs."""
    with commands.plain_errors():
        raise SystemExit(commands_reproduce.reproduce(wanted, as_json))


@app.command()
def score(
    project: ProjectName,
    data: Annotated[Path, typer.Option("--data", help="CSV, gzip CSV or Parquet with the applicants, one a row.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the results; default beside the file.")] = None,
    reasons: Annotated[bool, typer.Option(help="Give reasons for every decline and review.")] = True,
    record: Annotated[bool, typer.Option(help="Record every decision; without it nothing is decided, only calculated.")] = True,
    as_json: AsJson = False,
) -> None:
    """Score a file with the live model and policy; refused rows go to a file of their own. Exit 1 when some were refused."""
    from pipeline import commands_score

    with commands.plain_errors():
        raise SystemExit(commands_score.score(project, data, out, reasons=reasons, record=record, as_json=as_json))


@app.command()
def serve(
    project: Annotated[str | None, typer.Argument(metavar="PROJECT", help="Without it the one project that is live.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; beyond loopback only with tokens.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that share the port.")] = 1,
    new_token: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only print a token for this caller and its hash for the settings.")
    ] = None,
) -> None:
    """Answer score requests over HTTP until it is stopped; what was accepted is finished."""
    from pipeline import commands_serve

    with commands.plain_errors():
        if new_token is not None:
            raise SystemExit(commands_serve.new_token(new_token))
        raise SystemExit(commands_serve.serve(project, host, port, workers))


@app.command()
def retrain(
    project: ProjectName,
    data: DataFile = None,
    if_needed: Annotated[bool, typer.Option("--if-needed", help="Only when advice, an alert or the model's age asks.")] = False,
    as_of: Annotated[
        datetime | None,
        typer.Option(formats=DAY, metavar="DATE", help="Learn from what was known by this day; default the product's."),
    ] = None,
    actor: Annotated[str, typer.Option("--as", help="Who proposes; begins with retrain.")] = "retrain",
    test_months: Annotated[int | None, typer.Option(min=1, help="Recent months to test on; default as the project.")] = None,
    jobs: Annotated[int, typer.Option(help="Candidates fitted side by side; -1 for one per core.")] = -1,
    as_json: AsJson = False,
) -> None:
    """Retrain the live model on what has matured; one that passes the gate is proposed and runs in shadow, never live."""
    from pipeline import commands_retrain

    with commands.plain_errors():
        raise SystemExit(
            commands_retrain.retrain(
                project, data, as_of, if_needed=if_needed, actor=actor, test_months=test_months, jobs=jobs, as_json=as_json
            )
        )


@app.command()
def report(
    project: ProjectName,
    first: Annotated[datetime, typer.Option("--from", formats=DAY, metavar="DATE", help="First day, UTC.")],
    last: Annotated[datetime, typer.Option("--to", formats=DAY, metavar="DATE", help="Last day, included.")],
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=DAY, metavar="DATE", help="Outcomes as known by this day; default the newest."),
    ] = None,
    sample: Annotated[int, typer.Option(min=100, help="Most decisions to show, drawn at random.")] = 5000,
    seed: Annotated[int, typer.Option(help="The same seed draws the same decisions.")] = 0,
    version: Annotated[int | None, typer.Option(help="Model version; default the one that decided most.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make an Evidently report on a window of decisions; its verdict stands beside ours, with a sentence where they differ."""
    from pipeline import commands_report

    day = None if as_of is None else as_of.date()
    with commands.plain_errors():
        raise SystemExit(commands_report.report(project, first.date(), last.date(), day, sample, seed, version, as_json))


@app.command()
def profiles(
    project: ProjectName,
    from_parquet: Annotated[
        Path | None,
        typer.Option(help="A file or folder of decisions that the log does not hold: inputs, pd, outcome, decided_at."),
    ] = None,
    version: Annotated[int | None, typer.Option("--model-version", min=1, help="Whose decisions --from-parquet holds.")] = None,
    scheduler: Annotated[
        str | None, typer.Option(help="Dask scheduler that counts the files, such as tcp://host:8786.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Count what was decided since the last time, or a history from Parquet; monitor counts by itself."""
    from pipeline import commands_profiles

    with commands.plain_errors():
        raise SystemExit(commands_profiles.profiles(project, from_parquet, version, scheduler, as_json=as_json))


@app.command()
def monitor(
    projects: Annotated[list[str] | None, typer.Argument(metavar="PROJECT", help="Without any all that are live.")] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=DAY, metavar="DATE", help="The product's day; default its newest record's.")
    ] = None,
    fail_on_alert: Annotated[bool, typer.Option(help="Exit 1 when an alert is open.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look for drift, degradation and faults, judge by the project's rules, open alerts and send them.

    Rules stand in the project's file under monitoring.rules; the built-in simulated.toml explains each key. Alerts go to the
    addresses in RISKDECK_ALERT_URLS, as Apprise writes them (slack://..., mailtos://..., pagerduty://..., json://...), with
    spaces between; RISKDECK_DASHBOARD_URL puts a link into the message. What could not be sent is tried again by later runs.
    """
    from pipeline import commands_monitor

    day = None if as_of is None else as_of.date()
    with commands.plain_errors():
        raise SystemExit(commands_monitor.monitor(projects or [], day, fail_on_alert=fail_on_alert, as_json=as_json))


@app.command()
def replay(
    project: ProjectName,
    first: Annotated[datetime, typer.Option("--from", formats=DAY, metavar="DATE", help="First day replayed, 2025-03-01.")],
    last: Annotated[datetime, typer.Option("--to", formats=DAY, metavar="DATE", help="Last day replayed.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Dated file, CSV, gzip CSV or Parquet; not needed for simulated.")
    ] = None,
    as_of: Annotated[
        datetime | None, typer.Option(formats=DAY, metavar="DATE", help="Outcomes known by this day are told; default --to.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(metavar="N", help="Days of the file per second; default as fast as it goes.")
    ] = None,
    approved_only: Annotated[bool, typer.Option(help="Tell outcomes of approved loans only, as a lender sees them.")] = False,
    reasons: Annotated[bool, typer.Option(help="Give reasons for every decline and review.")] = True,
    as_json: AsJson = False,
) -> None:
    """Send a dated file through the live model as traffic, outcomes told as they became known; goes on where it stopped."""
    from pipeline import commands_replay
    from pipeline.monitoring.replay import Order

    with commands.plain_errors():
        until = (as_of or last).date()
        order = Order(first.date(), last.date(), until, approved_only, reasons, speed)
        raise SystemExit(commands_replay.replay(project, data, order, as_json))


@app.command()
def outcomes(
    project: ProjectName,
    data: Annotated[Path, typer.Option("--data", help="Columns of the project, or subject_id, known_at, defaulted[, cash].")],
    as_of: Annotated[
        datetime | None, typer.Option(formats=DAY, metavar="DATE", help="Leave what became known later for another time.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record what became of applicants, late or corrected; sent again it adds nothing. Exit 1 when rows were refused."""
    from pipeline import commands_replay

    with commands.plain_errors():
        raise SystemExit(commands_replay.outcomes(project, data, as_of and as_of.date(), as_json))


@app.command()
def ledger(project: ProjectName, as_json: AsJson = False) -> None:
    """Print the ledger and verify its chain; exit 1 when it is broken or MLflow's alias disagrees."""
    with commands.plain_errors():
        raise SystemExit(commands_release.history(project, as_json, verify=True))


@release.command()
def propose(
    project: ProjectName,
    actor: Actor,
    reason: Reason,
    run: RunId = None,
    approve_below: Annotated[float | None, typer.Option(help="Approve below this PD; default the run's own cut-off.")] = None,
    decline_above: Annotated[float | None, typer.Option(help="Decline from this PD on; between the two is review.")] = None,
    as_json: AsJson = False,
) -> None:
    """Register a gated run, write its policy and propose both."""
    with commands.plain_errors():
        _tell(commands_release.propose(project, run, (approve_below, decline_above), actor, reason), as_json)


@release.command()
def approve(proposal: Proposal, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Approve a proposal by its number, as another person than its proposer; its version and policy go live."""
    with commands.plain_errors():
        _tell(commands_release.decide("approve", proposal, actor, reason), as_json)


@release.command()
def reject(proposal: Proposal, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Reject a proposal, or withdraw your own."""
    with commands.plain_errors():
        _tell(commands_release.decide("reject", proposal, actor, reason), as_json)


@release.command()
def route(
    proposal: Proposal,
    actor: Actor,
    reason: Reason,
    mode: Annotated[str, typer.Option(help="shadow: scores, never decides; canary: decides a share; off: stops.")] = "shadow",
    share: Annotated[float, typer.Option(help="Share of applicants a canary decides, by the hash of their id.")] = 0.0,
    as_json: AsJson = False,
) -> None:
    """Run a proposal's version beside the live one, as challenger."""
    with commands.plain_errors():
        _tell(commands_release.route(proposal, mode, share, actor, reason), as_json)


@release.command()
def rollback(project: ProjectName, actor: Actor, reason: Reason, as_json: AsJson = False) -> None:
    """Go back to the version and policy that were live before."""
    with commands.plain_errors():
        _tell(commands_release.rollback(project, actor, reason), as_json)


@release.command()
def history(project: ProjectName, as_json: AsJson = False) -> None:
    """Print every step of the project's releases."""
    with commands.plain_errors():
        raise SystemExit(commands_release.history(project, as_json, verify=False))


def _tell(done: dict[str, Any], as_json: bool) -> None:
    if as_json:
        show_json(done)
    else:
        shown = {k: f"{v:.4f}" if isinstance(v, float) else v for k, v in done.items() if k != "actor_verified"}
        show_line(", ".join(f"{k.replace('_', ' ')} {v}" for k, v in shown.items()))


if __name__ == "__main__":
    app(prog_name="python -m pipeline")
