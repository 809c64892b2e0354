"""Which runs stand on the board: what the reader asked for, applied to the table of runs. Pure."""

import json
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Final

import pandas as pd

from dashboard.labels import METRICS, column_text
from pipeline import contract
from pipeline.registry.runs import COMPLETE, FOREIGN, RUNNING, STATES

ALL: Final = "all"
SHOWN_STATES: Final = (COMPLETE, FOREIGN, RUNNING)
"""Failed, incomplete and unreadable runs stand on the board only when asked for."""


@dataclass(frozen=True)
class Filters:
    """What a run must be; the empty value of each field lets every run pass. `until` is included."""

    bakeoff: str = ALL
    families: tuple[str, ...] = ()
    states: tuple[str, ...] = SHOWN_STATES
    since: date | None = None
    until: date | None = None
    tag: str = ""
    text: str = ""
    metric: str = ""
    at_least: float | None = None
    at_most: float | None = None

    @property
    def n_narrowing(self) -> int:
        """How many fields besides the bake-off keep runs out."""
        usual = Filters(bakeoff=self.bakeoff, metric=self.metric)
        return sum(getattr(self, f.name) != getattr(usual, f.name) for f in fields(self))


def matching(runs: pd.DataFrame, filters: Filters) -> pd.DataFrame:
    """Return the candidates and foreign runs that pass, in their order; parents of bake-offs are no candidates."""
    keep = (runs["kind"] != contract.KIND_BAKEOFF) & runs["state"].isin(filters.states)
    if filters.bakeoff != ALL:
        # A foreign run belongs to no bake-off; it is compared with the one that is looked at.
        keep &= (runs["bakeoff"] == filters.bakeoff) | (runs["state"] == FOREIGN)
    if filters.families:
        keep &= runs["family"].isin(filters.families)
    keep &= _started(runs, filters) & _in_range(runs, filters)
    found = runs[keep]
    if filters.text.strip():
        found = found[_holds_text(found, filters.text.strip())]
    if filters.tag.strip():
        found = found[_has_tag(found, filters.tag.strip())]
    return found.reset_index(drop=True)


def said(filters: Filters) -> str:
    """Say which runs pass, as raw text: "bake-off b1, family logistic, F1 · test at least 0.4"; "all" when every run does."""
    parts = [] if filters.bakeoff == ALL else [f"bake-off {filters.bakeoff}"]
    parts += [f"family {' or '.join(filters.families)}"] if filters.families else []
    parts += [f"state {' or '.join(filters.states) or 'none'}"] if filters.states != SHOWN_STATES else []
    dates = {"begun since": filters.since, "begun until": filters.until}
    texts = {"tag": filters.tag.strip(), "holding": filters.text.strip()}
    parts += [f"{name} {value}" for name, value in (dates | texts).items() if value]
    bounds = {"at least": filters.at_least, "at most": filters.at_most} if filters.metric else {}
    parts += [f"{column_text(filters.metric)} {name} {value:g}" for name, value in bounds.items() if value is not None]
    return ", ".join(parts) or "all"


def whole_history(filters: Filters) -> Filters:
    """The same filters over every bake-off."""
    return replace(filters, bakeoff=ALL)


def range_columns(runs: pd.DataFrame) -> list[str]:
    """Columns that a range can be asked of: metrics that at least one run has."""
    wanted = [contract.metric_key(split, m) for split in contract.SPLITS for m in (*METRICS, contract.COST)]
    wanted += [*METRICS, contract.CUTOFF, contract.FIT_SECONDS, contract.LATENCY_MS]
    return [column for column in wanted if runs[column].notna().any()]


def states_of(runs: pd.DataFrame) -> list[str]:
    """States that occur, in the order of `STATES`."""
    there = set(runs["state"])
    return [state for state in STATES if state in there]


def _started(runs: pd.DataFrame, filters: Filters) -> "pd.Series[bool]":
    day = runs["start"].dt.date
    keep = pd.Series(True, index=runs.index)
    if filters.since is not None:
        keep &= day >= filters.since
    if filters.until is not None:
        keep &= day <= filters.until
    return keep


def _in_range(runs: pd.DataFrame, filters: Filters) -> "pd.Series[bool]":
    keep = pd.Series(True, index=runs.index)
    if filters.metric not in runs.columns:
        return keep
    values = runs[filters.metric]
    if filters.at_least is not None:
        keep &= values >= filters.at_least
    if filters.at_most is not None:
        keep &= values <= filters.at_most
    return keep


def _holds_text(runs: pd.DataFrame, text: str) -> "pd.Series[bool]":
    found = pd.Series(False, index=runs.index)
    for column in ("run_id", "name", "candidate", "family", "bakeoff", "params"):
        found |= runs[column].astype(str).str.contains(text, case=False, regex=False)
    return found


def _has_tag(runs: pd.DataFrame, wanted: str) -> "pd.Series[bool]":
    """``name`` or ``name=value``; both in part and whatever the case. The tables of the index carry every tag."""
    if "tags" not in runs.columns:
        return pd.Series(False, index=runs.index)
    name, _, value = (part.strip().lower() for part in wanted.partition("="))
    return pd.Series([_matches(text, name, value) for text in runs["tags"]], index=runs.index, dtype=bool)


def _matches(tags: str, name: str, value: str) -> bool:
    if name not in tags.lower():
        return False
    return any(name in str(k).lower() and value in str(v).lower() for k, v in json.loads(tags).items())
