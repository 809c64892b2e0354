"""What leaves the dashboard as a file: CSV in which no cell of foreign text can run as a spreadsheet's formula."""

import re
from typing import Final

import pandas as pd

_RUNS_AS_FORMULA: Final = re.compile(r"^\s*[=+\-@＝＋－＠\t\r|%]")
"""Signs that Excel, LibreOffice or Google Sheets read as the start of a formula, command or control, also in full width."""


def as_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; text that a spreadsheet would run is led by an apostrophe (OWASP, CSV injection)."""
    made = pd.DataFrame({i: table.iloc[:, i].map(inert) for i in range(table.shape[1])})
    made.columns = pd.Index([str(inert(str(name))) for name in table.columns])
    return str(made.to_csv(index=False))


def inert(cell: object) -> object:
    """Return a cell so that a spreadsheet shows it; numbers, times and harmless text stay as they are."""
    return f"'{cell}" if isinstance(cell, str) and _RUNS_AS_FORMULA.match(cell) else cell
