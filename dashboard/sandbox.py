"""A foreign page inside ours, from where its scripts reach nothing."""

import html
from typing import Final

_MAY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; "
    "font-src data:; worker-src blob:"
)
_STYLE: Final = (
    "html,body,div,iframe{margin:0;border:0;padding:0;width:100%;height:100%;display:block}"
    "div{overflow-x:auto;overflow-y:hidden}iframe{min-width:1200px;background:#fff}"
)
"""The page needs so much width; where there is less it scrolls within its frame, and the app does not."""


def sandboxed(page: str, title: str = "Evidently report") -> str:
    """Return a small page of ours that shows a foreign one in a frame without an origin and without a network.

    Streamlit's own frame allows the same origin: a script in it could read the app, its cookies and its connection. Inside it
    the foreign page gets a frame that allows scripts alone; it inherits the policy by which nothing may be fetched or sent.
    """
    policy = f'<meta http-equiv="Content-Security-Policy" content="{_MAY}">'
    head = f'<head><meta charset="utf-8">{policy}<style>{_STYLE}</style></head>'
    frame = f'<iframe sandbox="allow-scripts" title="{html.escape(title)}" srcdoc="{html.escape(page)}"></iframe>'
    return f'<!doctype html><html lang="en">{head}<body><div>{frame}</div></body></html>'
