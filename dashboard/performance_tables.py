"""The tables of the Performance page: one metric over time, money against its promise, and a row per vintage. Pure."""

from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from pandas import DataFrame, Timestamp

from dashboard.labels import NOT_KNOWN, percent, with_interval
from pipeline import contract
from pipeline.evaluation.vintages import MATURED, TOO_FEW, WAITING
from pipeline.monitoring.performance_assessed import Assessed
from pipeline.monitoring.performance_metrics import ACTUAL_TO_EXPECTED, OF_DECISIONS, measured

PICKED: Final = {
     "Recall": "recall", "F1": "f1", "Precision": "precision", "AUC": "roc_auc", "Actual / expected": ACTUAL_TO_EXPECTED,
    "Cost per 1,000": contract.COST,
}  # fmt: skip
STATUS_WORDS: Final = {MATURED: "matured", WAITING: "waiting", TOO_FEW: "too few known"}
_NUMBERS_ARE: Final = {MATURED: "realised", WAITING: "estimated", TOO_FEW: "withheld"}
_NO_ROWS: Final = DataFrame(columns=["vintage", "metric", "value", "lo", "hi", "n", "note"])


@dataclass(frozen=True)
class Lines:
    """One metric over time: realised, what had been expected of the same loans, and what is expected of the others."""

    metric: str
    realised: DataFrame
    past: DataFrame
    ahead: DataFrame
    level: float
    note: str

    @property
    def outside(self) -> DataFrame:
        """Vintages whose realised value lies outside what had been expected of them."""
        both = self.realised.merge(self.past[["vintage", "lo", "hi"]], on="vintage", suffixes=("", "_past"))
        return both[(both["value"] < both["lo_past"]) | (both["value"] > both["hi_past"])]


def lines_of(found: Assessed, metric: str) -> Lines:
    """Return one metric of the time line; vintages on which it is not computable are left out, ``note`` says why."""
    came, past, ahead = (_one(table, metric) for table in (found.realised, found.past, found.ahead))
    notes = found.realised.loc[(found.realised["metric"] == metric) & (found.realised["note"] != ""), "note"]
    if found.book.is_approved_only and metric in OF_DECISIONS:
        past = past.iloc[:0]
    return Lines(metric, came, past, ahead, _level(found, metric), str(notes.iloc[0]) if len(notes) else "")


def money_table(found: Assessed, *, cash: bool) -> DataFrame:
    """Return vintage, promised, expected, realised, lo, hi, n of the money per 1,000 that is shown."""
    table = found.money
    if cash:
        return DataFrame(
            {"vintage": table["vintage"], "promised": table["cash_promised"], "expected": float("nan"),
             "realised": table["cash"], "lo": table["cash_lo"], "hi": table["cash_hi"], "n": table["n"]}
        )  # fmt: skip
    names = {"realised_lo": "lo", "realised_hi": "hi"}
    return table.rename(columns=names)[["vintage", "promised", "expected", "realised", "lo", "hi", "n"]]


def vintage_table(found: Assessed) -> DataFrame:
    """Return a row per vintage for reading: state, share matured, n, and each picked metric with its interval."""
    both = pd.concat([found.realised.assign(kind="realised"), found.ahead.assign(kind="estimated")])
    rows = [_vintage_row(row, both[both["vintage"] == row["vintage"]]) for row in _records(found.book.maturity)]
    return DataFrame(rows)


def _vintage_row(row: dict[str, Any], mine: DataFrame) -> dict[str, object]:
    texts = {
        name: _cell(mine, metric)
        for name, metric in (*PICKED.items(), ("Default rate", "default_rate"), ("Mean PD", "mean_pd"))
    }
    return {
        "Vintage": f"{Timestamp(row['vintage']):%Y-%m}", "State": STATUS_WORDS[row["status"]],
        "Loans": int(row["n"]), "Known": percent(row["known_share"], 0),
        "Numbers are": _NUMBERS_ARE[row["status"]],
        **texts, "Note": str(row["note"]),
    }  # fmt: skip


def _records(table: DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _cell(mine: DataFrame, metric: str) -> str:
    rows = mine[mine["metric"] == metric]
    if rows.empty:
        return NOT_KNOWN
    row = rows.iloc[0]
    decimals = 0 if metric == contract.COST else 2 if metric == ACTUAL_TO_EXPECTED else 3
    return with_interval(row["value"], row["lo"], row["hi"], decimals)


def _one(table: DataFrame, metric: str) -> DataFrame:
    rows = _NO_ROWS if table.empty else table
    mine = rows[(rows["metric"] == metric)].dropna(subset=["value"])
    return mine.sort_values("vintage", ignore_index=True)


def _level(found: Assessed, metric: str) -> float:
    if metric == ACTUAL_TO_EXPECTED:
        return 1.0
    if metric == contract.COST:
        return found.promised_cost
    if found.book.is_approved_only and metric in OF_DECISIONS:
        return float("nan")
    return measured(found.test, metric).value


def record_pairs(lines: Lines) -> DataFrame:
    """Return vintage, value, lo, hi (what had been expected), realised, n of each matured vintage."""
    came = lines.realised[["vintage", "value"]].rename(columns={"value": "realised"})
    return lines.past[["vintage", "value", "lo", "hi", "n"]].merge(came, on="vintage").dropna()


def grade_rows(table: DataFrame) -> DataFrame:
    """Return the table by grade for reading."""
    interval = [with_interval(100 * r, 100 * lo, 100 * hi, 1) for r, lo, hi in _triples(table)]
    return DataFrame(
        {
            "Grade": table["grade"],
            "Loans": table["n"],
            "Defaults": table["defaults"],
            "Expected": table["expected"].round(1),
            "Mean PD": [percent(value) for value in table["mean_pd"]],
            "Defaulted (%)": interval,
            "Chance of as many or more": ["under 0.01 %" if p < 1e-4 else percent(p, 2) for p in table["p_more"]],
            "Light": table["light"],
        }
    )


def _triples(table: DataFrame) -> "zip[tuple[float, float, float]]":
    return zip(table["default_rate"], table["lo"], table["hi"], strict=True)
