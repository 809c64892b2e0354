"""Counter-offers: the smallest change of one or two inputs an applicant can act on that would be approved.

How large a change is: for a number, its share of the width from the 5th to the 95th percentile of past applicants; for a
category whose choices are numbers (a term in months), the choices walked past as a share of the whole list; for any other
category or a boolean, 1. A change of two inputs is the sum of both, and is offered only where no single one is as small.

What may change: features the project calls actionable, to values inside its range and inside what training has seen, never in
the direction that the project says raises the PD, and only from a value that is known. Numbers go to round values.

Every offer was scored as it stands. A coarse grid over everything allowed finds some approved change; then all smaller ones
are tried, smallest first: each round value up to a width away, and thinned out to `FINE` of them beyond. Where the PD moves
one way with each input, none is reported only when there is none.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pipeline.evaluation.inputs import FloatArray, IntArray
from pipeline.project import ProjectConfig
from pipeline.serving.levers import Lever, levers
from pipeline.serving.records import Value
from pipeline.serving.scorer import assess, inputs_frame
from pipeline.serving.what_if import Change, changes_between

if TYPE_CHECKING:
    from pipeline.serving.live import LiveModel

Score = Callable[[pd.DataFrame], FloatArray]

COARSE = {1: 400, 2: 60}
FINE = {1: 400, 2: 120}
"""Values of each input in a grid, by the number of inputs that change together."""
BATCH_ROWS = 4096
_SAME = 1e-9  # changes that differ by less are equally large


@dataclass(frozen=True)
class CounterOffer:
    """The changes that would be approved, none where the application already is; ``distance`` as the module defines it."""

    changes: tuple[Change, ...]
    pd_before: float
    pd_after: float
    distance: float


@dataclass(frozen=True)
class _Move:
    """One or two inputs at other values, scored and approved."""

    values: Mapping[str, Value]
    distance: float
    pd: float


def counter_offer(live: "LiveModel", inputs: Mapping[str, Value]) -> CounterOffer | None:
    """Return the smallest change the live model and policy would approve; None when there is none in the allowed ranges."""

    def score(frame: pd.DataFrame) -> FloatArray:
        return assess(live, frame).pd

    return find_counter_offer(score, live.config, inputs, live.policy.approve_below, live.background, live.ranges)


def find_counter_offer(
    score: Score, config: ProjectConfig, inputs: Mapping[str, Value], approve_below: float,
    background: pd.DataFrame, ranges: pd.DataFrame,
) -> CounterOffer | None:  # fmt: skip
    """Return the smallest change of one or two actionable inputs with PD < approve_below, or None when there is none.

    score: typed rows, as `inputs_frame` makes them, to PDs of shape (n,). inputs: validated, every feature present.
    background, ranges: as `contract.ARTIFACT_BACKGROUND` and `contract.ARTIFACT_RANGES`.
    """
    row = inputs_frame(config, [inputs])
    pd_before = float(score(row)[0])
    if pd_before < approve_below:
        return CounterOffer((), pd_before, pd_before, 0.0)
    every = levers(config, inputs, background, ranges)
    search = _Search(score, row, every, approve_below)
    best: _Move | None = None
    for size in (1, 2):
        for points in (COARSE[size], FINE[size]):
            best = search.smaller_than(best, size, points) or best
    if best is None:
        return None
    return CounterOffer(changes_between(config, inputs, {**inputs, **best.values}), pd_before, best.pd, best.distance)


@dataclass(frozen=True)
class _Search:
    """One applicant's row, what could move in it, and the cut-off to come under.

    A move is a row of places, shape (len(levers),): where each lever goes, or -1 where it stays.
    """

    score: Score
    row: pd.DataFrame
    levers: tuple[Lever, ...]
    approve_below: float

    def smaller_than(self, best: _Move | None, size: int, points: int) -> _Move | None:
        """Return the smallest approved move of `size` inputs on a grid of so many points each; None if none is smaller."""
        limit = math.inf if best is None else best.distance - _SAME
        at = self._grid(size, points, limit)
        distance = self._distances(at)
        order = np.argsort(distance, kind="stable")
        order = order[distance[order] < limit]
        for start in range(0, order.size, BATCH_ROWS):
            batch = order[start : start + BATCH_ROWS]
            pds = self.score(self._moved(at[batch]))
            hits = np.flatnonzero(pds < self.approve_below)
            if hits.size:
                hit = batch[hits[0]]
                values = {lever.name: lever.value(i) for lever, i in zip(self.levers, at[hit].tolist(), strict=True) if i >= 0}
                return _Move(values, float(distance[hit]), float(pds[hits[0]]))
        return None

    def _grid(self, size: int, points: int, limit: float) -> IntArray:
        """Return every combination of `size` inputs, shape (moves, levers); both ways of one input never together."""
        places = [lever.places(limit, points) for lever in self.levers]
        parts = [np.empty((0, len(self.levers)), dtype=np.int64)]
        for group in combinations(range(len(self.levers)), size):
            if len({self.levers[i].name for i in group}) == size:
                chosen = np.stack(np.meshgrid(*(places[i] for i in group), indexing="ij"), axis=-1).reshape(-1, size)
                part = np.full((len(chosen), len(self.levers)), -1, dtype=np.int64)
                part[:, group] = chosen
                parts.append(part)
        return np.concatenate(parts)

    def _distances(self, at: IntArray) -> FloatArray:
        """Sum the sizes of the changes; the 0 appended to each lever is what place -1 finds."""
        parts = (np.append(lever.distance, 0.0)[at[:, i]] for i, lever in enumerate(self.levers))
        return np.asarray(np.sum([np.zeros(len(at)), *parts], axis=0), dtype=np.float64)

    def _moved(self, at: IntArray) -> pd.DataFrame:
        """Return the applicant's row once per move, with the levers moved."""
        frame = self.row.loc[np.zeros(len(at), dtype=np.int64)].reset_index(drop=True)
        for i, lever in enumerate(self.levers):
            moved = at[:, i] >= 0
            if moved.any():
                column = np.array(frame[lever.name])
                column[moved] = lever.values[at[moved, i]]
                frame[lever.name] = pd.Series(column, dtype=frame[lever.name].dtype)
        return frame
