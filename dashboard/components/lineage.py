"""What a run is made of: parameters, hashes, project file, model card, and the command that makes it again."""

import difflib
import json
import re

import pandas as pd
import streamlit as st

from dashboard import loading
from dashboard.labels import NOT_KNOWN, moment, number
from pipeline import contract

_HASHES = {
    "Git commit": "git_commit", "Uncommitted changes": "git_dirty", "Data (sha256)": "data_sha256",
    "Test rows (sha256)": "test_sha256", "Validation rows (sha256)": "valid_sha256", "Lock file (sha256)": "lock_sha256",
    "Project file (sha256)": "project_sha256", "Model (sha256)": "model_sha256", "Seed": "seed",
    "Calibration": "calibration", "Cut-off rule": "cutoff_rule", "Bake-off": "bakeoff", "MLflow run": "run_id",
    "MLflow parent run": "parent_run_id",
}  # fmt: skip


def lineage(run: pd.Series, champion: str) -> None:
    """Draw where the run comes from, how to make it again, and how its project file differs from the live model's."""
    run_id = str(run["run_id"])
    st.markdown("Made again to the last digit by:")
    st.code(f"python -m pipeline reproduce {run_id}", language="bash")
    page = loading.mlflow_page(run_id)
    if page:
        st.link_button("Open in MLflow", page, icon=":material/open_in_new:", type="tertiary")
    st.dataframe(lineage_table(run), hide_index=True, alt="Lineage of the run", height="content")
    text = loading.optional_text(run_id, contract.ARTIFACT_PROJECT)
    if champion and champion != run_id:
        _changes(loading.optional_text(champion, contract.ARTIFACT_PROJECT), text)
    with st.expander("Project file as it was", icon=":material/description:"):
        st.code(text or "this run has none", language="toml")


def project_diff(before: str, after: str) -> str:
    """Return what changed between two project files as a unified diff, "" when nothing did."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "live model", "this run", lineterm="", n=2)
    return "\n".join(lines)


def _changes(before: str | None, after: str | None) -> None:
    if before is None or after is None:
        st.caption("One of this run and the live one has no project file, so they cannot be set against each other.")
        return
    changed = project_diff(before, after)
    if not changed:
        st.markdown(":material/check: The project file is the same as the live model's.")
        return
    st.markdown("The project file differs from the live model's:")
    st.code(changed, language="diff")


def lineage_table(run: pd.Series) -> pd.DataFrame:
    """Return what and value for every piece of lineage; a dash marks what the run does not say."""
    rows = [
        {"What": "Trained", "Value": moment(run["start"])},
        {"What": "Training time", "Value": f"{number(run['fit_seconds'], 1)} s"},
    ]
    rows += [{"What": what, "Value": str(run[column]) or NOT_KNOWN} for what, column in _HASHES.items()]
    return pd.DataFrame(rows)


def parameters(run: pd.Series) -> None:
    """Draw the model's parameters as text."""
    found = json.loads(run["params"])
    if not found:
        st.caption("This run logged no parameters.")
        return
    st.dataframe(pd.DataFrame({"Parameter": list(found), "Value": list(found.values())}), hide_index=True, alt="Parameters")


def model_card(run: pd.Series) -> None:
    """Draw the model card, its headings below the page's; images are not fetched: they would tell others who reads."""
    text = loading.optional_text(run["run_id"], contract.ARTIFACT_MODEL_CARD)
    if text is None:
        st.info("This run has no model card; train it again to have one.", icon=":material/info:")
        return
    with st.container(border=True):
        st.markdown(re.sub(r"(?m)^(#{1,2} )", r"###\1", text.replace("![", "!\\[")))
    st.download_button(
        "Model card (Markdown)", text, "model_card.md", key="download_card", icon=":material/download:", type="tertiary"
    )
