"""Download what the page says as one HTML file that needs nothing else: for a steering meeting, and for the printer."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.components.propose_policy import both_splits
from dashboard.cut_answers import said_baseline, said_limits
from dashboard.labels import cutoff, label_of, moment, money, number, percent
from dashboard.onepage import Section, one_page
from dashboard.worth import Cuts, Desk
from pipeline import contract
from pipeline.evaluation.cost import CaseCosts, CashCosts, LoanCosts

HASHES = {
    "Data": "data_sha256", "Validation rows": "valid_sha256", "Test rows": "test_sha256", "Model file": "model_sha256",
    "Project file": "project_sha256", "Lock file": "lock_sha256", "Git commit": "git_commit",
}  # fmt: skip


def download_page(cuts: Cuts, chosen: float, said: tuple[str, str], figures: Sequence[Any], matrix: pd.DataFrame) -> None:
    """Offer the page; it is made only when asked for. said: the page's answer and the story of the cut-off."""
    desk, as_of = cuts.desk, datetime.now(UTC)
    st.download_button(
        "One page to print (HTML)", lambda: page_of(cuts, chosen, said, figures, matrix, as_of),
        f"riskdeck-{desk.project}-cut-off.html", "text/html", key="one_page", on_click="ignore", icon=":material/print:",
    )  # fmt: skip


def page_of(
    cuts: Cuts, chosen: float, said: tuple[str, str], figures: Sequence[Any], matrix: pd.DataFrame, as_of: datetime
) -> str:
    """Return the page: answer, pictures, numbers, assumptions and hashes."""
    desk = cuts.desk
    named = pd.DataFrame([{"Cut-off": mark.name, "Decline from": cutoff(mark.cutoff)} for mark in cuts.marks])
    sections = [
        Section("The cut-off looked at", sentences=(said[1],), figures=tuple(figures)),
        Section("Confusion matrix on test", tables=(matrix,)),
        Section("On validation and on test", tables=(both_splits(cuts, chosen, chosen),)),
        Section("Named cut-offs, chosen on validation", tables=(named,)),
        Section("What was assumed", tables=(assumed(cuts),)),
        Section("What it rests on", tables=(lineage_table(desk),)),
    ]
    title = f"{desk.config.project.title}: where to set the cut-off ({desk.name}, decline from {cutoff(chosen)})"
    return one_page(title, said[0], sections, f"Riskdeck, {moment(as_of)}")


def assumed(cuts: Cuts) -> pd.DataFrame:
    """Return every assumption behind the numbers, in words."""
    desk, given = cuts.desk, cuts.given
    costs, review = given.costs, given.review
    rows: dict[str, str] = {}
    if isinstance(costs, CaseCosts):
        rows = {label_of("fn_cost").text: money(costs.fn_cost, desk.currency),
                label_of("fp_cost").text: money(costs.fp_cost, desk.currency)}  # fmt: skip
    elif isinstance(costs, LoanCosts):
        rows = {"LGD": percent(costs.lgd), "Margin": percent(costs.margin)}
    elif isinstance(costs, CashCosts):
        rows = {"Costs": "realised cash of the approved loans, net of principal"}
    rows |= {
        label_of("review_cost").text: money(review.cost, desk.currency),
        label_of("share_right").text: percent(review.share_right),
        label_of("volume").text: number(float(given.volume or math.nan), 0),
        "Limits": said_limits(given.limits.stated) or "none",
        "Savings are against": said_baseline(given.baseline.name),
    }
    return pd.DataFrame({"Assumption": list(rows), "Value": list(rows.values())})


def lineage_table(desk: Desk) -> pd.DataFrame:
    """Return the run's hashes."""
    rows = {"Run": desk.run_id} | {name: str(desk.run.get(column, "") or "") for name, column in HASHES.items()}
    known = {name: value for name, value in rows.items() if value}
    known["Rows"] = f"{desk.n_valid:,} validation, {desk.n:,} test; contract {contract.VERSION}"
    return pd.DataFrame({"What": list(known), "Which": list(known.values())})
