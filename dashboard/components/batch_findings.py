"""A file as understood: its first rows, and what is wrong with which."""

from typing import TYPE_CHECKING, Final

import pandas as pd
import streamlit as st

from dashboard.components.downloads import download
from dashboard.labels import NOT_KNOWN, plain
from pipeline.project import ProjectConfig

if TYPE_CHECKING:
    from pipeline.serving.batch_check import Findings

MOST_UNSCROLLED: Final = 6
SCROLLED_PX: Final = 320


def batch_findings(found: "Findings", config: ProjectConfig, *, with_preview: bool) -> None:
    """Draw what is wrong, then the first good rows if wanted; what was ignored stands below."""
    if len(found.faults):
        n_rows = found.faults["row"].nunique()
        more = f", the first {n_rows:,} of {found.n_refused:,} rows" if n_rows < found.n_refused else ""
        st.markdown(f"**What is wrong{more}** :gray[· row 1 is the first below the header]")
        wrong = found.faults[["row", "message"]].rename(columns={"row": "Row", "message": "What is wrong"})
        shown = wrong.assign(**{"What is wrong": wrong["What is wrong"].map(plain)}).set_index("Row")
        with st.container(height=SCROLLED_PX if len(wrong) > MOST_UNSCROLLED else "content", border=False):
            st.table(shown)  # not a dataframe: on a phone the sentences must wrap
        download(wrong, "what-is-wrong.csv", "batch_faults")
    if with_preview and len(found.preview):
        st.markdown(f"**The first {len(found.preview)} good rows as understood**")
        st.dataframe(understood(found.preview, config), key="batch_preview", hide_index=True)
    for note in found.notes:
        st.caption(plain(note))


def understood(preview: pd.DataFrame, config: ProjectConfig) -> pd.DataFrame:
    """Return the preview in words: labels and units above, choices and yes or no by name, a dash where nothing is known."""
    columns: dict[str, pd.Series] = {"Row": preview["row"]}
    if preview["applicant_id"].notna().any():
        columns["Applicant"] = preview["applicant_id"]
    for feature in config.features:
        values = preview[feature.name]
        if feature.kind == "category":
            names = dict(zip(map(str, feature.choices), feature.choice_labels, strict=False))
            shown = values.map(lambda value, names=names: names.get(value, value))
        elif feature.kind == "boolean":
            shown = values.map({0.0: "no", 1.0: "yes"})
        else:
            shown = values.map(lambda value: f"{value:,.10g}", na_action="ignore")
        label = f"{feature.label} ({feature.unit})" if feature.unit else feature.label
        columns[label] = shown.astype(object).where(values.notna(), NOT_KNOWN)
    return pd.DataFrame(columns)
