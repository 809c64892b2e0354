"""What a feature's values mean for PD and decisions: from a stated sample of the log, of one size whatever the traffic."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
import pandas as pd
from pandas import DataFrame
from sqlalchemy import Connection, Engine, select

from pipeline import contract
from pipeline.evaluation.calibration import wilson_interval
from pipeline.evaluation.profile_bins import feature_bins
from pipeline.store.tables import decisions

SAMPLE: Final = 3000
_AT_ONCE: Final = 500


@dataclass(frozen=True)
class MixEffect:
    """What the change of one feature's mix alone does, everything else held: in shares of 1, with the sample's size.

    Other features move along with it, so effects of several features do not add up.
    """

    pd: float
    approved: float
    n: int


def sample_decisions(
    engine: Engine, project: str, version: int, feature: str, first: date, last: date, size: int = SAMPLE
) -> DataFrame:
    """Return about `size` decisions of a version, evenly over a window: value (of one input), pd, outcome.

    Fewer where the window holds fewer, or where other projects or versions decided between. first, last: days, both included.
    """
    start = datetime.combine(first, time(), UTC)
    end = datetime.combine(last + timedelta(days=1), time(), UTC)
    with engine.connect() as connection:
        ends = _ends(connection, project, start, end)
        if ends is None:
            return DataFrame({"value": [], "pd": [], "outcome": []})
        numbers = np.unique(np.linspace(ends[0], ends[1], size).round().astype(np.int64)).tolist()
        rows: list[Any] = []
        for at in range(0, len(numbers), _AT_ONCE):
            rows += _rows(connection, project, version, (start, end), numbers[at : at + _AT_ONCE])
    values = [_input(row.inputs, feature) for row in rows]
    return DataFrame(
        {"value": pd.Series(values, dtype=object), "pd": [row.pd for row in rows], "outcome": [row.outcome for row in rows]}
    )


def _ends(connection: Connection, project: str, start: datetime, end: datetime) -> tuple[int, int] | None:
    mine = (decisions.c.project == project, decisions.c.decided_at >= start, decisions.c.decided_at < end)
    # By time, then the number: both ends are found in the index, where the least number of a window would be searched for.
    earliest = select(decisions.c.seq).where(*mine).order_by(decisions.c.decided_at).limit(1)
    latest = select(decisions.c.seq).where(*mine).order_by(decisions.c.decided_at.desc()).limit(1)
    first, last = connection.scalar(earliest), connection.scalar(latest)
    return None if first is None or last is None else (min(first, last), max(first, last))


def _rows(
    connection: Connection, project: str, version: int, window: tuple[datetime, datetime], numbers: Sequence[int]
) -> Sequence[Any]:
    query = select(decisions.c.inputs, decisions.c.pd, decisions.c.outcome).where(
        decisions.c.seq.in_(numbers),
        decisions.c.project == project,
        decisions.c.model_version == version,
        decisions.c.decided_at >= window[0],
        decisions.c.decided_at < window[1],
    )
    return connection.execute(query).all()


def _input(inputs: Any, feature: str) -> Any:
    document = json.loads(inputs) if isinstance(inputs, str) else inputs
    return document.get(feature)


def effect_by_bin(reference: DataFrame, ranges: DataFrame, feature: str, sample: DataFrame) -> DataFrame:
    """Return PD and approvals of a sample by the bins of one feature: bin, label, n, pd, approved, lo, hi (Wilson, 95 %).

    sample: as `sample_decisions` returns it. What is out of range stands in the outermost bin. NaN where nobody is in a bin.
    """
    mine = reference[reference["feature"] == feature].reset_index(drop=True)
    bins = feature_bins(mine, ranges)[feature]
    places = bins.places(sample["value"])
    shift = 0 if bins.edges is None else 1
    places = np.where(places >= len(bins.names) - 2, places - 2 * shift, np.clip(places - shift, 0, len(mine) - 3))
    n = np.bincount(places, minlength=len(mine))
    pds = np.bincount(places, sample["pd"].to_numpy(dtype=np.float64), minlength=len(mine))
    approved = np.bincount(places, (sample["outcome"] == contract.APPROVE).to_numpy(dtype=np.float64), minlength=len(mine))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, rate = np.where(n > 0, pds / n, np.nan), np.where(n > 0, approved / n, np.nan)
    lo, hi = wilson_interval(approved, n)
    return mine[["bin", "label"]].assign(n=n, pd=mean, approved=rate, lo=lo, hi=hi)


def mix_effect(shares: DataFrame, effect: DataFrame) -> MixEffect:
    """Return what the change of the mix alone does: sum over bins of (share now - share before) times the bin's mean.

    shares: bin, share_before, share as `drift_parts.psi_by_bin` returns them of one feature; effect: of `effect_by_bin`. A bin
    that the sample holds nobody of counts as average.
    """
    both = shares.merge(effect, on="bin")
    moved = (both["share"] - both["share_before"]).to_numpy(dtype=np.float64)
    found = [_weighted(moved, both[name].to_numpy(dtype=np.float64), both["n"].to_numpy()) for name in ("pd", "approved")]
    return MixEffect(found[0], found[1], int(both["n"].sum()))


def _weighted(moved: Any, means: Any, n: Any) -> float:
    if not n.sum():
        return float("nan")
    average = float(np.nansum(means * n) / n.sum())
    return float((moved * np.nan_to_num(means - average)).sum())
