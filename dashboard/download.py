"""What leaves the dashboard as a file: CSV in which no cell of foreign text can run as a spreadsheet's formula."""

import pandas as pd

from pipeline.spreadsheet import inert

__all__ = ["as_csv", "inert"]


def as_csv(table: pd.DataFrame) -> str:
    """Return a table as CSV; text that a spreadsheet would run is led by an apostrophe (OWASP, CSV injection)."""
    made = pd.DataFrame({i: table.iloc[:, i].map(inert) for i in range(table.shape[1])})
    made.columns = pd.Index([str(inert(str(name))) for name in table.columns])
    return str(made.to_csv(index=False))
