"""Do nothing, recalibrate or retrain: the advice on the model from the vintages that matured last."""

import math
from dataclasses import dataclass
from typing import Final

from pandas import DataFrame, Timestamp

from pipeline.evaluation.advice import Advice, Measured, advise
from pipeline.monitoring.performance_book import Book
from pipeline.monitoring.performance_metrics import grades, measured, pooled_estimate, pooled_realised

ENOUGH_DEFAULTS: Final = 1000
"""With so many AUC is known to about 0.01 either way; more vintages would only average a change of the last months away."""
MOST_VINTAGES: Final = 12


@dataclass(frozen=True, eq=False)
class Advised:
    """The advice and what it rests on: loans of one model version, of the vintages that matured last."""

    advice: Advice
    version: int | None
    """The model version that was judged; None where no loan has matured."""
    vintages: tuple[Timestamp, ...]
    n: int
    grades: DataFrame
    """As `grades.grade_table` of those loans."""


def recent_matured(book: Book) -> DataFrame:
    """Return the matured loans that the advice rests on, all of the newest model version that has any.

    As few of its newest vintages as hold `ENOUGH_DEFAULTS`, at most `MOST_VINTAGES`.
    """
    loans = book.matured
    if loans.empty:
        return loans
    mine: DataFrame = loans[loans["model_version"] == loans["model_version"].max()]
    defaults = mine.groupby("vintage")["y"].sum().sort_index(ascending=False).head(MOST_VINTAGES)
    known_before = defaults.cumsum() - defaults
    return mine.loc[mine["vintage"].isin(defaults.index[known_before < ENOUGH_DEFAULTS])]


def advice_on(book: Book, drift: DataFrame | None = None) -> Advised:
    """Return what to do with the model, with the evidence; see `advice.advise`.

    drift: as `drift.drift_table` of the latest inputs, None where it is not at hand: it is evidence only.
    """
    loans = recent_matured(book)
    table = grades(book, loans)
    if loans.empty:
        nothing = Measured(math.nan, math.nan, math.nan)
        return Advised(advise(table, nothing, nothing, drift), None, (), 0, table)
    version = int(loans["model_version"].iloc[0])
    before = auc_at_release(book, str(loans["policy_id"].iloc[-1]))
    now = measured(pooled_realised(book, loans), "roc_auc")
    expected = measured(pooled_estimate(book, loans), "roc_auc")
    vintages = tuple(Timestamp(v) for v in sorted(loans["vintage"].unique()))
    return Advised(advise(table, before, now, drift, expected), version, vintages, len(loans), table)


def auc_at_release(book: Book, policy_id: str) -> Measured:
    """Return the AUC on test when a policy was approved, over the decisions whose outcomes can be known; NaN without rows."""
    return measured(book.promises[policy_id].on_test(book.measured_on), "roc_auc")
