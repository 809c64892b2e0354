"""Download what the page says as one HTML file that needs nothing else: for a steering meeting, and for the printer."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.components import lineage, printed
from dashboard.components.propose_policy import both_splits
from dashboard.cut_answers import said_baseline, said_costs, said_limits
from dashboard.labels import cutoff, label_of, moment, money, number, percent
from dashboard.onepage import Section, one_page
from dashboard.worth import Cuts, Desk
from pipeline import contract


def download_page(cuts: Cuts, chosen: float, said: tuple[str, str], figures: Sequence[Any], matrix: pd.DataFrame) -> None:
    """Offer the page; it is made only when asked for. said: the page's answer and the story of the cut-off."""
    desk, as_of, opened = cuts.desk, datetime.now(UTC), printed.box()
    st.download_button(
        "One page to print (HTML)", lambda: page_of(cuts, chosen, said, figures, matrix, as_of, tuple(opened.values())),
        f"riskdeck-{desk.project}-cut-off.html", "text/html", key="one_page", on_click="ignore", icon=":material/print:",
    )  # fmt: skip


def page_of(
    cuts: Cuts, chosen: float, said: tuple[str, str], figures: Sequence[Any], matrix: pd.DataFrame, as_of: datetime,
    opened: Sequence[Section] = (),
) -> str:  # fmt: skip
    """Return the page: answer, pictures, numbers, the parts that are open, assumptions and hashes."""
    desk = cuts.desk
    named = pd.DataFrame([{"Cut-off": mark.name, "Decline from": cutoff(mark.cutoff)} for mark in cuts.marks])
    sections = [
        Section("The cut-off looked at", sentences=(said[1],), figures=tuple(figures)),
        Section("Confusion matrix on test", tables=(matrix,)),
        Section("On validation and on test", tables=(both_splits(cuts, chosen, chosen),)),
        Section("Named cut-offs, chosen on validation", tables=(named,)),
        *opened,
        Section("What was assumed", tables=(assumed(cuts),)),
        Section("What it rests on", tables=(lineage_table(desk),)),
    ]
    title = f"{desk.config.project.title}: where to set the cut-off ({desk.name}, decline from {cutoff(chosen)})"
    return one_page(title, said[0], sections, f"Riskdeck, {moment(as_of)}")


def assumed(cuts: Cuts) -> pd.DataFrame:
    """Return every assumption behind the numbers, in words."""
    desk, given = cuts.desk, cuts.given
    review = given.review
    rows = said_costs(given.costs, desk.currency)
    rows |= {
        label_of("review_cost").text: money(review.cost, desk.currency),
        label_of("share_right").text: percent(review.share_right),
        label_of("volume").text: number(float(given.volume or math.nan), 0),
        "Limits": said_limits(given.limits.stated) or "none",
        "Savings are against": said_baseline(given.baseline.name),
    }
    return pd.DataFrame({"Assumption": list(rows), "Value": list(rows.values())})


def lineage_table(desk: Desk) -> pd.DataFrame:
    """Return what the run is made of, with its hashes, and on how many rows it was measured."""
    rows = f"{desk.n_valid:,} validation, {desk.n:,} test; contract {contract.VERSION}"
    return pd.concat([lineage.lineage_table(desk.run), pd.DataFrame({"What": ["Rows"], "Value": [rows]})], ignore_index=True)
