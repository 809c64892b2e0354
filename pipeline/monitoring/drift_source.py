"""Where a shift comes from: the group of applicants that carries it, and what became of the feature's values."""

from dataclasses import dataclass
from typing import Final

from pandas import DataFrame, concat

from pipeline import contract
from pipeline.evaluation.drift_parts import psi_by_segment

MAIN_SHARE: Final = 0.5
"""A group is named when at least this part of the PSI is its own,"""
LIFT: Final = 1.5
"""and that is so many times its part of the decisions: otherwise everybody moved alike."""


@dataclass(frozen=True)
class Source:
    """The group that carries a shift: its column and value, its part of the PSI and its part of the decisions."""

    column: str
    value: str
    share: float
    weight: float

    @property
    def name(self) -> str:
        """As `contract.segment_name` writes it."""
        return contract.segment_name(self.column, self.value)


def split_segment(name: str) -> tuple[str, str]:
    """Return column and value of a segment's name; both "" for all decisions."""
    column, _, value = name.partition("=")
    return column, value


def by_segment(reference: DataFrame, counts: DataFrame, feature: str, before: DataFrame | None = None) -> DataFrame:
    """Return `psi_by_segment` of one feature for each column of segments: column, value, n, weight, psi, share, mix, within.

    reference: of the deciding version; counts, before: of that version, all segments, the window and (where the reference is a
    past window) the reference's own. Groups of one column part the decisions, and their psi add up to the feature's.
    """
    mine = reference[reference["feature"] == feature]
    tables = [_segments(counts, feature), None if before is None else _segments(before, feature)]
    now = tables[0]
    if now is None or now.empty or mine.empty:
        return DataFrame(columns=_COLUMNS)
    parts = []
    for column, table in now.groupby("column", sort=True):
        was = None if tables[1] is None else tables[1][tables[1]["column"] == column]
        parts.append(psi_by_segment(mine, table, ["column", "value"], was if was is not None and len(was) else None))
    return (
        concat(parts, ignore_index=True)[_COLUMNS]
        .sort_values(["column", "psi"], ascending=[True, False])
        .reset_index(drop=True)
    )


_COLUMNS: Final = ["column", "value", "n", "weight", "psi", "share", "mix", "within"]


def _segments(counts: DataFrame, feature: str) -> DataFrame:
    mine = counts[(counts["feature"] == feature) & (counts["segment"] != contract.ALL_SEGMENTS)]
    split = mine["segment"].astype(str).str.partition("=")
    return mine.assign(column=split[0], value=split[2]) if len(mine) else mine.assign(column="", value="")


def main_source(table: DataFrame, feature: str) -> Source | None:
    """Return the group that carries most of a feature's shift, None where no group stands out; table: of `by_segment`.

    Groups by the feature itself say nothing: each is one of its values.
    """
    others = table[(table["column"] != feature) & (table["psi"] > 0)]
    named = others[(others["share"] >= MAIN_SHARE) & (others["share"] >= LIFT * others["weight"])]
    if named.empty:
        return None
    best = named.sort_values("share").iloc[-1]
    return Source(str(best["column"]), str(best["value"]), float(best["share"]), float(best["weight"]))
