"""Decisions in, counts out: the one way in which decisions are profiled, one process or many."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas import DataFrame, Series, concat

from pipeline import contract
from pipeline.evaluation.profile_bins import profile_counts
from pipeline.evaluation.reference import codes_and_names
from pipeline.monitoring.baseline import VersionBins
from pipeline.monitoring.profile_sums import row_sums
from pipeline.project import Feature, Groups, ProjectConfig
from pipeline.training.report import group_labels

DAY: Final = "(day)"
"""Column of the frame of decisions; the brackets keep it apart from features of that name."""
REASONS: Final = "(reasons)"
_SEGMENT: Final = "(segment)"
TABLE_COLUMNS: Final = ("day", "segment", "feature", "bin", "count")


def count_decisions(bins: VersionBins, frame: DataFrame) -> DataFrame:
    """Count the decisions of one version in its own bins: `TABLE_COLUMNS`, sorted, every count above 0.

    frame: n decisions with the inputs as columns, `DAY`, `contract.REFERENCE_PD`, `contract.PROFILE_DECISION`,
    `contract.PROFILE_GRADE` and `REASONS` (JSON text as the log keeps it). The counts of a split of the rows add up to those
    of all of them.
    """
    config, amount = bins.config, bins.config.data.amount
    amounts = _numbers(frame[amount]) if amount in frame else np.full(len(frame), np.nan)
    pds = frame[contract.REFERENCE_PD].to_numpy(dtype=np.float64)
    reasons = _reason_rows(frame[REASONS])
    counted = frame.drop(columns=REASONS)
    tables = []
    for segment in _segments(config, frame):
        labelled = counted.assign(**{_SEGMENT: segment})
        given = labelled.iloc[reasons.index][[DAY, _SEGMENT]].assign(**{contract.PROFILE_REASON: reasons.to_numpy()})
        by = (DAY, _SEGMENT)
        tables += [profile_counts(rows, bins.reference, bins.ranges, by) for rows in (labelled, given)]
        tables.append(row_sums(labelled[contract.PROFILE_DECISION], pds, amounts, [labelled[name] for name in by]))
    return _tidy(tables)


def _tidy(tables: Sequence[DataFrame]) -> DataFrame:
    table = concat([table for table in tables if len(table)], ignore_index=True)
    table = table.rename(columns={DAY: "day", _SEGMENT: "segment"})[list(TABLE_COLUMNS)]
    return table.sort_values(list(TABLE_COLUMNS[:-1]), ignore_index=True)


def add_up(tables: Sequence[DataFrame]) -> DataFrame:
    """Merge tables of `count_decisions` into the one of all their decisions."""
    kept = [table for table in tables if len(table)]
    if not kept:
        return DataFrame(columns=list(TABLE_COLUMNS))
    keys = list(TABLE_COLUMNS[:-1])
    return concat(kept, ignore_index=True).groupby(keys, sort=True)["count"].sum().reset_index()


def segment_columns(config: ProjectConfig) -> dict[str, Groups]:
    """Return the segment and protected columns that decisions hold, because they are inputs, with their groups.

    A number without stated edges would be a segment per value and is left out.
    """
    kinds = {feature.name: feature.kind for feature in config.features}
    return {
        column: groups
        for groups in (config.protected, config.segments)
        for column in groups.columns
        if column in kinds and (kinds[column] != "number" or column in groups.bins)
    }


def _segments(config: ProjectConfig, frame: DataFrame) -> Iterator[Any]:
    """Yield the label of each row, once for all together and once per segment column."""
    yield contract.ALL_SEGMENTS
    for column, groups in segment_columns(config).items():
        if column not in frame:
            continue
        if column in groups.bins:
            names = group_labels(Series(_numbers(frame[column]), name=column), groups).to_numpy(dtype=object)
        else:
            codes, found = codes_and_names(frame[column])
            names = np.array([*found, contract.BIN_MISSING], dtype=object)[codes]
        places, groups_found = pd.factorize(names)
        yield np.array([contract.segment_name(column, name) for name in groups_found], dtype=object)[places]


def _numbers(column: "Series[Any]") -> Any:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)


def _reason_rows(texts: "Series[Any]") -> "Series[Any]":
    """The feature of every reason given, indexed by the place of its decision."""
    places = np.flatnonzero((texts != "[]").to_numpy(dtype=bool))
    documents = json.loads(f"[{','.join(texts.to_numpy(dtype=object)[places])}]")
    lengths = [len(reasons) for reasons in documents]
    named = [reason["feature"] for reasons in documents for reason in reasons]
    return Series(named, index=np.repeat(places, lengths), dtype=object)


def inputs_columns(features: Sequence[Feature], texts: Sequence[str]) -> dict[str, Any]:
    """Read the inputs of n decisions, JSON text each, into a column per feature; what a decision lacks is missing."""
    # One document of all rows: a call of the parser per row takes twice as long.
    rows = json.loads(f"[{','.join(texts)}]")
    return {feature.name: _column(feature, [row.get(feature.name) for row in rows]) for feature in features}


def _column(feature: Feature, values: list[Any]) -> Any:
    if feature.kind != "category":
        try:
            return np.array(values, dtype=np.float64)
        except (TypeError, ValueError):
            pass  # something that is no number: counted as unseen
    return Series(values, dtype=object)
