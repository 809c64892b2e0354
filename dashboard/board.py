"""What a leaderboard says: every run of a field with its place, in any order, under any choice of columns. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from dashboard.labels import METRICS, Label, cutoff, interval, label_of, money, number, short, with_interval
from dashboard.ranking import Field
from pipeline import contract

TEXTS: Final[Mapping[str, Label]] = {
    "family": Label("Family", "Kind of model."),
    "start": Label("Started", "When the run began, UTC."),
    "state": Label("State", "Only complete runs of the contract have a place; the others are shown with what they have."),
    "bakeoff": Label("Bake-off", "The training job that this candidate was part of."),
    "test_sha256": Label("Test rows", "First characters of the sha256 of the rows it was tested on."),
    "run_id": Label("Run id", "Id in MLflow; it stays when a run is renamed."),
}
_NUMBERS: Final = {contract.COST: "test_cost_per_1000", contract.CUTOFF: "cutoff", contract.LATENCY_MS: "latency_ms",
                   contract.FIT_SECONDS: "fit_seconds"}  # fmt: skip
CHOICES: Final = (*METRICS, *_NUMBERS, *TEXTS)
DEFAULT: Final = ("recall", "f1", "roc_auc", contract.COST, contract.CUTOFF, "family", contract.LATENCY_MS)
PLACE: Final = "place"
NAME: Final = "name"
ORDERS: Final = (PLACE, NAME, *CHOICES)


@dataclass(frozen=True)
class Board:
    """What a leaderboard shows: the field, readable names by run id, the metric that ranks, the live run, the currency."""

    field: Field
    names: Mapping[str, str]
    by: str
    champion: str
    currency: str = ""


def said(key: str) -> str:
    """Name a column or an order for readers."""
    if key in (PLACE, NAME):
        return "Place on validation" if key == PLACE else "Name"
    if key in TEXTS:
        return TEXTS[key].text
    return f"Test {label_of(key).text}" if key in METRICS or key == contract.COST else label_of(key).text


def ordered(board: Board, by: str, *, is_reversed: bool) -> pd.DataFrame:
    """Return every run of the board with its place, best first by an order of `ORDERS`; unknown values stand last."""
    runs = board.field.board.assign(place=_places(board))
    if by == PLACE:
        found = runs if board.field.is_comparable else runs.sort_values("start", ascending=False, kind="stable")
        return found.iloc[::-1] if is_reversed else found
    keys = runs["run_id"].map(board.names).str.lower() if by == NAME else runs[_column_of(by)]
    rising = by in (NAME, *TEXTS) and by != "start"
    is_rising = (rising or label_of(by).direction < 0) != is_reversed
    return runs.loc[keys.sort_values(ascending=is_rising, kind="stable", na_position="last").index]


def table(runs: pd.DataFrame, board: Board, chosen: Sequence[str]) -> pd.DataFrame:
    """Return what is shown of `ordered` runs: place, name, the ranking metric on validation, then the chosen columns.

    Metrics that do not say their rows stand apart, behind all others.
    """
    names = [("★ " if r == board.champion else "") + board.names[r] for r in runs["run_id"]]
    on_valid = runs[contract.metric_key(contract.VALID, board.by)].round(0 if board.by == contract.COST else 6)
    columns: dict[str, object] = {"place": runs["place"].astype("Int64"), "candidate": names, "valid": on_valid}
    shown = [key for key in CHOICES if key in set(chosen)]
    for key in shown:
        columns |= _metric(runs, key) if key in METRICS else {key: _plain(runs, key)}
    # Last, so that one run of another script does not push the headline off the screen.
    columns |= {f"{key}_unsplit": runs[key] for key in shown if key in METRICS and runs[key].notna().any()}
    return pd.DataFrame(columns).reset_index(drop=True)


def said_order(board: Board, most: int) -> str:
    """Say what the places of `in_words` mean and how many runs it leaves out."""
    n = len(board.field.board)
    first = f" The first {most} of {n:,} runs." if n > most else ""
    if not board.field.is_comparable:
        return f"Tested on different rows, so nothing is ranked; newest first.{first}"
    return f"Places are by {label_of(board.by).text} on validation; test reports and chooses nothing.{first}"


def in_words(board: Board, most: int) -> pd.DataFrame:
    """Return the first runs as text: place, candidate, the ranking metric on validation, the headline on test, cut-off."""
    by = label_of(board.by)
    rows = []
    for run in ordered(board, PLACE, is_reversed=False).head(most).to_dict("records"):
        row = {"#": number(run["place"], 0), "Candidate": board.names[str(run["run_id"])]}
        row[f"{by.text}, validation"] = number(run[contract.metric_key(contract.VALID, board.by)], by.decimals)
        row |= {f"{label_of(metric).text}, test": with_interval(*(run[f"test_{metric}{end}"] for end in ("", "_lo", "_hi")))
                for metric in ("f1", "recall", "roc_auc")}  # fmt: skip
        cost = f"{label_of(contract.COST).text}, test ({board.currency})"
        rows.append(row | {cost: money(run["test_cost_per_1000"]), "Cut-off": cutoff(run["cutoff"])})
    return pd.DataFrame(rows)


def _places(board: Board) -> "pd.Series[float]":
    field = board.field
    if not field.is_comparable:
        return pd.Series(float("nan"), index=field.board.index)
    values = field.candidates[contract.metric_key(contract.VALID, board.by)]
    return values.rank(ascending=label_of(board.by).direction < 0, method="min").reindex(field.board.index)


def _column_of(key: str) -> str:
    return _NUMBERS.get(key) or (contract.metric_key(contract.TEST, key) if key in METRICS else key)


def _metric(runs: pd.DataFrame, key: str) -> dict[str, object]:
    test = contract.metric_key(contract.TEST, key)
    bounds = [interval(lo, hi) for lo, hi in zip(runs[f"{test}_lo"], runs[f"{test}_hi"], strict=True)]
    return {key: runs[test], f"{key}_interval": bounds}


def _plain(runs: pd.DataFrame, key: str) -> object:
    values = runs[_column_of(key)]
    if key == contract.COST:
        return values.round(0)
    if key == "test_sha256":
        return [short(sha) for sha in values]
    return 100 * values if key == contract.CUTOFF else values


def is_share(metric: str) -> bool:
    """Tell whether a metric lies between 0 and 1, so that a bar can show it."""
    return metric in METRICS and metric != "log_loss"
