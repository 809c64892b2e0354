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

MEASURES: Final = {
    # service
    "volume": contract.LAYER_SERVICE,
    "latency_p50_ms": contract.LAYER_SERVICE,
    "latency_p95_ms": contract.LAYER_SERVICE,
    "latency_p99_ms": contract.LAYER_SERVICE,
    "error_share": contract.LAYER_SERVICE,
    "refused_share": contract.LAYER_SERVICE,
    "shadow_disagreement": contract.LAYER_SERVICE,
    "store_fault": contract.LAYER_SERVICE,
    # data
    "psi": contract.LAYER_DATA,
    "missing": contract.LAYER_DATA,
    "missing_rise": contract.LAYER_DATA,
    "unseen": contract.LAYER_DATA,
    "out_of_range": contract.LAYER_DATA,
    "constant": contract.LAYER_DATA,
    # model
    "pd_psi": contract.LAYER_MODEL,
    "estimated_f1": contract.LAYER_MODEL,
    "estimated_recall": contract.LAYER_MODEL,
    "realised_f1": contract.LAYER_MODEL,
    "realised_recall": contract.LAYER_MODEL,
    "realised_auc": contract.LAYER_MODEL,
    "auc_drop": contract.LAYER_MODEL,
    "actual_to_expected": contract.LAYER_MODEL,
    "calibration_p": contract.LAYER_MODEL,
    "grades_red": contract.LAYER_MODEL,
    # business
    "approval_rate_change": contract.LAYER_BUSINESS,
    "expected_default_change": contract.LAYER_BUSINESS,
    "expected_loss_change": contract.LAYER_BUSINESS,
    "money_shortfall": contract.LAYER_BUSINESS,
}
"""Each measure and its layer. ``*_change`` and ``*_rise`` are differences to the reference in the unit of the rate, signed;
``constant`` is 1 where a column that used to vary has one value only; ``store_fault`` counts what is wrong with store or model;
``calibration_p`` is the chance of so many defaults or more when the PDs are right; ``money_shortfall`` is promised less
realised, as a share of what was promised."""


def signal_table(rows: Iterable[tuple[str, str, str, float, int, str]]) -> pd.DataFrame:
    """Return signals from (measure, subject, period, value, n, note); the layer follows from the measure.

    Raises KeyError for a measure that nobody knows.
    """
    made = [(MEASURES[measure], measure, *rest) for measure, *rest in rows]
    return pd.DataFrame(made, columns=list(SIGNAL_COLUMNS)).astype({"value": float, "n": int})
