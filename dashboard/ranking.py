"""Which runs stand beside each other, in which order: chosen on validation, reported on test."""

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from dashboard.labels import label_of, short
from pipeline import contract
from pipeline.registry.runs import COMPLETE, FAILED, FOREIGN, INCOMPLETE, OTHER_CONTRACT, RUNNING

RANKED_BY: Final = (contract.COST, "f1", "recall", "roc_auc", "pr_auc", "brier")
SAID_OF: Final = {
    RUNNING: "still running or interrupted",
    FAILED: "failed",
    INCOMPLETE: "incomplete",
    OTHER_CONTRACT: "written under another version of the contract",
    FOREIGN: "made by other scripts",
}


@dataclass(frozen=True)
class Field:
    """The candidates one can compare: tested on the same rows, best on validation first; `hashes` when they were not.

    `unranked` holds what has no place among them: foreign, running and failed runs, and a live model tested on other rows.
    """

    candidates: pd.DataFrame
    hashes: tuple[tuple[str, int], ...]
    unranked: pd.DataFrame = dataclasses.field(default_factory=pd.DataFrame)

    @property
    def is_comparable(self) -> bool:
        """True when all were tested on the same rows."""
        return len(self.hashes) <= 1

    @property
    def board(self) -> pd.DataFrame:
        """Every run of the field: those with a place first."""
        parts = [part for part in (self.candidates, self.unranked) if len(part)]
        return pd.concat(parts, ignore_index=True) if parts else self.candidates


def candidates(runs: pd.DataFrame) -> pd.DataFrame:
    """Complete candidates of ours, newest first."""
    return runs[(runs["state"] == COMPLETE) & (runs["kind"] != contract.KIND_BAKEOFF)].reset_index(drop=True)


def bakeoffs(runs: pd.DataFrame) -> list[str]:
    """Ids of bake-offs with at least one complete candidate, newest first."""
    return [b for b in dict.fromkeys(candidates(runs)["bakeoff"]) if b]


def rankable(table: pd.DataFrame) -> list[str]:
    """Metrics of `RANKED_BY` that at least one candidate has on validation."""
    return [m for m in RANKED_BY if table[contract.metric_key(contract.VALID, m)].notna().any()] or [RANKED_BY[0]]


def ranked(table: pd.DataFrame, by: str, first: str = "") -> Field:
    """Sort candidates by a validation metric; the run `first` (the champion) is pinned on top."""
    column = contract.metric_key(contract.VALID, by)
    ordered = table.sort_values(column, ascending=label_of(by).direction < 0, kind="stable", na_position="last")
    pinned = ordered["run_id"] == first
    counts = ordered["test_sha256"].value_counts()
    hashes = tuple((str(sha), int(n)) for sha, n in counts.items())
    return Field(pd.concat([ordered[pinned], ordered[~pinned]], ignore_index=True), hashes)


def field_of(matching: pd.DataFrame, by: str, live: pd.DataFrame) -> Field:
    """Split what the filters let through into runs with a place and without one; the live run is always on the board.

    matching: as `filters.matching` gives it; live: the row of the live run, or none. Tested on other rows than the rest, it
    stands on top without a place.
    """
    able = candidates(matching)
    pinned = live[~live["run_id"].isin(able["run_id"])]
    rest = matching[~matching["run_id"].isin([*able["run_id"], *pinned["run_id"]])]
    fits = pinned["test_sha256"].isin(set(able["test_sha256"])) if len(able) else pd.Series(True, index=pinned.index)
    first = str(live["run_id"].iloc[0]) if len(live) else ""
    found = ranked(_stacked(able, pinned[fits]), by, first)
    return dataclasses.replace(found, unranked=_stacked(pinned[~fits], rest))


def _stacked(upper: pd.DataFrame, lower: pd.DataFrame) -> pd.DataFrame:
    parts = [part for part in (upper, lower) if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else upper


def leader(field: Field, by: str) -> pd.Series | None:
    """The best candidate on validation, wherever the champion is pinned; None when there is none."""
    ordered = ranked(field.candidates, by).candidates
    return None if ordered.empty else ordered.iloc[0]


def rival(ordered: pd.DataFrame, champion: str) -> pd.Series | None:
    """What the best candidate must beat: the live model if it is another one, else the next best on validation."""
    others = ordered.iloc[1:]
    live = others[others["run_id"] == champion]
    first = live if len(live) else others
    return first.iloc[0] if len(first) else None


def names_of(table: pd.DataFrame, board: Collection[str] | None = None) -> dict[str, str]:
    """Readable, unique name per run id: the name in MLflow, so that renaming a run there renames it here.

    A name that several runs have carries its id, except on the one run of the board that has it. board: run ids that are
    looked at; by default those of the newest bake-off, so that training again makes no name longer.
    """
    names = table["name"].where(table["name"] != "", table["candidate"])
    here = table["run_id"].isin(board) if board is not None else table["bakeoff"].isin(bakeoffs(table)[:1])
    doubled = names.duplicated(keep=False) & ~(here & ~names.where(here).duplicated(keep=False))
    return {
        str(run_id): f"{name} ({short(str(run_id))})" if twice else str(name)
        for run_id, name, twice in zip(table["run_id"], names, doubled, strict=True)
    }


def left_out(runs: pd.DataFrame) -> str:
    """Say how many runs are not ranked and why, or nothing."""
    counts = runs["state"].value_counts()
    parts = [f"{counts[state]} {words}" for state, words in SAID_OF.items() if state in counts]
    return f"Not ranked: {', '.join(parts)}." if parts else ""


def failures(runs: pd.DataFrame, only: Sequence[str] = ()) -> pd.DataFrame:
    """Failed candidates with their reason, of the given bake-offs or of all."""
    table = runs[(runs["state"] == FAILED) & (runs["kind"] != contract.KIND_BAKEOFF)]
    return table[table["bakeoff"].isin(list(only))] if only else table


def chosen(runs: pd.DataFrame) -> str:
    """Id of the run that the newest bake-off chose; without one the newest candidate, "" when there is none."""
    table = candidates(runs)
    winners = table[table["chosen"] == "true"]
    best = winners if len(winners) else table
    return str(best["run_id"].iloc[0]) if len(best) else ""
