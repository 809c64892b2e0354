"""One HTML file that needs nothing else: pictures, numbers, assumptions and hashes for a meeting, and for the printer. Pure."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from dashboard.charts.embed import figure_json, library

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"
"""What a browser may load: nothing from outside the file."""
STYLE: Final = """
@page { size: A4; margin: 14mm }
body { font: 14px/1.45 system-ui, sans-serif; color: #1F2933; background: #fff; max-width: 720px;
  margin: 24px auto; padding: 0 12px }
h1 { font-size: 20px; margin: 0 0 8px } h2 { font-size: 15px; margin: 22px 0 6px; break-after: avoid }
.answer { font-size: 16px; font-weight: 600 } .foot { color: #5b6670; font-size: 12px; margin-top: 24px }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; break-inside: avoid }
th, td { text-align: left; padding: 3px 8px 3px 0; border-bottom: 1px solid #D5DBE1; vertical-align: top;
  overflow-wrap: anywhere }
.figure { break-inside: avoid; overflow-x: auto }
@media print { body { margin: 0; max-width: none; padding: 0 } .figure { overflow: visible } }
"""


@dataclass(frozen=True)
class Section:
    """A heading with sentences (bold as ``**text**``), Plotly figures and tables, drawn in this order."""

    title: str
    sentences: tuple[str, ...] = ()
    figures: tuple[Any, ...] = ()
    tables: tuple[pd.DataFrame, ...] = ()


def one_page(title: str, answer: str, sections: Sequence[Section], foot: str) -> str:
    """Return the whole file. Every text is escaped; figures are drawn by plotly.js, which is part of the file."""
    scripts: list[str] = []
    body = "".join(_section(section, scripts) for section in sections)
    drawing = f"<script>{library()}</script><script>{''.join(scripts)}</script>" if scripts else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><style>{STYLE}</style></head><body>"
        f'<h1>{html.escape(title)}</h1><p class="answer">{inline(answer)}</p>{body}<p class="foot">{html.escape(foot)}</p>'
        f"{drawing}</body></html>"
    )


def inline(text: str) -> str:
    """Return a sentence of the page as HTML: escaped, ``**bold**`` kept, markdown's backslashes gone."""
    literal = re.sub(r"\\([!-/:-@\[-`{-~])", lambda found: f"&#{ord(found[1])};", text)
    parts = re.split(r"(&#\d+;)", literal)
    safe = "".join(part if part.startswith("&#") else html.escape(part) for part in parts)
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe)


def _section(section: Section, scripts: list[str]) -> str:
    sentences = "".join(f"<p>{inline(sentence)}</p>" for sentence in section.sentences)
    figures = "".join(_figure(figure, scripts) for figure in section.figures)
    tables = "".join(_table(table) for table in section.tables)
    return f"<h2>{html.escape(section.title)}</h2>{sentences}{figures}{tables}"


def _figure(figure: Any, scripts: list[str]) -> str:
    name = f"figure-{len(scripts)}"
    spec = figure_json(figure)
    scripts.append(f'{{const f={spec};Plotly.newPlot("{name}",f.data,f.layout,{{staticPlot:true}})}}')
    return f'<div class="figure" id="{name}"></div>'


def _table(table: pd.DataFrame) -> str:
    head = "".join(f"<th>{html.escape(str(name))}</th>" for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in table.itertuples(index=False, name=None)
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
