"""The form of one applicant, made from the project's TOML, in the order a person would ask."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Literal

import streamlit as st

from dashboard.application import EXAMPLES
from dashboard.components.applicant_fields import APPLICANT_ID, field, key_of, seed
from dashboard.labels import plain
from pipeline.project import ProjectConfig

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

DEFAULTS: Final = "Defaults"
MOST_LETTERS: Final = 100


def applicant_form(
    config: ProjectConfig, faults: Mapping[str, str], on_score: Callable[[], None], on_example: Callable[[str], None]
) -> "DeltaGenerator":
    """Draw examples, one field per feature in the project's order, and the button; faults stand under their fields.

    Returns a place beside the button, which stays in sight on a phone.
    """
    seed(config)
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="examples"):
        st.caption("Fill in", width="content")
        for name in (*EXAMPLES, DEFAULTS):
            st.button(name, key=f"example_{name}", type="tertiary", on_click=on_example, args=(name,))
    with st.form("applicant", border=True, enter_to_submit=True):
        for first in range(0, len(config.features), 2):
            _two_fields(config, first, faults)
        st.text_input(
            "Application number (optional)", key=key_of(config, APPLICANT_ID), max_chars=MOST_LETTERS,
            help="Kept with the decision, so that the outcome can be joined to it later. The model never sees it.",
        )  # fmt: skip
        with st.container(key="score_bar"):
            st.form_submit_button(
                "Score and record", key="score", type="primary", icon=":material/bolt:", on_click=on_score, width="stretch"
            )
            return st.container(key="score_said")


def _two_fields(config: ProjectConfig, first: int, faults: Mapping[str, str]) -> None:
    """A label of two lines must not push its neighbour down; a fault under a field must not either."""
    features = config.features[first : first + 2]
    side: Literal["top", "bottom"] = "top" if any(f.name in faults for f in features) else "bottom"
    for place, feature in zip(st.columns(2, gap="small", vertical_alignment=side), features, strict=False):
        with place:
            field(feature, key_of(config, feature.name))
            if feature.name in faults:
                st.caption(f":red[:material/error: {plain(faults[feature.name])}]")
