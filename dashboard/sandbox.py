"""A foreign page inside ours, from where its scripts reach nothing."""

import html
from typing import Final

_MAY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; worker-src blob:"
)
_STYLE: Final = (
    "html,body,div{margin:0;width:100%;height:100%}div{overflow-x:auto;overflow-y:hidden}"
    "iframe{display:block;border:0;background:#fff;width:133.34%;height:133.34%;min-width:1200px;"
    "transform:scale(.75);transform-origin:0 0}"
)
"""Evidently's page needs 1,200 pixels: it is drawn at three quarters, and scrolls within its frame where that is too wide."""


def sandboxed(page: str, title: str = "Evidently report") -> str:
    """Return a small page of ours that shows a foreign one in a frame without an origin and without a network.

    Streamlit's own frame allows the same origin: a script in it could read the app, its cookies and its connection. Inside it
    the foreign page gets a frame that allows scripts alone; it inherits the policy by which nothing may be fetched or sent.
    """
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_MAY}">'
    head = f'<head><meta charset="utf-8">{policy}<style>{_STYLE}</style></head>'
    frame = f'<iframe sandbox="allow-scripts" title="{html.escape(title)}" srcdoc="{html.escape(page)}"></iframe>'
    return f'<!doctype html><html lang="en">{head}<body><div>{frame}</div></body></html>'
