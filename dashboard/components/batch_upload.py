"""Drop a file, and what must be in it."""

from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from dashboard.components.downloads import download
from dashboard.labels import number
from pipeline.project import Feature, ProjectConfig

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile


def upload() -> "UploadedFile | None":
    """Take one file of any name: what it is, its content says, and in better words than its ending would."""
    return st.file_uploader(
        "CSV (also gzip) or Parquet, one applicant a row", key="batch_file",
        help="Commas between cells, points in numbers, UTF-8. The first line names the columns; their order does not matter.",
    )  # fmt: skip


def needed_columns(config: ProjectConfig) -> None:
    """List the columns a file needs, with an empty one to fill in."""
    with st.expander(f"The {len(config.features)} columns a file needs", icon=":material/view_column:"):
        st.table(columns_table(config).set_index("Column"))  # a dataframe inside a closed expander never stops loading
        names = [*([config.data.id] if config.data.id else []), *config.feature_names]
        example = {feature.name: feature.default for feature in config.features}
        download(pd.DataFrame([example], columns=names), f"{config.name}-applicants.csv", "batch_template")


def columns_table(config: ProjectConfig) -> pd.DataFrame:
    """Return a row per column: its name, what it is, what may stand in it, and whether it may be empty."""
    rows = [(f.name, f.label, _allowed(f), "yes" if f.max_missing > 0 or f.missing else "no") for f in config.features]
    if config.data.id:
        rows.insert(0, (config.data.id, "Applicant's id", "text, kept with the decision; not needed", "yes"))
    return pd.DataFrame(rows, columns=["Column", "What it is", "May be", "May be empty"])


def _allowed(feature: Feature) -> str:
    if feature.kind == "boolean":
        return "true or false"
    if feature.kind == "category":
        return ", ".join(str(choice) for choice in feature.choices)
    kind = "whole number" if feature.integer else "number"
    if feature.range is None:
        return kind
    lowest, highest = (number(end, 0 if float(end).is_integer() else 2) for end in feature.range)
    return f"{kind} from {lowest} to {highest}" + (f" {feature.unit}" if feature.unit else "")
