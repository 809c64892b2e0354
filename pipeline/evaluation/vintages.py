"""Was the model right, by month of decision? Only on vintages whose outcomes are in, and with how many of them are."""

from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas
from pandas import DataFrame, DatetimeIndex

from pipeline.evaluation.bootstrap import N_BOOT, bootstrap_metrics
from pipeline.evaluation.calibration import wilson_interval
from pipeline.evaluation.inputs import BoolArray, FloatArray, IntArray, checked_cutoffs, checked_outcomes, checked_pd
from pipeline.evaluation.months import as_date, as_dates, month_reached, months_passed
from pipeline.evaluation.segments import MIN_N

MATURED: Final = "matured"
WAITING: Final = "waiting"
TOO_FEW: Final = "too few"
KNOWN_SHARE: Final = 0.95
"""Share of outcomes at which a vintage counts as matured before its months have passed."""
MONTHS_ON_BOOK: Final = 36


def maturity_table(
    decided_at: Any,
    y: npt.ArrayLike,
    as_of: date | str,
    outcome_months: int,
    known_at: Any = None,
    known_share: float = KNOWN_SHARE,
) -> DataFrame:
    """Return a row per vintage, the calendar month of decision: vintage, n, n_known, known_share, matures_on, is_matured, note.

    decided_at: n dates; y: shape (n,), 1, 0 or NaN while the outcome is not known; known_at: n dates on which outcomes became
    known, where they are recorded: what became known after `as_of` is not known yet. ``matures_on`` is the day on which the
    vintage's last loan has been on book for `outcome_months`; from then, or once a share `known_share` of outcomes is in, the
    vintage is matured. Before that defaults are in but good loans are not, so any rate would be wrong. Raises ValueError for
    outcomes other than 0, 1 and missing, and for lengths that differ.
    """
    loans = _loans(decided_at, y, as_of, known_at)
    day = as_date(as_of)
    grouped = loans.groupby("vintage", sort=True)
    n, known = grouped.size(), grouped["is_known"].sum()
    last = DatetimeIndex(grouped["decided_at"].max())
    has_passed = months_passed(last, DatetimeIndex([day] * len(last))) >= outcome_months
    share = (known / n).to_numpy(dtype=np.float64)
    missing = (n - known).to_numpy()
    notes = [
        f"{gap:,} of {rows:,} outcomes never came in" if passed and known_now < known_share else ""
        for gap, rows, passed, known_now in zip(missing, n, has_passed, share, strict=True)
    ]
    return DataFrame(
        {
            "vintage": n.index,
            "n": n.to_numpy(),
            "n_known": known.to_numpy(dtype=np.int64),
            "known_share": share,
            "matures_on": last + pandas.DateOffset(months=outcome_months),
            "is_matured": (has_passed | (share >= known_share)) & (known.to_numpy() > 0),
            "note": notes,
        }
    )


def performance_by_vintage(
    decided_at: Any,
    y: npt.ArrayLike,
    pd: npt.ArrayLike,
    cutoff: npt.ArrayLike,
    as_of: date | str,
    outcome_months: int,
    known_at: Any = None,
    known_share: float = KNOWN_SHARE,
    min_n: int = MIN_N,
    n_boot: int = N_BOOT,
    seed: int = 0,
) -> DataFrame:
    """Return realised performance by vintage: vintage, n, n_known, known_share, status, metric, value, lo, hi, note.

    Arguments as `maturity_table`, and pd: shape (n,), as it was when decided; declined when pd >= cutoff, one for all or one
    per loan (several policies in one book). Metrics are those of the contract with bootstrap intervals, ``default_rate`` with
    Wilson's, ``mean_pd``, and ``actual_to_expected``, the default rate over the mean PD with Wilson's bounds over it: all over
    the loans whose outcome is known. ``status`` is ``matured``,
    ``waiting`` (one row, metric ``""``: nothing is said yet) or ``too few`` below `min_n` known outcomes (likewise).
    """
    scores = checked_pd(pd)
    loans = _loans(decided_at, y, as_of, known_at)
    loans = loans.assign(pd=scores, is_declined=scores >= checked_cutoffs(cutoff, scores.size))
    maturity = maturity_table(decided_at, y, as_of, outcome_months, known_at, known_share).set_index("vintage")
    tables = []
    for vintage, part in loans.groupby("vintage", sort=True):
        row = {str(name): value for name, value in maturity.loc[vintage].items()}
        known = part[part["is_known"]]
        status = WAITING if not row["is_matured"] else TOO_FEW if len(known) < min_n else MATURED
        table = _nothing() if status != MATURED else performance_of(known["y"], known["pd"], known["is_declined"], n_boot, seed)
        tables.append(table.assign(**row, vintage=vintage, status=status))
    return pandas.concat(tables, ignore_index=True)[_COLUMNS] if tables else DataFrame(columns=_COLUMNS)


_COLUMNS: Final = ["vintage", "n", "n_known", "known_share", "status", "metric", "value", "lo", "hi", "note"]


def _nothing() -> DataFrame:
    return DataFrame({"metric": [""], "value": [np.nan], "lo": [np.nan], "hi": [np.nan]})


