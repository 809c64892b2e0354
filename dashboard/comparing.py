"""Two to six runs side by side: what differs in them, and by how much one is better, as tables."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import pandas as pd

from dashboard import loading_money
from dashboard.charts.comparison import Line
from dashboard.labels import METRICS, NOT_KNOWN, label_of, money, number, short
from pipeline import contract
from pipeline.evaluation.cost import CaseCosts, Costs
from pipeline.evaluation.curve import confusion_at, rates

PAIRED: Final = ("f1", "recall", "roc_auc", contract.COST)
_NO_COSTS: Final = CaseCosts(1.0, 1.0)
PAIRED_COLUMNS: Final = ("run_id", "metric", "difference", "lo", "hi", "prob", "n")
_DATA: Final = {
    "Data (sha256)": "data_sha256", "Test rows (sha256)": "test_sha256", "Validation rows (sha256)": "valid_sha256",
    "Git commit": "git_commit", "Uncommitted changes": "git_dirty", "Lock file (sha256)": "lock_sha256",
    "Project file (sha256)": "project_sha256", "Seed": "seed", "Calibration": "calibration", "Cut-off rule": "cutoff_rule",
    "Bake-off": "bakeoff", "Test applicants": "test_n", "Defaulters among them": "test_defaults", "State": "state",
}  # fmt: skip


@dataclass(frozen=True)
class Side:
    """The compared runs in the order of their letters, how each is drawn, their product, and the live run."""

    runs: pd.DataFrame
    lines: Sequence[Line]
    project: str
    champion: str

    @property
    def letters(self) -> list[str]:
        """A, B ... as many as there are runs."""
        return [line.letter for line in self.lines]

    @property
    def is_comparable(self) -> bool:
        """True when every run names the same test rows."""
        return len(groups := hashes_of(self.runs)) == 1 and "" not in groups


def hashes_of(runs: pd.DataFrame) -> dict[str, list[int]]:
    """Which of the runs (by position) were tested on which rows; "" where a run does not say."""
    found: dict[str, list[int]] = {}
    for i, sha in enumerate(runs["test_sha256"]):
        found.setdefault(str(sha), []).append(i)
    return found


def parameters_table(runs: pd.DataFrame, letters: Sequence[str]) -> pd.DataFrame:
    """Return a row per parameter that any run has: Parameter, a column of text per letter, Differs."""
    params = [json.loads(text) for text in runs["params"]]
    names = sorted({name for one in params for name in one})
    rows = {name: [str(one.get(name, NOT_KNOWN)) for one in params] for name in names}
    return _side_by_side("Parameter", rows, letters)


def data_table(runs: pd.DataFrame, letters: Sequence[str]) -> pd.DataFrame:
    """Return a row per piece of data, code and rule behind the runs: What, a column of text per letter, Differs."""
    return _side_by_side("What", {what: [_said(v) for v in runs[column]] for what, column in _DATA.items()}, letters)


def _side_by_side(title: str, rows: dict[str, list[str]], letters: Sequence[str]) -> pd.DataFrame:
    columns: dict[str, object] = {title: list(rows)}
    columns |= {letter: [texts[i] for texts in rows.values()] for i, letter in enumerate(letters)}
    return pd.DataFrame(columns | {"Differs": [len(set(texts)) > 1 for texts in rows.values()]})


def _said(value: object) -> str:
    if isinstance(value, float):
        return number(value, 0 if value.is_integer() else 4)
    text = str(value)
    return short(text, 12) if len(text) >= 40 else text or NOT_KNOWN


def paired_table(runs: pd.DataFrame, reference: str, costs: Costs | None, also: str = "") -> pd.DataFrame:
    """Return `PAIRED_COLUMNS`: every other run less the reference, on the same test rows, each at its own cut-off.

    A cost is money over all n rows. A run without scored rows, or scored on others, is left out. Without costs there is no
    cost row. `also` names one more metric.
    """
    metrics = [m for m in dict.fromkeys((*PAIRED, also or PAIRED[0])) if costs is not None or m != contract.COST]
    by_id = runs.set_index("run_id")
    rows = []
    for run_id in runs["run_id"]:
        found = None
        if run_id != reference:
            found = loading_money.difference(
                run_id, float(by_id["cutoff"][run_id]), reference, float(by_id["cutoff"][reference]), costs or _NO_COSTS
            )
        if found is not None:
            rows += [_paired_row(run_id, metric, found) for metric in metrics]
    return pd.DataFrame(rows, columns=list(PAIRED_COLUMNS))


def _paired_row(run_id: str, metric: str, found: pd.DataFrame) -> dict[str, object]:
    row = found.loc[["cost" if metric == contract.COST else metric]].iloc[0]
    return {
        "run_id": run_id, "metric": metric, "difference": float(row["difference"]),
        "lo": float(row["lo"]), "hi": float(row["hi"]),
        "prob": float(row["prob_a_better"]), "n": int(row["n"]),
    }  # fmt: skip


def gains(paired: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Turn differences so that above zero is better, money per 1,000 applications: run_id, panel, gain, lo, hi, prob, said."""
    rows = []
    for row in paired.to_dict("records"):
        is_cost = row["metric"] == contract.COST
        scale = (1000 / row["n"] if is_cost else 1.0) * label_of(str(row["metric"])).direction
        lo, hi = sorted((row["lo"] * scale, row["hi"] * scale))
        gain = row["difference"] * scale
        panel = f"Saved per 1,000 applications ({currency})" if is_cost else f"{METRICS[str(row['metric'])].text} on test"
        said = f"{_plus(gain, is_cost)} [{_plus(lo, is_cost)}, {_plus(hi, is_cost)}]"
        rows.append(
            {
                "run_id": row["run_id"],
                "panel": panel,
                "gain": gain,
                "lo": lo,
                "hi": hi,
                "prob": row["prob"],
                "said": said,
                "n": row["n"],
            }
        )
    return pd.DataFrame(rows, columns=["run_id", "panel", "gain", "lo", "hi", "prob", "said", "n"])


def cells_table(curve: pd.DataFrame, cutoff: float) -> pd.DataFrame:
    """Return the four cells of a run on test at its own cut-off: cell, n, per_thousand, and `rates` repeated in each row."""
    row = confusion_at(curve, cutoff)
    counts = [float(row[cell]) for cell in contract.CELLS]
    rated = rates(row.to_frame().T).iloc[0]
    table = pd.DataFrame({"cell": list(contract.CELLS), "n": counts, "per_thousand": [1000 * n / sum(counts) for n in counts]})
    return table.assign(**{name: float(rated[name]) for name in ("approval_rate", "recall", "precision", "f1")})


def _plus(value: float, is_money: bool) -> str:
    return ("+" if value > 0 else "") + (money(value) if is_money else number(value))
