"""Figures for a file that stands alone: the library once, each figure as JSON that cannot end its script."""

import json
from functools import cache
from typing import Any, Final

import plotly.graph_objects as go
from plotly.io import to_json
from plotly.offline import get_plotlyjs

PRINT_WIDTH: Final = 700
"""Pixels that fit an A4 page within its margins."""


@cache
def library() -> str:
    """Return the source of plotly.js."""
    return str(get_plotlyjs())


def figure_json(figure: go.Figure, width: int = PRINT_WIDTH) -> str:
    """Return a figure as JSON on white paper at a fixed width, with ``<`` escaped so that no text can leave the script."""
    printed = go.Figure(figure).update_layout(
        template="plotly_white", width=width, paper_bgcolor="white", plot_bgcolor="white", font={"family": "sans-serif"}
    )
    parsed: dict[str, Any] = json.loads(to_json(printed))
    text = json.dumps(parsed, ensure_ascii=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
