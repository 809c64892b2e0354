"""One Evidently report: where it differs from us and why, both verdicts in a table, the page itself, and the files."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

import streamlit as st

from dashboard import loading_risk
from dashboard.labels import plain
from dashboard.report_words import basis, differences, headline, judged, table, whole

if TYPE_CHECKING:
    from pipeline.monitoring.evidently_store import Report

FRAME_HEIGHT: Final = 900
"""Pixels; the report scrolls inside."""


def show_report(report: "Report") -> None:
    """Draw a finished report; the page itself, five megabytes, is sent when it is asked for."""
    icon = ":material/rule:" if report.n_differ else ":material/check_circle:"
    st.markdown(f"#### {icon} {headline(report)}", anchors=False)
    st.markdown(f":gray[{plain(basis(report))}]")
    st.markdown(differences(report))
    for sentence in filter(None, (whole(report), judged(report), *report.notes)):
        st.markdown(plain(sentence))
    _table(report)
    _files(report)
    if st.toggle("Show the full report here", key="evidently_frame", bind="query-params"):
        st.iframe(
            loading_risk.framed_report(str(report.html)), height=FRAME_HEIGHT, alt="Evidently's report, in a frame of its own"
        )
    st.caption(plain(report.filed))


def _table(report: "Report") -> None:
    numbers = {
        name: st.column_config.NumberColumn(format="%.3f") for name in ("Our PSI", "Value", "Warns at", "Evidently's PSI")
    }
    st.dataframe(table(report), hide_index=True, column_config=numbers, key="evidently_table")


def _files(report: "Report") -> None:
    with st.container(horizontal=True):
        _file(report, report.html, "Report (HTML)", "text/html")
        _file(report, report.json, "Numbers (JSON)", "application/json")


def _file(report: "Report", path: Path, label: str, kind: str) -> None:
    name = f"{report.project}-evidently-{report.first}-{report.last}{path.suffix}"
    st.download_button(
        label, path.read_bytes, name, kind, key=f"download_evidently_{path.suffix[1:]}", icon=":material/download:",
        type="tertiary", on_click="ignore",
    )  # fmt: skip