def performance_of(
    y: npt.ArrayLike, pd: npt.ArrayLike, is_declined: npt.ArrayLike, n_boot: int = N_BOOT, seed: int = 0
) -> DataFrame:
    """Return realised performance of loans with known outcomes: metric, value, lo, hi; as `performance_by_vintage` of each.

    y: shape (n,), 0 or 1; pd: shape (n,), as it was when decided; is_declined: shape (n,).
    """
    table = decided_metrics(y, pd, is_declined, n_boot, seed)
    outcomes, scores = checked_outcomes(y), checked_pd(pd)
    (lo,), (hi,) = wilson_interval([outcomes.sum()], [outcomes.size])
    rate, expected = (float(values.mean()) if values.size else float("nan") for values in (outcomes, scores))
    to_expected = 1 / expected if expected > 0 else float("nan")
    extra = [
        ("default_rate", rate, lo, hi),
        ("mean_pd", expected, expected, expected),
        ("actual_to_expected", rate * to_expected, lo * to_expected, hi * to_expected),
    ]
    return pandas.concat([table, DataFrame(extra, columns=["metric", "value", "lo", "hi"])], ignore_index=True)


def decided_metrics(
    y: npt.ArrayLike, pd: npt.ArrayLike, is_declined: npt.ArrayLike, n_boot: int = N_BOOT, seed: int = 0
) -> DataFrame:
    """Return `bootstrap_metrics` of cases that were decided already, by whatever cut-offs: metric, value, lo, hi.

    y: shape (n,), 0 or 1; pd: shape (n,); is_declined: shape (n,). What rests on the decision is measured on it, all else on
    the PD.
    """
    by_pd = bootstrap_metrics(y, pd, float("inf"), n_boot, seed).set_index("metric")
    # The decision is itself a score of two values: declined is 1, anything else 0.
    by_decision = bootstrap_metrics(y, np.asarray(is_declined, dtype=np.float64), 1.0, n_boot, seed).set_index("metric")
    by_pd.loc[list(_OF_DECISIONS)] = by_decision.loc[list(_OF_DECISIONS)]
    return by_pd.reset_index()


_OF_DECISIONS: Final = ("accuracy", "precision", "recall", "f1")


def _loans(decided_at: Any, y: npt.ArrayLike, as_of: date | str, known_at: Any) -> DataFrame:
    """One row per loan: vintage (first day of its month), decided_at, known_at, y, is_known by `as_of`."""
    decided, outcomes = as_dates(decided_at), np.asarray(y, dtype=np.float64)
    known = as_dates(known_at) if known_at is not None else DatetimeIndex([pandas.NaT] * outcomes.size)
    if not decided.size == outcomes.size == known.size:
        raise ValueError(
            f"there are {decided.size} decisions, {outcomes.size} outcomes, {known.size} dates of knowing; one each"
        )
    n_undated = int(np.asarray(decided.isna()).sum())
    if n_undated:
        raise ValueError(f"decided_at is missing for {n_undated} of {decided.size} loans; each belongs to a month")
    checked_outcomes(outcomes[~np.isnan(outcomes)])
    is_known: BoolArray = ~np.isnan(outcomes) & ~np.asarray(known > as_date(as_of))
    vintage = decided.to_period("M").to_timestamp()
    return DataFrame({"vintage": vintage, "decided_at": decided, "known_at": known, "y": outcomes, "is_known": is_known})


def vintage_curves(
    decided_at: Any, y: npt.ArrayLike, known_at: Any, as_of: date | str, max_months: int = MONTHS_ON_BOOK
) -> DataFrame:
    """Return cumulative default rates by month on book: vintage, month, n, defaults, default_rate, lo, hi.

    Arguments as `maturity_table`; known_at is when a default became known, and a default without that date is refused. A month
    is shown for a vintage only when every loan of it has been on book that long by `as_of`: before that the rate would rest on
    the older loans alone. All loans of the vintage are in the denominator, repaid ones too; one whose outcome is not known has
    not defaulted yet. Month 0 is the day of decision. Bounds are Wilson's.
    """
    loans = _loans(decided_at, y, as_of, known_at)
    defaulted = loans[loans["is_known"] & (loans["y"] == 1)]
    if defaulted["known_at"].isna().any():
        n_undated = int(defaulted["known_at"].isna().sum())
        raise ValueError(
            f"known_at is missing for {n_undated} of {len(defaulted)} defaults; a curve needs their months on book"
        )
    months = month_reached(DatetimeIndex(defaulted["decided_at"]), DatetimeIndex(defaulted["known_at"]))
    grouped = loans.groupby("vintage", sort=True)
    sizes, last = grouped.size(), DatetimeIndex(grouped["decided_at"].max())
    reached = months_passed(last, DatetimeIndex([as_date(as_of)] * len(last)))
    places = sizes.index.get_indexer(DatetimeIndex(defaulted["vintage"]))
    by_month = _cumulative(places.astype(np.int64), months, len(sizes), max_months)
    is_shown = np.arange(max_months + 1)[None] <= reached[:, None]
    vintage, month = np.nonzero(is_shown)
    n, defaults = sizes.to_numpy()[vintage], by_month[is_shown]
    lo, hi = wilson_interval(defaults, n)
    return DataFrame(
        {
            "vintage": sizes.index[vintage],
            "month": month,
            "n": n,
            "defaults": defaults,
            "default_rate": defaults / n,
            "lo": lo,
            "hi": hi,
        }
    )


def _cumulative(places: IntArray, months: FloatArray, n_vintages: int, max_months: int) -> IntArray:
    """Defaults of each vintage known by each month on book, shape (vintages, max_months + 1)."""
    width = max_months + 2
    month = np.clip(months, 0, max_months + 1).astype(np.int64)
    counts = np.bincount(places * width + month, minlength=n_vintages * width).reshape(n_vintages, width)
    return np.cumsum(counts[:, :-1], axis=1).astype(np.int64)
