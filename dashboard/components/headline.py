"""The live model in four numbers, and the pair of model and policy that decides."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from dashboard.labels import cutoff as said_cutoff
from dashboard.labels import interval, label_of, moment, number, percent, plain, short, short_money
from dashboard.loading_desk import Release
from dashboard.worth import Worth
from pipeline import contract


@dataclass(frozen=True)
class Figure:
    """One headline figure: its label, value, what stands under it, and help."""

    label: str
    value: str
    under: str
    help: str


def figures(run: pd.Series, worth: Worth | None) -> Sequence[Figure]:
    """Recall and F1 with intervals and n, the cut-off, and money against approving everybody."""
    n = float(run[contract.metric_key(contract.TEST, "n")])
    shown = []
    for metric in ("recall", "f1"):
        value, lo, hi = (float(run[contract.metric_key(contract.TEST, metric, bound)]) for bound in ("", "lo", "hi"))
        shown.append(
            Figure(
                f"{label_of(metric).text} on test",
                number(value),
                f"{interval(lo, hi)}, n = {number(n, 0)}",
                label_of(metric).help,
            )
        )
    if worth is not None:
        under = f"[{short_money(worth.lo)}, {short_money(worth.hi)}], n = {number(worth.n, 0)}"
        text = "What the model saves against approving everybody, at the costs of the policy, on test rows."
        shown.append(Figure("Saved per 1,000 applications", short_money(worth.saved, worth.currency), under, text))
        shown.append(
            Figure(
                "Decline from PD",
                said_cutoff(worth.cutoff),
                f"approves {percent(worth.approval_rate)} ",
                label_of("cutoff").help,
            )
        )
    return shown


def headline(run: pd.Series, worth: Worth | None) -> None:
    """Draw the figures side by side; on a phone one under the other."""
    shown = figures(run, worth)
    for place, figure in zip(st.columns(len(shown)), shown, strict=True):
        place.metric(
            figure.label,
            figure.value,
            help=figure.help,
            border=True,
            delta=figure.under,
            delta_color="off",
            delta_arrow="off",
            height="stretch",
        )


def live_pair(release: Release) -> None:
    """Say since when and by whom the pair is live, and both cut-offs; nothing before the first release."""
    live, policy = release.live, release.policy
    if live is None or policy is None:
        return
    band = (
        f"approve below a PD of {percent(policy.approve_below)}, decline from {percent(policy.decline_above)}, review between"
        if policy.approve_below < policy.decline_above
        else f"approve below a PD of {percent(policy.approve_below)}, decline from it"
    )
    st.markdown(
        f"Live since **{moment(live.since)}**, by **{plain(release.approver)}** (name typed, not verified): model version "
        f"{live.model_version}, run `{short(live.run_id)}`, policy {policy.number} by {plain(policy.author)}: {band}. "
        f"Why: {plain(policy.rationale)}"
    )
