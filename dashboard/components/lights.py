"""Four lights, each with the sentence behind it and the page that shows more."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from dashboard.light_words import BAD, GOOD, LOOK, UNKNOWN, Light

_SIGNS: Final = {
    GOOD: (":green[:material/check_circle:]", "Good"),
    LOOK: (":orange[:material/warning:]", "Look"),
    BAD: (":red[:material/error:]", "Act"),
    UNKNOWN: (":gray[:material/help:]", "Not known"),
}


def lights(shown: Sequence[Light]) -> None:
    """Draw the lights side by side; a word stands beside each colour."""
    for place, light in zip(st.columns(len(shown)), shown, strict=True):
        sign, word = _SIGNS[light.state]
        page, label = light.page
        with place.container(border=True, height="stretch", key=f"light_{light.name.lower()}"):
            st.markdown(f"{sign} **{light.name}** · {word}  \n:gray[{light.sentence}]")
            st.page_link(page, label=label, icon=":material/arrow_forward:", query_params=dict(light.choices))
