"""What came of a file: the PDs in one picture, decisions and money in a table, and the two files to take away."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.charts.batch import WORDS, distribution_chart
from dashboard.components.downloads import download
from dashboard.labels import money, number, percent, plain
from dashboard.loading_desk import Release

if TYPE_CHECKING:
    from pipeline.serving.batch import BatchResult
    from pipeline.serving.batch_tally import Summary


def batch_files(result: "BatchResult") -> None:
    """Offer the decided rows, and the refused ones with what is wrong in each; a file is read when it is asked for."""
    summary = result.summary
    with st.container(horizontal=True):
        if summary.n_decided:
            _file(f"{summary.n_decided:,} decisions (CSV)", result.decisions, "batch_decisions", primary=True)
        if summary.n_refused:
            _file(f"{summary.n_refused:,} refused rows, and why (CSV)", result.refused, "batch_refused", primary=False)


def batch_result(result: "BatchResult", release: Release) -> None:
    """Draw the picture and the table of a finished file."""
    summary, policy = result.summary, release.policy
    if not summary.n_decided:
        return
    left, right = st.columns([3, 2], gap="medium")
    with left:
        one_version = policy is not None and set(summary.versions) == {policy.model_version}
        cutoffs = (policy.approve_below, policy.decline_above) if policy is not None and one_version else None
        title = said_spread(summary)
        st.plotly_chart(
            distribution_chart(summary.distribution, cutoffs, title), key="batch_distribution", alt=f"Applicants by PD. {title}"
        )
    with right:
        table = outcome_table(summary)
        st.table(table.set_index("Of those"))
        st.caption(said_money(summary))
        download(table, "summary.csv", "batch_summary")
    for note in result.notes:
        st.caption(plain(note))


def said_spread(summary: "Summary") -> str:
    """Say at what PD the middle of all applicants lies."""
    counts = summary.distribution[list(WORDS)].sum(axis=1)
    is_half = (counts.cumsum() >= counts.sum() / 2).to_numpy()
    return f"Half of the applicants have a PD below {100 * summary.distribution['upper'][is_half].iloc[0]:.0f} %"


def outcome_table(summary: "Summary") -> pd.DataFrame:
    """Return a column per decision: applicants, share, mean PD, and what they ask for and are expected to lose."""
    parts = {WORDS[name]: part for name, part in summary.parts.items() if part.n}
    rows = {
        "Applicants": [number(part.n, 0) for part in parts.values()],
        "Share": [percent(part.n / summary.n_decided) for part in parts.values()],
        "Mean PD": [percent(part.mean_pd) for part in parts.values()],
        f"Amount ({summary.currency})": [money(part.amount) for part in parts.values()],
        f"Expected loss ({summary.currency})": [money(part.expected_loss) for part in parts.values()],
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(parts)).rename_axis("Of those").reset_index()


def said_money(summary: "Summary") -> str:
    """Say how the money was reckoned and by whom it was decided."""
    versions = " and ".join(f"version {version} ({number(n, 0)})" for version, n in summary.versions.items())
    return (
        f"Expected loss = PD x amount x LGD ({percent(summary.lgd, 0)}); for those not approved it is what lending to them "
        f"would have lost. Decided by {versions}."
    )


def _file(label: str, path: Path, key: str, *, primary: bool) -> None:
    st.download_button(
        label, path.read_bytes, path.name, "text/csv", key=key, on_click="ignore", icon=":material/download:",
        type="primary" if primary else "secondary",
    )  # fmt: skip
