"""Numbers that frame the choice: expected maximum profit, the per-loan rule, the ratio at which a cut-off is right."""

import pandas as pd
import streamlit as st

from dashboard.cut_answers import said_break_even
from dashboard.labels import cutoff, label_of, percent
from dashboard.worth import Cuts
from pipeline.evaluation.cost import LoanCosts, elkan_cutoff
from pipeline.evaluation.emp import expected_maximum_profit

P0, P1, ROI = 0.55, 0.10, 0.2644
"""Verbraken's law of the loss: nothing is lost in 55 % of defaults, everything in 10 %; a good loan returns 26.44 %."""


def measures(cuts: Cuts) -> None:
    """Draw the table of measures, each with one plain sentence."""
    st.table(measures_table(cuts), border="horizontal", hide_index=True, alt="Measures that frame the choice of a cut-off")


def measures_table(cuts: Cuts) -> pd.DataFrame:
    """Return measure, value and what it says."""
    costs = cuts.given.costs
    emp = expected_maximum_profit(cuts.desk.test, P0, P1, ROI)
    rows = [
        (
            label_of("emp").text,
            f"{percent(emp.profit, 2)} of the money lent",
            f"{label_of('emp').help} On test, declining {percent(emp.declined_share)}; its authors' terms: nothing is lost in "
            f"{percent(P0, 0)} of defaults, everything in {percent(P1, 0)}, a good loan returns {percent(ROI, 2)}.",
        ),
        (label_of("break_even").text, *said_break_even(cuts.break_even, cuts.desk.own, cuts.desk.own_name, costs)),
    ]
    elkan = elkan_cutoff(costs)
    if elkan == elkan:
        per_loan = " The same for every loan here, so it is also the per-loan rule PD < margin / (margin + LGD)."
        said = label_of("elkan").help + (per_loan if isinstance(costs, LoanCosts) else "")
        rows.append((label_of("elkan").text, cutoff(elkan), said))
    return pd.DataFrame(rows, columns=["Measure", "Value", "What it says"])
