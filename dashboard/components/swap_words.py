"""A swap set in words: what a change of model is worth, and who changes sides, by segment. Pure."""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

import pandas as pd

from dashboard.charts.swap import EVERYBODY
from dashboard.labels import NOT_KNOWN, money, number, percent
from pipeline.evaluation.swap import NET


def worth_of(table: pd.DataFrame, rival: str, n: int, currency: str) -> str:
    """Say what taking over from a rival (its escaped name) saves or loses per 1,000 of n test applications, with bounds."""
    net = table[(table["group"] == "") & (table["set"] == NET)].iloc[0]
    kept, lo, hi = (1000 * float(net[name]) / n for name in ("saving", "saving_lo", "saving_hi"))
    verb, ends = ("saves", (lo, hi)) if kept >= 0 else ("loses", (-hi, -lo))
    bounds = f" [{money(ends[0])}, {money(ends[1])}]" if lo == lo else ""
    return f"**Taking over from {rival} {verb} {money(abs(kept), currency)}{bounds} per 1,000 test applications**"


def title(swaps: pd.DataFrame) -> str:
    """Say how many change sides, of the swap set without its net rows."""
    if not swaps["n"].sum():
        return "Nobody changes sides"
    everybody = swaps[swaps["group"] == ""]
    people = everybody.groupby("set")["n"].sum()
    return f"{people.get('swap_in', 0):,.0f} newly approved, {people.get('swap_out', 0):,.0f} newly refused"


def said(table: pd.DataFrame, currency: str, n: int) -> pd.DataFrame:
    """Return the swap set in words, money per 1,000 of n test applications: segment, who, people, default rate, money.

    Segments in which nobody changes sides are left out, and so is the expected loss where the costs state none.
    """
    names = {"swap_in": "newly approved", "swap_out": "newly refused", NET: "net"}
    moved = table.groupby("group")["n"].agg(lambda n: n.abs().sum())
    table = table[(table["group"] == "") | (table["group"].map(moved) > 0)]
    rows = [
        {
            "Segment": row["group"] or EVERYBODY,
            "Who": names[row["set"]] + (" (inferred)" if row["inferred"] and row["set"] != NET else ""),
            "People": number(float(row["n"]), 0),
            "Default rate": _bounds(row, "default_rate", percent),
            f"Expected loss per 1,000 ({currency})": money(1000 * float(row["expected_loss"]) / n),
            f"Saves per 1,000 ({currency})": _bounds(row, "saving", lambda value: money(1000 * value / n)),
        }
        for row in table.to_dict("records")
    ]
    found = pd.DataFrame(rows)
    return found.drop(columns=[name for name in found if (found[name] == NOT_KNOWN).all()])


def _bounds(row: Mapping[Hashable, Any], name: str, say: Callable[[float], str]) -> str:
    value, lo, hi = (float(str(row[f"{name}{end}"])) for end in ("", "_lo", "_hi"))
    if value != value:
        return "–"
    return f"{say(value)} [{say(lo)}, {say(hi)}]" if lo == lo else say(value)
