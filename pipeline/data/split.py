"""Tell development rows from test rows, and the folds inside development: forward in time where the project splits by time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.model_selection import StratifiedKFold, train_test_split

from pipeline.data.read import DataError
from pipeline.data.snapshot import content_sha256
from pipeline.project import ProjectConfig

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """0-based row positions; the two parts share no row."""

    dev: Positions
    test: Positions
    n_unripe: int | None
    """Development rows whose outcome became known only on or after `split.test_from`; None where that cannot be told.
    They are kept: see `split_rows`."""


def split_rows(frame: pd.DataFrame, config: ProjectConfig) -> Split:
    """Split a clean table as the project says.

    time: development before `test_from`, test from then to `test_until` (both days included), later rows in neither, for
    replay. random and stratified: exactly scikit-learn's `train_test_split` of the rows in this order with `test_size` and
    `seed`, its order of positions kept, because published protocols depend on both.

    There is no embargo: a development row counts even when its outcome became known after `test_from`. The test stays out
    of time for the applicants, but a model trained on the day of `test_from` would not have had those labels; `n_unripe`
    says how many there are.

    Args:
        frame: as `clean_table` returns it: target 0/1, dates as datetime64.

    Raises:
        DataError: a part is empty, has one class only, or a row has no date; with the numbers and dates.
    """
    split = _by_time(frame, config) if config.split.method == "time" else _by_chance(frame, config)
    for name, part in (("development", split.dev), ("test", split.test)):
        _refuse_one_sided(f"{name} part", frame, part, config)
    return split


def folds(dev: pd.DataFrame, config: ProjectConfig) -> list[tuple[Positions, Positions]]:
    """Return (train, validation) positions within the development rows.

    time: forward chaining over whole calendar months. The months are put into `folds` + 1 blocks of about equal rows; each
    block but the first is validated by a model that saw all blocks before it, so the first block only trains. Months that
    hold a large share of the rows can leave fewer folds than asked. Otherwise: scikit-learn's StratifiedKFold, shuffled by
    `seed`; every row is validated once.

    Raises:
        DataError: fewer than two months, fewer rows of a class than folds, or a fold with one class only.
    """
    parts = list(_forward_folds(dev, config) if config.split.method == "time" else _shuffled_folds(dev, config))
    for number, (train, valid) in enumerate(parts, start=1):
        _refuse_one_sided(f"training part of fold {number}", dev, train, config)
        _refuse_one_sided(f"validation part of fold {number}", dev, valid, config)
    return parts


def rows_sha256(frame: pd.DataFrame, positions: npt.ArrayLike) -> str:
    """Hash the full content of these rows in this order: two runs with one hash were tested on the very same rows."""
    return content_sha256(frame.iloc[np.asarray(positions, dtype=np.int64)])


def _by_time(frame: pd.DataFrame, config: ProjectConfig) -> Split:
    times = _times(frame, config)
    rule = config.split
    assert rule.test_from is not None, "a project that splits by time has test_from"
    start = pd.Timestamp(rule.test_from)
    is_test = times >= start
    if rule.test_until is not None:
        is_test &= times < pd.Timestamp(rule.test_until) + pd.Timedelta(days=1)
    known = config.data.outcome_known
    is_dev = times < start
    n_unripe = int((frame.loc[is_dev.to_numpy(), known] >= start).sum()) if known else None
    return Split(np.flatnonzero(is_dev), np.flatnonzero(is_test), n_unripe)


def _by_chance(frame: pd.DataFrame, config: ProjectConfig) -> Split:
    rule = config.split
    stratify = frame[config.data.target] if rule.method == "stratified" else None
    try:
        dev, test = train_test_split(
            np.arange(len(frame)), test_size=rule.test_size, random_state=rule.seed, stratify=stratify
        )  # fmt: skip
    except ValueError as exc:
        raise DataError(f"{len(frame)} rows cannot be split with test_size {rule.test_size:g}: {exc}") from exc
    return Split(dev, test, None)


def _times(frame: pd.DataFrame, config: ProjectConfig) -> "pd.Series[pd.Timestamp]":
    column = str(config.data.time)
    times: pd.Series[pd.Timestamp] = frame[column]
    if times.isna().any():
        raise DataError(f"{int(times.isna().sum())} rows have no date in {column!r}; a split by time needs one in every row")
    return times


def _forward_folds(dev: pd.DataFrame, config: ProjectConfig) -> Iterator[tuple[Positions, Positions]]:
    times = _times(dev, config)
    months, month_of_row, counts = np.unique(
        (times.dt.year * 12 + times.dt.month).to_numpy(), return_inverse=True, return_counts=True
    )
    if len(months) < 2:
        raise DataError(
            f"development rows lie in one month, {times.min():%Y-%m}; forward chaining needs two or more: "
            f"move split.test_from ({config.split.test_from}) later"
        )
    middle = (counts.cumsum() - counts / 2) / counts.sum()
    blocks = np.unique((middle * (config.split.folds + 1)).astype(int), return_inverse=True)[1]
    block_of_row = blocks[month_of_row]
    for block in range(1, blocks[-1] + 1):
        yield np.flatnonzero(block_of_row < block), np.flatnonzero(block_of_row == block)


def _shuffled_folds(dev: pd.DataFrame, config: ProjectConfig) -> Iterator[tuple[Positions, Positions]]:
    y = dev[config.data.target].to_numpy()
    fewest = int(np.bincount(y, minlength=2).min())
    if fewest < config.split.folds:
        raise DataError(f"{config.split.folds} folds need that many rows of each class; the smaller one has {fewest}")
    splitter = StratifiedKFold(config.split.folds, shuffle=True, random_state=config.split.seed)
    yield from splitter.split(np.zeros(len(y)), y)


def _refuse_one_sided(part: str, frame: pd.DataFrame, positions: Positions, config: ProjectConfig) -> None:
    n, defaults = len(positions), int(frame[config.data.target].iloc[positions].sum())
    if 0 < defaults < n:
        return
    found = f"has {n} rows with {defaults} defaults{_span(frame.iloc[positions], config)}; both outcomes must occur"
    raise DataError(f"{part} {found}. {_limits(frame, config)}")


def _span(rows: pd.DataFrame, config: ProjectConfig) -> str:
    if config.data.time is None or rows.empty:
        return ""
    times = rows[config.data.time]
    return f" from {times.min():%Y-%m-%d} to {times.max():%Y-%m-%d}"


def _limits(frame: pd.DataFrame, config: ProjectConfig) -> str:
    rule = config.split
    if rule.method != "time":
        return f"The split is {rule.method} with test_size = {rule.test_size:g} and {rule.folds} folds of {len(frame)} rows"
    until = f", test_until = {rule.test_until}" if rule.test_until else ""
    return (
        f"The split has test_from = {rule.test_from}{until}, {rule.folds} folds; its rows run{_span(frame, config) or ' empty'}"
    )
