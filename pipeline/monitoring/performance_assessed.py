"""All that the Performance page shows, computed once from a book."""

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from pandas import DataFrame, Timestamp

from pipeline.evaluation.drift import drift_table
from pipeline.monitoring.baseline import Baseline
from pipeline.monitoring.performance_advice import Advised, advice_on, recent_matured
from pipeline.monitoring.performance_book import Book
from pipeline.monitoring.performance_metrics import (
    curves,
    estimated,
    past_estimates,
    pooled_estimate,
    pooled_realised,
    realised,
    record_of,
)
from pipeline.monitoring.performance_money import cost_promised, money_by_vintage
from pipeline.monitoring.performance_promise import Promise

DRIFT_MONTHS: Final = 3


@dataclass(frozen=True, eq=False)
class Assessed:
    """A book judged: by vintage, together, by grade, in money, and what it advises."""

    book: Book
    realised: DataFrame = field(repr=False)
    """`performance_metrics.COLUMNS`, matured vintages."""
    past: DataFrame = field(repr=False)
    """The same, what the PDs alone had expected of them."""
    ahead: DataFrame = field(repr=False)
    """The same, what they expect of vintages that have not matured."""
    record: DataFrame = field(repr=False)
    """How past estimates fared, as `estimate.track_record`."""
    recent: DataFrame = field(repr=False)
    """Realised over the loans of the advice together: metric, value, lo, hi, n, note."""
    waiting: DataFrame = field(repr=False)
    """Expected of all loans that have not matured together, likewise."""
    curves: DataFrame = field(repr=False)
    money: DataFrame = field(repr=False)
    advised: Advised
    promise: Promise
    """Of the policy that decided last."""
    test: DataFrame = field(repr=False)
    """That policy on the run's test rows, over the decisions whose outcomes can be known: metric, value, lo, hi."""
    promised_cost: float
    """What that policy was promised to lose to wrong decisions per 1,000."""


def assess(book: Book, drift: DataFrame | None = None) -> Assessed:
    """Judge a book; drift: as `recent_drift` gives it, for the evidence of the advice."""
    past, found, recent = past_estimates(book), realised(book), recent_matured(book)
    last = book.loans.tail(1)
    promise = book.promises[str(last["policy_id"].iloc[0])]
    return Assessed(
        book=book,
        realised=found,
        past=past,
        ahead=estimated(book, book.waiting),
        record=record_of(past, found),
        recent=pooled_realised(book, recent),
        waiting=pooled_estimate(book, book.waiting),
        curves=curves(book),
        money=money_by_vintage(book),
        advised=advice_on(book, drift),
        promise=promise,
        test=promise.on_test(book.measured_on),
        promised_cost=cost_promised(book, last),
    )


def recent_window(book: Book) -> tuple[int, date, date]:
    """Return the version that decided last, and the days of its last `DRIFT_MONTHS` calendar months with decisions."""
    version = int(book.loans["model_version"].iloc[-1])
    mine = book.loans[book.loans["model_version"] == version]
    vintages = sorted(mine["vintage"].unique())[-DRIFT_MONTHS:]
    return version, Timestamp(vintages[0]).date(), Timestamp(mine["decided_at"].max()).date()


def recent_drift(baseline: Baseline, counts: DataFrame) -> DataFrame:
    """Return `drift.drift_table` of the inputs over a whole window against development.

    counts: of the window, one segment, as `profiles.read_counts` returns them; those of other versions are left out.
    """
    inputs = list(baseline.config.feature_names)
    reference = baseline.reference[baseline.reference["feature"].isin(inputs)]
    mine = counts[(counts["model_version"] == baseline.version) & counts["feature"].isin(inputs)]
    rules = baseline.config.monitoring
    return drift_table(reference, mine, (), rules.min_rows, rules.psi_warn, rules.psi_alert)
