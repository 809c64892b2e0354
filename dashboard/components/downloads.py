"""The table behind a picture, as a file."""

import pandas as pd
import streamlit as st

from dashboard.download import as_csv


def download(table: pd.DataFrame, file: str, key: str) -> None:
    """Offer a table as CSV; downloading draws nothing anew."""
    st.download_button(
        "Table (CSV)", as_csv(table), file, "text/csv", key=f"download_{key}", icon=":material/download:", type="tertiary",
        on_click="ignore",
    )  # fmt: skip
