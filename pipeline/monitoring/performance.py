"""Is the model still right? Realised on what has matured, estimated on what has not; boiled down to signals for the rules."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from pandas import DataFrame, Timestamp
from sqlalchemy import Engine

from pipeline.evaluation.grades import RED, binomial_tails
from pipeline.monitoring.performance_advice import auc_at_release
from pipeline.monitoring.performance_book import Book, load_book
from pipeline.monitoring.performance_metrics import ACTUAL_TO_EXPECTED, estimated, grades, measured, note_of, realised
from pipeline.monitoring.performance_money import shortfall
from pipeline.monitoring.signals import signal_table
from pipeline.settings import Settings

Signal = tuple[str, str, str, float, int, str]
_REALISED: Final = {"realised_f1": "f1", "realised_recall": "recall", "realised_auc": "roc_auc"}
_ESTIMATED: Final = {"estimated_f1": "f1", "estimated_recall": "recall"}


def performance_signals(settings: Settings, engine: Engine, project: str, as_of: date | None = None) -> DataFrame:
    """Return the signals of a product's vintages up to a day: `signals.SIGNAL_COLUMNS`, periods are months of decision.

    Estimates for vintages that have not matured, everything realised for those that have; nothing realised before. Raises as
    `performance_book.load_book`.
    """
    book = load_book(settings, engine, project, as_of)
    return signal_table([] if book is None else [*_realised(book), *_estimated(book)])


def signals_of(book: Book) -> DataFrame:
    """Return the signals of a book."""
    return signal_table([*_realised(book), *_estimated(book)])


def _estimated(book: Book) -> Iterator[Signal]:
    table = estimated(book, book.waiting)
    for measure, metric in _ESTIMATED.items():
        for row in table[table["metric"] == metric].to_dict("records"):
            yield measure, "", _period(row["vintage"]), row["value"], row["n"], row["note"] or _why(row["value"])


def _realised(book: Book) -> Iterator[Signal]:
    table = realised(book)
    before = {policy: auc_at_release(book, policy).value for policy in book.promises}
    for vintage, part in book.matured.groupby("vintage", sort=True):
        found = table[table["vintage"] == vintage]
        for measure, value, note in _of_vintage(book, part, found, before):
            yield measure, "", _period(vintage), value, len(part), note or _why(value)


def _of_vintage(book: Book, part: DataFrame, found: DataFrame, before: Mapping[str, float]) -> Iterator[tuple[str, float, str]]:
    """Measure, value and note of one matured vintage."""
    for measure, metric in _REALISED.items():
        yield measure, measured(found, metric).value, note_of(found, metric)
    yield "auc_drop", _mean_of(part, before) - measured(found, "roc_auc").value, ""
    yield ACTUAL_TO_EXPECTED, measured(found, ACTUAL_TO_EXPECTED).value, ""
    more, _ = binomial_tails([int(part["y"].sum())], [len(part)], [float(part["pd"].mean())])
    yield "calibration_p", float(more[0]), ""
    yield "grades_red", float((grades(book, part)["light"] == RED).sum()), ""
    yield "money_shortfall", *shortfall(book, part)


def _mean_of(part: DataFrame, by_policy: Mapping[str, float]) -> float:
    """The mean over policies by how many of the loans each decided."""
    return float(part["policy_id"].map(dict(by_policy)).mean(skipna=False))


def _why(value: float) -> str:
    return "" if value == value else "not computable on these loans"


def _period(vintage: object) -> str:
    return Timestamp(str(vintage)).date().isoformat()
