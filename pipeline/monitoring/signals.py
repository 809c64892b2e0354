"""What watchers measure and rules judge: one table for all four layers."""

from collections.abc import Iterable
from typing import Final

import pandas as pd

from pipeline import contract

SIGNAL_COLUMNS: Final = ("layer", "measure", "subject", "period", "value", "n", "note")
"""One row per thing measured.

layer: of `contract.LAYERS`; measure: of `MEASURES`; subject: the feature, grade, field or segment, "" for the whole;
period: first day of the period, ISO; value: float, NaN where it is not computable, then ``note`` says why; n: rows behind it.
"""

MEASURES: Final = contract.MEASURES
"""Each measure and its layer."""


def signal_table(rows: Iterable[tuple[str, str, str, float, int, str]]) -> pd.DataFrame:
    """Return signals from (measure, subject, period, value, n, note); the layer follows from the measure.

    Raises KeyError for a measure that nobody knows.
    """
    made = [(MEASURES[measure], measure, *rest) for measure, *rest in rows]
    return pd.DataFrame(made, columns=list(SIGNAL_COLUMNS)).astype({"value": float, "n": int})
