"""The four cells of a cut-off: people, rates and money."""

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from dashboard.labels import TERMS, money, number, percent


def confusion_table(row: pd.Series, people: Mapping[str, int], costs: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Return the cells in words: what happens, test applicants, per 1,000, rate, cost per 1,000.

    row: of the curve; people: the cells of 1,000 applicants; costs: `money_table` of the row.
    """
    bad, good = float(row["tp"] + row["fn"]), float(row["fp"] + row["tn"])
    of = {"tp": (bad, "defaulters"), "fn": (bad, "defaulters"), "fp": (good, "good customers"), "tn": (good, "good customers")}
    cost = dict(zip(costs["cell"], costs["cost"], strict=True))
    rows = []
    for cell in ("tn", "fp", "tp", "fn"):
        whole, words = of[cell]
        share = float(row[cell]) / whole if whole else float("nan")
        rows.append(
            {
                "What happens": TERMS[cell].text,
                "Test applicants": number(float(row[cell]), 0),
                "Per 1,000": number(people[cell], 0),
                "Rate": f"{percent(share)} of {number(whole, 0)} {words}",
                f"Cost per 1,000 ({currency})": money(cost[cell] * 1000 / (bad + good)),
            }
        )
    return pd.DataFrame(rows)


def confusion(row: pd.Series, people: Mapping[str, int], costs: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Draw the table of one cut-off on test, and return it."""
    table = confusion_table(row, people, costs, currency)
    st.table(table, border="horizontal", hide_index=True, alt="Confusion matrix in people and money")
    return table
