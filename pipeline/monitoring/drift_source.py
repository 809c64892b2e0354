"""Where a shift comes from: the group of applicants that carries it, and what became of the feature's values."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pandas import DataFrame

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


def by_segment(reference: DataFrame, counts: DataFrame, features: Sequence[str], before: DataFrame | None = None) -> DataFrame:
    """Return `psi_by_segment` of features, once for each column of segments: `COLUMNS`.

    reference: of the deciding version; counts, before: of that version, all segments, the window and (where the reference is a
    past window) the reference's own. Groups of one column part the decisions, and
    their psi add up to the feature's.
    """
    mine = reference[reference["feature"].isin(list(features))]
    now, was = _segments(counts, features), None if before is None else _segments(before, features)
    if now.empty or mine.empty:
        return DataFrame(columns=list(COLUMNS))
    table = psi_by_segment(mine, now, ["column", "value"], was if was is not None and len(was) else None)
    # Each column parts all decisions, so with k columns side by side every decision is there k times and weighs 1/k.
    k = now["column"].nunique()
    table[["weight", "psi", "share", "mix", "within"]] *= k
    found = table[list(COLUMNS)]
    return found.sort_values(["feature", "column", "psi"], ascending=[True, True, False]).reset_index(drop=True)


COLUMNS: Final = ("feature", "column", "value", "n", "weight", "psi", "share", "mix", "within")


def _segments(counts: DataFrame, features: Sequence[str]) -> DataFrame:
    mine = counts[counts["feature"].isin(list(features)) & (counts["segment"] != contract.ALL_SEGMENTS)]
    names = mine["segment"].unique()
    split = {name: split_segment(str(name)) for name in names}
    return mine.assign(
        column=mine["segment"].map({name: pair[0] for name, pair in split.items()}),
        value=mine["segment"].map({name: pair[1] for name, pair in split.items()}),
    )


def main_source(table: DataFrame, feature: str) -> Source | None:
    """Return the group that carries most of a feature's shift, None where no group stands out; table: of `by_segment`.

    Groups by the feature itself say nothing: each is one of its values.
    """
    mine = table[table["feature"] == feature]
    others = mine[(mine["column"] != feature) & (mine["psi"] > 0)]
    named = others[(others["share"] >= MAIN_SHARE) & (others["share"] >= LIFT * others["weight"])]
    if named.empty:
        return None
    best = named.sort_values("share").iloc[-1]
    return Source(str(best["column"]), str(best["value"]), float(best["share"]), float(best["weight"]))
