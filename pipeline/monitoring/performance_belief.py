"""What is believed of loans without outcomes: their PDs, put right by what the run's test rows showed, and how sure that is."""

from dataclasses import dataclass

import numpy as np
from pandas import DataFrame

from pipeline.evaluation.inputs import FloatArray
from pipeline.monitoring.performance_book import Book


@dataclass(frozen=True, eq=False)
class Belief:
    """Chances of default, shape (n,), and the errors of their log-odds, shape (n, k), as `estimate_performance` takes them."""

    pd: FloatArray
    errors: FloatArray


def belief(book: Book, rows: DataFrame) -> Belief:
    """Return what the PDs of these loans say, each policy's by the calibration of its own run; no outcome here is used."""
    pds = rows["pd"].to_numpy(dtype=np.float64)
    places = rows.groupby("policy_id").indices
    chances, errors = np.zeros(len(rows)), np.zeros((len(rows), 2 * len(places)))
    for i, (policy, at) in enumerate(places.items()):
        calibration = book.promises[str(policy)].calibration
        chances[at] = calibration.apply(pds[at])
        errors[at, 2 * i : 2 * i + 2] = calibration.errors(pds[at])
    return Belief(chances, errors)
