"""The rows of an Evidently report: a seeded sample of the window's decisions beside the development rows of their version."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
from pandas import DataFrame, Series
from sqlalchemy import ColumnElement, Engine, func, select

from pipeline import contract
from pipeline.evaluation.inputs import IntArray
from pipeline.monitoring.baseline import policy_of
from pipeline.monitoring.evidently_store import ReportError
from pipeline.monitoring.outcomes import day_end, with_outcomes
from pipeline.project import ProjectConfig, parse_project
from pipeline.registry import runs
from pipeline.registry.policies import Policy
from pipeline.serving.log_errors import in_plain_words
from pipeline.settings import Settings
from pipeline.store.tables import decisions, outcomes

SCORE: Final = "(pd)"
"""Column of the PD in both frames; no feature can be called so, for names in a TOML file are columns of data."""
TARGET: Final = "y"
OUTCOME: Final = "(outcome)"
_PER_QUERY: Final = 500


@dataclass(frozen=True)
class Window:
    """Which decisions are meant: days inclusive, UTC, the version that decided most of them, and how far the log goes."""

    project: str
    first: date
    last: date
    as_of: date
    version: int
    n: int
    n_other_versions: int
    last_seq: int
    last_outcome: int


@dataclass(frozen=True, eq=False)
class Sample:
    """Rows before and now: a column per feature of `kinds`, and SCORE; ``now`` also the outcome TARGET, NaN where not known."""

    config: ProjectConfig
    run_id: str
    policy: Policy
    kinds: dict[str, str]
    before: DataFrame = field(repr=False)
    now: DataFrame = field(repr=False)
    tested: DataFrame = field(repr=False)
    """Test rows of training: SCORE and TARGET, at most as many as sampled; what the outcomes are compared with."""


def find_window(engine: Engine, project: str, first: date, last: date, as_of: date, version: int | None = None) -> Window:
    """Return the window as it stands now. Raises ReportError where nobody, or not that version, decided in it."""
    mine = _between(project, first, last)
    query = select(decisions.c.model_version, func.count(), func.max(decisions.c.seq)).where(*mine)
    known = select(func.max(outcomes.c.seq)).where(outcomes.c.project == project, outcomes.c.known_at < day_end(as_of))
    with in_plain_words(), engine.connect() as connection:
        found = {int(v): (int(n), int(seq)) for v, n, seq in connection.execute(query.group_by(decisions.c.model_version))}
        last_outcome = connection.scalar(known) or 0
    if not found or (version is not None and version not in found):
        who = project if version is None else f"version {version} of {project}"
        raise ReportError(f"{who} decided nobody from {first} to {last}; choose days on which it did")
    chosen = max(found, key=lambda v: found[v]) if version is None else version
    n, last_seq = found[chosen]
    others = sum(count for v, (count, _) in found.items() if v != chosen)
    return Window(project, first, last, as_of, chosen, n, others, last_seq, int(last_outcome))


def read_sample(settings: Settings, engine: Engine, window: Window, size: int, seed: int) -> Sample:
    """Return at most `size` decisions of the window, drawn with `seed`, and what they are compared with.

    Raises ReportError where the run of the version no longer has its development rows, TrackingUnavailable, BaselineError.
    """
    policy = policy_of(engine, window.project, window.version)
    try:
        config = parse_project(runs.read_text(policy.run_id, contract.ARTIFACT_PROJECT, settings), f"run {policy.run_id}")
        background = runs.read_artifact_table(policy.run_id, contract.ARTIFACT_BACKGROUND, settings)
        holdout = runs.read_artifact_table(policy.run_id, contract.ARTIFACT_HOLDOUT, settings)
    except LookupError as error:
        raise ReportError(f"version {window.version} cannot be compared: {error}; release a version that has them") from error
    kinds: dict[str, str] = {feature.name: feature.kind for feature in config.features}
    drawn = _drawn(engine, window, size, seed)
    now = _inputs(engine, drawn, kinds)
    known = with_outcomes(engine, window.project, first=window.first, last=window.last, as_of=window.as_of, config=config)
    told = known.set_index("id")[["y", "outcome"]].reindex(now["id"])
    now[TARGET], now[OUTCOME] = told["y"].to_numpy(), told["outcome"].to_numpy()
    before = _typed(background, kinds)
    before[SCORE] = background[contract.BACKGROUND_PD].to_numpy(dtype=np.float64)
    return Sample(config, policy.run_id, policy, {**kinds, SCORE: "number"}, before, now, _tested(holdout, size, seed))


def _tested(holdout: DataFrame, size: int, seed: int) -> DataFrame:
    rows = holdout.loc[holdout["split"] == contract.TEST, [contract.HOLDOUT_PD, contract.HOLDOUT_Y]].dropna()
    rows = rows.sample(min(size, len(rows)), random_state=seed)
    return DataFrame({SCORE: rows[contract.HOLDOUT_PD].to_numpy(), TARGET: rows[contract.HOLDOUT_Y].to_numpy()})


def _drawn(engine: Engine, window: Window, size: int, seed: int) -> IntArray:
    """Numbers of the decisions drawn, ascending; later decisions change nothing about what is drawn of these."""
    mine = _between(window.project, window.first, window.last)
    query = select(decisions.c.seq).where(
        *mine, decisions.c.model_version == window.version, decisions.c.seq <= window.last_seq
    )
    with in_plain_words(), engine.connect() as connection:
        rows = connection.execution_options(stream_results=True).execute(query.order_by(decisions.c.seq)).scalars()
        numbers = np.fromiter(rows, dtype=np.int64)
    if numbers.size <= size:
        return numbers
    return np.sort(np.random.default_rng(seed).choice(numbers, size, replace=False))


def _inputs(engine: Engine, numbers: IntArray, kinds: dict[str, str]) -> DataFrame:
    columns = (decisions.c.id, decisions.c.pd, decisions.c.inputs)
    rows: list[Any] = []
    with in_plain_words(), engine.connect() as connection:
        for start in range(0, numbers.size, _PER_QUERY):
            chunk = numbers[start : start + _PER_QUERY].tolist()
            query = select(*columns).where(decisions.c.seq.in_(chunk)).order_by(decisions.c.seq)
            rows.extend(connection.execute(query))
    frame = _typed(DataFrame([row.inputs for row in rows]), kinds)
    frame[SCORE], frame["id"] = np.array([row.pd for row in rows], dtype=np.float64), [row.id for row in rows]
    return frame


def _typed(frame: DataFrame, kinds: dict[str, str]) -> DataFrame:
    """Return the features alone, numbers and booleans as float64, categories as text; one that is not there is missing."""
    made = {name: _column(frame[name] if name in frame else Series(np.nan, frame.index), kind) for name, kind in kinds.items()}
    return DataFrame(made, index=range(len(frame)))


def _column(column: "Series[Any]", kind: str) -> Any:
    if kind == "category":
        return column.astype(object).where(column.notna(), None).to_numpy()
    return column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)


def _between(project: str, first: date, last: date) -> Iterable[ColumnElement[bool]]:
    since, until = (datetime.combine(day, time(), UTC) for day in (first, last + timedelta(days=1)))
    return decisions.c.project == project, decisions.c.decided_at >= since, decisions.c.decided_at < until
