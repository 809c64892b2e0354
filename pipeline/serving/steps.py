"""The saved pipeline step by step, so that a score and its reasons share what was transformed once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from pipeline.evaluation.inputs import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Steps:
    """Applicants on their way through the pipeline (raw, columns, pd), one row each."""

    scored: pd.DataFrame
    """What is scored: numbers and ratios (NaN where missing), categories as text, one column per factor."""
    X: FloatArray
    """The matrix (n, m) of the estimator."""

    def at(self, rows: IntArray | slice) -> "Steps":
        """Return some of the rows."""
        return Steps(self.scored.iloc[rows], self.X[rows])


def through(model: Any, frame: pd.DataFrame) -> Steps:
    """Take typed rows through the first two steps of the model."""
    scored = pd.DataFrame(model.named_steps["raw"].transform(frame))
    return Steps(scored, matrix_of(model, scored))


def matrix_of(model: Any, scored: pd.DataFrame) -> FloatArray:
    """Return the matrix (n, m) of what is scored."""
    return np.asarray(model.named_steps["columns"].transform(scored), dtype=np.float64)


def pd_of_matrix(model: Any, X: FloatArray) -> FloatArray:
    """Score rows of the matrix by the last step: after `through`, the bits of ``model.predict_proba(frame)[:, 1]``."""
    return np.asarray(model.named_steps["pd"].predict_proba(X), dtype=np.float64)[:, 1]
