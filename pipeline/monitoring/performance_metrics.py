"""How good it was on what has matured, and how good it should be on what has not: by vintage, with intervals."""

import math
from typing import Final

import numpy as np
from pandas import DataFrame, concat

from pipeline import contract
from pipeline.evaluation.advice import Measured
from pipeline.evaluation.estimate import estimate_performance, track_record
from pipeline.evaluation.grades import grade_table
from pipeline.evaluation.inputs import FloatArray
from pipeline.evaluation.months import as_dates
from pipeline.evaluation.vintages import performance_by_vintage, performance_of, vintage_curves
from pipeline.monitoring.performance_belief import belief
from pipeline.monitoring.performance_book import Book
from pipeline.monitoring.performance_money import cost_expected, cost_realised

ACTUAL_TO_EXPECTED: Final = "actual_to_expected"
OF_DECISIONS: Final = ("accuracy", "precision", "recall", "f1")
"""Need to know what the declined would have done."""
TRACKED: Final = ("f1", "recall", "precision", "roc_auc", ACTUAL_TO_EXPECTED, contract.COST)
"""What is realised, estimated, and checked afterwards."""
COLUMNS: Final = ("vintage", "metric", "value", "lo", "hi", "n", "note")
NOT_MEASURED_NOTE: Final = "not measured"
APPROVED_ONLY: Final = "not computable: what the declined would have done is not known"


def realised(book: Book) -> DataFrame:
    """Return every metric of each matured vintage: `COLUMNS`, n loans with known outcomes behind it.

    Those of the contract with bootstrap intervals, ``default_rate``, ``mean_pd``, ``actual_to_expected`` and cost per 1,000.
    A vintage that has not matured has no row. What needs the declined is NaN with a note where their outcomes do not come in.
    """
    loans = book.matured
    if loans.empty:
        return DataFrame(columns=list(COLUMNS))
    table = performance_by_vintage(
        loans["decided_at"], loans["y"], loans["pd"], decided_at_cutoff(loans), book.as_of, book.outcome_months,
        loans["known_at"],
    )  # fmt: skip
    table = table.assign(n=table["n_known"], note="")[list(COLUMNS)]
    money = [_money_row(vintage, part, *cost_realised(book, part)) for vintage, part in loans.groupby("vintage", sort=True)]
    whole = concat([table, DataFrame(money, columns=list(COLUMNS))], ignore_index=True)
    return _without_decisions(whole) if book.is_approved_only else whole


def estimated(book: Book, rows: DataFrame) -> DataFrame:
    """Return what the PDs alone expect of each vintage of these loans: `COLUMNS`, with 95 % intervals.

    PDs are taken as the run's test rows put them right (`performance_belief`). Nothing of the loans' outcomes is used, whatever
    is known already. See `estimate.CAVEAT`.
    """
    tables = [_estimate(book, part).assign(vintage=vintage) for vintage, part in rows.groupby("vintage", sort=True)]
    return concat(tables, ignore_index=True)[list(COLUMNS)] if tables else DataFrame(columns=list(COLUMNS))


def pooled_estimate(book: Book, rows: DataFrame) -> DataFrame:
    """Return the same over all these loans together: metric, value, lo, hi, n, note."""
    return _estimate(book, rows)


def pooled_realised(book: Book, rows: DataFrame) -> DataFrame:
    """Return what is realised over all these loans together, outcomes known: metric, value, lo, hi, n, note."""
    table = performance_of(rows["y"], rows["pd"], rows["is_declined"]).assign(note="")
    cost, note = cost_realised(book, rows)
    row = {"metric": contract.COST, "value": cost.value, "lo": cost.lo, "hi": cost.hi, "note": note}
    whole = concat([table, DataFrame([row])], ignore_index=True).assign(n=len(rows))
    return _without_decisions(whole) if book.is_approved_only else whole


def past_estimates(book: Book) -> DataFrame:
    """Return, for vintages that have matured, what their PDs alone had expected of the very loans that were measured.

    Left out are vintages of the months on which the run was tested: their own outcomes put the PDs right.
    """
    loans = book.matured
    tested = {policy: promise.tested_until for policy, promise in book.promises.items()}
    until = as_dates(loans["policy_id"].map(tested))
    is_tested = np.asarray(as_dates(loans["vintage"]) <= until)
    return estimated(book, loans[~loans["vintage"].isin(loans["vintage"][is_tested].unique())])


def record_of(past: DataFrame, found: DataFrame) -> DataFrame:
    """Return how past estimates fared, as `estimate.track_record`, for `TRACKED`."""
    expected, came = (table[table["metric"].isin(TRACKED)] for table in (past, found))
    return track_record(expected, came, by=("vintage",))


def curves(book: Book) -> DataFrame:
    """Return `vintage_curves` of the measured loans, to the month at which outcomes are known."""
    loans = book.measured
    return vintage_curves(loans["decided_at"], loans["y"], loans["known_at"], book.as_of, book.outcome_months)


def grades(book: Book, rows: DataFrame) -> DataFrame:
    """Return `grade_table` of loans with known outcomes, every grade of the product in its order."""
    names = rows["grade"].fillna("(none)").astype(str)
    order = [*book.config.underwriting.grades]
    return grade_table(names, rows["y"], rows["pd"], [*order, *sorted(set(names) - set(order))])


def decided_at_cutoff(rows: DataFrame) -> FloatArray:
    """Return a cut-off for each loan that repeats what was decided: several policies may stand in one book."""
    return np.where(rows["is_declined"].to_numpy(dtype=bool), 0.0, math.inf)


def measured(table: DataFrame, metric: str) -> Measured:
    """Return one metric of a table of one sample."""
    row = table.loc[table["metric"] == metric, ["value", "lo", "hi"]]
    return Measured(*(float(v) for v in row.iloc[0])) if len(row) else Measured(math.nan, math.nan, math.nan)


def _money_row(vintage: object, part: DataFrame, cost: Measured, note: str) -> tuple[object, ...]:
    return vintage, contract.COST, cost.value, cost.lo, cost.hi, len(part), note


def _estimate(book: Book, rows: DataFrame) -> DataFrame:
    believed, declined = belief(book, rows), rows["is_declined"].to_numpy(dtype=bool)
    # Cut-offs that repeat what was decided: recalibrated PDs stand elsewhere than the policy's own.
    cutoffs = np.where(declined, 0.0, math.inf)
    table = estimate_performance(believed.pd, cutoffs, logit_error=believed.errors).assign(note="")
    rate, cost, level = measured(table, "default_rate"), cost_expected(book, rows), float(rows["pd"].mean())
    extra = [
        (ACTUAL_TO_EXPECTED, rate.value / level, rate.lo / level, rate.hi / level, ""),
        (contract.COST, cost[0].value, cost[0].lo, cost[0].hi, cost[1]),
    ]
    more = DataFrame(extra, columns=["metric", "value", "lo", "hi", "note"])
    return concat([table, more], ignore_index=True).assign(n=len(rows))


def _without_decisions(table: DataFrame) -> DataFrame:
    """Withhold what cannot be computed on approved loans alone."""
    hidden = table["metric"].isin(OF_DECISIONS)
    values = table[["value", "lo", "hi"]].astype(np.float64).mask(hidden)
    return table.assign(**{str(name): values[name] for name in values}, note=table["note"].mask(hidden, APPROVED_ONLY))


def note_of(table: DataFrame, metric: str) -> str:
    """Return why a metric of a table of one sample is not known, "" where it is."""
    notes = table.loc[table["metric"] == metric, "note"]
    return str(notes.iloc[0]) if len(notes) else NOT_MEASURED_NOTE
