"""The verb ``profiles``: count what was decided, from the log or, for bulk history, from Parquet."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import open_engine
from pipeline.console import DONE, progress_bar, say, show_json, show_line
from pipeline.project import ProjectError, open_project
from pipeline.settings import load_settings

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Engine


def profiles(name: str, from_parquet: Path | None, version: int | None, scheduler: str | None, *, as_json: bool) -> int:
    """Count decisions that are not counted yet, or a history that the log does not hold."""
    project = open_project(name).config.name
    with open_engine() as engine:
        if from_parquet is not None:
            found = _history(engine, project, from_parquet, version, scheduler)
        elif version is not None or scheduler is not None:
            raise ProjectError(
                "--model-version and --scheduler go with --from-parquet; the log knows the version of each decision"
            )
        else:
            found = _update(engine, project)
    if as_json:
        show_json(found)
    else:
        show_line(_sentence(found))
    return DONE


def _sentence(found: dict[str, Any]) -> str:
    first, last = found["from"], found["to"]
    reach = "nothing is counted so far" if first is None else f"profiles reach from {first} to {last}"
    return f"{found['counted']:,} decisions counted; {reach}."


def _update(engine: "Engine", project: str) -> dict[str, Any]:
    from pipeline.monitoring.profiles import is_behind, span, update_profiles

    behind = is_behind(engine, project)
    with progress_bar("Counting") as move:
        done = update_profiles(load_settings(), engine, project, tell=lambda counted: move("", counted, max(behind, counted)))
    for note in done.notes:
        say(note)
    return {"counted": done.counted, "last_seq": done.last_seq, **_reach(span(engine, project))}


def _reach(days: "tuple[date, date] | None") -> dict[str, Any]:
    first, last = days or (None, None)
    return {"from": first, "to": last}


def _history(engine: "Engine", project: str, path: Path, version: int | None, scheduler: str | None) -> dict[str, Any]:
    from pipeline.monitoring.baseline import load_bins, policy_of
    from pipeline.monitoring.profiles import span
    from pipeline.monitoring.profiles_bulk import count_parquet, list_pieces, write_counts

    if version is None:
        raise ProjectError("--from-parquet needs --model-version, the version whose decisions these are")
    bins = load_bins(load_settings(), version, policy_of(engine, project, version).run_id)
    total = sum(piece.rows for piece in list_pieces(path, bins.config))
    say(f"{total:,} decisions of version {version} in {path}")
    with progress_bar("Counting") as move:
        counts = count_parquet(bins, path, scheduler=scheduler, tell=lambda done: move("", done, total))
    days = write_counts(engine, project, version, counts)
    return {"counted": total, "days": days, "model_version": version, **_reach(span(engine, project))}
